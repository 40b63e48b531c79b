/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what the porter names as a kernel's source to a folder with it. */
#ifndef PMKMOD_KERNEL_SOURCE_H
#define PMKMOD_KERNEL_SOURCE_H

#include "pmkmod/build/context.h"
#include "pmkmod/device/device.h"

struct kernel_source {
	char *dir; /* NULL: only a build folder was named */
	char *config; /* path of the aport's configuration, NULL: none */
	char *compiler; /* "gcc6", ...: what the aport says, NULL: nothing */
	struct strvec notes;
};
/*
 * A folder is taken as it is; an archive (path or URL, with its sha256) is unpacked once below
 * <cache>/kernel-source; an aport's source is fetched, verified and patched there, or, with a
 * folder named too, that folder is looked at whether it has the aport's patches.
 */
int kernel_source_get(
	struct kernel_source *s, struct context *x, const struct device *d, struct err *e);
void kernel_source_free(struct kernel_source *s);

#endif
