// SPDX-License-Identifier: GPL-3.0-or-later
void fill(char *buffer);
void module(void)
{
	char buffer[100000];

	fill(buffer);
}
