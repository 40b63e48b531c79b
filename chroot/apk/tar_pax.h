/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PAX extended headers, for tar_read.c alone. */
#ifndef PMKMOD_APK_TAR_PAX_H
#define PMKMOD_APK_TAR_PAX_H

#include "chroot/apk/tar_read.h"

/* Take what apk understands out of t->pax (which is modified: names and values get terminated). */
int tar_pax_parse(struct tar_reader *t, struct err *e);

#endif
