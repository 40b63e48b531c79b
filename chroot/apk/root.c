// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Paths below a root that cannot leave it. Packages may ship any symbolic link, and a later one may
 * ship a file "through" it; real apk with --root then writes to the build machine. Here every
 * directory is opened with RESOLVE_IN_ROOT, so a link to / or ../../.. means the root's own top,
 * and names below it are single components given to *at() calls that follow nothing.
 */
#include "chroot/apk/db.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define FD_SLOTS 64 /* far below the usual limit of 1024 descriptors */

struct db_fdcache {
	struct {
		const struct db_dir *dir;
		int fd;
	} slot[FD_SLOTS];
};

static int open_in_root(int root, const char *rel, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* EAGAIN: somebody renamed something, anywhere, while ".." was looked up; it passes */
	for (int tries = 0; tries < 1000; tries++) {
		int fd = (int)syscall(SYS_openat2, root, *rel ? rel : ".", &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* The umask is the process's, and other threads make files too: only look at it. */
static mode_t current_umask(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	unsigned mask;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Umask: %o", &mask) == 1)
			return mask;
	}
	return 07777; /* unknown: every mode is set explicitly */
}

int db_root_open(struct db *db, const char *path, bool create, struct err *e)
{
	int r;

	if (create && (r = fs_mkdirs(path, 0755, e)) < 0)
		return r;
	db->root_path = path;
	db->umask = current_umask();
	db->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (db->root < 0)
		return err_errno(e, -errno, "cannot open the root folder '%s'", path);
	r = root_dir(db, "");
	if (r < 0) {
		err_errno(e, r, "cannot look up paths inside '%s' safely", path);
		return err_hint(e, "openat2(2) is needed: Linux 5.6 or later, and a container that "
				   "allows it");
	}
	close(r);
	return 0;
}

int root_dir(const struct db *db, const char *rel)
{
	return open_in_root(db->root, rel, O_PATH | O_DIRECTORY);
}

int root_open(const struct db *db, const char *rel)
{
	/* O_NONBLOCK: a FIFO must not make us wait */
	int fd = open_in_root(db->root, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/* The directory that holds `rel`; *leaf points at the last component. */
static int parent_dir(const struct db *db, const char *rel, const char **leaf)
{
	const char *slash = strrchr(rel, '/');
	_cleanup_free_ char *dir = slash ? xstrndup(rel, (size_t)(slash - rel)) : xstrdup("");

	*leaf = slash ? slash + 1 : rel;
	return root_dir(db, dir);
}

int root_mkdirs(const struct db *db, const char *rel, struct err *e)
{
	for (const char *end = rel; *end; end++) {
		_cleanup_free_ char *part = NULL;
		_cleanup_close_ int fd = -1;
		const char *leaf;

		end = strchrnul(end, '/');
		part = xstrndup(rel, (size_t)(end - rel));
		fd = parent_dir(db, part, &leaf);
		if (fd < 0)
			return err_errno(e, fd, "cannot make '%s' in '%s'", rel, db->root_path);
		if (mkdirat(fd, leaf, 0755) < 0) {
			if (errno != EEXIST)
				return err_errno(
					e, -errno, "cannot make '%s' in '%s'", rel, db->root_path);
		} else if (db->umask & 0755) {
			fchmodat(fd, leaf, 0755, AT_SYMLINK_NOFOLLOW);
		}
		if (!*end)
			break;
	}
	return 0;
}

int root_read(
	const struct db *db, const char *rel, size_t max, char **out, size_t *len, struct err *e)
{
	_cleanup_close_ int fd = root_open(db, rel);
	_cleanup_strbuf_ struct strbuf b = {0};
	char buf[16384];
	ssize_t n;

	if (fd < 0)
		return err_errno(e, fd, "cannot open '%s' in '%s'", rel, db->root_path);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read '%s' in '%s'", rel, db->root_path);
		if (b.len + (size_t)n > max)
			return err_set(e, -EFBIG,
				"'%s' in '%s' is larger than the %zu bytes "
				"allowed",
				rel, db->root_path, max);
		strbuf_add(&b, buf, (size_t)n);
	}
	*len = b.len;
	*out = strbuf_steal(&b);
	return 0;
}

int root_write(const struct db *db, const char *rel, const void *data, size_t len, mode_t mode,
	struct err *e)
{
	_cleanup_free_ char *dir = xstrndup(rel, (size_t)(path_base(rel) - rel));
	_cleanup_free_ char *tmp = xasprintf(".apk.%s", path_base(rel));
	_cleanup_close_ int dfd = -1, fd = -1;
	const char *leaf;
	int r;

	if (*dir)
		dir[strlen(dir) - 1] = '\0';
	if (*dir && (r = root_mkdirs(db, dir, e)) < 0)
		return r;
	dfd = parent_dir(db, rel, &leaf);
	if (dfd >= 0)
		unlinkat(dfd, tmp, 0);
	fd = dfd < 0 ? dfd
		     : openat(dfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	r = dfd < 0 ? dfd : fd < 0 ? -errno : fs_write_all(fd, data, len);
	if (r == 0 && (db->umask & mode) && fchmod(fd, mode) < 0)
		r = -errno;
	/* closed before the rename: a script that is executed right away must not be open for
	 * writing */
	cleanup_close(&fd);
	fd = -1;
	if (r == 0 && renameat(dfd, tmp, dfd, leaf) < 0)
		r = -errno;
	if (r < 0) {
		if (dfd >= 0)
			unlinkat(dfd, tmp, 0);
		return err_errno(e, r, "cannot write '%s' in '%s'", rel, db->root_path);
	}
	return 0;
}

void root_unlink(const struct db *db, const char *rel, int flags)
{
	const char *leaf;
	_cleanup_close_ int fd = parent_dir(db, rel, &leaf);

	if (fd >= 0)
		unlinkat(fd, leaf, flags);
}

bool root_exists(const struct db *db, const char *rel)
{
	const char *leaf;
	_cleanup_close_ int fd = parent_dir(db, rel, &leaf);
	struct stat st;

	return fd >= 0 && fstatat(fd, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Most files follow one another in the same few directories, so one openat2() a directory instead
 * of one a file. Direct-mapped: a collision costs one more openat2().
 */
int dir_fd(struct db *db, const struct db_dir *d)
{
	size_t i = d->hash % FD_SLOTS;
	int fd;

	if (!db->fds) {
		db->fds = xcalloc(1, sizeof(*db->fds));
	}
	if (db->fds->slot[i].dir == d)
		return db->fds->slot[i].fd;
	fd = root_dir(db, d->name);
	if (fd < 0)
		return fd;
	if (db->fds->slot[i].dir)
		close(db->fds->slot[i].fd);
	db->fds->slot[i].dir = d;
	db->fds->slot[i].fd = fd;
	return fd;
}

void dir_forget_all(struct db *db)
{
	for (size_t i = 0; db->fds && i < FD_SLOTS; i++) {
		if (db->fds->slot[i].dir)
			close(db->fds->slot[i].fd);
		db->fds->slot[i].dir = NULL;
	}
}

/*
 * A mode on disk is the package's plus rwx for the owner: an ordinary user could otherwise not put
 * the next file into a 0555 directory (apk 3's user mode does the same).
 */
static mode_t disk_mode(mode_t mode)
{
	return (mode & 07777) | 0700;
}

/* A directory is there already, or something in its place. */
static int dir_adopt(struct db *db, struct db_dir *d, const struct db_acl *expected,
	const struct db_pkg *maker, struct err *e)
{
	int fd = dir_fd(db, d);
	struct stat st;

	if (fd < 0) {
		err_errno(e, fd, "%s-%s: '%s' is not a folder in the root", maker->info->name,
			maker->info->version, d->name);
		return err_hint(e, "a file, or a symbolic link that leads nowhere inside the root, "
				   "is in its place");
	}
	d->mode_ok = expected && fstat(fd, &st) == 0 &&
		     (st.st_mode & 07777) == disk_mode(expected->mode);
	return 0;
}

int dir_prepare(struct db *db, struct db_dir *d, const struct db_acl *expected, mode_t mode,
	const struct db_pkg *maker, struct err *e)
{
	int fd, r;

	if (d->prepared)
		return 0;
	if (!d->parent->prepared &&
		(r = dir_prepare(db, d->parent, &DB_ACL_DIR, 0755, maker, e)) < 0)
		return r;
	fd = dir_fd(db, d->parent);
	if (fd < 0)
		return err_errno(e, fd, "cannot open '%s' in '%s'", d->parent->name, db->root_path);
	mode = disk_mode(mode);
	if (mkdirat(fd, path_base(d->name), mode) == 0) {
		/* mkdir(2) drops setuid and setgid, and what the umask says */
		if ((mode & (06000 | db->umask)) &&
			fchmodat(fd, path_base(d->name), mode, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(e, -errno, "cannot set the mode of '%s'", d->name);
		d->mode_ok = true;
		d->made = maker;
	} else if (errno != EEXIST) {
		return err_errno(e, -errno, "%s-%s: cannot make the folder '%s' in '%s'",
			maker->info->name, maker->info->version, d->name, db->root_path);
	} else if ((r = dir_adopt(db, d, expected, maker, e)) < 0) {
		return r;
	}
	d->prepared = true;
	return 0;
}

void dir_chmod(struct db *db, struct db_dir *d, mode_t mode)
{
	int fd = dir_fd(db, d);

	/* "." because an O_PATH descriptor itself cannot be changed */
	if (fd >= 0 && fchmodat(fd, ".", disk_mode(mode), 0) == 0)
		d->modified = true;
}

void dir_delete(struct db *db, struct db_dir *d)
{
	int fd = d->parent ? dir_fd(db, d->parent) : -1;

	if (fd >= 0)
		unlinkat(fd, path_base(d->name), AT_REMOVEDIR);
	d->prepared = d->mode_ok = false;
	d->modified = true;
}
