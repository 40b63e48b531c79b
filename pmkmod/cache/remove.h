/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of this room's own files. */
#ifndef PMKMOD_CACHE_REMOVE_H
#define PMKMOD_CACHE_REMOVE_H

#include "pmkmod/cache/cache.h"

/* Remove one entry. -EBUSY (without a sentence): it is in use. It is fine if there is none. */
int cache_remove(struct context *x, const struct cache_entry *c, struct err *e);

/* trim.c: everything together was measured to be so large. */
void cache_note_size(struct context *x, uint64_t measured);

#endif
