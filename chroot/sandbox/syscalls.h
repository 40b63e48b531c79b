/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system calls libmount and libc of today's stable distributions do not wrap: the new mount
 * API, pidfds and clone. Each returns 0 or a descriptor, or a negative errno; a kernel that does
 * not know the call gives -ENOSYS, and the callers have their fallbacks.
 */
#ifndef PMKMOD_SYSCALLS_H
#define PMKMOD_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* MOUNT_ATTR_*; by names of our own, since <linux/mount.h> and glibc's <sys/mount.h> exclude each
 * other in some versions, and libmount.h brings the latter in. */
enum {
	ATTR_RDONLY = 0x1,
	ATTR_NOSUID = 0x2,
	ATTR_NODEV = 0x4,
	ATTR_NOEXEC = 0x8,
};

/* A new superblock being configured; close-on-exec. */
int sys_fsopen(const char *type);
int sys_fsconfig_string(int fs, const char *key, const char *value);
int sys_fsconfig_flag(int fs, const char *key);
int sys_fsconfig_fd(int fs, const char *key, int fd);
int sys_fsconfig_create(int fs);
/* A detached mount of it, with ATTR_* */
int sys_fsmount(int fs, unsigned attrs);
/* What the kernel left in the context's log, without newlines; "" if nothing. */
void sys_fslog(int fs, char *buf, size_t len);

/* A detached recursive copy of the mount at `fd` (O_PATH). */
int sys_open_tree_clone(int fd);
/* Set ATTR_* on a mount and, if `recursive`, on all mounts below it. */
int sys_mount_setattr(int mnt, uint64_t set, int recursive);
/* Attach a detached mount at `target`. */
int sys_move_mount(int mnt, const char *target);
int sys_pivot_root(const char *new_root, const char *put_old);

int sys_pidfd_open(pid_t pid);
int sys_pidfd_kill(int pidfd, int sig);
/* fork, but the child's parent is the caller's parent. The caller must have one thread only. */
pid_t sys_fork_sibling(void);

#endif
