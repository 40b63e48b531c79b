/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a module asks of the kernel's memory; a part of ko_parse(). */
#ifndef PMKMOD_KO_MEMORY_H
#define PMKMOD_KO_MEMORY_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/ko_image.h"

/*
 * Fill k->memory. Format knowledge: layout_sections(), percpu_modalloc() and do_init_module() in
 * kernel/module/main.c.
 */
void ko_read_memory(struct ko *k, const struct ko_image *im);
void ko_free_memory(struct ko *k);

#endif
