/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of boot_run(): merged layers, initramfs, kernel image, console, the board. */
#ifndef PMKMOD_BOOT_PARTS_H
#define PMKMOD_BOOT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <termios.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/boot/boot.h"
#include "pmkmod/fit/trouble.h"

/* ---- layers.c: overlay's view of stacked folders, without mounting anything ---- */
struct merged_dir {
	int *fds; /* the layers that take part in this folder, topmost first */
	size_t n;
};
struct merged_entry {
	struct stat st; /* of the entry that wins */
	int fd; /* not a folder: the layer's folder it lies in, borrowed */
	struct merged_dir dir; /* a folder: opened, merged_close() it */
};
int merged_open(struct merged_dir *d, const struct strvec *layers, struct err *e);
void merged_close(struct merged_dir *d);
/* What overlayfs would show at `name`: -ENOENT for nothing and for a whiteout. */
int merged_lookup(const struct merged_dir *d, const char *name, struct merged_entry *out);
/* Every name in the folder, sorted, hidden ones included. */
int merged_names(const struct merged_dir *d, struct strvec *names);
/* Read a regular file at a relative path; symbolic links are not followed. -ENOENT. */
int merged_read(const struct merged_dir *root, const char *path, size_t max, char **out,
	size_t *len, struct err *e);

/* ---- closure.c: which files modprobe will need ---- */
struct module_index { /* texts of modules.*; each may be NULL */
	char *dep, *softdep, *alias, *builtin;
};
/*
 * Add the paths (as in modules.dep: relative to lib/modules/<release>) of the modules `wanted`,
 * of what they depend on, and of their soft dependencies. A name that is nowhere adds nothing:
 * modprobe will say so better than we could.
 */
void module_closure(
	const struct module_index *ix, const struct strvec *wanted, struct strvec *paths);
bool module_is_builtin(const struct module_index *ix, const char *name);
void module_index_free(struct module_index *ix);

/* ---- initramfs.c ---- */
struct initramfs_spec { /* all borrowed */
	const struct strvec *layers;
	const char *release;
	const struct strvec *modules;
	const char *init; /* text of /init */
	const char *test; /* text of INIT_TEST, NULL: none */
	const char *path; /* the cpio (newc, not compressed) to write */
};
struct initramfs_result {
	uint64_t bytes;
	struct strvec left_out; /* files we may not read (suid programs without r) */
	struct strvec builtin; /* wanted modules that are part of the kernel itself */
};
int initramfs_write(const struct initramfs_spec *s, struct initramfs_result *out, struct err *e);
void initramfs_result_free(struct initramfs_result *r);

/* ---- image.c: what qemu's -kernel can take ---- */
/*
 * The file to give to -kernel: `path` itself, or the unwrapped kernel written to work_dir. Says
 * -ENOEXEC what the file is if the board cannot start it. Caller frees *out.
 */
int image_prepare(const char *path, const struct arch_info *arch, const char *work_dir, char **out,
	struct err *e);

/* ---- console.c: what our init and the kernel print ---- */
#define CONSOLE_TOKEN 33 /* 32 hex digits and the NUL */
struct console_module {
	char *name;
	int status; /* modprobe's exit status; -1: did not come back */
};
struct console {
	char token[CONSOLE_TOKEN]; /* random, before each line of our init */
	struct strbuf line; /* the line under way, cut at CONSOLE_LINE_MAX */
	bool init_ran, finished; /* our init began; everything was printed */
	struct strbuf uname, proc_modules, dmesg, words;
	struct console_module *modules;
	size_t n_modules;
	bool test_began, test_ended; /* the module's own test */
	int test_status; /* its exit status, if it ended */
	struct strbuf test_output; /* and what came meanwhile */
	/* what went wrong in the kernel, in what it printed before the test and from there on */
	struct trouble loading, testing;
	char *panic; /* its first line of that kind */
	char *setup; /* its first line that says why our init cannot run */
	char *stopped; /* qemu's line that KVM cannot go on */
	char *last; /* the last line that was not ours */
	uint64_t bytes; /* everything that came */
	size_t dmesg_seen; /* lines of the section that arrived... */
	long dmesg_promised; /* ...and how many init sent; -1: it did not get so far */
	bool stop_at_end; /* what comes after our init's last line is not ours to read: a shell */
};
void console_start(struct console *c, const char *token);
/* How many of the bytes were read: all of them, but with stop_at_end. */
size_t console_feed(struct console *c, const char *data, size_t len);
void console_end(struct console *c); /* the stream ended: a last line without newline counts */
void console_free(struct console *c);

/* ---- init_script.c ---- */
#define INIT_TEST "pmkmod-test" /* the module's own test, in the top folder */
struct init_spec { /* all borrowed */
	const char *token;
	const char *mark; /* a second random token, for the lines it leaves in the kernel log */
	const struct strvec *modules;
	bool test; /* there is an INIT_TEST */
	const char *shell; /* terminal of a shell after all else ("ttyAMA0"); NULL: none */
	unsigned rows, columns; /* of that terminal; 0: not known */
};
/* Text of /init; the caller frees. */
char *init_script(const struct init_spec *s);
/* Drop everything up to the marked line of the kernel log. */
void init_cut_dmesg(struct strbuf *dmesg, const char *mark);
/* Take out the marked line where the test began; what is behind it. NULL: there is none. */
char *init_cut_test(struct strbuf *dmesg, const char *mark);

/* ---- verdict.c: what became of the modules ---- */
/* Fill the result from what the console told. */
void boot_collect(const struct boot_spec *s, struct console *c, const struct strvec *builtin,
	const char *mark, struct boot_result *out);
/* Where the booted system was when it ended, in words; the caller frees. */
char *boot_where(const struct console *c);

/* ---- accel.c: KVM or emulation ---- */
#define KVM_DEVICE "/dev/kvm"
/*
 * 1: KVM can be tried, 0: emulation, for the reason *why (a constant or in the buffer), or
 * negative: KVM was wished for and is of no use, with the reason.
 */
int accel_choose(enum boot_accel wish, const struct arch_info *arch, const char *device,
	struct strbuf *why, struct err *e);

/* ---- terminal.c: the porter's terminal, handed to the shell of the booted system ---- */
struct terminal {
	int in, out; /* not ours to close */
	bool raw, escape; /* ctrl-a was the last key */
	struct termios saved;
};
/* Standard input and where its echo is seen; false: standard input is no terminal. */
bool terminal_find(struct terminal *t);
void terminal_size(const struct terminal *t, unsigned *rows, unsigned *columns);
int terminal_take(struct terminal *t, struct err *e); /* from now on each key is the system's */
/* Hand the keys that are waiting on to `fd`. 1, or 0: no more will come (ctrl-a x, hang-up). */
int terminal_keys(struct terminal *t, int fd);
void terminal_give_back(struct terminal *t);

/* ---- qemu_system.c ---- */
struct board {
	const char *alpine; /* arch_info.alpine */
	const char *program; /* qemu-system-... */
	const char *machine, *cpu;
	const char *console; /* the guest's name of the first serial port */
};
const struct board *board_for(const struct arch_info *arch);
struct qemu_run { /* all borrowed */
	const struct board *board;
	const struct arch_info *arch;
	enum boot_accel accel;
	const char *kvm; /* KVM_DEVICE */
	const char *program, *machine, *cpu, *append; /* NULL: the board's */
	const char *kernel, *initramfs;
	unsigned memory_mib, timeout_s;
	int log_fd;
	bool verbose;
	struct console *console;
	struct strbuf shown; /* what ran, in words; the caller frees it */
	struct terminal *terminal; /* keep running after init's last line; NULL: no */
	void (*at_end)(void *ctx); /* then called, before the terminal is taken */
	void *ctx;
};
/*
 * Run the board until our init has said all, or qemu ends; by KVM if that is wished for and gets to
 * our init, else emulated. 0, or -ENOENT no qemu, -ETIMEDOUT, -EINTR, -EIO qemu failed (its words
 * are in the sentence).
 */
int qemu_system_run(struct qemu_run *q, struct err *e);

#endif
