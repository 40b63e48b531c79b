// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The name of a shared file is a hash over all that would have to be equal, and which of the equal
 * files of one tree it is: two files of one tree stay two, since compilers take what is one inode
 * for one file, whichever folder it was found in.
 *
 * No lock is needed. A name is given by linkat(2), which one of two can do; what lost its last
 * layer is removed by its number of links, and if somebody links it just then, he has it all the
 * same. A crash leaves an incomplete layer, which is removed, and names that no layer has. What
 * lies below a name is never believed: it is compared, and replaced if a disk has changed it.
 */
#include "chroot/layer/share.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define FOLDER "shared"
/* in the layer's own folder: a link on its way to its place */
#define TMP "link"
#define BLOCK 512 /* of st_blocks */

struct candidate {
	const struct manifest_entry *f;
	struct hash key;
	char name[HASH_HEX_MAX + 16]; /* of what is shared, below FOLDER */
};

struct share {
	int store, own, top;
	uint64_t saved;
	bool stop; /* the file system cannot, or is full */
};

static uint64_t on_disk(const struct stat *st)
{
	return (uint64_t)st->st_blocks * BLOCK;
}

/* ---- names ---- */

static void make_key(struct candidate *c, char kind)
{
	const struct manifest_entry *f = c->f;
	const uint64_t numbers[] = {1, (uint64_t)kind, f->mode, f->size, f->st.st_uid, f->st.st_gid,
		(uint64_t)f->st.st_mtim.tv_sec, (uint64_t)f->st.st_mtim.tv_nsec};
	struct hash_ctx sum;

	hash_start(&sum, HASH_SHA256);
	hash_update(&sum, numbers, sizeof(numbers));
	hash_update(&sum, f->sum.b, f->sum.len);
	hash_update(&sum, f->xattrs.b, f->xattrs.len);
	hash_end(&sum, &c->key);
}

static int by_key(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = memcmp(x->key.b, y->key.b, x->key.len);

	return order ? order : strcmp(x->f->path, y->f->path);
}

/* Files that may be shared, those with equal keys numbered. */
static size_t candidates(const struct manifest *m, char kind, struct candidate **out)
{
	struct candidate *v = xcalloc(m->n + 1, sizeof(*v));
	size_t n = 0, nth = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *f = &m->v[i];

		/* one with links is several files of its own tree, or shared already */
		if (f->type != MANIFEST_FILE || !f->size || f->st.st_nlink != 1)
			continue;
		v[n].f = f;
		make_key(&v[n++], kind);
	}
	if (n)
		qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		char hex[HASH_HEX_MAX];

		nth = i > 0 && hash_eq(&v[i].key, &v[i - 1].key) ? nth + 1 : 0;
		hash_hex(&v[i].key, hex);
		snprintf(v[i].name, sizeof(v[i].name), FOLDER "/%.2s/%s.%zu", hex, hex, nth);
	}
	*out = v;
	return n;
}

/* ---- one file ---- */

static bool same_bytes(int a, int b)
{
	char x[32768], y[32768];

	for (;;) {
		ssize_t n = read(a, x, sizeof(x)), m;

		if (n < 0)
			return false;
		for (m = 0; m < n;) {
			ssize_t k = read(b, y + m, (size_t)(n - m));

			if (k <= 0)
				return false;
			m += k;
		}
		if (memcmp(x, y, (size_t)n) != 0)
			return false;
		if (n == 0)
			return read(b, y, 1) == 0;
	}
}

/* Is what lies below the name still what the name says? */
static bool is_equal(const struct share *s, const struct candidate *c, const struct stat *there)
{
	const struct stat *st = &c->f->st;
	_cleanup_close_ int a = -1, b = -1;

	if (there->st_mode != st->st_mode || there->st_size != st->st_size ||
		there->st_uid != st->st_uid || there->st_gid != st->st_gid ||
		there->st_mtim.tv_sec != st->st_mtim.tv_sec ||
		there->st_mtim.tv_nsec != st->st_mtim.tv_nsec)
		return false;
	a = openat(s->top, c->f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	b = openat(s->store, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return a >= 0 && b >= 0 && same_bytes(a, b);
}

/* Put a link to one file in the place of another, at once. */
static int replace(const struct share *s, int from, const char *name, int to, const char *other)
{
	int r = 0;

	if (linkat(from, name, s->own, TMP, 0) < 0)
		return -errno;
	if (renameat(s->own, TMP, to, other) < 0)
		r = -errno;
	/* of two links to one file none takes the other's place */
	unlinkat(s->own, TMP, 0);
	return r;
}

static int make_bucket(const struct share *s, const char *name)
{
	/* the first part of the name */
	_cleanup_free_ char *dir = xstrndup(name, strlen(FOLDER "/00"));

	if ((mkdirat(s->store, FOLDER, 0700) < 0 && errno != EEXIST) ||
		(mkdirat(s->store, dir, 0700) < 0 && errno != EEXIST))
		return -errno;
	return 0;
}

/* What is not worth a word keeps this one file from being shared, or all that follow. */
static void give_up(struct share *s, int r)
{
	s->stop = r < 0 && r != -EMLINK && r != -EPERM && r != -EACCES && r != -ENOENT &&
		  r != -EEXIST;
}

static void share_one(struct share *s, const struct candidate *c)
{
	struct stat there;
	int r;

	if (linkat(s->top, c->f->path, s->store, c->name, 0) == 0)
		return;
	r = -errno;
	if (r == -ENOENT && make_bucket(s, c->name) == 0 &&
		linkat(s->top, c->f->path, s->store, c->name, 0) == 0)
		return;
	if (r == -ENOENT)
		r = -errno;
	if (r != -EEXIST || fstatat(s->store, c->name, &there, AT_SYMLINK_NOFOLLOW) < 0) {
		give_up(s, r);
		return;
	}
	if (is_equal(s, c, &there)) {
		r = replace(s, s->store, c->name, s->top, c->f->path);
		if (r == 0)
			s->saved += on_disk(&c->f->st);
		if (r != -EMLINK) {
			give_up(s, r);
			return;
		}
	}
	/* damaged, or it can have no more links: from now on this one is shared */
	r = replace(s, s->top, c->f->path, s->store, c->name);
	give_up(s, r);
}

void share_tree(
	int store, int own, const char *tree, const struct manifest *m, char kind, uint64_t *added)
{
	_cleanup_close_ int top = open(tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct share s = {.store = store, .own = own, .top = top};
	struct candidate *v;
	size_t n = candidates(m, kind, &v);
	uint64_t all = 0;

	for (size_t i = 0; i < m->n; i++)
		all += on_disk(&m->v[i].st);
	for (size_t i = 0; top >= 0 && i < n && !s.stop; i++)
		share_one(&s, &v[i]);
	free(v);
	if (added)
		*added = all - s.saved;
}

/* ---- what no layer has any more ---- */

/* <64 digits>.<number> */
static bool is_name(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n == 64 && s[n] == '.' && s[n + 1] && !s[n + 1 + strspn(s + n + 1, "0123456789")];
}

static void sweep_bucket(int dir, uint64_t *freed)
{
	DIR *d = fdopendir(dir);
	struct dirent *de;

	if (!d) {
		close(dir);
		return;
	}
	while ((de = readdir(d))) {
		struct stat st;

		if (is_name(de->d_name) &&
			fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_nlink == 1 &&
			unlinkat(dirfd(d), de->d_name, 0) == 0 && freed)
			*freed += on_disk(&st);
	}
	closedir(d);
}

void share_sweep(int store, uint64_t *freed)
{
	for (int i = 0; i < 256; i++) {
		char name[sizeof(FOLDER "/00")];
		int dir;

		snprintf(name, sizeof(name), FOLDER "/%02x", (unsigned)i);
		dir = openat(store, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0)
			continue;
		sweep_bucket(dir, freed);
		unlinkat(store, name, AT_REMOVEDIR); /* if it is empty */
	}
	unlinkat(store, FOLDER, AT_REMOVEDIR);
}
