// SPDX-License-Identifier: GPL-3.0-or-later
int module(int *x)
{
	return __sync_fetch_and_add(x, 1);
}
