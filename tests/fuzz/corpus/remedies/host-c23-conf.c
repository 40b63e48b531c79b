// SPDX-License-Identifier: GPL-3.0-or-later
typedef enum { false, true } bool;
int main(void)
{
	bool good = true;

	return !good;
}
