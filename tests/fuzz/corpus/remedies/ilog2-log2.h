/* SPDX-License-Identifier: GPL-3.0-or-later */
extern __attribute__((const, noreturn)) int ____ilog2_NaN(void);
#define ilog2(n) \
	(__builtin_constant_p(n) ? ((n) < 1 ? ____ilog2_NaN() : 31 - __builtin_clz(n)) \
				 : 31 - __builtin_clz(n))
