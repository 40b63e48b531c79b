/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PMKMOD_PACK_SOURCE_H
#define PMKMOD_PACK_SOURCE_H

#include "chroot/base/err.h"

/*
 * Write the folder (without .git) as a tar.gz to the new file `path`, its names below `top`: the
 * same bytes for the same files, whoever owns them and however old they are.
 */
int pack_source(const char *folder, const char *top, const char *path, struct err *e);

#endif
