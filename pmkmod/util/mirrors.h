/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where else a file is: lists of URL prefixes below which there are the same files, and what this
 * run has learned of their servers.
 */
#ifndef PMKMOD_MIRRORS_H
#define PMKMOD_MIRRORS_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/util/config.h"

struct mirrors;

/*
 * The lists of pmkmod.ini: keys of [fetch] that begin with "mirrors". -EINVAL (exit code 2) names
 * one that is no http:// or https:// URL. *out is freed by mirrors_free().
 */
int mirrors_load(struct mirrors **out, struct config *c, struct err *e);
void mirrors_free(struct mirrors *m);

/*
 * URLs of the file at `url`, in the order in which they are to be asked: `url` itself, the other
 * prefixes of its list in their order, and last those that have failed in this run. `m` may be
 * NULL: then there is no other.
 */
void mirrors_places(const struct mirrors *m, const char *url, struct strvec *out);
/* What `url` is below did not do its duty: it is asked last from now on. */
void mirrors_failed(struct mirrors *m, const char *url);
/* Is this the first time that the place of `url` is to be told to have failed? */
bool mirrors_tell(struct mirrors *m, const char *url);

/*
 * A server that did not answer however often it was asked: in this run, its other files are asked
 * for once each. Otherwise somebody without a network would wait for each of them.
 */
void mirrors_give_up(struct mirrors *m, const char *url);
bool mirrors_given_up(const struct mirrors *m, const char *url);

#endif
