/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which published packages are for a kernel that is no longer the newest. */
#ifndef PMKMOD_STALE_H
#define PMKMOD_STALE_H

#include "pmkmod/build/published.h"

enum stale_state {
	STALE_FITS, /* it is for the newest kernel there is */
	STALE_NEWER, /* the repositories have a newer kernel */
	STALE_REBUILT, /* the repositories have another build of the same version */
	STALE_PMAPORTS, /* pmaports has a newer kernel, the repositories have not */
	STALE_UNKNOWN, /* nobody can tell */
};
extern const char *const stale_names[]; /* "fits", "newer-kernel", "rebuilt-kernel", ... */

struct stale_item {
	const struct published *p; /* the newest of its name; older ones beside it are for phones
				      that were not upgraded */
	enum stale_state state;
	char *newest; /* version of the newest kernel known; NULL: none is */
	char *why; /* a sentence */
	char *device, *asked; /* `pmkmod build <device> <asked>` makes it anew; NULL: not known */
};
struct stale_list {
	struct published_list published;
	struct stale_item *v;
	size_t n;
	struct strvec unpublished; /* those of the devices asked for that have no package */
};
/*
 * Of all devices, or of those named. Indexes are fetched as for a build. What cannot be known of
 * one channel is STALE_UNKNOWN for its packages; an error is an unknown device (exit code 3), or a
 * damaged repository of pmkmod's own (30).
 */
int stale_find(
	struct stale_list *out, struct context *x, const struct strvec *devices, struct err *e);
void stale_free(struct stale_list *l);

#endif
