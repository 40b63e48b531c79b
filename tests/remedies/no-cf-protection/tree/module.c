// SPDX-License-Identifier: GPL-3.0-or-later
int module(int (*f)(void))
{
	return f() + 1;
}
