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

#endif
