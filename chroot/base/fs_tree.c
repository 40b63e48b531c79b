// SPDX-License-Identifier: GPL-3.0-or-later
/* Whole trees: removing and copying them, always relative to directory descriptors. */
#include "chroot/base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/str.h"

static int remove_at(int dirfd, const char *name, dev_t dev, struct err *e);

/* Take over `fd` (a directory) and remove all it holds. */
static int empty_dir(int fd, dev_t dev, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return err_errno(e, r, "cannot list a folder to remove it");
	}
	while (r == 0 && (de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			r = remove_at(dirfd(d), de->d_name, dev, e);
	closedir(d);
	return r;
}

static int remove_at(int dirfd, const char *name, dev_t dev, struct err *e)
{
	struct stat st;
	int fd, r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(e, -errno, "cannot remove '%s'", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(e, -errno, "cannot look at '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -EPERM, "cannot remove '%s': not permitted", name);
	if (st.st_dev != dev)
		return err_set(e, -EXDEV, "not removing '%s': another file system is there", name);
	/* overlayfs leaves a work/ folder of mode 0000; it is ours all the same */
	if ((st.st_mode & 0700) != 0700)
		fchmodat(dirfd, name, 0700, 0);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s' to remove it", name);
	r = empty_dir(fd, dev, e);
	if (r < 0)
		return r;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_errno(e, -errno, "cannot remove the folder '%s'", name);
	return 0;
}

int fs_remove_tree(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, -errno, "cannot look at '%s'", path);
	if (remove_at(AT_FDCWD, path, st.st_dev, e) < 0)
		return err_prefix(e, "removing '%s'", path);
	return 0;
}

static int copy_bytes(int in, int out)
{
	for (;;) {
		ssize_t n = sendfile(out, in, NULL, 1 << 20);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
	}
}

static int copy_file_at(
	int from, const char *name, int to, const char *new_name, const struct stat *st)
{
	_cleanup_close_ int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	_cleanup_close_ int out =
		in < 0 ? -1 : openat(to, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	int r;

	if (in < 0 || out < 0)
		return -errno;
	r = copy_bytes(in, out);
	if (r == 0 && (fchmod(out, st->st_mode & 0777) < 0 || futimens(out, times) < 0))
		r = -errno;
	return r;
}

static int copy_link_at(int from, const char *name, int to)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_dir(int from, int to, const char *const *skip, const char *where, struct err *e);

static int copy_entry(int from, const char *name, int to, const char *where, struct err *e)
{
	_cleanup_free_ char *full = path_join(where, name);
	struct stat st;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", full);
	if (S_ISREG(st.st_mode)) {
		r = copy_file_at(from, name, to, name, &st);
	} else if (S_ISLNK(st.st_mode)) {
		r = copy_link_at(from, name, to);
	} else if (S_ISDIR(st.st_mode)) {
		_cleanup_close_ int in = -1, out = -1;

		if (mkdirat(to, name, 0700 | (st.st_mode & 0777)) < 0)
			return err_errno(e, -errno, "cannot create a copy of '%s'", full);
		in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (in < 0 || out < 0)
			return err_errno(e, -errno, "cannot open '%s' to copy it", full);
		return copy_dir(in, out, NULL, full, e);
	} else {
		return err_set(e, -EINVAL,
			"cannot copy '%s': it is neither a file, a folder nor a symbolic link",
			full);
	}
	return r < 0 ? err_errno(e, r, "cannot copy '%s'", full) : 0;
}

static bool skipped(const char *name, const char *const *skip)
{
	for (; skip && *skip; skip++)
		if (streq(*skip, name))
			return true;
	return false;
}

static int copy_dir(int from, int to, const char *const *skip, const char *where, struct err *e)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot list '%s'", where);
	while (r == 0 && (de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, "..") &&
			!skipped(de->d_name, skip))
			r = copy_entry(from, de->d_name, to, where, e);
	closedir(d);
	return r;
}

int fs_copy_tree(const char *from, const char *to, const char *const *skip, struct err *e)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int out = -1;

	if (in < 0)
		return err_errno(e, -errno, "cannot open the folder '%s'", from);
	if (mkdir(to, 0755) < 0)
		return err_errno(e, -errno, "cannot create the folder '%s'", to);
	out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out < 0)
		return err_errno(e, -errno, "cannot open the folder '%s'", to);
	return copy_dir(in, out, skip, from, e);
}

int fs_copy_file(const char *from, const char *to, struct err *e)
{
	struct stat st;
	int r;

	if (stat(from, &st) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", from);
	r = copy_file_at(AT_FDCWD, from, AT_FDCWD, to, &st);
	return r < 0 ? err_errno(e, r, "cannot copy '%s' to '%s'", from, to) : 0;
}
