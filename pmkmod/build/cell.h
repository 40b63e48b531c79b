/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cells: what is remembered of each build under the hash of all that went in. Files:
 * <state>/cells/<hash>/{plan,result,log}, <hash>.lock beside, and
 * <state>/cells/latest/<device>[:<kernel>]/<module> naming the newest cell of a device (with the
 * kernel that kernel.name chooses) and module.
 */
#ifndef PMKMOD_CELL_H
#define PMKMOD_CELL_H

#include "pmkmod/build/plan.h"

struct cell_result {
	bool built; /* false: it failed, and will fail again */
	char *apk, *meta; /* published paths; meta NULL: none */
	char *parts; /* more published paths, a line each, of a module that was split; NULL: none */
	char *notes; /* lines for whoever has it built: firmware, hardware; NULL: none */
	char *apk_sha256;
	char *package, *version;
	char *release; /* of the kernel it is for */
	char *verdict; /* fit verdict in words */
	char *key; /* the plan's key at that time */
	char *modules; /* names for modprobe, separated by blanks */
	char *device, *asked; /* what was built: `pmkmod build <device> <asked>` */
	char *companions; /* companions_print() of the modules it was built with; NULL: none */
	char *build_lines; /* steps_aport_lines(), for --emit-aport; NULL: none */
	char *error; /* sentence of a failure */
	char *stage; /* that failed */
	char *diagnosis; /* of the failure, as JSON on one line; NULL: none */
	int exit_code;
};

/* Folder of the plan's cell, created; and its log file's path. Callers free. */
int cell_folder(const struct plan *p, char **dir, struct err *e);
char *cell_log_path(const struct plan *p);

/* Another number whenever something else is remembered of the cell; 0: nothing is. */
uint64_t cell_stamp(const struct plan *p);
/* Take the cell's lock, waiting (interruptibly) for another build of it. Returns a descriptor. */
int cell_lock(const struct plan *p, struct err *e);

/*
 * What is remembered; false: nothing (or a built package is no longer where it was published, or a
 * module that it was built with exports something else now).
 */
bool cell_load(const struct plan *p, struct cell_result *out);
/*
 * cell_load() for a build, or for who asks whether one is needed: 1: it is built and published, by
 * the key there is; -1: it failed, and would again; 0: it has to be built (*out is empty). With
 * --force what was refused for its fit has to be built.
 */
int cell_recall(const struct plan *p, struct cell_result *out);
/* What the cell in the folder `dir` remembers, true or not any more; false: nothing. */
bool cell_read(const char *dir, struct cell_result *out);
/* The cell whose package was published as the file `apk`, if that is still what it built. */
bool cell_find(const struct context *x, const char *apk, struct cell_result *out);
/* Append the paths in r->parts. */
void cell_parts(const struct cell_result *r, struct strvec *paths);
/* As the file `result` has it, a line each; and back. What is not understood is left out. */
void cell_result_print(const struct cell_result *r, struct strbuf *out);
void cell_result_parse(const char *text, struct cell_result *out);
int cell_store(const struct plan *p, const struct cell_result *r, struct err *e);
void cell_result_free(struct cell_result *r);

/* Make this cell the one that `pmkmod log` and `pmkmod boot` mean by (device, module). */
int cell_set_latest(const struct plan *p, const char *device, struct err *e);
int cell_set_latest_of(const struct context *x, const char *device, const char *module,
	const char *cell, struct err *e);
/*
 * What the newest cell of (device, module) built, and where it keeps what its modules export;
 * false: nothing, or the package is no longer where it was published. Both are the caller's.
 */
bool cell_latest_built(const struct context *x, const char *device, const char *module,
	struct cell_result *out, char **symvers);
/* Path of that file in the plan's cell; caller frees. */
char *cell_symvers_path(const struct plan *p);
/* Folder of the newest cell of (device, module), NULL if there is none; where no kernel is chosen
 * and none was, of any of the device's kernels. Caller frees. */
char *cell_latest(const struct context *x, const char *device, const char *module);

#endif
