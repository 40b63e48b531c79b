// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/sandbox/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture but alpha; for headers older than the calls. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int sys_fsopen(const char *type)
{
	return result(syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */));
}

int sys_fsconfig_string(int fs, const char *key, const char *value)
{
	return result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}

int sys_fsconfig_flag(int fs, const char *key)
{
	return result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0));
}

int sys_fsconfig_fd(int fs, const char *key, int fd)
{
	return result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD, key, NULL, fd));
}

int sys_fsconfig_create(int fs)
{
	return result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

int sys_fsmount(int fs, unsigned attrs)
{
	return result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs));
}

void sys_fslog(int fs, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	while (used + 2 < len) {
		ssize_t n = read(fs, buf + used, len - used - 1);

		if (n <= 0)
			break;
		while (n > 0 && buf[used + (size_t)n - 1] == '\n')
			n--;
		used += (size_t)n;
		buf[used] = '\0';
	}
}

int sys_open_tree_clone(int fd)
{
	return result(syscall(SYS_open_tree, fd, "",
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH));
}

int sys_mount_setattr(int mnt, uint64_t set, int recursive)
{
	struct {
		uint64_t attr_set, attr_clr, propagation, userns_fd;
	} attr = {.attr_set = set};

	return result(syscall(SYS_mount_setattr, mnt, "",
		AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)));
}

int sys_move_mount(int mnt, const char *target)
{
	/* the target's last component may be a link that the layers' maker wanted followed */
	return result(syscall(SYS_move_mount, mnt, "", AT_FDCWD, target,
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS));
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return result(syscall(SYS_pivot_root, new_root, put_old));
}

int sys_pidfd_open(pid_t pid)
{
	return result(syscall(SYS_pidfd_open, pid, 0));
}

int sys_pidfd_kill(int pidfd, int sig)
{
	return result(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

pid_t sys_fork_sibling(void)
{
#ifdef __s390x__ /* the two first arguments change places there */
	return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
#endif
}
