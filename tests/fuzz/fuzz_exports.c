// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The search for a table of exports: whatever is found has names and agrees with its counts. And
 * that for the parameters of a kernel: whatever is found is a name.
 */
#include "pmkmod/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_params(const struct kernel_image *im)
{
	char *const listed[] = {"a.time", "b.c", "c.nr_uarts", "d.blimit"};
	const struct strvec attributes = {.v = (char **)listed, .n = ARRAY_SIZE(listed)};
	_cleanup_strvec_ struct strvec names = {0};

	image_param_names(im, &attributes, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!names.v[i][0] || strpbrk(names.v[i], ". \n"))
			abort();
}

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
	find_params(&im);
	kernel_image_free(&im);
	return 0;
}
