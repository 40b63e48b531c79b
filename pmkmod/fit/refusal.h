/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a kernel did not take a module, from its own words: the same points as the check stage's. */
#ifndef PMKMOD_FIT_REFUSAL_H
#define PMKMOD_FIT_REFUSAL_H

#include <stdbool.h>

struct refusal {
	const char *point; /* "vermagic", "symbols", ..., as in a fit report; or "init", "memory" */
	const char *meaning; /* what it means and what helps */
	char *line; /* the line that says it; refusal_free() it */
};
/*
 * Look through the kernel log and the words of modprobe (either may be NULL). False: nothing in
 * them is known. Messages: the kernel's kernel/module/ (module.c before 6.0) and security/lockdown,
 * libkmod's and busybox' strings for errno.
 */
bool refusal_find(struct refusal *r, const char *dmesg, const char *words);
void refusal_free(struct refusal *r);

#endif
