// SPDX-License-Identifier: GPL-3.0-or-later
/* A root that has the host's programs and libraries, read-only, and nothing else of the host. */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

/* What programs need to start: links are copied, folders and files bound, the missing left out. */
static const char *const entries[] = {"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32",
	"etc/alternatives", "etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d",
	/* where distributions without a filled /usr keep everything */
	"nix", "gnu"};

static const struct {
	const char *name, *text;
} files[] = {
	{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
	{"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
};

static int write_new(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : fs_write_all(fd, text, strlen(text));
}

static int make_entry(const char *dir, const char *name)
{
	_cleanup_free_ char *host = path_join("/", name);
	_cleanup_free_ char *here = path_join(dir, name);
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(host, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return mkdir(here, 0755) < 0 ? -errno : 0;
	if (!S_ISLNK(st.st_mode))
		return write_new(here, "");
	n = readlink(host, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlink(target, here) < 0 ? -errno : 0;
}

int host_root_skeleton(const char *dir, struct err *e)
{
	_cleanup_free_ char *etc = path_join(dir, "etc");
	_cleanup_free_ char *home = path_join(dir, "root");
	int r = 0;

	if (mkdir(etc, 0755) < 0 || mkdir(home, 0700) < 0)
		return err_errno(e, -errno, "cannot make a root like the host's");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(entries); i++)
		r = make_entry(dir, entries[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = path_join(dir, files[i].name);

		r = write_new(path, files[i].text);
	}
	return r < 0 ? err_errno(e, r, "cannot make a root like the host's") : 0;
}

int host_root_bind(const char *root, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		_cleanup_free_ char *host = path_join("/", entries[i]);
		_cleanup_free_ char *here = path_join(root, entries[i]);
		_cleanup_close_ int fd = open(host, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		int r;

		if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))
			continue;
		r = mount_bind(fd, here, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV, e);
		if (r < 0)
			return err_prefix(e, "showing the host's '%s'", host);
	}
	return 0;
}
