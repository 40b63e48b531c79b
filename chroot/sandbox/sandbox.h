/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run one command in a root of its own, as an ordinary user: namespaces, overlay, binfmt, seccomp.
 * Knows nothing of packages, modules or devices.
 */
#ifndef PMKMOD_SANDBOX_H
#define PMKMOD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* The architectures a root can have, by Alpine's names; sandbox/arch.c holds the table. */
struct arch_info {
	const char *alpine; /* "aarch64", "armv7", "x86_64", ... */
	const char *linux_arch; /* kbuild's ARCH=: "arm64", "arm", "x86" */
	const char *qemu; /* suffix of the qemu-user program: "aarch64", "arm" */
	const char *uname; /* uname -m of a machine: "aarch64", "armv7l" */
	uint16_t elf_machine; /* EM_AARCH64 ... */
	uint8_t elf_class; /* ELFCLASS32 or ELFCLASS64 */
	uint8_t elf_data; /* ELFDATA2LSB or ELFDATA2MSB */
};
/* NULL if the name is unknown. */
const struct arch_info *arch_by_name(const char *alpine);
/* The usual one of an ELF machine (armv7 of the two for EM_ARM); NULL if it is unknown. */
const struct arch_info *arch_by_elf(uint16_t machine);
/* The architecture pmkmod itself runs on (uname(2)); never NULL (abort on an unknown one). */
const struct arch_info *arch_native(void);
/* Can the build machine run programs of `a` without qemu? (same, or x86 on x86_64) */
bool arch_runs_natively(const struct arch_info *a);

enum sandbox_mount_kind {
	SANDBOX_BIND_RO, /* host `source` at `target`, read-only, nosuid, nodev */
	SANDBOX_BIND_RW, /* host `source` at `target`, writable, nosuid, nodev */
	SANDBOX_OVERLAY_RO, /* `layers` stacked read-only at `target` */
	SANDBOX_TMPFS, /* empty tmpfs at `target` */
};

struct sandbox_mount {
	enum sandbox_mount_kind kind;
	const char *source; /* BIND: host path (a folder or a file) */
	const struct strvec *layers; /* OVERLAY_RO: host folders, topmost first */
	const char *target; /* absolute path inside; created in the upper layer if missing */
};

enum sandbox_privilege {
	/* package scripts: ns-root with the capabilities a chroot needs; chown/fsync answered 0 */
	SANDBOX_SETUP,
	/* foreign code: no capability at all, no_new_privs, the strict filter, no network */
	SANDBOX_BUILD,
};

/* Everything is borrowed for the duration of the call. Zero-initialise, then fill in. */
struct sandbox_spec {
	const struct strvec *layers; /* lower folders of `/`, topmost first, at least one... */
	const char *root_bind; /* ...unless this: `/` is this host folder itself, writable (package
				* scripts of a layer that is a plain folder); no overlay at all */
	bool host_root; /* ...or this: `/` is a tmpfs with the host's /usr (and /bin,
			 * /sbin, /lib*, as binds or links, /etc/alternatives, ld.so.cache)
			 * read-only: the way of toolchain.native = host */
	const char *upper; /* writable layer: a host folder that gets upper/ and work/ below it,
			    * kept after the run (layers are made so); NULL: tmpfs, thrown away */
	uint64_t tmpfs_bytes; /* size of each tmpfs (upper, /tmp), 0: half of memory */
	const struct sandbox_mount *mounts;
	size_t n_mounts;
	/* Foreign programs: arch whose ELF files go to qemu-user; NULL or a native one: none. */
	const struct arch_info *emulate;
	const char *qemu_path; /* static qemu-user program; NULL: found on PATH and usual places */
	const char
		*foreign_root; /* path *inside* where foreign programs find their loader and
				* libraries first (QEMU_LD_PREFIX); NULL: "/". qemu takes every
				* absolute path that exists below it from there, for writing too:
				* keep the folders one builds in out of that root. A link at the
				* prefix qemu was compiled with (/etc/qemu-binfmt/<arch>), made in
				* the upper layer, does the same for programs under `env -i` */
	const char
		*uname_release; /* what `uname -r` answers, natively and emulated; NULL: host's */
	const char *uname_machine; /* what `uname -m` answers natively; NULL: host's */
	const char *hostname; /* UTS name inside; NULL: "pmkmod" */
	enum sandbox_privilege privilege;
	const char *const *argv; /* argv[0] is looked up in env's PATH inside the root */
	const char *const *env; /* the whole environment; QEMU_* are added */
	const char *cwd; /* inside; NULL: "/" */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
	const int *pass_fds; /* descriptors (from 3 on) the command inherits at the same numbers,
			      * e.g. make's jobserver; all others are closed for it */
	size_t n_pass_fds;
	bool tty; /* keep the controlling terminal (pmkmod shell) */
	unsigned timeout_s; /* wall clock, 0: none; -ETIMEDOUT */
	uint64_t max_file_bytes; /* RLIMIT_FSIZE, 0: none */
	uint64_t max_procs; /* RLIMIT_NPROC is per uid, so this is pids inside; 0: none. Linux 5.14
			     * counts them per user namespace; not enforced for the host's root */
	/* Called with each chunk the command writes to stdout and stderr (merged through one
	 * pipe), when not NULL; stdout_fd and stderr_fd are then ignored. A negative return
	 * kills the command and becomes the result. */
	int (*output)(void *ctx, const char *data, size_t len);
	void *output_ctx;
	/* Called about once a second while the command runs, when not NULL. A negative return, with
	 * its sentence, kills the command and becomes the result. */
	int (*tick)(void *ctx, struct err *e);
	void *tick_ctx;
	/* Run in the child as ns-root, after the root is in place and before privileges drop, e.g.
	 * several scripts in one sandbox; NULL: exec argv. Its return value is the exit status.
	 * The caller's descriptors stay open for it, and its environment is `env`. With
	 * SANDBOX_BUILD it has no more rights than a command would have. */
	int (*inside)(void *ctx);
	void *inside_ctx;
};

struct sandbox_result {
	int status; /* exit status of the command, or 128+signal */
	bool killed_by_signal;
	int signal;
	long peak_rss_kib; /* of the largest process inside */
	double started_s, ended_s; /* seconds from the call to the command's start, and from its end
				    * to the return; the former 0 if it was not started */
};

/*
 * Run and wait. 0 if the command could be started (look at result->status), else negative errno
 * with a sentence that says what the kernel refused and how to allow it (user namespaces off,
 * AppArmor, no binfmt_misc in user namespaces before Linux 6.7, no qemu, ...):
 * -EPERM/-ENOSYS no user namespaces, -ENOENT no qemu, -ETIMEDOUT, -EINTR interrupted.
 * Nothing stays mounted or running, whatever happens, SIGKILL of the caller included.
 */
int sandbox_run(const struct sandbox_spec *s, struct sandbox_result *result, struct err *e);

/* Can this process make the namespaces of a sandbox? Nothing else is tried and nothing is left. The
 * errors are those of sandbox_run(). */
int sandbox_try_namespaces(struct err *e);
/* Append what sysctl(8) has to set ("user.max_user_namespaces=15000") where a switch of this host
 * forbids user namespaces, or takes their rights away; nothing where none does. */
void sandbox_settings(struct strvec *settings);

/* Path of the static qemu-user program for `a`; -ENOENT with a remedy if there is none, -ENOEXEC
 * if the one found is dynamically linked. Caller frees *out. */
int sandbox_find_qemu(const struct arch_info *a, const char *configured, char **out, struct err *e);

/* elf_peek.c: the few facts of an ELF header that decide whether a program can run */
struct elf_facts {
	uint16_t machine;
	uint8_t elf_class, elf_data;
	char interp[256]; /* "" if static */
};
int elf_peek(const char *path, struct elf_facts *out); /* -ENOEXEC: not ELF */

/*
 * Install handlers for SIGINT, SIGTERM and SIGHUP that set a flag; sandbox_run() and long loops
 * end with -EINTR when it is set. Call once from main().
 */
void interrupt_install(void);
/* In a forked child that goes on by itself: what wakes it is no longer the parent's. */
void interrupt_forked(void);
bool interrupted(void);
int interrupt_signal(void); /* which one, 0: none */

#endif
