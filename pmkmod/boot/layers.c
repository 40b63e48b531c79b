// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/boot/boot_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "chroot/base/fs.h"

/*
 * Overlayfs hides names by a character device 0:0, or (where such a node cannot be made) by an
 * empty file with an xattr; a folder with the "opaque" xattr hides all that lies below it. An
 * ordinary user's overlays use the user.* names; root's the trusted.* ones.
 */
static const char *const opaque_xattrs[] = {"user.overlay.opaque", "trusted.overlay.opaque"};
static const char *const whiteout_xattrs[] = {"user.overlay.whiteout", "trusted.overlay.whiteout"};

static bool is_opaque(int fd)
{
	char value;

	for (size_t i = 0; i < ARRAY_SIZE(opaque_xattrs); i++)
		if (fgetxattr(fd, opaque_xattrs[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static bool is_whiteout(int dirfd, const char *name, const struct stat *st)
{
	_cleanup_close_ int fd = -1;

	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
		return true;
	if (!S_ISREG(st->st_mode) || st->st_size != 0)
		return false;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(whiteout_xattrs); i++)
		if (fgetxattr(fd, whiteout_xattrs[i], NULL, 0) >= 0)
			return true;
	return false;
}

static void merged_add(struct merged_dir *d, int fd)
{
	d->fds = xrealloc(d->fds, d->n + 1, sizeof(*d->fds));
	d->fds[d->n++] = fd;
}

void merged_close(struct merged_dir *d)
{
	for (size_t i = 0; i < d->n; i++)
		close(d->fds[i]);
	free(d->fds);
	*d = (struct merged_dir){0};
}

int merged_open(struct merged_dir *d, const struct strvec *layers, struct err *e)
{
	*d = (struct merged_dir){0};
	for (size_t i = 0; i < layers->n; i++) {
		int fd = open(layers->v[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0) {
			int r = -errno;

			merged_close(d);
			return err_errno(e, r, "cannot open the layer '%s'", layers->v[i]);
		}
		merged_add(d, fd);
	}
	return 0;
}

int merged_lookup(const struct merged_dir *d, const char *name, struct merged_entry *out)
{
	*out = (struct merged_entry){.fd = -1};
	for (size_t i = 0; i < d->n; i++) {
		struct stat st;
		int fd;

		if (fstatat(d->fds[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			goto failed;
		}
		if (is_whiteout(d->fds[i], name, &st))
			break;
		if (!S_ISDIR(st.st_mode)) {
			if (out->dir.n)
				break; /* hidden by the folder above it */
			out->st = st;
			out->fd = d->fds[i];
			return 0;
		}
		fd = openat(d->fds[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			goto failed;
		if (out->dir.n == 0)
			out->st = st;
		merged_add(&out->dir, fd);
		if (is_opaque(fd))
			break;
	}
	return out->dir.n ? 0 : -ENOENT;
failed:;
	int r = -errno;

	merged_close(&out->dir);
	return r;
}

static int read_names(int dirfd, struct strvec *names)
{
	/* a second descriptor, since fdopendir() takes it over and moves the file position */
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int r;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((errno = 0, de = readdir(dir)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, ".."))
			strvec_add(names, de->d_name);
	r = -errno;
	closedir(dir);
	return r;
}

int merged_names(const struct merged_dir *d, struct strvec *names)
{
	_cleanup_strvec_ struct strvec all = {0};

	for (size_t i = 0; i < d->n; i++) {
		int r = read_names(d->fds[i], &all);

		if (r < 0)
			return r;
	}
	strvec_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		if (i == 0 || !streq(all.v[i], all.v[i - 1]))
			strvec_add(names, all.v[i]);
	return 0;
}

int merged_read(const struct merged_dir *root, const char *path, size_t max, char **out,
	size_t *len, struct err *e)
{
	_cleanup_strvec_ struct strvec parts = {0};
	struct merged_dir here = {0};
	const struct merged_dir *at = root;
	struct merged_entry en;
	int r = -ENOENT;

	strvec_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++) {
		bool last = i + 1 == parts.n;

		r = merged_lookup(at, parts.v[i], &en);
		if (r < 0)
			break;
		if (last && S_ISREG(en.st.st_mode))
			r = fs_read_at(en.fd, parts.v[i], max, out, len, e);
		else if (last || !en.dir.n)
			r = -ENOENT; /* a link or a folder where a file was expected */
		merged_close(&here);
		here = en.dir;
		at = &here;
		if (r < 0)
			break;
	}
	merged_close(&here);
	return r;
}
