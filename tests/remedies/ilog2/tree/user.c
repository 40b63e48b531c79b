// SPDX-License-Identifier: GPL-3.0-or-later
#include <linux/log2.h>
/* the compiler knows what x is where the logarithm is asked for */
int user(int x)
{
	if (x)
		return 0;
	return ilog2(x);
}
