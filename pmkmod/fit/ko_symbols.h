/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The symbols of a .ko: what it needs, what it exports, and their CRCs. Used by ko.c alone. */
#ifndef PMKMOD_KO_SYMBOLS_H
#define PMKMOD_KO_SYMBOLS_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/ko_image.h"

/* Fill k->versions from __version_ext_crcs and _names (since 6.14), else from __versions. */
void ko_read_versions(struct ko *k, const struct ko_image *im);
/*
 * Fill k->undefined, k->exports and k->exported from the symbol table, as simplify_symbols() walks
 * it. Needs k->versions. -EINVAL without a symbol table, -EBADMSG if it is damaged.
 */
int ko_read_symbols(struct ko *k, const struct ko_image *im, struct err *e);
void ko_free_symbols(struct ko *k);

#endif
