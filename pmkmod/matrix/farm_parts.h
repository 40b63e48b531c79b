/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the farm share among themselves. */
#ifndef PMKMOD_MATRIX_FARM_PARTS_H
#define PMKMOD_MATRIX_FARM_PARTS_H

#include "pmkmod/device/device.h"
#include "pmkmod/matrix/farm.h"

/* farm_seed.c: into the plan's folder, and from there into the worker's own repository. */
int farm_seed_write(const struct matrix *m, struct context *x, const char *dir, struct err *e);
int farm_seed_use(
	struct context *x, const struct farm_plan *p, const struct device *d, struct err *e);

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
