/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices that pmaports has: found through pmbootstrap's configuration. */
#ifndef PMKMOD_FROM_PMAPORTS_H
#define PMKMOD_FROM_PMAPORTS_H

#include "pmkmod/device/device.h"
#include "pmkmod/pmaports/pmaports.h"

/* The aports folders that pmbootstrap is configured for, read. */
struct aports_tree {
	struct pmaports *tree; /* NULL: there are none */
	struct strvec folders;
	char *channel; /* of pmaports; NULL: not known */
	char *device, *kernel; /* what pmbootstrap is configured for; each may be NULL */
	struct strvec notes; /* what was odd, for the porter */
	struct err channel_problem; /* why its channel is not known; code 0: it is */
	struct err problem; /* why there is no tree; code 0: there is one, or none is wanted */
};
/*
 * `cache` (paths.cache) keeps what was read; `only` names the one device wanted, `kernel` one more
 * kernel package to choose for it; each may be NULL.
 * The channel of pmaports is defined in the configuration. An error (also kept in t->problem):
 * pmbootstrap's configuration is not understood, or there is no pmaports.
 */
int aports_tree_load(struct aports_tree *t, struct config *c, const char *cache, const char *only,
	const char *kernel);
void aports_tree_free(struct aports_tree *t);

/*
 * What pmaports says of one device, for device_load(). Nothing of it is an error as long as a
 * profile says enough: then `problem` is what there would be to say.
 */
struct device_aport {
	const struct pmaports_device *device; /* NULL: it is not there */
	const struct pmaports_kernel *kernel; /* NULL: not chosen */
	const char *channel; /* NULL: not known */
	const char *gone; /* the kernel pmbootstrap is configured for, which it no longer has */
};
void device_aport_find(struct device_aport *a, const struct aports_tree *t, const char *name);
/*
 * Choose its kernel: `wanted` (--kernel, a profile's; may be NULL), else what pmbootstrap is
 * configured for. -EINVAL lists those there are (exit code 2).
 */
int device_aport_choose(struct device_aport *a, const struct aports_tree *t, struct config *c,
	const char *wanted, struct err *e);
/* Fill in what is still missing of `d`: title, kernel, flavor, origin, verdict. */
void device_aport_fill(const struct device_aport *a, struct device *d);

#endif
