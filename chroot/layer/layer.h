/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store of immutable, content-addressed layers: folders that are made once under a lock, synced
 * once, marked complete and from then on only read. A layer without its marker is thrown away.
 */
#ifndef PMKMOD_LAYER_H
#define PMKMOD_LAYER_H

#include <time.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

struct layer_store; /* one folder: <dir>/<id>/{root,upper,work,manifest,complete,description},
		      <dir>/shared */

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

/* The same, and it stays until the store is closed. */
char *layer_hold(struct layer_store *s, const char *id, bool is_delta);

/* ---- upkeep ---- */

struct layer_info {
	char id[HASH_HEX_MAX];
	bool delta; /* the upper folder of an overlay */
	time_t used; /* when it was asked for last */
	uint64_t added; /* bytes on disk that it took when it was made */
};
/* All that are complete; caller frees *list. */
int layer_list(struct layer_store *s, struct layer_info **list, size_t *n, struct err *e);
/* Its folder, or `name` in it; caller frees. */
char *layer_file(const struct layer_store *s, const char *id, const char *name);
/* Remove one. -EBUSY: a build uses it. It is fine if there is none. */
int layer_remove(struct layer_store *s, const char *id, struct err *e);
/* Is it used by another process? */
bool layer_in_use(struct layer_store *s, const char *id);
/*
 * Compare a layer with what was in it when it was made: how many differences there are, of which up
 * to `max` sentences are added to `differences`. `seen` may be NULL. -ENODATA: nobody wrote down
 * what was in it (that record is missing or damaged itself); -ENOENT: it has been removed;
 * -EBUSY: it is being made or removed.
 */
struct manifest_seen;
int layer_verify(struct layer_store *s, const char *id, struct manifest_seen *seen, size_t max,
	struct strvec *differences, struct err *e);
/* Remove shared files that no layer has any more; *freed (may be NULL): bytes on disk. */
void layer_sweep(struct layer_store *s, uint64_t *freed);

/* Remove layers not used for `days` (0: all); returns the number removed or a negative errno. */
int layer_clean(struct layer_store *s, unsigned days, struct err *e);

#endif
