// SPDX-License-Identifier: GPL-3.0-or-later
#include <linux/compiler-gcc.h>
#ifndef __cold
#define __cold
#endif
__cold int printk(const char *format, ...);
