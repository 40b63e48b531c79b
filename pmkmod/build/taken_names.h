/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that a kernel's own parameters have taken, so that it refuses a module of that name. */
#ifndef PMKMOD_TAKEN_NAMES_H
#define PMKMOD_TAKEN_NAMES_H

#include "pmkmod/kernel/kernel.h"

/*
 * Read `image` (an image, or a package with one) for the parameters that `f` names. What was found
 * in a package is kept in `cache_dir` below its identity (NULL: it is none). False: nobody knows.
 */
bool taken_names(struct strvec *out, const char *image, const struct kernel_facts *f,
	const struct hash *identity, const char *flavor, const char *cache_dir);

#endif
