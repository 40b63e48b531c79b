// SPDX-License-Identifier: GPL-3.0-or-later
/* Kernel images in their wrappings, and the texts in them. */
#include "pmkmod/image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *config = NULL;
	char *copy = xcalloc(size + 1, 1);
	struct err e = ERR_INIT;
	struct image_identity id;
	struct kernel_image im;
	size_t len;

	if (size)
		memcpy(copy, data, size);
	if (kernel_image_unwrap(&im, copy, size, &e) < 0) {
		if (!*e.text || im.bytes)
			abort();
		return 0;
	}
	image_identify(&id, &im);
	if (!id.banner || !id.release || im.bytes[im.len] != '\0')
		abort();
	if (kernel_image_config(&im, &config, &len, &e) == 0 && config[len] != '\0')
		abort();
	image_identity_free(&id);
	kernel_image_free(&im);
	return 0;
}
