// SPDX-License-Identifier: GPL-3.0-or-later
/* The search for a table of exports: whatever is found has names and agrees with its counts. */
#include "pmkmod/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_image im = {.bytes = xcalloc(size + 1, 1), .len = size};
	_cleanup_strbuf_ struct strbuf out = {0};
	struct err e = ERR_INIT;
	struct image_exports x;
	size_t n = 0;

	if (size)
		memcpy(im.bytes, data, size);
	if (image_exports_find(&x, &im, &e) < 0) {
		if (!*e.text || x.n)
			abort();
	} else {
		for (size_t i = 0; i < EXPORT_CLASSES; i++)
			n += x.count[i];
		for (size_t i = 0; i < x.n; i++)
			if (!*x.v[i].name)
				abort();
		if (!x.n || n != x.n)
			abort();
		image_exports_print(&x, &out);
	}
	image_exports_free(&x);
	kernel_image_free(&im);
	return 0;
}
