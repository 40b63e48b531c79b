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

/* farm_result.c: every *.rsa.pub of a folder into another one; a missing folder has none. */
int farm_copy_public_keys(const char *from, const char *to, struct err *e);
/* Name of this machine; caller frees. */
char *farm_host(void);

#endif
