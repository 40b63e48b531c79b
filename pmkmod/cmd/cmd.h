/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command table and the options all commands share. */
#ifndef PMKMOD_CMD_H
#define PMKMOD_CMD_H

#include "chroot/apk/apk.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/context.h"
#include "pmkmod/fit/trouble.h"
#include "pmkmod/util/exit_codes.h"

struct options {
	const char *config_file;
	struct strvec settings; /* -o, and what the long options stand for */
	const char *emit_aport; /* --emit-aport */
	const char *device, *kernel_dir; /* check: --device, --kernel-dir */
	const char *verdict; /* --verdict: names, separated by commas */
	bool json; /* --json */
	bool verbose, quiet, force, rebuild, help;
	bool install_key, dry_run; /* sideload */
	bool keep; /* boot: a shell at the end */
	bool keep_going, only_failed; /* matrix */
	bool events; /* --json=events */
	const char *report; /* matrix: --report */
	const char *engine, *emit, *shared; /* matrix */
	bool wait; /* matrix: --wait */
	const char *plan, *task; /* run-cell, merge-cells */
	bool timing; /* build: tell where the time went */
	bool phone; /* --phone: ask it first */
	struct strvec args; /* what is left */
	struct strvec command_line; /* what follows "--" */
};

struct command {
	const char *name, *arguments, *summary;
	const char *details; /* for --help, several lines */
	size_t min_args, max_args;
	/* 0 or negative errno; *status is the exit code of a run that did not fail */
	int (*run)(struct context *x, const struct options *o, int *status, struct err *e);
	bool needs_no_folders; /* it does without the cache and state folders where it must */
};
extern const struct command commands[];
extern const size_t n_commands;

int cmd_build(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_matrix(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_run_cell(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_merge_cells(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_boot(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_sideload(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_phone(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_plan(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_list(struct context *x, const struct options *o, int *status, struct err *e);
/* list_devices.c; `counts`: a table of how many there are of each verdict */
int cmd_list_devices(struct context *x, const struct options *o, bool counts, struct err *e);
int cmd_shell(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_check(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_headers(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_log(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_symvers(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_signing_kernel(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_init(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_info(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_stale(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_doctor(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_cache(struct context *x, const struct options *o, int *status, struct err *e);
int cmd_clean(struct context *x, const struct options *o, int *status, struct err *e);

/* after_build.c: build, then call `stage` with what came out. */
typedef int (*built_stage)(struct plan *p, const struct cell_result *built, const struct options *o,
	int *status, struct err *e);
int after_build(
	struct context *x, const struct options *o, built_stage stage, int *status, struct err *e);
/*
 * With --json what building tells on standard output goes to standard error, until it is back:
 * *kept is a descriptor between the two calls.
 */
int stdout_aside(int *kept, struct err *e);
int stdout_back(int *kept, struct err *e);
/* Lines of a result, the word before the first; NULL is none. */
void print_indented(const char *word, const char *text);
/* The lines of an oops and the like, and where it was; nothing if there was none. */
void print_trouble(const struct trouble *t);

/* known_keys.c: pmkmod's own key, and those of all channels; apk_keys_free() them. */
int known_keys(struct context *x, struct apk_keys **keys, struct err *e);

/* With --phone: read what the phone says of its kernel, tell what it contradicts. */
int ask_phone(struct context *x, const struct options *o, const struct command *c, struct err *e);

/* options.c: read everything after argv[0] of the program; returns 0 or a usage error. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);
/* A usage error: an option that says something to other commands alone. */
int options_check(const struct options *o, const char *command, struct err *e);
void options_free(struct options *o);
void print_help(void);
void print_command_help(const struct command *c);
/* A usage error (exit code 2). */
#define usage_error(e, ...) err_exit((e), EXIT_USAGE, -EINVAL, __VA_ARGS__)
/* What to type to get the package onto the phone, from sideload.command; caller frees. */
char *sideload_command(
	struct context *x, const char *device, const char *module, const char *package);

/* to_pmbootstrap.c: does publish.pmbootstrap say what it may? */
int publish_wish_check(struct context *x, struct err *e);
/* Into pmbootstrap's work folder, as publish.pmbootstrap says. */
int publish_to_pmbootstrap(
	struct context *x, const struct plan *p, const struct cell_result *result, struct err *e);

#endif
