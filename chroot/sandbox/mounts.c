// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Single mounts. Classic file systems go through libmount, whose helpers (/sbin/mount.*), utab and
 * fstab are switched off: inside a namespace they would look at, or write, the host's state. Binds
 * and overlays use the new mount API by descriptor, so that no path is parsed twice and no comma or
 * colon in a path matters; older kernels get mount(2) with /proc/self/fd/N as the path.
 */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <libmount.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include "chroot/sandbox/syscalls.h"

unsigned sandbox_force;

static int classic_mount(const char *type, const char *source, const char *target,
	const char *options, unsigned long flags)
{
	struct libmnt_context *cxt = mnt_new_context();
	int r;

	if (!cxt)
		return -ENOMEM;
	mnt_context_disable_helpers(cxt, 1);
	mnt_context_disable_mtab(cxt, 1);
	mnt_context_disable_canonicalize(cxt, 1);
	mnt_context_set_optsmode(cxt, MNT_OMODE_NOTAB);
	if ((type && mnt_context_set_fstype(cxt, type)) || mnt_context_set_source(cxt, source) ||
		mnt_context_set_target(cxt, target) ||
		(options && mnt_context_set_options(cxt, options)) ||
		mnt_context_set_mflags(cxt, flags)) {
		r = -EINVAL;
	} else {
		r = mnt_context_mount(cxt);
		if (mnt_context_syscall_called(cxt))
			r = -mnt_context_get_syscall_errno(cxt);
		else if (r > 0)
			r = -EIO;
	}
	mnt_free_context(cxt);
	return r;
}

int mount_fs(const char *type, const char *target, const char *options, struct err *e)
{
	/* CAP_SYS_ADMIN over the mount namespace: a file system of our own at a place of our own */
	int r = classic_mount(type, type, target, options, 0);

	return r < 0 ? err_errno(e, r, "cannot mount a %s at '%s' in the sandbox", type, target)
		     : 0;
}

char *tmpfs_options(const struct box *b, const char *mode)
{
	if (b->s->tmpfs_bytes)
		return xasprintf("mode=%s,nosuid,nodev,size=%llu", mode,
			(unsigned long long)b->s->tmpfs_bytes);
	return xasprintf("mode=%s,nosuid,nodev", mode);
}

/* ---- binds ---- */

static const struct {
	unsigned attr;
	unsigned long flag;
} attr_flags[] = {
	{ATTR_RDONLY, MS_RDONLY},
	{ATTR_NOSUID, MS_NOSUID},
	{ATTR_NODEV, MS_NODEV},
	{ATTR_NOEXEC, MS_NOEXEC},
};

static unsigned long flags_of_attrs(unsigned attrs)
{
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attr_flags); i++)
		if (attrs & attr_flags[i].attr)
			flags |= attr_flags[i].flag;
	return flags;
}

/*
 * Before mount_setattr(2) (5.12) every mount below a bind is remounted by itself. The flags it has
 * are given again: those the host set are locked in a user namespace, and leaving one out is EPERM.
 */
static int remount_all(const char *where, unsigned long flags)
{
	struct libmnt_table *tb = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *it = mnt_new_iter(MNT_ITER_FORWARD);
	size_t len = strlen(where);
	struct libmnt_fs *fs;
	int r = tb && it ? 0 : -ENOMEM;

	while (r == 0 && mnt_table_next_fs(tb, it, &fs) == 0) {
		const char *target = mnt_fs_get_target(fs);
		unsigned long old = 0;

		if (strncmp(target, where, len) != 0 || (target[len] && target[len] != '/'))
			continue;
		mnt_optstr_get_flags(
			mnt_fs_get_vfs_options(fs), &old, mnt_get_builtin_optmap(MNT_LINUX_MAP));
		if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | old | flags, NULL) < 0)
			r = -errno;
	}
	mnt_free_iter(it);
	mnt_unref_table(tb);
	return r;
}

static int classic_bind(int fd, const char *target, unsigned attrs)
{
	char source[64], where[PATH_MAX];
	int r;

	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	r = classic_mount(NULL, source, target, NULL, MS_BIND | MS_REC);
	if (r == 0 && !realpath(target, where))
		r = -errno;
	return r < 0 ? r : remount_all(where, flags_of_attrs(attrs));
}

static int new_bind(int fd, const char *target, unsigned attrs)
{
	/* a copy of the host's mounts, in our namespace; CAP_SYS_ADMIN over it suffices. Attributes
	 * are set before it is attached: there is no moment in which it is writable. */
	_cleanup_close_ int mnt = sys_open_tree_clone(fd);
	int r = mnt < 0 ? mnt : sys_mount_setattr(mnt, attrs, 1);

	return r < 0 ? r : sys_move_mount(mnt, target);
}

int mount_bind(int fd, const char *target, unsigned attrs, struct err *e)
{
	int r = sandbox_force & FORCE_CLASSIC_MOUNTS ? -ENOSYS : new_bind(fd, target, attrs);

	/* old container engines answer EPERM, not ENOSYS, to calls they do not know */
	if (r == -ENOSYS || r == -EPERM)
		r = classic_bind(fd, target, attrs);
	return r < 0 ? err_errno(e, r, "cannot bind-mount at '%s' in the sandbox", target) : 0;
}

/* ---- overlays ---- */

/* userxattr: without it whiteout and opaque marks need CAP_SYS_ADMIN on the host. index and
 * metacopy off: whatever the kernel's defaults, a layer made here can be stacked anywhere. */
static const char *const overlay_options[][2] = {
	{"userxattr", NULL}, {"index", "off"}, {"metacopy", "off"}};

static int new_overlay(
	const struct overlay *o, const char *target, unsigned attrs, int *mnt, char log[512])
{
	_cleanup_close_ int fs = sys_fsopen("overlay");
	_cleanup_close_ int m = -1;
	int r = fs < 0 ? fs : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(overlay_options); i++)
		r = overlay_options[i][1]
			    ? sys_fsconfig_string(fs, overlay_options[i][0], overlay_options[i][1])
			    : sys_fsconfig_flag(fs, overlay_options[i][0]);
	/* layers by descriptor: Linux 6.13; before it is EINVAL, and the classic call follows */
	for (size_t i = 0; r == 0 && i < o->n_lower; i++)
		if (sys_fsconfig_fd(fs, "lowerdir+", o->lower[i]) < 0)
			r = -ENOSYS;
	if (r == 0 && o->upper >= 0) {
		r = sys_fsconfig_fd(fs, "upperdir", o->upper);
		if (r == 0)
			r = sys_fsconfig_fd(fs, "workdir", o->work);
		/* the layer store syncs once; an overlay that syncs its whole file system when
		 * it goes away would wait for everybody else's writes too */
		if (r == 0)
			r = sys_fsconfig_flag(fs, "volatile");
	}
	if (r == 0)
		r = sys_fsconfig_create(fs);
	if (r == 0) {
		m = sys_fsmount(fs, attrs);
		r = m < 0 ? m : sys_move_mount(m, target);
	}
	if (r < 0 && fs >= 0)
		sys_fslog(fs, log, 512);
	if (r == 0 && mnt)
		*mnt = steal_fd(&m);
	return r;
}

/* Not libmount here: releases from 2.39 on turn long option strings into fsconfig(2) calls, whose
 * values end at 256 bytes. */
static int classic_overlay(const struct overlay *o, const char *target, unsigned attrs)
{
	_cleanup_strbuf_ struct strbuf opt = {0};

	for (size_t i = 0; i < ARRAY_SIZE(overlay_options); i++)
		strbuf_addf(&opt, "%s%s%s,", overlay_options[i][0],
			overlay_options[i][1] ? "=" : "",
			overlay_options[i][1] ? overlay_options[i][1] : "");
	if (o->upper >= 0)
		strbuf_addf(&opt, "volatile,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,",
			o->upper, o->work);
	for (size_t i = 0; i < o->n_lower; i++)
		strbuf_addf(&opt, "%s/proc/self/fd/%d", i ? ":" : "lowerdir=", o->lower[i]);
	if (opt.len >= (size_t)sysconf(_SC_PAGESIZE))
		return -E2BIG;
	return mount("overlay", target, "overlay", flags_of_attrs(attrs), opt.s) < 0 ? -errno : 0;
}

int mount_overlay(
	const struct overlay *o, const char *target, unsigned attrs, int *mnt, struct err *e)
{
	char log[512] = "";
	int r = sandbox_force & FORCE_CLASSIC_MOUNTS ? -ENOSYS
						     : new_overlay(o, target, attrs, mnt, log);

	if (r == -ENOSYS || r == -EPERM) {
		log[0] = '\0';
		r = classic_overlay(o, target, attrs);
	}
	if (r == 0)
		return 0;
	err_errno(e, r, "cannot stack %zu layers at '%s' (overlayfs)", o->n_lower, target);
	if (log[0])
		err_hint(e, "The kernel says: %s", log);
	if (e)
		hint_overlay(e, r, o->upper >= 0);
	return r;
}
