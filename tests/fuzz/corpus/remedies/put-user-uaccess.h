/* SPDX-License-Identifier: GPL-3.0-or-later */
/* the value must be in r2, as the function behind expects it */
#define put_user(x, p) \
	({ \
		register const typeof(*(p)) __r2 asm("r2") = (x); \
		register typeof(*(p)) *__p asm("r0") = (p); \
		register int __e asm("r0"); \
		asm volatile(".ifnc %0,r0; .err; .endif; .ifnc %2,r2; .err; .endif; bl __put_user" \
			     : "=&r"(__e) \
			     : "0"(__p), "r"(__r2) \
			     : "lr", "cc"); \
		__e; \
	})
