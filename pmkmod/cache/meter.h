/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes on disk, of what shares inodes by hard links: each inode once. */
#ifndef PMKMOD_CACHE_METER_H
#define PMKMOD_CACHE_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter;
struct meter *meter_new(void);
void meter_free(struct meter *m);

struct meter_size {
	uint64_t bytes; /* lengths of all files */
	uint64_t disk; /* blocks of all that is there */
	uint64_t fresh; /* blocks of what the meter had not seen before */
};
/* Add what there is at `path`, a file or a tree; what cannot be read counts as nothing. */
void meter_add(struct meter *m, const char *path, struct meter_size *out);
/*
 * Blocks that are free when the tree is gone, too: of inodes whose links are all gone but one at
 * most (that by which layers share a file, and which goes with the last of them).
 */
uint64_t meter_gone(struct meter *m, const char *path);

#endif
