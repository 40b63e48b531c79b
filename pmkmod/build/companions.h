/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Modules that others build upon: what one exported is kept with its cell (as its Module.symvers),
 * and given to the build and the check of those that depend on it.
 */
#ifndef PMKMOD_COMPANIONS_H
#define PMKMOD_COMPANIONS_H

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

struct context;

struct companion {
	char *name; /* of the module, as a recipe or dkms.conf names it */
	char *symvers; /* path of what it exports; NULL: nothing */
	char *release; /* of the kernel it was built for */
	struct hash sum; /* of that file; HASH_NONE without one */
};
struct companions {
	struct companion *v;
	size_t n;
};

/*
 * The newest build of `name` for a device, added to `out` unless it is there already; false: it was
 * not built, or its package is gone.
 */
bool companion_find(
	struct companions *out, const struct context *x, const char *device, const char *name);
const struct companion *companion_get(const struct companions *c, const char *name);
/* A line for each that exports something: its name and the hash of that. */
void companions_print(const struct companions *c, struct strbuf *b);
/* The same as a text; NULL: there is none. Caller frees. */
char *companions_text(const struct companions *c);
/* Is what companions_print() said of a build earlier on still so? `text` may be NULL. */
bool companions_unchanged(const char *text, const struct context *x, const char *device);
void companions_free(struct companions *c);

#endif
