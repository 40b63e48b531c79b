/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share. */
#ifndef PMKMOD_APORT_PARTS_H
#define PMKMOD_APORT_PARTS_H

#include "pmkmod/aport/aport.h"

/* The path of a file of the aport's own folder; caller frees. */
char *aport_local_path(const struct aport *a, const struct aport_file *f);

/* signing_config.c: lines of a configuration that make the kernel trust the certificates in
 * `keys_file` (NULL: it has no SYSTEM_TRUSTED_KEYS, they are found in its source). */
void signing_config_edit(struct strbuf *text, const struct kconfig *c, const char *keys_file);

#endif
