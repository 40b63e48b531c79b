/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What many plans have in common, read once: aports, indexes, keys. Only while nothing is built or
 * published: it is not asked again whether a file has changed.
 */
#ifndef PMKMOD_PLAN_MEMORY_H
#define PMKMOD_PLAN_MEMORY_H

#include "pmkmod/build/repos.h"

/* Begin to remember: x->memory is set. */
void plan_memory_open(struct context *x);
void plan_memory_close(struct context *x);

struct known_repos {
	char *name; /* of all that makes it another one */
	struct repo_set set;
	struct err problem; /* why it cannot be opened or parsed; code 0: none is known */
};
/*
 * The set that was opened before of the same addresses, keys and architecture, or a place for it,
 * zeroed; it stays where it is. NULL: nothing is remembered now.
 */
struct known_repos *memory_repos(struct context *x, const struct repo_set *like);
/* As hash_file() by SHA-256; the same file's is remembered. */
int memory_hash_file(struct context *x, const char *path, struct hash *out, struct err *e);
/* plan_describe_key() once; caller frees. NULL: nothing is remembered now. */
char *memory_key(struct context *x);

#endif
