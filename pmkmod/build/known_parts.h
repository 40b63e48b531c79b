/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What known_kernel.c and known_folder.c share; for this room alone. */
#ifndef PMKMOD_KNOWN_PARTS_H
#define PMKMOD_KNOWN_PARTS_H

#include "pmkmod/build/kernel_inputs.h"
#include "pmkmod/build/known_cache.h"
#include "pmkmod/build/known_kernel.h"

/* Configuration and exports as the checks take them; t->symvers is taken over. */
int known_parse_texts(struct known_kernel *k, struct known_texts *t, struct err *e);
/*
 * Everything is there: let k->fit point to it. -EINVAL with exit code 2: the configuration is for
 * another architecture; what else does not go together becomes a note.
 */
int known_point(struct known_kernel *k, bool has_facts, struct err *e);
/* The porter's key, if there is one: whose signature it is, and whether the kernel knows it. */
int known_load_key(struct known_kernel *k, struct context *x, const char *named, struct err *e);
/* Of the image (NULL: none): its types, if a module's decide, and whether it trusts the key. */
void known_take_image(struct known_kernel *k, const char *image);
/* Moves what is in `in`. */
void known_take_inputs(struct known_texts *t, struct kernel_inputs *in);

#endif
