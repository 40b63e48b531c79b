/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an archive may hold: each is -EFBIG, with the limit, its value and how to raise it. */
#ifndef PMKMOD_APK_TAR_LIMIT_H
#define PMKMOD_APK_TAR_LIMIT_H

#include "chroot/apk/tar_read.h"

/* So many bytes more. */
int tar_charge(struct tar_reader *t, uint64_t bytes, struct err *e);
/* One entry more. */
int tar_charge_entry(struct tar_reader *t, struct err *e);
/* `name` is a path that apk_path_problem() has nothing against. */
int tar_check_length(const struct tar_reader *t, const char *name, struct err *e);

#endif
