// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The store. A layer's lock is an flock(2) on its own folder: exclusive while it is made or
 * removed, shared for as long as a store that handed it out is open, so that cleaning never takes a
 * layer away from a running build. The folder may be removed between open and lock; then one looks
 * again.
 */
#include "chroot/layer/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "chroot/layer/share.h"
#include "chroot/sandbox/sandbox.h"

/* The cache directory tag: backup programs skip such folders, and we know a store by it before
 * anything is removed in it. */
#define TAG_NAME "CACHEDIR.TAG"
static const char tag_text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
			       "# pmkmod layers; each folder can be removed, it is made again.\n";

bool layer_valid_id(const char *id)
{
	return id && strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

static int check_id(const char *id, struct err *e)
{
	return layer_valid_id(id) ? 0
				  : err_set(e, -EINVAL, "'%s' is not a layer's id (64 hex digits)",
					    id ? id : "");
}

char *layer_path(const struct layer_store *s, const char *id, const char *name)
{
	return xasprintf("%s/%s%s%s", s->dir, id, name ? "/" : "", name ? name : "");
}

bool layer_complete(const struct layer_store *s, const char *id)
{
	_cleanup_free_ char *path = layer_path(s, id, "complete");

	return fs_exists(path);
}

static const char *content_name(bool is_delta)
{
	return is_delta ? "upper" : "root";
}

/* ---- locks ---- */

/* Is `fd` still what the name leads to? */
static bool same_folder(const struct layer_store *s, const char *id, int fd)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && fstatat(s->fd, id, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* Wait for the lock in short steps: a blocking flock(2) could miss the signal that came just before
 * it, and never return. */
static int lock_fd(int fd, int op, bool wait, struct err *e)
{
	int pause_ms = 1;

	while (flock(fd, op | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_errno(e, -errno, "cannot lock a layer");
		if (!wait)
			return -EWOULDBLOCK;
		if (interrupted())
			return err_set(e, -EINTR,
				"interrupted while waiting for another pmkmod that makes the same layer");
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < 100 ? 2 * pause_ms : 100;
	}
	return 0;
}

int layer_lock(
	const struct layer_store *s, const char *id, int op, bool create, bool wait, struct err *e)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		int r;

		if (create && mkdirat(s->fd, id, 0700) < 0 && errno != EEXIST)
			return err_errno(e, -errno, "cannot create a layer in '%s'", s->dir);
		fd = openat(s->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && create)
			continue;
		if (fd < 0)
			return err_errno(e, -errno, "cannot open the layer '%s/%s'", s->dir, id);
		r = lock_fd(fd, op, wait, e);
		if (r < 0)
			return r;
		if (same_folder(s, id, fd))
			return steal_fd(&fd);
	}
}

void layer_keep(struct layer_store *s, const char *id, int fd)
{
	for (size_t i = 0; i < s->n_held; i++)
		if (streq(s->held[i].id, id)) {
			cleanup_close(&s->held[i].fd);
			s->held[i].fd = fd;
			return;
		}
	s->held = xrealloc(s->held, s->n_held + 1, sizeof(*s->held));
	s->held[s->n_held++] = (struct held){xstrdup(id), fd};
}

void layer_let_go(struct layer_store *s, const char *id)
{
	for (size_t i = 0; i < s->n_held; i++)
		if (streq(s->held[i].id, id) && s->held[i].fd >= 0)
			close(steal_fd(&s->held[i].fd));
}

/* ---- removing ---- */

/* The caller holds the exclusive lock. The marker goes first: from then on it is no layer. */
int layer_remove_locked(const struct layer_store *s, const char *id, struct err *e)
{
	_cleanup_free_ char *path = layer_path(s, id, NULL);
	_cleanup_free_ char *marker = layer_path(s, id, "complete");

	if (unlink(marker) < 0 && errno != ENOENT)
		return err_errno(e, -errno, "cannot remove '%s'", marker);
	return fs_remove_tree(path, e);
}

int layer_for_each(struct layer_store *s,
	int (*fn)(struct layer_store *s, const char *id, void *ctx, struct err *e), void *ctx,
	struct err *e)
{
	DIR *d = opendir(s->dir);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot list '%s'", s->dir);
	while (r >= 0 && (de = readdir(d)))
		if (layer_valid_id(de->d_name))
			r = fn(s, de->d_name, ctx, e);
	closedir(d);
	return r;
}

static int drop_leftover(struct layer_store *s, const char *id, void *ctx, struct err *e)
{
	_cleanup_close_ int fd = -1;

	(void)ctx;
	if (layer_complete(s, id))
		return 0;
	fd = layer_lock(s, id, LOCK_EX, false, false, NULL);
	/* being made right now, or gone already, or no folder at all */
	if (fd < 0)
		return 0;
	return layer_complete(s, id) ? 0 : layer_remove_locked(s, id, e);
}

/* ---- opening ---- */

static bool empty_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	bool empty = true;

	/* a run that was killed may have left the beginning of a tag: that is still empty */
	while (d && empty && (de = readdir(d)))
		empty = streq(de->d_name, ".") || streq(de->d_name, "..") ||
			starts_with(de->d_name, TAG_NAME);
	if (d)
		closedir(d);
	return empty;
}

/* Layers without a marker are removed: never in a folder that was not made to be a store. */
static int check_tag(const char *dir, struct err *e)
{
	_cleanup_free_ char *tag = path_join(dir, TAG_NAME);
	_cleanup_close_ int lock = -1;

	if (fs_exists(tag))
		return 0;
	/* two first runs at once: one writes the tag, the other then finds it */
	lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_errno(e, -errno, "cannot lock the store '%s'", dir);
	if (fs_exists(tag))
		return 0;
	if (!empty_folder(dir))
		return err_set(e, -ENOTEMPTY,
			"'%s' is neither empty nor a store of layers (it has no %s); choose another folder",
			dir, TAG_NAME);
	return fs_write_atomic(tag, tag_text, strlen(tag_text), 0644, e);
}

int layer_store_open(struct layer_store **out, const char *dir, struct err *e)
{
	struct layer_store *s;
	int r = fs_mkdirs(dir, 0700, e);

	*out = NULL;
	if (r == 0)
		r = check_tag(dir, e);
	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->dir = realpath(dir, NULL);
	s->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = s->dir && s->fd >= 0 ? 0 : err_errno(e, -errno, "cannot open the store '%s'", dir);
	if (r == 0)
		r = layer_for_each(s, drop_leftover, NULL, e);
	if (r < 0) {
		layer_store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void layer_store_close(struct layer_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_held; i++) {
		cleanup_close(&s->held[i].fd);
		free(s->held[i].id);
	}
	free(s->held);
	cleanup_close(&s->fd);
	free(s->dir);
	free(s);
}

/* ---- making ---- */

/*
 * Tell ext4 that the layers have nothing to do with each other, so that it spreads them over the
 * disk. Without a journal it does not use an inode again soon after it was freed, and looks at each
 * of those for each new one: a layer beside one whose equal files were just removed took ten times
 * as long. Other file systems do not know the flag.
 */
static void spread(const struct layer_store *s)
{
	int flags = 0;

	if (ioctl(s->fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
		flags |= FS_TOPDIR_FL;
		ioctl(s->fd, FS_IOC_SETFLAGS, &flags);
	}
}

static int write_description(const char *dir, const struct layer_recipe *r, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "description");
	const char *text = r->description ? r->description : "";

	return fs_write_atomic(path, text, strlen(text), 0644, e);
}

/* What is in the layer is written down, and what other layers have too is shared with them: now,
 * that nothing writes to it any more. */
static int describe(const struct layer_store *s, const char *dir, const char *content, int fd,
	uint64_t *added, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "manifest");
	struct manifest m;
	struct stat st;
	int r = manifest_scan(&m, content, NULL, e);

	if (r < 0)
		return r;
	share_tree(s->fd, fd, content, &m, ends_with(content, "/root") ? 'r' : 'd', added);
	r = manifest_save(&m, path, e);
	manifest_free(&m);
	if (r == 0 && stat(path, &st) == 0)
		*added += (uint64_t)st.st_size;
	return r;
}

/* One syncfs(2) for thousands of files, and only then the marker: a layer that is marked complete
 * has survived a power cut. In the marker is how much of the disk it took. */
static int seal(
	const struct layer_store *s, const char *dir, const char *content, int fd, struct err *e)
{
	_cleanup_free_ char *marker = path_join(dir, "complete");
	_cleanup_free_ char *work = path_join(dir, "work"), *text = NULL;
	uint64_t added = 0;
	int r;

	if (!fs_is_dir(content))
		return err_set(e, -EIO, "the layer's maker left nothing in '%s'", content);
	r = fs_remove_tree(work, e);
	if (r == 0)
		r = describe(s, dir, content, fd, &added, e);
	if (r < 0)
		return r;
	if (syncfs(fd) < 0)
		return err_errno(e, -errno, "cannot write the layer '%s' to disk", dir);
	text = xasprintf("%llu\n", (unsigned long long)added);
	return fs_write_atomic(marker, text, strlen(text), 0644, e);
}

static void explain_space(const struct layer_store *s, int r, struct err *e)
{
	if (r == -ENOSPC || r == -EDQUOT)
		err_hint(e,
			"The disk with '%s' is full. `pmkmod clean` removes layers that are not "
			"in use, `pmkmod cache prune` what is above cache.max_size.",
			s->dir);
}

/* The caller holds the exclusive lock, and there is no marker. */
static int make(struct layer_store *s, const struct layer_recipe *recipe, int fd, struct err *e)
{
	bool delta = recipe->below && recipe->below->n;
	_cleanup_free_ char *dir = layer_path(s, recipe->id, NULL);
	_cleanup_free_ char *content = path_join(dir, content_name(delta));
	struct err own = ERR_INIT;
	struct err *err = e ? e : &own;
	int r = write_description(dir, recipe, err);

	if (r == 0 && mkdir(content, 0755) < 0)
		r = err_errno(err, -errno, "cannot create '%s'", content);
	if (r == 0)
		r = recipe->make(recipe->ctx, delta ? dir : content, err);
	if (r == 0 && interrupted())
		r = err_set(err, -EINTR, "interrupted");
	if (r >= 0)
		r = seal(s, dir, content, fd, err);
	if (r < 0) {
		explain_space(s, r, err);
		layer_remove_locked(s, recipe->id, NULL);
	}
	return r;
}

/* Throw away what is there of an incomplete layer, keeping the locked folder itself. */
static int clear_folder(const struct layer_store *s, const char *id, struct err *e)
{
	_cleanup_free_ char *dir = layer_path(s, id, NULL);
	DIR *d = opendir(dir);
	struct dirent *de;
	int r = d ? 0 : err_errno(e, -errno, "cannot list '%s'", dir);

	while (r == 0 && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);

		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			r = fs_remove_tree(path, e);
	}
	if (d)
		closedir(d);
	return r;
}

/* For layer_clean(): when the layer was last asked for. */
static void touch(const struct layer_store *s, const char *id)
{
	_cleanup_free_ char *marker = layer_path(s, id, "complete");

	utimensat(AT_FDCWD, marker, NULL, 0);
}

static int give(struct layer_store *s, const struct layer_recipe *r, int fd, char **content)
{
	_cleanup_free_ char *dir = layer_path(s, r->id, NULL);

	touch(s, r->id);
	layer_keep(s, r->id, fd);
	*content = path_join(dir, content_name(r->below && r->below->n));
	return 0;
}

int layer_get(struct layer_store *s, const struct layer_recipe *recipe, char **content, bool *made,
	struct err *e)
{
	int r = check_id(recipe->id, e);

	*content = NULL;
	if (made)
		*made = false;
	while (r == 0) {
		_cleanup_close_ int fd = -1;

		/* a complete layer needs no more than a shared lock */
		if (layer_complete(s, recipe->id)) {
			fd = layer_lock(s, recipe->id, LOCK_SH, false, true, e);
			if (fd >= 0 && layer_complete(s, recipe->id))
				return give(s, recipe, steal_fd(&fd), content);
			if (fd < 0 && fd != -ENOENT)
				return fd;
			err_clear(e); /* removed meanwhile */
			continue;
		}
		spread(s);
		fd = layer_lock(s, recipe->id, LOCK_EX, true, true, e);
		if (fd < 0)
			return fd;
		if (layer_complete(s, recipe->id))
			continue;
		r = clear_folder(s, recipe->id, e);
		if (r == 0)
			r = make(s, recipe, fd, e);
		if (r == 0 && made)
			*made = true;
	}
	return r;
}

char *layer_find(struct layer_store *s, const char *id, bool is_delta)
{
	if (!layer_valid_id(id) || !layer_complete(s, id))
		return NULL;
	return layer_path(s, id, content_name(is_delta));
}
