// SPDX-License-Identifier: GPL-3.0-or-later
/* After a package's data is verified: final names, or nothing; and the old version's files go. */
#include "chroot/apk/db.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

/* SHA-1 (or what `len` says) of a file or of a link's text. */
static int disk_sum(int dfd, const char *name, size_t len, struct hash *out)
{
	enum hash_alg alg = len == 32 ? HASH_SHA256 : HASH_SHA1;
	_cleanup_close_ int fd =
		openat(dfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct hash_ctx c = {0};
	char buf[16384];
	struct stat st;
	ssize_t n;

	if (fd < 0) {
		n = readlinkat(dfd, name, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		hash_buf(alg, buf, (size_t)n, out);
		return 0;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	hash_start(&c, alg);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		hash_update(&c, buf, (size_t)n);
	if (n < 0) {
		hash_abort(&c);
		return -EIO;
	}
	hash_end(&c, out);
	return 0;
}

/* Is `name` on disk what the database says of `f`? A name that is not there is not changed. */
static bool unchanged(int dfd, const char *name, const struct db_file *f)
{
	struct hash h = {0};
	struct stat st;

	if (fstatat(dfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (!f)
		return false;
	if (!f->sum_len)
		return true;
	return disk_sum(dfd, name, f->sum_len, &h) == 0 && h.len == f->sum_len &&
	       memcmp(h.b, f->sum, h.len) == 0;
}

/* In a protected folder the file that is there stays if somebody changed or made it. */
static const char *protected_name(struct db *db, int dfd, const struct db_file *f, char **apk_new)
{
	if (!dir_protected(db, f->diri->dir) || unchanged(dfd, f->name, f->prev))
		return f->name;
	if (unchanged(dfd, f->name, f))
		return NULL;
	strvec_addf(db->warnings,
		"%s-%s: '%s%s%s' is there already and stays; the package's own "
		"file is beside it as .apk-new",
		f->diri->pkg->info->name, f->diri->pkg->info->version, f->diri->dir->name,
		*f->diri->dir->name ? "/" : "", f->name);
	*apk_new = xasprintf("%s.apk-new", f->name);
	return *apk_new;
}

static int commit_file(struct db *db, struct db_file *f, struct err *e)
{
	_cleanup_free_ char *tmp = file_tmp_name(f), *apk_new = NULL;
	int dfd = dir_fd(db, f->diri->dir);
	const char *name;

	if (dfd < 0)
		return err_errno(
			e, dfd, "cannot open '%s' in '%s'", f->diri->dir->name, db->root_path);
	name = protected_name(db, dfd, f, &apk_new);
	if (name && renameat(dfd, tmp, dfd, name) < 0)
		return err_errno(e, -errno, "%s-%s: cannot put '%s' into '/%s' in '%s'",
			f->diri->pkg->info->name, f->diri->pkg->info->version, name,
			f->diri->dir->name, db->root_path);
	/* rename(2) between two links to one file does nothing, and a kept file needs no other */
	unlinkat(dfd, tmp, 0);
	f->flags &= (uint8_t)~FILE_TMP;
	if (name == f->name)
		f->flags |= FILE_MADE;
	return 0;
}

static int by_file_name(const void *a, const void *b)
{
	return strcmp((*(struct db_file *const *)a)->name, (*(struct db_file *const *)b)->name);
}

static bool is_id_file(const struct db_file *f)
{
	return streq(f->diri->dir->name, "etc") &&
	       (streq(f->name, "passwd") || streq(f->name, "group"));
}

int pkg_commit(struct db *db, struct db_pkg *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		struct db_diri *di = p->diris[i];

		di->dir->modified = true;
		/* sorted in each folder, as apk 3 records them; abuild's archives are anyway */
		if (di->n > 1)
			qsort(di->files, di->n, sizeof(di->files[0]), by_file_name);
		for (size_t k = 0; k < di->n; k++) {
			struct db_file *f = di->files[k];
			int r = f->flags & FILE_TMP ? commit_file(db, f, e) : 0;

			if (r < 0)
				return r;
			if (is_id_file(f))
				ids_forget(db);
		}
	}
	/* a link that led a folder's name elsewhere may have been replaced */
	dir_forget_all(db);
	return 0;
}

void pkg_rollback(struct db *db, struct db_pkg *p)
{
	for (size_t i = p->n; i-- > 0;) {
		struct db_diri *di = p->diris[i];
		int dfd = di->n ? dir_fd(db, di->dir) : -1;

		for (size_t k = 0; dfd >= 0 && k < di->n; k++) {
			struct db_file *f = di->files[k];
			_cleanup_free_ char *tmp = f->flags & FILE_TMP ? file_tmp_name(f) : NULL;

			if (f->flags & (FILE_TMP | FILE_MADE))
				unlinkat(dfd, tmp ? tmp : f->name, 0);
		}
		if (di->dir->made == p)
			dir_delete(db, di->dir);
	}
	p->gone = true;
}

/* ---- the old version ---- */

struct inode {
	dev_t dev;
	ino_t ino;
};

static int by_inode(const void *a_, const void *b_)
{
	const struct inode *a = a_, *b = b_;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

/*
 * The files that `p` put where the old version had none: one of them may be an old one's file under
 * another name, when a folder became a link to another (lib -> usr/lib).
 */
static struct inode *new_inodes(struct db *db, const struct db_pkg *p, size_t *n)
{
	struct inode *v = NULL;
	size_t cap = 0;

	*n = 0;
	for (size_t i = 0; p && i < p->n; i++) {
		int dfd = dir_fd(db, p->diris[i]->dir);

		for (size_t k = 0; dfd >= 0 && k < p->diris[i]->n; k++) {
			const struct db_file *f = p->diris[i]->files[k];
			struct stat st;

			if (f->prev || fstatat(dfd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue;
			if (*n == cap) {
				cap = cap ? 2 * cap : 64;
				v = xrealloc(v, cap, sizeof(*v));
			}
			v[(*n)++] = (struct inode){st.st_dev, st.st_ino};
		}
	}
	if (*n)
		qsort(v, *n, sizeof(*v), by_inode);
	return v;
}

static void purge_file(struct db *db, const struct db_file *f, const struct inode *keep, size_t n)
{
	struct db_dir *d = f->diri->dir;
	int dfd = dir_fd(db, d);
	struct inode id;
	struct stat st;

	if (dfd < 0 || fstatat(dfd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	id = (struct inode){st.st_dev, st.st_ino};
	if (n && bsearch(&id, keep, n, sizeof(id), by_inode))
		return;
	if (!dir_protected(db, d) || unchanged(dfd, f->name, f))
		unlinkat(dfd, f->name, 0);
	if (dir_protected(db, d)) {
		_cleanup_free_ char *apk_new = xasprintf("%s.apk-new", f->name);

		unlinkat(dfd, apk_new, 0);
	}
}

void pkg_purge(struct db *db, struct db_pkg *old, const struct db_pkg *now)
{
	size_t n;
	_cleanup_free_ struct inode *keep = new_inodes(db, now, &n);

	for (size_t i = 0; i < old->n; i++) {
		struct db_diri *di = old->diris[i];

		di->dir->modified = true;
		for (size_t k = 0; k < di->n; k++) {
			if (di->files[k]->flags & FILE_GONE)
				continue;
			purge_file(db, di->files[k], keep, n);
			di->files[k]->flags |= FILE_GONE;
		}
		db_diri_drop(db, di);
		for (struct db_dir *d = di->dir; d && *d->name && d->refs == 0; d = d->parent)
			dir_delete(db, d);
	}
	old->gone = true;
	dir_forget_all(db);
}
