// SPDX-License-Identifier: GPL-3.0-or-later
int module(int x)
{
	return x + 1;
}
