// SPDX-License-Identifier: GPL-3.0-or-later
/* What a recipe or the command line names as a source. */
#include "pmkmod/module/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *spec = xstrndup((const char *)data, size),
			    *shown = source_shown_url(spec);
	_cleanup_free_ char *name = source_guess_name(spec);
	struct module m = {0};
	struct err e = ERR_INIT;

	/* paths would be looked up */
	if (source_parse(&m, spec, "/nonexistent", &e) == 0) {
		if (m.kind == SOURCE_GIT && m.ref && (m.ref[0] == '-' || strchr(m.ref, ' ')))
			abort();
		if (m.subdir && !source_subdir_ok(m.subdir))
			abort();
	}
	if (strlen(name) == 0 || strlen(shown) > strlen(spec))
		abort();
	module_free(&m);
	return 0;
}
