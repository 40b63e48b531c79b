/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Module packages in pmkmod's own repository: <state>/packages/<channel>/<arch>. */
#ifndef PMKMOD_PUBLISHED_H
#define PMKMOD_PUBLISHED_H

#include "pmkmod/build/context.h"

struct published {
	char *channel, *arch; /* of the repository */
	char *package, *version;
	char *apk; /* its file */
	char *kernel, *kernel_version; /* the one kernel package it depends on */
	bool part; /* of a module that was split: it comes and goes with another one of them */
};
struct published_list {
	struct published *v; /* by channel, architecture, name, kernel's version: newest first */
	size_t n;
};
/*
 * All of them, of the signed indexes. What else is published (meta packages, headers) pins no
 * kernel and is left out. Nothing published is an empty list. Exit code 30: an index is damaged or
 * not signed by pmkmod's key.
 */
int published_read(struct published_list *l, const struct context *x, struct err *e);
void published_free(struct published_list *l);

#endif
