/* SPDX-License-Identifier: GPL-3.0-or-later */
static const char *const classes[] = {"socket", "file"};
#if PF_MAX > 30
#error New address family defined, please update the table.
#endif
