/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table from names to numbers, for the tens of thousands of names a kernel has. */
#ifndef PMKMOD_NAME_INDEX_H
#define PMKMOD_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/str.h"

struct name_slot {
	const char *name; /* borrowed; NULL: empty slot */
	uint32_t hash, value;
};

struct name_index {
	struct name_slot *slots; /* open addressing, a power of two of them */
	size_t n, cap;
};

#define _cleanup_names_ _cleanup_(name_index_free)

/*
 * The number kept for `name`, to read or change; NULL if it is not there. With `add` a missing
 * name is entered with `value` (the string is borrowed and must outlive the table). Valid until
 * the next call.
 */
uint32_t *name_index_get(const struct name_index *t, const char *name);
uint32_t *name_index_add(struct name_index *t, const char *name, uint32_t value);
/* Room for so many more names, which saves time if their number is known. */
void name_index_reserve(struct name_index *t, size_t n);
void name_index_free(struct name_index *t);

/*
 * The name the kernel knows a module by: base name of `path` without .ko and compression suffix,
 * '-' written as '_' (scripts/Makefile.lib: name-fix). Caller frees.
 */
char *module_name_of(const char *path);
/* Are these names of one module, with '-' and '_' alike? */
bool module_name_eq(const char *a, const char *b);

#endif
