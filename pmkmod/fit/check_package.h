/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What apk would do with a package of modules on a phone that has one kernel, and nothing else. */
#ifndef PMKMOD_FIT_CHECK_PACKAGE_H
#define PMKMOD_FIT_CHECK_PACKAGE_H

#include "chroot/apk/apk_solve.h"
#include "pmkmod/fit/fit.h"

struct fit_packages {
	const char *kernel, *version,
		*arch; /* the kernel's package, which is all that is installed */
	const struct apk_pkg *const *given; /* all packages at hand; no repository is asked */
	size_t n;
};
/*
 * Add the point "package" for one of them: it is for that architecture; it can be installed beside
 * that kernel; not beside another version of it; and is gone when nobody wants it any more. By the
 * solver that makes pmkmod's own roots.
 */
void fit_check_package(
	const struct fit_packages *f, const struct apk_pkg *p, struct fit_report *out);

#endif
