/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of module_load(). */
#ifndef PMKMOD_MODULE_PARTS_H
#define PMKMOD_MODULE_PARTS_H

#include "pmkmod/module/module.h"

/* recipe.c: what the recipe `p`, read from m->recipe, says. */
int recipe_read(struct module *m, struct config *p, struct err *e);
/*
 * recipe_package.c: what its [package] says. Lines of `options` follow modprobe.d(5), without those
 * commands that run something. -EINVAL with exit code 2.
 */
int recipe_read_package(struct module *m, struct config *p, struct err *e);
/* -EINVAL with exit code 2: `what` is wrong with the recipe, or with the place that was named. */
int module_bad(const struct module *m, const char *what, struct err *e);

#endif
