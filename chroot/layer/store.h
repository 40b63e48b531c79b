/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of the store's own files. */
#ifndef PMKMOD_LAYER_STORE_H
#define PMKMOD_LAYER_STORE_H

#include <sys/file.h>

#include "chroot/layer/layer.h"

struct held {
	char *id;
	int fd; /* shared lock */
};

struct layer_store {
	char *dir;
	int fd;
	struct held *held;
	size_t n_held;
};

bool layer_valid_id(const char *id);
/* Path of the layer's folder, or of a name in it; caller frees. */
char *layer_path(const struct layer_store *s, const char *id, const char *name);
bool layer_complete(const struct layer_store *s, const char *id);
/*
 * The locked folder of a layer (`op`: LOCK_SH or LOCK_EX), made if `create`; -ENOENT if there is
 * none, -EWOULDBLOCK if it is locked and we shall not wait.
 */
int layer_lock(
	const struct layer_store *s, const char *id, int op, bool create, bool wait, struct err *e);
/* Remember a shared lock until the store is closed; let it go. */
void layer_keep(struct layer_store *s, const char *id, int fd);
void layer_let_go(struct layer_store *s, const char *id);
/* The caller holds the exclusive lock. */
int layer_remove_locked(const struct layer_store *s, const char *id, struct err *e);
/* Until `fn` gives something negative, which is returned. */
int layer_for_each(struct layer_store *s,
	int (*fn)(struct layer_store *s, const char *id, void *ctx, struct err *e), void *ctx,
	struct err *e);

#endif
