// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The root of a run. Everything is attached before something is put into it (filling detached trees
 * needs Linux 6.15): a tmpfs on a folder every host has, the new root in it, pivot_root(2), then
 * /proc, /dev, /tmp, /run and the caller's mounts at paths the new root confines. The old root goes
 * last: a new /proc may be mounted only while an old one is fully visible.
 */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

/* Sources are open already, so it does not matter what the tmpfs hides. */
static const char *const base_places[] = {"/tmp", "/run", "/var", "/mnt", NULL};

static const char *const device_nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
struct devices {
	int fd[ARRAY_SIZE(device_nodes)];
};

static const struct {
	const char *name, *target;
} device_links[] = {
	{"/dev/ptmx", "pts/ptmx"},
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
};

static int make_base(struct box *b, const char **where, struct err *e)
{
	_cleanup_free_ char *options = tmpfs_options(b, "0755");
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && base_places[i]; i++) {
		*where = base_places[i];
		if (!fs_is_dir(*where))
			continue;
		r = mount_fs("tmpfs", *where, options, e);
	}
	if (r < 0)
		return r == -ENOENT ? err_set(e, r, "the host has no /tmp to start a sandbox in")
				    : r;
	b->base_fd = open(*where, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return b->base_fd < 0 ? err_errno(e, -errno, "cannot open the sandbox's tmpfs") : 0;
}

/* A folder in the base tmpfs. */
static int base_dir(const struct box *b, const char *name, struct err *e)
{
	int fd = -1;

	if (mkdirat(b->base_fd, name, 0755) == 0)
		fd = openat(b->base_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, -errno, "cannot create '%s' in the sandbox's tmpfs", name)
		      : fd;
}

static int overlay_root(struct box *b, const char *where, struct err *e)
{
	struct overlay o = {b->root.layers, b->root.n_layers, b->upper_fd, b->work_fd};
	_cleanup_close_ int upper = -1, work = -1;

	if (o.upper < 0) {
		o.upper = upper = base_dir(b, "upper", e);
		o.work = work = upper < 0 ? -1 : base_dir(b, "work", e);
		if (work < 0)
			return e ? e->code : -EIO;
	}
	return mount_overlay(&o, where, ATTR_NOSUID | ATTR_NODEV, NULL, e);
}

static int make_host_root(struct box *b, const char *base, const char *root, struct err *e)
{
	_cleanup_free_ char *skeleton = path_join(base, "skeleton");
	_cleanup_close_ int fd = base_dir(b, "skeleton", e);
	int r = fd < 0 ? fd : host_root_skeleton(skeleton, e);

	if (r < 0)
		return r;
	if (b->upper_fd >= 0) {
		b->root.layers = &fd;
		b->root.n_layers = 1;
		r = overlay_root(b, root, e);
		b->root.layers = NULL;
		b->root.n_layers = 0;
	} else {
		r = mount_bind(fd, root, ATTR_NOSUID | ATTR_NODEV, e);
	}
	return r < 0 ? r : host_root_bind(root, e);
}

static int make_root(struct box *b, const char *base, const char *root, struct err *e)
{
	_cleanup_close_ int place = base_dir(b, "root", e);

	if (place < 0)
		return place;
	if (b->s->root_bind)
		return mount_bind(b->root.fd, root, ATTR_NOSUID | ATTR_NODEV, e);
	if (b->s->host_root)
		return make_host_root(b, base, root, e);
	return overlay_root(b, root, e);
}

/* Make `root` the process's root; the old one stays attached, reachable through *old. */
static int enter_root(const char *root, int *old, struct err *e)
{
	*old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*old < 0 || chdir(root) < 0)
		return err_errno(e, -errno, "cannot enter the new root");
	/* pivot_root and not chroot: a chroot can be left again by whoever has CAP_SYS_CHROOT, and
	 * the host's mounts would stay within reach */
	if (sys_pivot_root(".", ".") < 0)
		return err_errno(e, -errno, "cannot make the new root the root (pivot_root)");
	return chdir("/") < 0 ? err_errno(e, -errno, "cannot enter the new root") : 0;
}

static int leave_old_root(int old, struct err *e)
{
	/* the host's files disappear from the namespace; nothing in it can bring them back */
	if (fchdir(old) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(e, -errno, "cannot detach the host's root");
	return 0;
}

static int make_proc(struct box *b, struct err *e)
{
	int r = fs_mkdirs("/proc", 0755, e);

	/*
	 * A procfs of the new pid namespace, so that host processes are invisible. Read-only,
	 * because uid 0 inside may be the host's uid 0 (pmkmod run by root): then /proc/sys and
	 * /proc/sysrq-trigger would be writable without any capability.
	 */
	if (r == 0)
		r = mount_fs("proc", "/proc", "ro,nosuid,nodev,noexec", e);
	if (r == -EPERM) {
		err_hint(e,
			"Parts of the host's /proc are covered, as container engines do; a new one "
			"may not show them. Start the container with --security-opt "
			"systempaths=unconfined (docker) or --security-opt unmask=ALL (podman).");
		b->explained = true;
	}
	return r;
}

static void open_devices(struct devices *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_nodes); i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/%s", device_nodes[i]);
		d->fd[i] = open(path, O_PATH | O_CLOEXEC);
	}
}

/* Device nodes cannot be made in a user namespace: the host's are bound, each by itself. */
static int bind_devices(struct devices *d, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(device_nodes); i++) {
		char path[32];
		int fd;

		if (d->fd[i] < 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", device_nodes[i]);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
		if (fd < 0)
			return err_errno(e, -errno, "cannot create '%s' in the sandbox", path);
		close(fd);
		r = mount_bind(d->fd[i], path, ATTR_NOSUID | ATTR_NOEXEC, e);
		if (r < 0)
			return r;
		close(d->fd[i]);
	}
	return 0;
}

static int make_dev(const struct box *b, struct devices *d, struct err *e)
{
	_cleanup_free_ char *shm = tmpfs_options(b, "1777");
	int r = fs_mkdirs("/dev", 0755, e);

	/* 0755 and not tmpfs's 1777: in a sticky folder the kernel refuses open(O_CREAT) of a file
	 * somebody else owns (fs.protected_regular), which "> /dev/null" is */
	if (r == 0)
		r = mount_fs("tmpfs", "/dev", "mode=0755,nosuid,size=1m", e);
	if (r == 0)
		r = bind_devices(d, e);
	if (r == 0 && (mkdir("/dev/pts", 0755) < 0 || mkdir("/dev/shm", 0755) < 0))
		r = err_errno(e, -errno, "cannot fill /dev in the sandbox");
	/* pseudo terminals of our own: the host's are none of the build's business */
	if (r == 0)
		r = mount_fs("devpts", "/dev/pts",
			"newinstance,ptmxmode=0666,mode=0620,nosuid,noexec", e);
	if (r == 0)
		r = mount_fs("tmpfs", "/dev/shm", shm, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(device_links); i++)
		if (symlink(device_links[i].target, device_links[i].name) < 0)
			r = err_errno(e, -errno, "cannot create '%s'", device_links[i].name);
	return r;
}

static int make_tmpfs(const struct box *b, const char *target, const char *mode, struct err *e)
{
	_cleanup_free_ char *options = tmpfs_options(b, mode);
	int r = fs_mkdirs(target, 0755, e);

	return r < 0 ? r : mount_fs("tmpfs", target, options, e);
}

static int make_mount(
	struct box *b, const struct sandbox_mount *m, struct source *src, struct err *e)
{
	const unsigned attrs = ATTR_NOSUID | ATTR_NODEV;
	struct overlay o = {src->layers, src->n_layers, -1, -1};
	int r = target_make(b, m->target, src->is_dir, e);

	if (r < 0)
		return r;
	switch (m->kind) {
	case SANDBOX_BIND_RW:
		return mount_bind(src->fd, m->target, attrs, e);
	case SANDBOX_BIND_RO:
		return mount_bind(src->fd, m->target, attrs | ATTR_RDONLY, e);
	case SANDBOX_TMPFS:
		return make_tmpfs(b, m->target, "0755", e);
	case SANDBOX_OVERLAY_RO:
		/* overlayfs wants two lower layers if there is no upper one */
		if (o.n_lower == 1)
			return mount_bind(o.lower[0], m->target, attrs | ATTR_RDONLY, e);
		return mount_overlay(&o, m->target, attrs | ATTR_RDONLY, NULL, e);
	}
	return err_set(e, -EINVAL, "unknown kind of mount for '%s'", m->target);
}

static int fill_root(struct box *b, struct devices *d, struct err *e)
{
	int r = make_proc(b, e);

	if (r == 0)
		r = make_dev(b, d, e);
	if (r == 0)
		r = make_tmpfs(b, "/tmp", "1777", e);
	if (r == 0)
		r = make_tmpfs(b, "/run", "0755", e);
	for (size_t i = 0; r == 0 && i < b->s->n_mounts; i++)
		r = make_mount(b, &b->s->mounts[i], &b->mounts[i], e);
	if (r == 0)
		r = emulation_links(b, e);
	targets_done(b);
	return r;
}

int root_build(struct box *b, struct err *e)
{
	_cleanup_free_ char *root = NULL;
	_cleanup_close_ int old = -1;
	const char *base = NULL;
	struct devices d;
	int r;

	/* what is mounted from here on must not travel back to the host's namespace */
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, -errno, "cannot make the sandbox's mounts private");
	r = sources_open(b, e);
	if (r < 0)
		return r;
	open_devices(&d);
	umask(022);
	r = make_base(b, &base, e);
	if (r == 0) {
		root = path_join(base, "root");
		r = make_root(b, base, root, e);
	}
	if (r == 0)
		r = enter_root(root, &old, e);
	if (r == 0)
		r = fill_root(b, &d, e);
	if (r == 0)
		r = leave_old_root(old, e);
	return r;
}
