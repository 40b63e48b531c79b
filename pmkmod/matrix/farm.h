/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Builds on other machines. A *plan folder*, which all of them see, has in it
 *
 *   plan.json      format, program, configuration, which words were asked for, each cell
 *   cells          their hashes, a line each, in the order they are best built in
 *   profiles/N/    the folders of profiles
 *   seed/          headers packages that pmkmod made, their records, public keys
 *   results/HASH/  what a worker made of a cell: `result`, packages, reports, log, key; or of the
 *                  headers of a kernel: farm_headers_id()
 *   moved/HASH     the hash that a cell has turned out to have, see below
 *   trouble/HASH   why a worker could not build it, for a reason that may pass
 *
 * An *open* cell is one whose hash is not known when the plan is made: its kernel's headers have to
 * be made first, or it depends on a module that is not built yet. Its name in the plan says which
 * device and module it is. The worker makes headers and what is missing; the result is that of the
 * hash which comes out then. A cell that is not open moves, too, if the headers package of the
 * repositories had to be repaired. Whoever merges takes headers over first, and has the same hash.
 *
 * A worker trusts the plan; whoever merges trusts no result that it has not looked at. Nothing in
 * it needs locks: results are made beside and renamed.
 */
#ifndef PMKMOD_MATRIX_FARM_H
#define PMKMOD_MATRIX_FARM_H

#include "pmkmod/build/cell.h"
#include "pmkmod/matrix/matrix.h"

struct farm_cell {
	char *hash; /* of an open one what it is called until it has one, of the same form */
	char *device, *choice, *module; /* as cell_child() takes them; choice NULL: none */
	char *headers; /* farm_headers_name() of its kernel */
	char *text; /* all that goes in, a line each; NULL: it is open */
	bool open;
	bool together; /* with its neighbours of the same kernel it is one worker's */
	bool again; /* it is to be built although it is known */
};

struct farm_plan {
	char *dir; /* absolute */
	struct hash sum; /* of plan.json */
	bool force, only_failed; /* --force, --only-failed */
	char *devices, *modules; /* the words that `pmkmod matrix` was called with */
	struct farm_cell *cells;
	struct farm_cell **by_hash, **by_place; /* the same, sorted */
	size_t n;
	struct farm_setting {
		char *section, *key, *value;
	} * settings;
	size_t n_settings;
};

struct farm_size {
	size_t cells;
	size_t parts; /* among which they can be divided */
};
/*
 * farm_plan.c: write it into `dir`, which is new or empty (-EEXIST: it is not), with all cells that
 * are waiting and can be built elsewhere. Those left are of two kinds: their modules are signed
 * with a key, or they depend on modules that are not in the matrix.
 */
int farm_plan_write(const struct matrix *m, struct context *x, bool only_failed, const char *dir,
	struct farm_size *size, struct err *e);
/* -EPROTO: it was made by another version of pmkmod (exit code 2); -EBADMSG: it is damaged. */
int farm_plan_read(struct farm_plan *p, const char *dir, struct err *e);
/* The same of the text of its plan.json, which `shown` names; without the folder. */
int farm_plan_parse(
	struct farm_plan *p, const char *shown, const char *text, size_t len, struct err *e);
/* farm_find.c: by its hash, or the first 12 digits or more, if only one begins so; NULL: none. */
const struct farm_cell *farm_plan_find(const struct farm_plan *p, const char *hash);
/* By device, its kernel's choice (NULL: none) and module, as the plan has them; NULL: none. */
const struct farm_cell *farm_plan_at(
	const struct farm_plan *p, const char *device, const char *choice, const char *module);
/* What the plan has of a cell of the survey, also if its hash was another one then; NULL: nothing,
 * or its inputs have changed. */
const struct farm_cell *farm_plan_for(
	const struct farm_plan *p, const struct matrix *m, const struct matrix_cell *c);
/* The share `i` of `n` shares: cells from *from to before *to. */
void farm_plan_share(const struct farm_plan *p, size_t i, size_t n, size_t *from, size_t *to);
void farm_plan_free(struct farm_plan *p);
/* The folder's path, absolute, with its symbolic links: other machines may have others. Caller
 * frees. */
char *farm_absolute(const char *dir);
/*
 * The configuration the plan was made with, and what -o sets beyond that. For a worker with folders
 * of its own (matrix.worker): what is in paths.state and paths.cache of whoever made the plan is
 * not its business.
 */
int farm_plan_config(const struct farm_plan *p, bool worker, const struct strvec *settings,
	struct config **out, struct err *e);

/*
 * farm_memory.c: who makes a plan remembers it in <state>/plans, and who merges with that state,
 * where the key is, takes no other one: whoever can write to the folder could else choose what is
 * signed. -EBADMSG (exit code 30): it was altered. A state that knows nothing of it believes it.
 * Since the plan also says where the state is, that of the machine's own configuration is asked
 * too.
 */
int farm_plan_remember(const struct context *x, const char *dir, struct err *e);
int farm_plan_vouch(struct context *x, const struct farm_plan *p, struct err *e);

/*
 * farm_cell.c: build one cell of the plan as a worker, and leave what came out in results/. Returns
 * what the build returned, 1 if its result was there already; with *done that a result is there,
 * which it also is for a failure that would come again. -ESTALE: other inputs are seen here than by
 * whoever made the plan.
 */
int farm_run_cell(
	struct context *x, const struct farm_plan *p, const char *hash, bool *done, struct err *e);

/* ---- farm_result.c: one result's folder ---- */
struct farm_result {
	struct cell_result cell; /* its paths are names in the folder */
	char *hash; /* of the cell, as it says */
	char *pmkmod, *host; /* which program made it, and where */
	struct farm_file {
		char *name;
		struct hash sum;
		uint64_t size;
	} * files;
	size_t n_files;
};
void farm_result_print(const struct farm_result *r, struct strbuf *out);
/* -EBADMSG: it is no such text. Names of files are plain names. */
int farm_result_parse(
	struct farm_result *r, const char *shown, const char *text, size_t len, struct err *e);
/* Is it about the headers of a kernel, and of no cell? */
bool farm_result_is_of_headers(const struct farm_result *r);
/* Whether a failure would come again on every machine, and so is a result. */
bool farm_comes_again(int exit_code);
/*
 * farm_intake.c: read and check results/<hash>: it is of that cell and of this version, and each
 * file is what it says. With `to` (an empty folder; else NULL) the files that were checked are
 * there afterwards, and the public keys in <to>/key. -ENOENT: there is none. -EBADMSG: it is no
 * result.
 */
int farm_result_take(struct farm_result *r, const struct farm_plan *p, const char *hash,
	const char *to, struct err *e);
/* Is there something, whatever it is? */
bool farm_has_result(const struct farm_plan *p, const char *hash);
void farm_result_free(struct farm_result *r);
#define FARM_RESULT_MAX (4U << 20)

/* farm_status.c: what there is by now, printed; with `json` for programs. Nothing is checked. */
void farm_status(const struct farm_plan *p, bool json);
/* For whoever waited for the job that merges: what it printed, and how merge-cells ended. */
int farm_wait_end(const char *dir, int *status, struct err *e);
/* What workers left behind that were killed, and results that were put aside, a day later. */
void farm_sweep(const struct farm_plan *p);

/* What is wrong with headers that workers have sent, or why they could not make them. */
struct farm_problems {
	struct farm_problem {
		char *headers; /* farm_headers_name() */
		bool failed; /* they cannot be made; else: what was sent is not taken */
		int exit_code;
		char *text;
	} * v;
	size_t n;
};
/*
 * farm_merge_headers.c: take over what workers have made of headers, each kernel's checked as
 * packages are; before the survey, since hashes depend on them. Only what would be the next one's
 * fate as well (a full disk) is an error.
 */
int farm_merge_headers(struct context *x, const struct farm_plan *f, struct farm_problems *problems,
	struct err *e);
void farm_problems_free(struct farm_problems *l);

/*
 * farm_merge_all.c: take over what workers have made, of the cells of `m` that are waiting: each
 * package is checked against a plan of one's own, signed and published, the cell remembered. What
 * is wrong with a result, or that there is none, is the cell's error, and it stays CELL_NOT_RUN;
 * cells that are not in the plan are left waiting, and those that depend on what has failed: to
 * build them here only says so.
 */
int farm_merge(struct matrix *m, struct context *x, const struct farm_plan *p,
	const struct farm_problems *problems, struct err *e);

/* ---- engines that others run ---- */

/* slurm.c: into how many tasks so many parts are divided (matrix.tasks); 0 for none. */
int farm_tasks(struct context *x, size_t parts, unsigned long *tasks, struct err *e);
/* The program's path on all machines; caller frees. */
char *farm_program(struct context *x);
/* <dir>/slurm/cells.sh and merge.sh. */
int slurm_write(struct context *x, const char *dir, unsigned long tasks, struct err *e);
/*
 * Submit both; their numbers are appended to `jobs`. With `wait` it comes back when all is merged,
 * however that ended.
 */
int slurm_submit(struct context *x, const char *dir, unsigned long tasks, bool wait,
	struct strvec *jobs, struct err *e);
/*
 * gitlab.c: <dir>/gitlab-ci.yml, a child pipeline. The folder must be one that can be an artifact,
 * below $CI_PROJECT_DIR (gitlab_check_folder(); exit code 2).
 */
int gitlab_check_folder(const char *dir, struct err *e);
int gitlab_write(
	struct context *x, const char *dir, size_t cells, unsigned long tasks, struct err *e);

#endif
