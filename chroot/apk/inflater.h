/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread that inflates one gzip member ahead of whoever reads it. */
#ifndef PMKMOD_APK_INFLATER_H
#define PMKMOD_APK_INFLATER_H

#include "chroot/apk/member.h"

struct inflater;

/* `m` (already started) belongs to the thread until inflater_stop(). */
int inflater_start(struct inflater **out, struct member *m, struct err *e);
/* A tar_take (tar_read.h) over what it inflates; ctx is the struct inflater. */
int inflater_take(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e);
/*
 * End the thread, wherever it stands, and wait for it. It may sit in a read(2) of the file: for a
 * pipe whose other end neither writes nor closes that takes as long as a read here would.
 */
void inflater_stop(struct inflater *f);

#endif
