/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of this room's own files: what describes published packages. */
#ifndef PMKMOD_CACHE_VERIFY_STATE_H
#define PMKMOD_CACHE_VERIFY_STATE_H

#include "chroot/apk/apk.h"
#include "pmkmod/build/context.h"

#define VERIFY_UNKNOWN 2 /* there is nothing to compare with */

/* 0: fine; 1: damaged, `what` says how. A package that is no longer published is no damage. */
int verify_cell(const char *dir, const struct apk_keys *keys, struct strbuf *what, struct err *e);
/* `dir` is <state>/headers/<channel>-<arch>-<kernel>. */
int verify_headers(const struct context *x, const char *dir, struct strbuf *what, struct err *e);

#endif
