// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Mount targets that do not exist yet. In the writable root they are simply created; in a read-only
 * place (the host's /usr) the nearest folder that exists is first covered by an overlay of itself
 * with an upper folder in memory, which becomes read-only again when all targets are made.
 */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

static int create(const char *target, bool is_dir)
{
	_cleanup_free_ char *path = xstrdup(target);
	char *slash = strrchr(path, '/');
	int fd, r;

	if (is_dir)
		return fs_mkdirs(target, 0755, NULL);
	*slash = '\0';
	r = *path ? fs_mkdirs(path, 0755, NULL) : 0;
	if (r < 0)
		return r;
	fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Overlay the nearest existing folder above `target` with itself. */
static int cover(struct box *b, const char *target, struct err *e)
{
	_cleanup_free_ char *dir = xstrdup(target);
	_cleanup_close_ int lower = -1, upper = -1, work = -1;
	struct overlay o = {.lower = &lower, .n_lower = 1};
	char name[64];
	int r, mnt = -1;

	do {
		char *slash = strrchr(dir, '/');

		if (slash == dir)
			return err_set(e, -EROFS, "cannot create '%s' in the sandbox", target);
		*slash = '\0';
		lower = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	} while (lower < 0);
	if (b->n_covers == ARRAY_SIZE(b->cover_fds))
		return err_set(e, -E2BIG, "too many mount targets in read-only places");
	for (int i = 0; i < 2; i++) {
		int *fd = i ? &work : &upper;

		snprintf(name, sizeof(name), "cover-%u-%s", b->n_covers, i ? "work" : "upper");
		if (mkdirat(b->base_fd, name, 0755) == 0)
			*fd = openat(b->base_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (*fd < 0)
			return err_errno(e, -errno, "cannot make an upper folder for '%s'", dir);
	}
	o.upper = upper;
	o.work = work;
	r = mount_overlay(&o, dir, ATTR_NOSUID | ATTR_NODEV, &mnt, e);
	if (r == 0)
		b->cover_fds[b->n_covers++] = mnt;
	return r < 0 ? err_prefix(e, "making place for '%s'", target) : 0;
}

int target_make(struct box *b, const char *target, bool is_dir, struct err *e)
{
	struct stat st;
	int r;

	if (stat(target, &st) == 0) {
		if (S_ISDIR(st.st_mode) == is_dir)
			return 0;
		return err_set(e, is_dir ? -ENOTDIR : -EISDIR,
			"cannot mount at '%s': one of source and target is a folder, the other is not",
			target);
	}
	r = create(target, is_dir);
	if (r == -EROFS || r == -EACCES || r == -EPERM) {
		r = cover(b, target, e);
		if (r < 0)
			return r;
		r = create(target, is_dir);
	}
	return r < 0 ? err_errno(e, r, "cannot create the mount target '%s' in the sandbox", target)
		     : 0;
}

void targets_done(struct box *b)
{
	/* best effort: without mount_setattr(2) they stay writable, in memory and for this run */
	for (unsigned i = 0; i < b->n_covers; i++)
		if (b->cover_fds[i] >= 0) {
			sys_mount_setattr(b->cover_fds[i], ATTR_RDONLY, 0);
			close(b->cover_fds[i]);
		}
	b->n_covers = 0;
}
