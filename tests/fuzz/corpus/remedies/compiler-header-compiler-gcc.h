/* SPDX-License-Identifier: GPL-3.0-or-later */
#define barrier() __asm__ __volatile__("" : : : "memory")
#define gcc_header_name(x) <linux/compiler-gcc##x.h>
#define __gcc_header(x) gcc_header_name(x)
#define gcc_header(x) __gcc_header(x)
#include gcc_header(__GNUC__)
