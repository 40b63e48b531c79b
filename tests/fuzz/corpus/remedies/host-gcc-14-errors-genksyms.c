// SPDX-License-Identifier: GPL-3.0-or-later
static entries = 1;
int main(void)
{
	return abs(entries) - 1;
}
