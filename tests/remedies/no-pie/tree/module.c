// SPDX-License-Identifier: GPL-3.0-or-later
extern int exported;
int *module(void)
{
	return &exported;
}
