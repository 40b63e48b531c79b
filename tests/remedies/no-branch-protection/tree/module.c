// SPDX-License-Identifier: GPL-3.0-or-later
void other(void);
int module(void)
{
	other();
	return 1;
}
