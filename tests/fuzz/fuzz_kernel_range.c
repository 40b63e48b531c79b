// SPDX-License-Identifier: GPL-3.0-or-later
/* A range of kernels, and the release that is held against it behind the first line end. */
#include "chroot/base/str.h"
#include "pmkmod/module/kernel_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *range = xstrndup((const char *)data, size);
	char *release = strchr(range, '\n');

	if (release)
		*release++ = '\0';
	if (kernel_range_check(range, NULL) < 0 && kernel_range_has(range, release ? release : ""))
		abort();
	return 0;
}
