// SPDX-License-Identifier: GPL-3.0-or-later
/* The file names in a patch. */
#include "pmkmod/util/patch_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bad = patch_bad_name((const char *)data, size);
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_free_ char *text = xstrndup((const char *)data, size);

	if (bad && !strstr(bad, ".."))
		abort();
	free(bad);
	patch_failing_hunk(text, &b);
	return 0;
}
