/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the build room: pinned packages to and from text. */
#ifndef PMKMOD_PINNED_H
#define PMKMOD_PINNED_H

#include "pmkmod/build/resolve.h"

void pinned_from(struct pinned *out, const struct apk_pkg *p);
void pinned_set_add(struct pinned_set *set, const struct apk_pkg *p);
/* "name version Q1... build-time", no newline; and back (-EINVAL). */
void pinned_print(const struct pinned *p, struct strbuf *out);
int pinned_parse(struct pinned *out, const char *line);

#endif
