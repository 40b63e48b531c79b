/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts of our own that are kept: cut off or altered anywhere they are nothing. */
#ifndef PMKMOD_SEALED_H
#define PMKMOD_SEALED_H

#include "chroot/base/str.h"

/* Append the last line: "sha256", a tab, the hash of all bytes before it. */
void sealed_end(struct strbuf *b);
/*
 * How many bytes stand before the last line; 0: it begins with something else than `first_line`, or
 * is not what was written.
 */
size_t sealed_body(const char *text, size_t len, const char *first_line);

#endif
