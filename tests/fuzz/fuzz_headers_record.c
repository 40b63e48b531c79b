// SPDX-License-Identifier: GPL-3.0-or-later
/* The record of headers, which a worker may have written. */
#include <stdlib.h>
#include <string.h>

#include "pmkmod/build/made_headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct made_headers h;

	if (made_headers_parse(&h, text) == 0) {
		if (!h.origin || !h.provider || !h.compiler || !h.dev.name || !h.dev.version ||
			!h.scripts.name || strpbrk(h.compiler, "\n"))
			abort();
		made_headers_are_repaired(&h);
	} else if (h.origin || h.dev.name) {
		abort();
	}
	made_headers_free(&h);
	return 0;
}
