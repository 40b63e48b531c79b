// SPDX-License-Identifier: GPL-3.0-or-later
#include <asm/uaccess.h>
int caller(int *p)
{
	return put_user(5, p);
}
