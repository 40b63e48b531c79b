/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of an apk file that come before its data: signatures and control. */
#ifndef PMKMOD_APK_CONTROL_H
#define PMKMOD_APK_CONTROL_H

#include "chroot/apk/apk_read.h"
#include "chroot/apk/member.h"
#include "chroot/apk/verify.h"

/* What signatures and control part may unpack to, together. */
#define APK_HEAD_MAX (16U << 20)

/*
 * Inflate the signature members, noting their entries, up to the first member that is none; that
 * one is wholly in `text` then and its sums are in `m`.
 */
int apk_read_signatures(struct member *m, struct apk_sigs *sigs, size_t max, const char *part,
	struct strbuf *text, struct err *e);

/* Fill in `c` from the tar archive in `text`. */
int apk_control_parse(
	struct apk_control *c, const struct strbuf *text, const char *shown, struct err *e);

#endif
