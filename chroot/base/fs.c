// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/str.h"

char *path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	while (*name == '/')
		name++;
	return xasprintf("%.*s/%s", (int)n, dir, name);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int fs_read(const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	return fs_read_at(AT_FDCWD, path, max, out, len, e);
}

static int read_all(int fd, const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	size_t chunk = 65536;
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		/* before reading all that may be read of it */
		if ((uint64_t)st.st_size > max)
			return err_set(
				e, -EFBIG, "'%s' is larger than the %zu bytes allowed", path, max);
		/* at once, and its end */
		chunk = (size_t)st.st_size + 1;
	}
	while (n != 0) {
		strbuf_reserve(&b, chunk);
		n = read(fd, b.s + b.len, chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read '%s'", path);
		if (b.len + (size_t)n > max)
			return err_set(
				e, -EFBIG, "'%s' is larger than the %zu bytes allowed", path, max);
		b.len += (size_t)n;
		chunk = 65536;
	}
	b.s[b.len] = '\0';
	if (len)
		*len = b.len;
	*out = strbuf_steal(&b);
	return 0;
}

int fs_read_at(int dirfd, const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	return read_all(fd, path, max, out, len, e);
}

int fs_read_regular(const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	/* a pipe that nobody writes to would be waited for */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "'%s' is a folder, not a file", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL,
			"'%s' is no regular file; write what comes from it into one, and name that",
			path);
	return read_all(fd, path, max, out, len, e);
}

int fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int write_file(
	const char *path, const void *data, size_t len, mode_t mode, bool sync, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create a temporary file beside '%s'", path);
	r = fs_write_all(fd, data, len);
	if (r == 0 && (fchmod(fd, mode) < 0 || (sync && fsync(fd) < 0) || rename(tmp, path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		return err_errno(e, r, "cannot write '%s'", path);
	}
	if (sync)
		fs_sync_parent(path);
	return 0;
}

int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_file(path, data, len, mode, true, e);
}

int fs_write_scratch(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return write_file(path, data, len, mode, false, e);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *p = xstrdup(path);

	for (char *s = p + 1; *p; s++) {
		char c = *s;

		if (c != '/' && c != '\0')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return err_errno(e, -errno, "cannot create the folder '%s'", p);
		*s = c;
		if (c == '\0')
			break;
	}
	if (!fs_is_dir(path))
		return err_set(e, -ENOTDIR, "'%s' exists but is not a folder", path);
	return 0;
}

static int check_empty(DIR *d, const char *path, struct err *e)
{
	bool empty = true;
	struct dirent *de;

	while (empty && (de = readdir(d)))
		empty = streq(de->d_name, ".") || streq(de->d_name, "..");
	closedir(d);
	return empty ? 0
		     : err_set(e, -EEXIST, "'%s' exists and is no empty folder: nothing is written",
			       path);
}

int fs_check_new_folder(const char *path, struct err *e)
{
	_cleanup_free_ char *up = xstrdup(path);
	DIR *d = opendir(path);
	char *slash;

	if (d)
		return check_empty(d, path, e);
	if (errno == ENOTDIR && fs_exists(path))
		return err_set(
			e, -EEXIST, "'%s' exists and is no empty folder: nothing is written", path);
	if (errno != ENOENT)
		return err_errno(e, -errno, "cannot look into '%s'", path);
	/* the nearest that there is */
	while (access(up, F_OK) < 0 && (slash = strrchr(up, '/')) && slash > up)
		*slash = '\0';
	if (access(up, F_OK) < 0)
		strcpy(up, *path == '/' ? "/" : ".");
	if (!fs_is_dir(up) || access(up, W_OK | X_OK) < 0)
		return err_set(e, -EACCES,
			"'%s' cannot be made: '%s' is no folder that you can write to", path, up);
	return 0;
}

void fs_note_use(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtime < time(NULL) - 3600)
		utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

int fs_lock(const char *path, bool exclusive, bool wait, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int op = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB);

	if (fd < 0)
		return err_errno(e, -errno, "cannot open the lock file '%s'", path);
	while (flock(fd, op) < 0) {
		if (errno == EINTR && !wait)
			continue;
		if (errno == EINTR)
			return err_set(
				e, -EINTR, "interrupted while waiting for the lock '%s'", path);
		return err_errno(e, -errno, "cannot lock '%s'", path);
	}
	return steal_fd(&fd);
}
