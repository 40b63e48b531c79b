/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `pmkmod doctor`: what this machine lacks for builds, by trying. Each point says what it is for,
 * what was found, and by which commands it is mended here.
 */
#ifndef PMKMOD_DOCTOR_H
#define PMKMOD_DOCTOR_H

#include "chroot/sandbox/sandbox.h"
#include "pmkmod/build/context.h"

enum point_state {
	POINT_OK,
	POINT_NOTE, /* builds work without it, or it was not tried */
	POINT_LACKS, /* builds do not work */
};
extern const char *const point_states[]; /* "ok", "note", "lacks" */

struct point {
	enum point_state state;
	char *name; /* one word */
	char *use; /* what it is for */
	char *found; /* one or more lines */
	struct strvec mend; /* commands */
};

/* Which distribution this is, by os-release(5). */
enum host_kind { HOST_OTHER, HOST_DEBIAN, HOST_ALPINE, HOST_ARCH, HOST_FEDORA };
struct host {
	enum host_kind kind;
	char *title; /* PRETTY_NAME, or "Linux" */
};
/* `path` is the file, /etc/os-release; one that cannot be read is HOST_OTHER. host_free() it. */
void host_read(struct host *h, const char *path);
void host_free(struct host *h);

/* What a distribution has packages of. */
enum ware {
	WARE_QEMU_USER,
	WARE_QEMU_SYSTEM,
	WARE_GIT,
	WARE_SSH,
	WARE_PATCH,
	WARE_CURL,
	WARE_ARCHIVE,
};
/*
 * The command that installs it on `h`, or, where the distribution is not known, what to look for.
 * `arch` is needed for the two of qemu alone. Caller frees.
 */
char *host_install(const struct host *h, enum ware w, const struct arch_info *arch);
/* The same command run by root: as it is for root, by doas on Alpine, else by sudo. Caller frees.
 */
char *host_as_root(const struct host *h, const char *command);

struct doctor {
	struct context *x; /* borrowed */
	struct host host;
	const struct arch_info *const *needed; /* architectures that must work, borrowed */
	size_t n_needed;
	struct point *points;
	size_t n;
	bool namespaces; /* a sandbox can be started */
	bool folders; /* paths.state and paths.cache can be written to */
};
/* Look at everything; points say what is wrong, so that only an interruption is an error. */
int doctor_examine(struct doctor *d, struct err *e);
void doctor_free(struct doctor *d);
/* Do builds work: does no point lack? */
bool doctor_healthy(const struct doctor *d);

/* ---- the parts ---- */

/* A point of that state, to be filled in with point_mend(); valid until the next one is added. */
struct point *point_add(struct doctor *d, enum point_state state, const char *name, const char *use,
	const char *found, ...) __attribute__((format(printf, 5, 6)));
void point_mend(struct point *p, const char *command, ...) __attribute__((format(printf, 2, 3)));
/* A command of which point_mend() takes over the text. */
void point_mend_take(struct point *p, char *command);
bool doctor_needs(const struct doctor *d, const struct arch_info *a);

/* disk.c: paths.state and paths.cache: whether they can be written to, space, what they can do */
void examine_folders(struct doctor *d);
/* sandbox.c: namespaces, the sandbox, overlayfs; and programs of other architectures. -EINTR */
int examine_sandbox(struct doctor *d, struct err *e);
/* emulation.c */
int examine_emulation(struct doctor *d, struct err *e);
/* programs.c: libraries and programs of the host, the clock */
void examine_programs(struct doctor *d);

/* The smallest program of an architecture: it ends with exit status PROBE_STATUS. -EOPNOTSUPP if
 * there is none for it. (Call numbers: the kernel's include/uapi/asm-generic/unistd.h and
 * arch/../syscall.tbl; instructions: the architectures' manuals.) */
#define PROBE_STATUS 42
int probe_program(const struct arch_info *a, struct strbuf *out);

#endif
