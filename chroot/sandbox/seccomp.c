// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The system call filter. It says "done" to changes of ownership, which a map of one uid cannot
 * express, and to flushing, which a throw-away root does not need; and "no" to what foreign code
 * has no business with. Everything else is allowed: a list of allowed calls would break the next
 * compiler. Calls of emulated programs arrive as qemu's own, so one filter covers both.
 */
#include "chroot/sandbox/internal.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IN_SETUP = 1, IN_BUILD = 2, ALWAYS = 3 };

struct rule {
	const char *name;
	int who;
	int err; /* what the call answers */
	/* only if (argument & mask) == value; mask 0: always */
	unsigned arg;
	uint64_t mask, value;
};

#define DONE(n)                                                                                    \
	{                                                                                          \
		n, ALWAYS, 0, 0, 0, 0                                                              \
	}
#define DENY(n, err)                                                                               \
	{                                                                                          \
		n, ALWAYS, err, 0, 0, 0                                                            \
	}
#define DENY_BUILD(n)                                                                              \
	{                                                                                          \
		n, IN_BUILD, EPERM, 0, 0, 0                                                        \
	}

static const struct rule rules[] = {
	/* one uid is mapped: any other owner would be EINVAL */
	DONE("chown"),
	DONE("chown32"),
	DONE("lchown"),
	DONE("lchown32"),
	DONE("fchown"),
	DONE("fchown32"),
	DONE("fchownat"),
	/* the layer store syncs once, when a layer is whole */
	DONE("fsync"),
	DONE("fdatasync"),
	DONE("sync"),
	DONE("syncfs"),
	DONE("msync"),
	DONE("sync_file_range"),
	DONE("sync_file_range2"),
	DONE("arm_sync_file_range"),
	/* package scripts that make device nodes mean a real machine; ours has its /dev */
	{"mknod", IN_SETUP, 0, 1, S_IFMT, S_IFCHR},
	{"mknod", IN_SETUP, 0, 1, S_IFMT, S_IFBLK},
	{"mknodat", IN_SETUP, 0, 2, S_IFMT, S_IFCHR},
	{"mknodat", IN_SETUP, 0, 2, S_IFMT, S_IFBLK},

	/* a new user namespace has all capabilities again, and with them all of the kernel that
	 * checks only those. clone3 hides its flags in memory; ENOSYS makes libc use clone. */
	{"unshare", ALWAYS, EPERM, 0, CLONE_NEWUSER, CLONE_NEWUSER},
#ifdef __s390x__
	{"clone", ALWAYS, EPERM, 1, CLONE_NEWUSER, CLONE_NEWUSER},
#else
	{"clone", ALWAYS, EPERM, 0, CLONE_NEWUSER, CLONE_NEWUSER},
#endif
	DENY("clone3", ENOSYS),
	DENY("setns", EPERM),
	/* typing into the terminal pmkmod was started from; the argument is an int, so only the
	 * lower half of the register counts */
	{"ioctl", ALWAYS, EPERM, 1, 0xffffffff, TIOCSTI},
	{"ioctl", ALWAYS, EPERM, 1, 0xffffffff, TIOCLINUX},
	/* the host's keyrings, and interfaces that are the usual way into the kernel */
	DENY("keyctl", ENOSYS),
	DENY("add_key", ENOSYS),
	DENY("request_key", ENOSYS),
	DENY("bpf", EPERM),
	DENY("userfaultfd", ENOSYS),
	DENY("perf_event_open", EPERM),
	DENY("io_uring_setup", ENOSYS),
	DENY("io_uring_enter", ENOSYS),
	DENY("io_uring_register", ENOSYS),
	DENY("kexec_load", EPERM),
	DENY("kexec_file_load", EPERM),
	DENY("init_module", EPERM),
	DENY("finit_module", EPERM),
	DENY("delete_module", EPERM),
	DENY("open_by_handle_at", EPERM),
	DENY("quotactl", EPERM),
	DENY("quotactl_fd", EPERM),
	DENY("swapon", EPERM),
	DENY("swapoff", EPERM),
	DENY("reboot", EPERM),
	DENY("acct", EPERM),
	DENY("settimeofday", EPERM),
	DENY("clock_settime", EPERM),
	DENY("clock_settime64", EPERM),
	DENY("stime", EPERM),
	DENY("adjtimex", EPERM),
	DENY("clock_adjtime", EPERM),
	DENY("clock_adjtime64", EPERM),
	DENY("iopl", EPERM),
	DENY("ioperm", EPERM),
	DENY("modify_ldt", EPERM),
	DENY("nfsservctl", ENOSYS),
	DENY("lookup_dcookie", EPERM),
	DENY("syslog", EPERM),
	DENY("vhangup", EPERM),
	DENY("move_pages", EPERM),
	DENY("migrate_pages", EPERM),
	DENY("fanotify_init", EPERM),
	/* the hypervisor's sockets know no network namespaces */
	{"socket", ALWAYS, EAFNOSUPPORT, 0, 0xffffffff, AF_VSOCK},

	DENY_BUILD("mount"),
	DENY_BUILD("umount"),
	DENY_BUILD("umount2"),
	DENY_BUILD("pivot_root"),
	DENY_BUILD("chroot"),
	DENY_BUILD("open_tree"),
	DENY_BUILD("open_tree_attr"),
	DENY_BUILD("move_mount"),
	DENY_BUILD("fsopen"),
	DENY_BUILD("fsconfig"),
	DENY_BUILD("fsmount"),
	DENY_BUILD("fspick"),
	DENY_BUILD("mount_setattr"),
	DENY_BUILD("ptrace"),
	DENY_BUILD("sethostname"),
	DENY_BUILD("setdomainname"),
};

/* Programs of these run natively beside the native ones. */
static const struct {
	uint32_t native, other;
} other_abis[] = {
	{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
	{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM},
	{SCMP_ARCH_S390X, SCMP_ARCH_S390},
};

static int add_rule(scmp_filter_ctx ctx, const struct rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->name);
	struct scmp_arg_cmp cmp = {rule->arg, SCMP_CMP_MASKED_EQ, rule->mask, rule->value};
	int r;

	if (nr == __NR_SCMP_ERROR) /* a call newer than this libseccomp */
		return 0;
	r = seccomp_rule_add_array(
		ctx, SCMP_ACT_ERRNO((uint16_t)rule->err), nr, rule->mask ? 1 : 0, &cmp);
	/* calls an ABI does not have */
	return r == -EDOM || r == -ENOENT ? 0 : r;
}

static int add_rules(scmp_filter_ctx ctx, enum sandbox_privilege p)
{
	int who = p == SANDBOX_SETUP ? IN_SETUP : IN_BUILD;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(other_abis); i++)
		if (seccomp_arch_native() == other_abis[i].native)
			r = seccomp_arch_add(ctx, other_abis[i].other);
	/* any further ABI (x32) would be a way around all of this */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules); i++)
		if (rules[i].who & who)
			r = add_rule(ctx, &rules[i]);
	return r;
}

static int add_all(scmp_filter_ctx ctx, enum sandbox_privilege p, bool notify)
{
	int r = ctx ? add_rules(ctx, p) : -ENOMEM;

	if (r == 0 && notify)
		r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(uname), 0);
	return r;
}

/* The program as the kernel takes it, out of libseccomp (which has no call for it before 2.6 but
 * writing it to a file). */
static int export_program(scmp_filter_ctx ctx, struct sock_fprog *out)
{
	_cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st = {0};
	int r = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0)
		return r;
	out->filter = xcalloc(1, (size_t)st.st_size);
	out->len = (unsigned short)((size_t)st.st_size / sizeof(*out->filter));
	return pread(fd, out->filter, (size_t)st.st_size, 0) == st.st_size ? 0 : -EIO;
}

/* Made once: it takes longer to generate than all mounts of a sandbox together. */
static struct sock_fprog programs[2][2];
static pthread_mutex_t programs_lock = PTHREAD_MUTEX_INITIALIZER;

int filter_prepare(enum sandbox_privilege p, bool notify, struct err *e)
{
	struct sock_fprog *prog = &programs[p == SANDBOX_BUILD][notify];
	scmp_filter_ctx ctx;
	int r = 0;

	pthread_mutex_lock(&programs_lock);
	if (!prog->len) {
		ctx = seccomp_init(SCMP_ACT_ALLOW);
		r = add_all(ctx, p, notify);
		if (r == 0)
			r = export_program(ctx, prog);
		if (ctx)
			seccomp_release(ctx);
	}
	pthread_mutex_unlock(&programs_lock);
	return r < 0 ? err_errno(e, r, "cannot generate the system call filter") : 0;
}

int filter_load(enum sandbox_privilege p, int *notify_fd, struct err *e)
{
	/* SPEC_ALLOW: before Linux 5.16 a filter switches a mitigation on that slows compilers
	 * down; nothing of another user is in this process's memory */
	unsigned flags =
		SECCOMP_FILTER_FLAG_SPEC_ALLOW | (notify_fd ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
	long r;

	/* the condition for loading a filter without CAP_SYS_ADMIN, and it makes set-uid programs
	 * harmless */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, -errno, "cannot give up new privileges");
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		&programs[p == SANDBOX_BUILD][notify_fd != NULL]);
	if (r < 0)
		return err_errno(e, -errno, "cannot install the system call filter (seccomp)");
	if (notify_fd)
		*notify_fd = (int)r;
	return 0;
}
