/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One build, all stages in order. */
#ifndef PMKMOD_BUILD_RUN_H
#define PMKMOD_BUILD_RUN_H

#include "pmkmod/build/cell.h"

/*
 * Build `module` for `device`, or find that nothing has changed since it was built (*unchanged).
 * A failure that will repeat itself is remembered and told at once the next time. On return *p is
 * the plan (plan_free() it also after a failure) and *result what came out.
 */
int build_run(struct plan *p, struct context *x, const char *device, const char *module,
	struct cell_result *result, bool *unchanged, struct err *e);

/* Only what the module's recipe says it depends on is built, as build_run() does before it. */
int build_needed(struct context *x, const char *device, const char *module, struct err *e);

/*
 * emit_aport.c: write `<to>/<package>/APKBUILD`, by which abuild makes the package that was built,
 * with the files it needs, and the same for its meta package. `to` must not exist or be empty. What
 * the porter has to know goes to `done`, one line each.
 */
int emit_module_aport(const struct plan *p, const struct cell_result *result, const char *to,
	struct strvec *done, struct err *e);

/*
 * emit_patches.c: copy the patches that are for `release` to `dir`; their names there, and lines of
 * sha512sums, are appended.
 */
int emit_patches(const struct module *m, const char *release, const char *dir, struct strvec *names,
	struct strvec *sums, struct err *e);

#endif
