/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The code of a .ko: what is relocated in it, and how it was compiled. Used by ko.c alone. */
#ifndef PMKMOD_KO_CODE_H
#define PMKMOD_KO_CODE_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/ko_image.h"

/*
 * Fill k->relocs, k->reloc_flaw, k->reloc_nonzero, k->sections, k->code and k->btf. Format
 * knowledge: apply_relocations() in kernel/module/main.c; the Arm Architecture Reference Manual,
 * C4.1, for the few instructions that are looked for.
 */
void ko_read_code(struct ko *k, const struct ko_image *im);
void ko_free_code(struct ko *k);

#endif
