/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts of a kernel package as a small text file that proves its own wholeness. */
#ifndef PMKMOD_FACTS_CACHE_H
#define PMKMOD_FACTS_CACHE_H

#include "pmkmod/kernel/kernel.h"

/* The file's bytes; caller frees. */
char *facts_print(const struct kernel_facts *f, size_t *len);
/* false if the bytes are not a whole file of this version; *f is then empty. */
bool facts_parse(struct kernel_facts *f, const char *text, size_t len);

#endif
