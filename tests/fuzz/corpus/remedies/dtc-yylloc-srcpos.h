/* SPDX-License-Identifier: GPL-3.0-or-later */
typedef struct {
	int first_line;
} YYLTYPE;
