// SPDX-License-Identifier: GPL-3.0-or-later
/* A device's deviceinfo: whatever is in it, each key has a text or none. */
#include "pmkmod/pmaports/pmaports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const variants[] = {NULL, "mainline", "a-b"};
	struct deviceinfo d;
	struct err e = ERR_INIT;

	if (deviceinfo_parse(&d, (const char *)data, size, &e) < 0) {
		if (!e.text[0])
			abort(); /* a refusal has a reason */
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		const char *arch = deviceinfo_get(&d, "arch", variants[i]);

		if (arch && strchr(arch, '"'))
			abort();
	}
	for (size_t i = 0; i < d.n; i++)
		if (!deviceinfo_get(&d, d.keys[i], NULL))
			abort();
	deviceinfo_free(&d);
	return 0;
}
