/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Devices and kernels of a pmaports tree, read without running anything of it, and a verdict for
 * each pair: can modules be built for it, and how. Formats: pmbootstrap's pmb/parse/deviceinfo.py,
 * pmb/parse/_apkbuild.py (kernels), pmb/helpers/devices.py, pmb/install/_install.py
 * (get_kernel_package).
 */
#ifndef PMKMOD_PMAPORTS_H
#define PMKMOD_PMAPORTS_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"

/* From best to worst: a device shows the best of its kernels. */
enum verdict {
	VERDICT_READY, /* a real -dev package */
	VERDICT_SOURCE, /* headers are made from source */
	VERDICT_SYMVERS, /* ... and exact symbol versions are needed (MODVERSIONS) */
	VERDICT_SIGNED, /* takes signed modules alone */
	VERDICT_NO_MODULES,
	VERDICT_ARCH, /* architecture not supported */
	VERDICT_NO_KERNEL, /* names a kernel that is nowhere, or none */
	N_VERDICTS
};
extern const char *const verdict_names[N_VERDICTS]; /* "ready", "source", ... as --verdict takes */

struct pmaports; /* a tree that was read */

/* One (device, kernel). Borrowed from the tree. */
struct pmaports_kernel {
	const char *variant; /* "mainline"; NULL: the device has one kernel alone */
	const char *package; /* "linux-postmarketos-qcom-sdm845"; NULL: none */
	const char *aport; /* folder of its aport; NULL: Alpine's, or nowhere */
	enum verdict verdict;
	const char *why; /* the lines of its configuration that decide, what the porter can do */
};

struct pmaports_device {
	const char *name; /* as pmbootstrap calls it: "oneplus-enchilada" */
	const char *title; /* "OnePlus 6" */
	const char *category; /* "community" */
	const char *path; /* folder of the device's aport */
	const struct arch_info *arch; /* NULL: not one pmkmod has */
	const char *arch_name;
	const struct pmaports_kernel *kernels;
	size_t n_kernels;
	enum verdict verdict; /* the best */
};

#endif
