/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the farm share among themselves. */
#ifndef PMKMOD_MATRIX_FARM_PARTS_H
#define PMKMOD_MATRIX_FARM_PARTS_H

#include "pmkmod/build/plan.h"
#include "pmkmod/device/device.h"
#include "pmkmod/matrix/farm.h"

/* farm_find.c: fill by_hash and by_place. */
void farm_plan_index(struct farm_plan *p);
/* May it have another hash than in the plan? It is open, or headers were repaired meanwhile. */
bool farm_is_open(const struct farm_plan *p, const struct farm_cell *c);

/* farm_seed.c: into the plan's folder, and from there into the worker's own repository. */
int farm_seed_write(const struct matrix *m, struct context *x, const char *dir, struct err *e);
int farm_seed_use(
	struct context *x, const struct farm_plan *p, const struct device *d, struct err *e);
/* Were headers of that name (farm_headers_name()) there when the plan was made? */
bool farm_seed_has(const struct farm_plan *p, const char *headers);

/*
 * farm_headers.c: headers that a worker has made for a kernel, as a result of their own, for other
 * workers and for whoever merges. "<channel>-<arch>-<kernel>", caller frees; NULL: the device was
 * not understood.
 */
char *farm_headers_name(const struct matrix_device *d);
/* Under which hash they are a result. */
void farm_headers_id(const char *name, char id[HASH_HEX_MAX]);
/* Is it that of the headers of the cell's kernel? */
bool farm_is_headers_id(const struct farm_cell *c, const char *hash);
/* Of the cell's kernel, by whomever. */
bool farm_headers_were_sent(const struct farm_plan *f, const struct farm_cell *c);
/* Of the plan, whose made headers are used. 1: another worker's were there before, and are ours
 * now: plans come out otherwise. */
int farm_headers_send(struct plan *p, const struct farm_plan *f, struct err *e);
/* That they cannot be made; `why` with its exit code. */
int farm_headers_send_failure(
	struct context *x, const struct farm_plan *f, const struct farm_cell *c, struct err *why);
bool farm_headers_fail_again(int exit_code);
/* What became of the cell is what became of its kernel's headers. */
int farm_headers_moved_note(const struct farm_plan *f, const struct farm_cell *c, struct err *e);
/*
 * Take over, checked and signed anew, what was sent for the kernel of `p`, which wants it (headers
 * must be made, or were repaired elsewhere). 1: done; 0: there is
 * nothing, or no use for it. -ECANCELED: they could not be made, *e says why. -EBADMSG (exit code
 * 30): they are not what they should be.
 */
int farm_headers_take(struct plan *p, const struct farm_plan *f, struct err *e);

/*
 * farm_headers_check.c: is the file a headers package (`programs`: that of the programs) of this
 * name and the kernel's version, as pmkmod makes them, and the one the record names?
 */
struct headers_check { /* borrowed */
	const struct plan *plan;
	const struct apk_pkg *kernel;
	const struct made_headers *theirs;
	const struct apk_keys *keys;
};
int farm_headers_check_record(const struct headers_check *c, const char *shown, struct err *e);
int farm_headers_check_package(
	const struct headers_check *c, const char *path, bool programs, struct err *e);

/* farm_merge_headers.c: so that the next worker does not take it for a result; *e has where it is.
 */
void farm_put_aside(const struct farm_plan *p, const char *hash, struct err *e);
/* NULL: none. */
const struct farm_problem *farm_problem_with(const struct farm_problems *l, const char *headers);

/* farm_moved.c: the hash that a cell of the plan has turned out to have; NULL: none is noted. */
char *farm_moved(const struct farm_plan *p, const char *hash);
int farm_moved_note(const struct farm_plan *p, const char *hash, const char *to, struct err *e);

/*
 * farm_parcel.c: a result's folder under way. All of it belongs to the parcel; parcel_close() with
 * what came of it (negative: the folder goes away). What is sent has the place if nothing valid was
 * there, or with `replace`.
 */
struct parcel {
	struct farm_result r; /* cell: set before */
	char *dir; /* where it is made */
	struct err *e;
};
int parcel_open(struct parcel *k, const struct farm_plan *f, const char *hash, struct err *e);
int parcel_add(struct parcel *k, const char *from, const char *name);
int parcel_add_if_there(struct parcel *k, const char *from, const char *name);
int parcel_send(struct parcel *k, const struct context *x, const struct farm_plan *f, bool replace);
void parcel_close(struct parcel *k, int r);

/*
 * farm_check.c: is `file` of the folder `dir` a package that the plan's cell builds, signed by one
 * of `keys`? -EBADMSG: it is not, with what differs (exit code 30); other errors of
 * inspect_package().
 */
struct farm_check { /* borrowed */
	const struct farm_result *r;
	const struct plan *plan;
	const char *dir;
	const struct apk_keys *keys;
};
enum farm_package { FARM_MODULE, FARM_PART, FARM_META };
int farm_check_package(
	const struct farm_check *c, const char *file, enum farm_package kind, struct err *e);

/* farm_result.c: every *.rsa.pub of a folder into another one; a missing folder has none. */
int farm_copy_public_keys(const char *from, const char *to, struct err *e);
/*
 * A failure names the log, which is elsewhere on each machine: `path` in the cell's texts becomes
 * FARM_LOG, or the other way round (`back`).
 */
#define FARM_LOG "{log of the cell}"
void farm_result_move_log(struct cell_result *c, const char *path, bool back);
/* Name of this machine; caller frees. */
char *farm_host(void);

#endif
