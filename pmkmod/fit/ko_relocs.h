/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loader has to relocate in a module; a part of ko_parse(). */
#ifndef PMKMOD_KO_RELOCS_H
#define PMKMOD_KO_RELOCS_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/ko_image.h"

/*
 * Fill k->relocs and the k->reloc_... beside it. Format knowledge: apply_relocations() and
 * simplify_symbols() in kernel/module/main.c, and each architecture's apply_relocate().
 */
void ko_read_relocs(struct ko *k, const struct ko_image *im);
void ko_free_relocs(struct ko *k);

#endif
