/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A module's source on its way: pinned in the plan, then brought into a new folder. */
#ifndef PMKMOD_BUILD_SOURCE_H
#define PMKMOD_BUILD_SOURCE_H

#include "pmkmod/build/plan.h"

/*
 * p->source (one line, with a hash), p->patches, and p->version as far as it is known before the
 * source is at hand. A moving git ref is resolved here, once; m->commit and m->sha256 are set.
 */
int source_describe(struct plan *p, struct err *e);
/*
 * Bring the source into the new folder `to`; `scratch` is an existing folder beside. Sets
 * p->version where the source's name says it. What the porter should know is told as notes.
 */
int source_get(struct plan *p, const char *scratch, const char *to, struct err *e);

/* source_git.c */
int source_git_get(struct plan *p, const char *to, struct err *e);
/* source_file.c: an archive, .deb or .apk of m->sha256 */
int source_file_get(struct plan *p, const char *scratch, const char *to, struct err *e);
/*
 * source_package.c: the folders that an apk package has below /usr/src; `path` is its file. *top:
 * the only one, or /usr/src itself; caller frees.
 */
int source_unpack_apk(struct plan *p, const struct apk_pkg *pkg, const char *path,
	const char *scratch, char **top, struct err *e);
int source_package_get(struct plan *p, const char *scratch, const char *to, struct err *e);
/* source_aport.c */
int source_aport_describe(struct plan *p, struct err *e);
int source_aport_get(struct plan *p, const char *to, struct err *e);

/* rename(2), with words. */
int source_move(const char *from, const char *to, struct err *e);
#endif
