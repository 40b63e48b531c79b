/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that is freed as a whole. An index has hundreds of thousands of strings and lists; its
 * text is kept and cut up where it stands, the lists come from here.
 */
#ifndef PMKMOD_APK_ARENA_H
#define PMKMOD_APK_ARENA_H

#include <stddef.h>

#include "chroot/apk/apk.h"

struct arena *arena_new(void);
/* Not zeroed, aligned for anything; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
/* Have `p` (from malloc) freed with the arena. */
void arena_adopt(struct arena *a, void *p);
/* Room for `size` bytes in an empty buffer, in memory that is cheap to fill; from malloc. */
void arena_reserve(struct strbuf *b, size_t size);
void arena_free(struct arena *a); /* NULL is fine */

/* As apk_deps_parse(), but the words stay in `text`, which gets cut up, and the list in `a`. */
int apk_deps_parse_in(struct arena *a, struct apk_deps *l, char *text);

#endif
