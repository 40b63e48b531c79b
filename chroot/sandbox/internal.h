/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the sandbox share. Three processes take part in a run:
 *
 *   supervisor  the caller of sandbox_run(): polls, times, kills (run.c)
 *   first       makes the namespaces, starts `init` and ends (spawn.c)
 *   init        pid 1 of the namespaces: builds the root, starts the command, reaps (init.c)
 */
#ifndef PMKMOD_SANDBOX_INTERNAL_H
#define PMKMOD_SANDBOX_INTERNAL_H

#include <sys/utsname.h>

#include "chroot/sandbox/sandbox.h"

/* Tests set these to walk the paths that older kernels need. */
enum {
	FORCE_CLASSIC_MOUNTS = 1, /* as if the new mount API were missing */
	FORCE_HOST_BINFMT = 2, /* as if binfmt_misc could not be mounted here (< 6.7) */
	FORCE_NO_NOTIFY = 4, /* as if seccomp user notification were refused */
};
extern unsigned sandbox_force;

/* A host path opened before anything covers it. */
struct source {
	int fd; /* O_PATH; -1 for a tmpfs or several layers */
	bool is_dir;
	int *layers; /* OVERLAY_RO */
	size_t n_layers;
};

/* One run, as its processes see it. Lives until they end: nothing in it is freed by init. */
struct box {
	const struct sandbox_spec *s;
	const char *qemu; /* static qemu-user to register, NULL: no emulation */
	char *qemu_prefix; /* where that program looks for libraries by itself, or NULL */
	int status_fd; /* messages to the supervisor */
	int life_fd; /* hangs up when the supervisor is gone */
	int out_fd; /* write end of the output pipe, or -1 */
	int binfmt_fd; /* holds the private binfmt_misc, or -1 */
	int notify_fd; /* seccomp notifications of uname(2), or -1; init reads them */
	int base_fd; /* the tmpfs that holds upper folders */
	unsigned n_covers; /* overlays put over read-only places, and their mounts */
	int cover_fds[32];
	int upper_fd, work_fd; /* of spec->upper, or -1 */
	struct source root; /* lower layers, or root_bind */
	struct source *mounts; /* as spec->mounts */
	struct utsname uts; /* what uname(2) is to answer */
	bool explained; /* the error says already what to do about it */
	bool shim_uname; /* ...if not by notification, then by a script on PATH */
};

/* What flows from the other processes to the supervisor. */
enum msg_kind { MSG_PID, MSG_STARTED, MSG_ERROR, MSG_EXIT };
struct msg {
	enum msg_kind kind;
	int code; /* pid, negative errno, or wait status */
	int status; /* ERROR: exit status for the result, 0 if nothing was started */
	bool explained; /* ERROR: needs no hint about namespaces */
	long rss;
	double at; /* STARTED, EXIT: CLOCK_MONOTONIC seconds, which no namespace of ours changes */
	size_t len; /* bytes of text that follow */
};
double sandbox_now(void);
void msg_send(const struct box *b, struct msg m, const char *text);
_Noreturn void msg_fail(const struct box *b, const struct err *e, int status);

/* spawn.c, init.c, command.c */
_Noreturn void first_process(struct box *b);
_Noreturn void init_process(struct box *b);
_Noreturn void command_process(struct box *b);

/* hints.c: sentences under an error, by what the host forbids */
void hint_namespaces(struct err *e);
void hint_overlay(struct err *e, int code, bool upper);

/* sources.c: open all host paths of the spec */
int sources_open(struct box *b, struct err *e);
/* mounts.c: one mount each; `target` is a path in the caller's root */
int mount_fs(const char *type, const char *target, const char *options, struct err *e);
int mount_bind(int fd, const char *target, unsigned attrs, struct err *e);
struct overlay {
	const int *lower; /* topmost first */
	size_t n_lower;
	int upper, work; /* -1: read-only */
};
/* Returns the mount's descriptor (or -1 with the classic call) through *mnt if not NULL. */
int mount_overlay(
	const struct overlay *o, const char *target, unsigned attrs, int *mnt, struct err *e);
char *tmpfs_options(const struct box *b, const char *mode);
/* root.c: the whole tree; afterwards the caller's root is it */
int root_build(struct box *b, struct err *e);
/* host_root.c: links, folders and files in `dir`, and then the binds on `root` */
int host_root_skeleton(const char *dir, struct err *e);
int host_root_bind(const char *root, struct err *e);
/* target.c: make `target` exist, as a folder or a file */
int target_make(struct box *b, const char *target, bool is_dir, struct err *e);
void targets_done(struct box *b);

/* binfmt.c */
struct binfmt_magic {
	uint8_t magic[20], mask[20];
};
void binfmt_magic(const struct arch_info *a, struct binfmt_magic *out);
int binfmt_register(struct box *b, struct err *e);
bool binfmt_host_has(const char *dir, const struct arch_info *a);
int emulation_links(struct box *b, struct err *e);

/* seccomp.c: generate a filter (in the supervisor, where it is kept for the next run), and load it.
 * With notify_fd the kernel hands uname(2) to whoever reads that descriptor. */
int filter_prepare(enum sandbox_privilege p, bool notify, struct err *e);
int filter_load(enum sandbox_privilege p, int *notify_fd, struct err *e);

/* uname_shim.c: what to answer, answering one notification, and the script that stands in */
#define UNAME_SHIM_DIR "/run/pmkmod-uname"
void uname_wanted(struct box *b);
void uname_answer(const struct box *b);
int uname_script(const struct box *b, struct err *e);

/* privs.c */
int limits_set(const struct sandbox_spec *s, struct err *e);
int caps_drop(enum sandbox_privilege p, struct err *e);
int caps_init(struct err *e);

/* exec.c: replace this process, or say why not */
int exec_command(const char *const *argv, const char *const *env, struct err *e);

/* interrupt.c: readable once a signal came; -1 if no handlers. And, for tests, start afresh. */
int interrupt_fd(void);
void interrupt_forget(void);

#endif
