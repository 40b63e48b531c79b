/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share. */
#ifndef PMKMOD_APORT_PARTS_H
#define PMKMOD_APORT_PARTS_H

#include "pmkmod/aport/aport.h"

/* The path of a file of the aport's own folder; caller frees. */
char *aport_local_path(const struct aport *a, const struct aport_file *f);

/* aport_patch.c: what patch(1) said of one patch */
struct patch_run {
	int status; /* 0 applies, 1 a hunk does not, 2 trouble */
	struct strbuf output;
};
/*
 * Run patch(1) with `options` (NULL-terminated) on the folder `tree` in the sandbox, on the tools
 * of the host; `writable`: it may change it. `file`: the patch, uncompressed.
 */
int patch_run(struct patch_run *p, const char *tree, bool writable, const char *file,
	const char *const *options, struct err *e);

/* signing_config.c: lines of a configuration that make the kernel trust the certificates in
 * `keys_file` (NULL: it has no SYSTEM_TRUSTED_KEYS, they are found in its source). */
void signing_config_edit(struct strbuf *text, const struct kconfig *c, const char *keys_file);

#endif
