// SPDX-License-Identifier: GPL-3.0-or-later
#include "ftrace.h"
void *two(void)
{
	return return_address(0);
}
