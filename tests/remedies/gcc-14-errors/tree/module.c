// SPDX-License-Identifier: GPL-3.0-or-later
static int *from_number(long n)
{
	return n;
}
static void nothing(void)
{
	return 1;
}
char *module(long n)
{
	nothing();
	return from_number(n);
}
