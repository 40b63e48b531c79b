// SPDX-License-Identifier: GPL-3.0-or-later
/* Kernel images: gzip'ed, EFI zboot or neither. What comes out is never more than was allowed. */
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/image/image.h"

#define ALLOWED (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *out = NULL;
	struct err e = ERR_INIT;
	size_t len = 0;
	int r = image_unwrap(data, size, ALLOWED, &out, &len, &e);

	if (r < 0 ? out || !*e.text : r == 0 ? !out || len > ALLOWED : out != NULL)
		abort();
	return 0;
}
