/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plans of many modules for many devices. What does not depend on the device is read once a module;
 * the packages of the roots once for all modules that want the same ones.
 */
#ifndef PMKMOD_PLAN_MANY_H
#define PMKMOD_PLAN_MANY_H

#include "pmkmod/build/plan.h"

/* One module, and its source as a plan has it. */
struct plan_module {
	struct module module;
	char *source; /* NULL: it depends on the device's packages */
	struct strvec patches;
	char *version;
};
/* As the first part of plan_make(): `asked` is a recipe's name or a source. */
int plan_module_open(struct plan_module *m, struct context *x, const char *asked, struct err *e);
void plan_module_close(struct plan_module *m);
/* Do both want the same packages in the roots they are built in? */
bool plan_same_roots(const struct plan_module *a, const struct plan_module *b);

/*
 * The plan for a device and a module; device and module are borrowed: plan_loan_end() and not
 * plan_free() ends it, also after an error.
 */
int plan_loan(struct plan *p, struct context *x, const struct device *d,
	const struct plan_module *m, struct err *e);
/*
 * The same plan for another module that wants the same roots. -ENODATA without a sentence: a module
 * that it depends on has not been built yet, so that its cell is not known.
 */
int plan_loan_module(struct plan *p, const struct plan_module *m, struct err *e);
void plan_loan_end(struct plan *p);

#endif
