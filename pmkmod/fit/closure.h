/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All modules that must be loaded before one can be, as depmod and modprobe find them. */
#ifndef PMKMOD_FIT_CLOSURE_H
#define PMKMOD_FIT_CLOSURE_H

#include "pmkmod/fit/check.h"

enum closure_end {
	CLOSURE_WHOLE,
	CLOSURE_UNKNOWN, /* of one of them it is not known what it needs */
	CLOSURE_MISSING, /* one of them is nowhere */
	CLOSURE_CYCLE,
};
struct closure {
	enum closure_end end;
	char *chain; /* "a -> b -> c", what `end` is about; NULL if whole */
	struct strvec loads; /* names, in the order they are loaded in; it is not among them */
	struct strvec no_soft; /* its soft dependencies that are nowhere */
};

/* Where a module of that name (as the kernel writes it) would come from. */
enum module_from { FROM_NOWHERE, FROM_GIVEN, FROM_OTHER, FROM_KERNEL, FROM_BUILTIN };
enum module_from module_from(const struct fit_context *c, const char *name);

/* Needs c->needs and the facts. Missing soft dependencies are left out, as by modprobe. */
void closure_walk(struct fit_context *c, const struct ko *ko, struct closure *out);
void closure_free(struct closure *cl);

#endif
