// SPDX-License-Identifier: GPL-3.0-or-later
static int *from_number(long n)
{
	return n;
}
int (*module(long n))(char *)
{
	extern int other(int *);

	return from_number(n) ? other : 0;
}
