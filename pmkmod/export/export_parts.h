/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of export_package(). */
#ifndef PMKMOD_EXPORT_PARTS_H
#define PMKMOD_EXPORT_PARTS_H

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/export/export.h"

/* compress.c: append `data` in the kernel's module compression; the same bytes every time. */
int export_compress(
	enum ko_compression how, const void *data, size_t len, struct strbuf *out, struct err *e);

/* license.c: MODULE_LICENSE() words of several modules (NULL: none given) as one SPDX expression;
 * caller frees. */
char *export_license(const char *const *words, size_t n);

#endif
