/* SPDX-License-Identifier: GPL-3.0-or-later */
/* patch(1) on a folder, in the sandbox, and what it said. */
#ifndef PMKMOD_PATCH_RUN_H
#define PMKMOD_PATCH_RUN_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct patch_run {
	int status; /* 0 applies, 1 a hunk does not, 2 trouble */
	struct strbuf output;
};
/*
 * Run patch(1) with `options` (NULL-terminated) on the folder `tree` in the sandbox, on the tools
 * of the host; `writable`: it may change it; there the folder is /build. `file`: the patch,
 * uncompressed. The caller frees p->output, after an error too.
 */
int patch_run(struct patch_run *p, const char *tree, bool writable, const char *file,
	const char *const *options, struct err *e);
/* Append the first lines of what it said that tell which file and hunk failed; nothing if none. */
void patch_failing_hunk(const char *output, struct strbuf *out);

/*
 * Do all file names in a patch (unified or context, with git's headers) stay inside of the folder
 * it is applied to? The first that does not, a copy; NULL: they do. Hunks are passed over.
 */
char *patch_bad_name(const char *text, size_t len);

#endif
