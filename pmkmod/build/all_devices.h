/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All devices there are: those of pmaports and those of profiles, each with its verdict. */
#ifndef PMKMOD_ALL_DEVICES_H
#define PMKMOD_ALL_DEVICES_H

#include "pmkmod/build/context.h"
#include "pmkmod/build/index_kernels.h"
#include "pmkmod/device/device.h"
#include "pmkmod/device/from_pmaports.h"

/* One row: a device of pmaports, of a profile, or of both. */
struct device_row {
	const char *name; /* borrowed */
	const struct pmaports_device *pm; /* NULL: it is in no pmaports */
	struct device d; /* of the profile; zeroed: it cannot be used */
	char *profile; /* path of the profile, NULL: none */
	char *problem; /* why the profile cannot be used */
	enum verdict verdict, pm_verdict; /* with a profile, and pmaports' alone */
	bool judged; /* there is one */
	const struct pmaports_kernel *best; /* of pm; NULL: it has no pm */
};

#define DEVICE_ARCHES_MAX 16
struct device_list {
	struct context *x;
	struct arch_kernels { /* that the channel's repositories have for one architecture */
		const struct arch_info *arch;
		struct index_kernels kernels;
	} arches[DEVICE_ARCHES_MAX];
	size_t n_arches;
	struct channel channel; /* of pmaports; zeroed: not known */
	struct aports_tree aports;
	struct device_row *rows; /* sorted by name */
	size_t n;
	struct strvec profiles;
};

/*
 * Read them. An error: there is no pmaports (l->aports.problem says why); those of profiles are
 * there all the same. What is wrong with one device stands in its row.
 */
int device_list_read(struct device_list *l, struct context *x);
void device_list_free(struct device_list *l);
/* NULL: there is none of that name. */
const struct device_row *device_list_find(const struct device_list *l, const char *name);
/*
 * As device_load(), with aports that were read before; a profile may name a kernel that another
 * device has.
 */
int device_list_load(
	const struct device_list *l, struct device *d, const char *name, struct err *e);
/* The verdict of one kernel of a row; a headers package in the channel makes it better. */
enum verdict device_list_verdict(
	struct device_list *l, const struct pmaports_device *d, const struct pmaports_kernel *k);
/* The kernel's package in the repositories; NULL: it is not known that there is one. */
const struct index_kernel *device_list_package(
	struct device_list *l, const struct arch_info *arch, const char *package);

#endif
