/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The root that `pmkmod boot` starts: base, kernel and, through its package, the built module. */
#ifndef PMKMOD_BOOT_ROOT_H
#define PMKMOD_BOOT_ROOT_H

#include "pmkmod/build/cell.h"

struct boot_root {
	struct strvec layers; /* topmost first */
	char *kernel_image; /* host path */
};
/* Assemble (or find) it: one layer of base and kernel, one with the module's package on top. */
int boot_root_make(
	struct boot_root *b, struct plan *p, const struct cell_result *built, struct err *e);
void boot_root_free(struct boot_root *b);

#endif
