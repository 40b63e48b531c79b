// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Removing what was not used for longest.
 *
 * Who uses the cache has a shared lock on its folder (context_make_folders()), and each layer that
 * a build uses has one of its own. Alone, anything may go. Beside others, downloads stay that were
 * used within a day: a build that has looked whether a file is there will open it. What is large is
 * renamed before it is removed, so that half of it is never taken for the whole.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/cache/cache.h"
#include "pmkmod/cache/meter.h"
#include "pmkmod/cache/remove.h"

#define DAY (24 * 60 * 60)

int cache_alone(struct context *x)
{
	_cleanup_close_ int fd = -1;

	context_leave_cache(x);
	fd = open(x->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return steal_fd(&fd);
}

/* ---- one entry ---- */

static time_t stamp_of(const struct cache_entry *c)
{
	static const char *const names[N_CACHE_KINDS] = {[CACHE_GIT] = "HEAD",
		[CACHE_KERNEL_SOURCE] = "complete",
		[CACHE_LAYERS] = "complete"};
	_cleanup_free_ char *path =
		names[c->kind] ? path_join(c->path, names[c->kind]) : xstrdup(c->path);
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mtime;
}

/* Lock a file without waiting; a descriptor, or a negative errno. */
static int lock_now(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* A tree with its lock beside it. */
static int remove_locked_tree(const char *path, struct err *e)
{
	/* a name is a hash; what follows it is half of something */
	bool half = strchr(path_base(path), '.') != NULL;
	_cleanup_free_ char *base =
		xstrndup(path, (size_t)(path_base(path) - path) + strcspn(path_base(path), "."));
	_cleanup_free_ char *lock_path = xasprintf("%s.lock", base);
	_cleanup_free_ char *gone = xasprintf("%s.gone", base), *size = xasprintf("%s.size", base);
	_cleanup_close_ int lock = lock_now(lock_path, O_RDWR | O_CREAT);
	int r;

	if (lock < 0)
		return lock == -EWOULDBLOCK ? -EBUSY : err_errno(e, lock, "cannot lock '%s'", base);
	unlink(size);
	if (half)
		return fs_remove_tree(path, e);
	r = fs_remove_tree(gone, e);
	if (r < 0)
		return r;
	if (rename(path, gone) < 0)
		return errno == ENOENT ? 0 : err_errno(e, -errno, "cannot move '%s'", path);
	return fs_remove_tree(gone, e);
}

/* Without its result it is no cell that anybody knows. */
static int remove_cell(const char *path, struct err *e)
{
	_cleanup_free_ char *lock_path = xasprintf("%s.lock", path);
	_cleanup_free_ char *result = path_join(path, "result");
	_cleanup_close_ int lock = lock_now(lock_path, O_RDWR | O_CREAT);

	if (lock < 0)
		return lock == -EWOULDBLOCK ? -EBUSY : err_errno(e, lock, "cannot lock '%s'", path);
	if (unlink(result) < 0 && errno != ENOENT)
		return err_errno(e, -errno, "cannot remove '%s'", result);
	return fs_remove_tree(path, e);
}

/* Whoever writes it holds its lock. */
static int remove_part(const char *path, struct err *e)
{
	_cleanup_close_ int lock = lock_now(path, O_RDONLY);

	if (lock == -EWOULDBLOCK)
		return -EBUSY;
	return lock < 0 || unlink(path) == 0 || errno == ENOENT
		       ? 0
		       : err_errno(e, -errno, "cannot remove '%s'", path);
}

int cache_remove(struct context *x, const struct cache_entry *c, struct err *e)
{
	struct layer_store *store;
	int r;

	switch (c->kind) {
	case CACHE_LAYERS:
		r = context_layers(x, &store, e);
		return r < 0 ? r : layer_remove(store, path_base(c->path), e);
	case CACHE_GIT:
	case CACHE_KERNEL_SOURCE:
		return remove_locked_tree(c->path, e);
	case CACHE_CELLS:
		return remove_cell(c->path, e);
	case CACHE_PARTS:
		return remove_part(c->path, e);
	default:
		return unlink(c->path) == 0 || errno == ENOENT
			       ? 0
			       : err_errno(e, -errno, "cannot remove '%s'", c->path);
	}
}

/* ---- all of them ---- */

static int by_use(const void *a, const void *b)
{
	const struct cache_entry *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->path, y->path);
}

void cache_sort(struct cache_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_use);
}

struct pruning {
	struct context *x;
	struct cache_pruned *out;
	struct meter *meter; /* of a dry run: what would be gone already */
	time_t began;
	bool alone, dry;
};

/* Of another pmkmod that has looked for it and will open it soon. */
static bool wanted_soon(const struct pruning *p, const struct cache_entry *c)
{
	return !p->alone && c->kind != CACHE_LAYERS && c->kind != CACHE_CELLS &&
	       c->used > p->began - DAY;
}

static uint64_t frees(const struct pruning *p, const struct cache_entry *c)
{
	struct meter *alone = p->dry ? NULL : meter_new();
	uint64_t n = meter_gone(p->dry ? p->meter : alone, c->path);

	meter_free(alone);
	return n;
}

static bool is_used(const struct pruning *p, const struct cache_entry *c)
{
	return p->dry && c->kind == CACHE_LAYERS && layer_in_use(p->x->layers, path_base(c->path));
}

static int prune_one(struct pruning *p, const struct cache_entry *c, struct err *e)
{
	struct err why = ERR_INIT;
	uint64_t freed;
	int r = 0;

	if (wanted_soon(p, c) || is_used(p, c)) {
		p->out->in_use++;
		return 0;
	}
	/* somebody has used it since it was looked at */
	if (c->kind != CACHE_CELLS && stamp_of(c) > c->used)
		return 0;
	freed = frees(p, c);
	if (!p->dry)
		r = cache_remove(p->x, c, &why);
	if (r == -EBUSY) {
		p->out->in_use++;
		return 0;
	}
	if (r < 0) {
		if (e)
			*e = why;
		return r;
	}
	p->out->entries++;
	p->out->bytes += freed;
	p->out->left -= freed < p->out->left ? freed : p->out->left;
	strvec_add(&p->out->paths, c->path);
	return 0;
}

static int prune_list(struct pruning *p, struct cache_list *l, uint64_t limit, struct err *e)
{
	int r = 0;

	cache_sort(l);
	for (size_t i = 0; r == 0 && i < l->n && p->out->left > limit; i++) {
		if (l->v[i].keep)
			continue;
		r = interrupted() ? err_set(e, -EINTR, "interrupted") : prune_one(p, &l->v[i], e);
	}
	return r;
}

int cache_prune(struct context *x, uint64_t limit, bool dry_run, bool wait,
	struct cache_pruned *out, struct err *e)
{
	_cleanup_free_ char *lock_path = path_join(x->state, "cache.lock");
	_cleanup_close_ int lock = fs_lock(lock_path, true, wait, e), alone = -1;
	struct pruning p = {.x = x, .out = out, .dry = dry_run, .began = time(NULL)};
	struct cache_list l = {0};
	struct layer_store *store;
	int r;

	*out = (struct cache_pruned){0};
	if (lock < 0)
		return lock;
	r = context_layers(x, &store, e);
	if (r == 0) {
		if (!dry_run)
			layer_sweep(store, NULL);
		r = cache_read(&l, x, true, e);
	}
	if (r < 0)
		return r;
	out->left = l.total;
	p.meter = meter_new();
	if (l.total > limit) {
		/* only now: nobody waits while everything is looked at */
		alone = cache_alone(x);
		p.alone = alone >= 0;
		r = prune_list(&p, &l, limit, e);
		if (!dry_run)
			layer_sweep(store, NULL);
	}
	meter_free(p.meter);
	cache_free(&l);
	if (r == 0 && !dry_run)
		cache_note_size(x, out->left);
	return r;
}

void cache_pruned_free(struct cache_pruned *p)
{
	strvec_free(&p->paths);
	*p = (struct cache_pruned){0};
}
