// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/socket.h>
#include "classmap.h"
int main(void)
{
	return classes[0][0] != 's';
}
