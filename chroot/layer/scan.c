// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading a tree: a walk that looks at everything, then threads that hash. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "chroot/sandbox/sandbox.h"

#define THREADS_MAX 4
#define XATTRS_MAX 65536

/* ---- sums by inode ---- */

struct seen {
	dev_t dev;
	ino_t ino;
	struct timespec ctime;
	struct hash sum; /* HASH_NONE: the slot is free */
};
struct manifest_seen {
	pthread_mutex_t lock;
	struct seen *v; /* open addressing */
	size_t n, cap;
};

struct manifest_seen *manifest_seen_new(void)
{
	struct manifest_seen *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	s->cap = 1024;
	s->v = xcalloc(s->cap, sizeof(*s->v));
	return s;
}

void manifest_seen_free(struct manifest_seen *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->v);
	free(s);
}

static struct seen *slot_of(struct seen *v, size_t cap, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino ^ dev << 40) * 0x9e3779b97f4a7c15ULL >> 20);

	for (;; i++) {
		struct seen *s = &v[i & (cap - 1)];

		if (s->sum.alg == HASH_NONE || (s->ino == ino && s->dev == dev))
			return s;
	}
}

static bool seen_get(struct manifest_seen *s, const struct stat *st, struct hash *sum)
{
	const struct seen *slot;
	bool found;

	pthread_mutex_lock(&s->lock);
	slot = slot_of(s->v, s->cap, st->st_dev, st->st_ino);
	found = slot->sum.alg != HASH_NONE && slot->ctime.tv_sec == st->st_ctim.tv_sec &&
		slot->ctime.tv_nsec == st->st_ctim.tv_nsec;
	if (found)
		*sum = slot->sum;
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void seen_put(struct manifest_seen *s, const struct stat *st, const struct hash *sum)
{
	struct seen *slot;

	pthread_mutex_lock(&s->lock);
	if (2 * s->n >= s->cap) {
		struct seen *v = xcalloc(2 * s->cap, sizeof(*v));

		for (size_t i = 0; i < s->cap; i++)
			if (s->v[i].sum.alg != HASH_NONE)
				*slot_of(v, 2 * s->cap, s->v[i].dev, s->v[i].ino) = s->v[i];
		free(s->v);
		s->v = v;
		s->cap *= 2;
	}
	slot = slot_of(s->v, s->cap, st->st_dev, st->st_ino);
	s->n += slot->sum.alg == HASH_NONE;
	*slot = (struct seen){st->st_dev, st->st_ino, st->st_ctim, *sum};
	pthread_mutex_unlock(&s->lock);
}

/* ---- the walk ---- */

struct scan {
	struct manifest *m;
	size_t cap;
	const char *dir;
	int top;
	struct manifest_seen *seen;
	/* of the threads */
	size_t next;
	int error;
	size_t error_at;
};

static struct manifest_entry *add(struct scan *s, const char *path, const struct stat *st)
{
	struct manifest_entry *f;

	if (s->m->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1024;
		s->m->v = xrealloc(s->m->v, s->cap, sizeof(*s->m->v));
	}
	f = &s->m->v[s->m->n++];
	*f = (struct manifest_entry){.path = xstrdup(path), .mode = st->st_mode & 07777, .st = *st};
	if (S_ISDIR(st->st_mode)) {
		f->type = MANIFEST_DIR;
	} else if (S_ISREG(st->st_mode)) {
		f->type = MANIFEST_FILE;
		f->size = (uint64_t)st->st_size;
	} else if (S_ISLNK(st->st_mode)) {
		f->type = MANIFEST_LINK;
		f->mode = 0777;
	} else {
		f->type = MANIFEST_OTHER;
		f->mode = st->st_mode;
		f->size = st->st_rdev;
	}
	return f;
}

static int walk_failed(const struct scan *s, const char *path, struct err *e)
{
	return err_errno(e, -errno, "cannot read '%s/%s'", s->dir, path);
}

/* Something that is no folder. */
static int add_leaf(
	struct scan *s, int fd, const char *name, const char *path, const struct stat *st)
{
	struct manifest_entry *f = add(s, path, st);
	char text[4096];
	ssize_t n;

	if (f->type != MANIFEST_LINK)
		return 0;
	n = readlinkat(fd, name, text, sizeof(text));
	if (n < 0)
		return -errno;
	hash_buf(HASH_SHA256, text, (size_t)n, &f->sum);
	return 0;
}

/*
 * Without changing when it was read last, which is the owner's privilege. What its owner himself
 * may not read is made readable as long as it is opened.
 */
static int open_entry(int dir, const char *name, mode_t mode, int flags)
{
	int fd;

	flags |= O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	fd = openat(dir, name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, flags);
	if (fd < 0 && errno == EACCES && !(mode & 0400) &&
		fchmodat(dir, name, (mode & 07777) | 0500, 0) == 0) {
		fd = openat(dir, name, flags);
		fchmodat(dir, name, mode & 07777, 0);
	}
	return fd;
}

static int list_names(int fd, struct strvec *names)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	if (!d) {
		cleanup_close(&copy);
		return -errno;
	}
	while ((de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			strvec_add(names, de->d_name);
	closedir(d);
	strvec_sort(names);
	return 0;
}

/* `fd` is the folder `path`. What is in it first, then its folders: deep trees hold few
 * descriptors. */
static int walk(struct scan *s, int fd, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0}, dirs = {0};
	int r = list_names(fd, &names);

	if (r < 0)
		return err_errno(e, r, "cannot list '%s/%s'", s->dir, path);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *below =
			streq(path, ".") ? xstrdup(names.v[i]) : path_join(path, names.v[i]);
		struct stat st;

		if (fstatat(fd, names.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return walk_failed(s, below, e);
		if (S_ISDIR(st.st_mode))
			strvec_add(&dirs, names.v[i]);
		else if (add_leaf(s, fd, names.v[i], below, &st) < 0)
			return walk_failed(s, below, e);
	}
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *below =
			streq(path, ".") ? xstrdup(dirs.v[i]) : path_join(path, dirs.v[i]);
		_cleanup_close_ int sub = -1;
		struct stat st;

		if (fstatat(fd, dirs.v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			return walk_failed(s, below, e);
		sub = open_entry(fd, dirs.v[i], st.st_mode, O_DIRECTORY);
		if (sub < 0)
			return walk_failed(s, below, e);
		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		add(s, below, &st);
		r = walk(s, sub, below, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- hashing ---- */

/* Labels of a security module are the machine's, not the tree's. */
static bool counts(const char *name)
{
	return !starts_with(name, "security.") && !starts_with(name, "system.");
}

static void hash_xattrs(int fd, struct hash *out)
{
	_cleanup_strvec_ struct strvec names = {0};
	char list[4096];
	ssize_t n = flistxattr(fd, list, sizeof(list));
	struct hash_ctx c;

	if (n <= 0)
		return;
	for (const char *s = list; s < list + n; s += strlen(s) + 1)
		if (counts(s))
			strvec_add(&names, s);
	if (!names.n)
		return;
	strvec_sort(&names);
	hash_start(&c, HASH_SHA256);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *value = xcalloc(1, XATTRS_MAX);
		ssize_t len = fgetxattr(fd, names.v[i], value, XATTRS_MAX);

		hash_update(&c, names.v[i], strlen(names.v[i]) + 1);
		hash_update(&c, &len, sizeof(len));
		if (len > 0)
			hash_update(&c, value, (size_t)len);
	}
	hash_end(&c, out);
}

static int hash_content(int fd, struct hash *out)
{
	char buf[65536];
	struct hash_ctx c;
	ssize_t n;
	int r;

	hash_start(&c, HASH_SHA256);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		r = -errno;
		if (n < 0 && r == -EINTR)
			continue;
		if (n < 0) {
			hash_abort(&c);
			return r;
		}
		hash_update(&c, buf, (size_t)n);
	}
	hash_end(&c, out);
	return 0;
}

static int hash_entry(struct scan *s, struct manifest_entry *f)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (f->type != MANIFEST_FILE && f->type != MANIFEST_DIR)
		return 0;
	fd = open_entry(s->top, f->path, f->st.st_mode, 0);
	if (fd < 0)
		return -errno;
	hash_xattrs(fd, &f->xattrs);
	if (f->type == MANIFEST_DIR || !f->size || (s->seen && seen_get(s->seen, &f->st, &f->sum)))
		return 0;
	r = hash_content(fd, &f->sum);
	if (r == 0 && s->seen && f->st.st_nlink > 1)
		seen_put(s->seen, &f->st, &f->sum);
	return r;
}

static void *hash_some(void *arg)
{
	struct scan *s = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED)) < s->m->n) {
		int none = 0, r = interrupted() ? -EINTR : hash_entry(s, &s->m->v[i]);

		if (r == 0)
			continue;
		if (__atomic_compare_exchange_n(
			    &s->error, &none, r, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			s->error_at = i;
		break;
	}
	return NULL;
}

static int hash_all(struct scan *s, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX - 1];
	size_t n = 0;

	while (n < ARRAY_SIZE(threads) && (long)n + 1 < cpus &&
		pthread_create(&threads[n], NULL, hash_some, s) == 0)
		n++;
	hash_some(s);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	if (s->error == -EINTR)
		return err_set(e, -EINTR, "interrupted");
	if (s->error)
		return err_errno(
			e, s->error, "cannot read '%s/%s'", s->dir, s->m->v[s->error_at].path);
	return 0;
}

int manifest_scan(struct manifest *m, const char *dir, struct manifest_seen *seen, struct err *e)
{
	_cleanup_close_ int top = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct scan s = {.m = m, .dir = dir, .top = top, .seen = seen};
	struct stat st;
	int r;

	*m = (struct manifest){0};
	if (top < 0 || fstat(top, &st) < 0)
		return err_errno(e, -errno, "cannot open '%s'", dir);
	add(&s, ".", &st);
	r = walk(&s, top, ".", e);
	if (r == 0)
		r = hash_all(&s, e);
	if (r < 0)
		manifest_free(m);
	return r;
}

/* ---- files ---- */

/* Of a million files with long names. */
#define TEXT_MAX (256u << 20)

int manifest_save(const struct manifest *m, const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create '%s'", path);
	text = manifest_print(m, &len);
	r = fs_write_all(fd, text, len);
	return r < 0 ? err_errno(e, r, "cannot write '%s'", path) : 0;
}

int manifest_write(const char *tree, const char *path, struct err *e)
{
	struct manifest m;
	int r = manifest_scan(&m, tree, NULL, e);

	if (r == 0)
		r = manifest_save(&m, path, e);
	manifest_free(&m);
	return r;
}

int manifest_check(const char *tree, const char *path, struct manifest_seen *seen, size_t max,
	struct strvec *differences, struct err *e)
{
	struct manifest want = {0}, have = {0};
	_cleanup_free_ char *text = NULL;
	size_t len, n = 0;
	int r;

	if (fs_read_regular(path, TEXT_MAX, &text, &len, NULL) < 0 ||
		manifest_parse(&want, text, len) < 0)
		return err_set(e, -ENODATA, "there is no record of what was in '%s'", tree);
	r = manifest_scan(&have, tree, seen, e);
	if (r == 0)
		n = manifest_compare(&want, &have, max, differences);
	manifest_free(&have);
	manifest_free(&want);
	return r < 0 ? r : n > INT32_MAX ? INT32_MAX : (int)n;
}
