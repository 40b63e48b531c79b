// SPDX-License-Identifier: GPL-3.0-or-later
/* Layers that are there already: which, how old, whether they are still whole; and removing them.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "chroot/layer/share.h"
#include "chroot/layer/store.h"

char *layer_hold(struct layer_store *s, const char *id, bool is_delta)
{
	_cleanup_close_ int fd = -1;
	char *path = layer_find(s, id, is_delta);

	if (!path)
		return NULL;
	fd = layer_lock(s, id, LOCK_SH, false, false, NULL);
	/* being removed: whoever needs it makes it again */
	if (fd < 0 || !layer_complete(s, id)) {
		free(path);
		return NULL;
	}
	layer_keep(s, id, steal_fd(&fd));
	return path;
}

/* ---- which there are ---- */

struct listing {
	struct layer_info *v;
	size_t n;
};

static int list_one(struct layer_store *s, const char *id, void *ctx, struct err *e)
{
	_cleanup_free_ char *marker = layer_path(s, id, "complete"), *text = NULL;
	_cleanup_free_ char *upper = layer_path(s, id, "upper");
	struct listing *l = ctx;
	struct layer_info *i;
	struct stat st;

	(void)e;
	if (fs_read(marker, 64, &text, NULL, NULL) < 0 || stat(marker, &st) < 0)
		return 0;
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	i = &l->v[l->n++];
	*i = (struct layer_info){.delta = fs_is_dir(upper), .used = st.st_mtime};
	snprintf(i->id, sizeof(i->id), "%s", id);
	i->added = strtoull(text, NULL, 10);
	return 0;
}

int layer_list(struct layer_store *s, struct layer_info **list, size_t *n, struct err *e)
{
	struct listing l = {0};
	int r = layer_for_each(s, list_one, &l, e);

	if (r < 0) {
		free(l.v);
		l = (struct listing){0};
	}
	*list = l.v;
	*n = l.n;
	return r < 0 ? r : 0;
}

char *layer_file(const struct layer_store *s, const char *id, const char *name)
{
	return layer_path(s, id, name);
}

/* ---- removing ---- */

int layer_remove(struct layer_store *s, const char *id, struct err *e)
{
	_cleanup_close_ int fd = -1;

	if (!layer_valid_id(id))
		return err_set(e, -EINVAL, "'%s' is not a layer's id", id);
	layer_let_go(s, id);
	fd = layer_lock(s, id, LOCK_EX, false, false, NULL);
	if (fd == -EWOULDBLOCK)
		return err_set(e, -EBUSY, "the layer %s is in use", id);
	return fd < 0 ? 0 : layer_remove_locked(s, id, e);
}

bool layer_in_use(struct layer_store *s, const char *id)
{
	_cleanup_close_ int fd = layer_lock(s, id, LOCK_EX, false, false, NULL);

	return fd == -EWOULDBLOCK;
}

void layer_sweep(struct layer_store *s, uint64_t *freed)
{
	share_sweep(s->fd, freed);
}

struct cleaning {
	time_t before;
	bool all;
	int removed;
};

static int clean_one(struct layer_store *s, const char *id, void *ctx, struct err *e)
{
	_cleanup_free_ char *marker = layer_path(s, id, "complete");
	struct cleaning *c = ctx;
	struct stat st;
	int r;

	if (stat(marker, &st) < 0 || (!c->all && st.st_mtime >= c->before))
		return 0;
	r = layer_remove(s, id, e);
	if (r == 0)
		c->removed++;
	if (r != -EBUSY)
		return r;
	err_clear(e);
	return 0;
}

int layer_clean(struct layer_store *s, unsigned days, struct err *e)
{
	struct cleaning c = {.before = time(NULL) - (time_t)days * 24 * 60 * 60, .all = days == 0};
	int r = layer_for_each(s, clean_one, &c, e);

	layer_sweep(s, NULL);
	return r < 0 ? r : c.removed;
}

/* ---- still whole? ---- */

int layer_verify(struct layer_store *s, const char *id, struct manifest_seen *seen, size_t max,
	struct strvec *differences, struct err *e)
{
	_cleanup_free_ char *upper = layer_path(s, id, "upper"), *root = layer_path(s, id, "root"),
			    *list = layer_path(s, id, "manifest");
	_cleanup_close_ int fd = layer_lock(s, id, LOCK_SH, false, false, NULL);

	if (fd == -EWOULDBLOCK)
		return err_set(e, -EBUSY, "the layer %s is being made or removed", id);
	if (fd < 0 || !layer_complete(s, id))
		return err_set(e, -ENOENT, "the layer %s has been removed", id);
	return manifest_check(fs_is_dir(upper) ? upper : root, list, seen, max, differences, e);
}
