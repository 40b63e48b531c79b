/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store of immutable, content-addressed layers: folders that are made once under a lock, synced
 * once, marked complete and from then on only read. A layer without its marker is thrown away.
 */
#ifndef PMKMOD_LAYER_H
#define PMKMOD_LAYER_H

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

struct layer_store; /* one folder: <dir>/<id>/{root,upper,work,complete,description} */

/* Open (creating it 0700) the store and throw away what an interrupted run left. Layers that
 * another process is making right now are left alone (they hold a lock). */
int layer_store_open(struct layer_store **out, const char *dir, struct err *e);
void layer_store_close(struct layer_store *s);

struct layer_recipe {
	const char *id; /* hex SHA-256 over all that goes in */
	const char *description; /* text kept in the layer: what went in, one item a line */
	const struct strvec
		*below; /* content folders of lower layers, topmost first; n = 0: none */
	/*
	 * Fill the folder `dir`. With lower layers `dir` is an overlay upper folder's parent:
	 * the maker uses it as sandbox_spec.upper and the content ends in <dir>/upper.
	 * Without, content goes straight to `dir`.
	 */
	int (*make)(void *ctx, const char *dir, struct err *e);
	void *ctx;
};

/*
 * Path of the content folder of layer `id` (caller frees *content), making it first if it is not
 * there. Two processes that want the same layer at once: one makes it, the other waits.
 */
int layer_get(struct layer_store *s, const struct layer_recipe *r, char **content, bool *made,
	struct err *e);

/* Content folder if the layer is complete, else NULL. Starts no process, touches nothing. */
char *layer_find(struct layer_store *s, const char *id, bool is_delta);

/* Remove layers not used for `days` (0: all); returns the number removed or a negative errno. */
int layer_clean(struct layer_store *s, unsigned days, struct err *e);

#endif
