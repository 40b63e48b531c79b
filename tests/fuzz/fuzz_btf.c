// SPDX-License-Identifier: GPL-3.0-or-later
/* Type information of anybody: a kernel's, as long as the first two bytes say; a module's. */
#include "pmkmod/fit/btf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a kernel of this age says of it; an error has a sentence. */
static int open_checked(
	struct btf *b, const char *bytes, size_t len, const struct btf *base, uint32_t version)
{
	struct err e = ERR_INIT;
	int r = btf_open(b, bytes, len, base, version, &e);

	if (r < 0 && !e.text[0])
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t versions[] = {0, 0x050b00, 0x051100, 0x060c00};
	const char *bytes = (const char *)data + 2, *found;
	size_t first, found_len;
	struct btf base, own;

	if (size < 2)
		return 0;
	size -= 2;
	first = ((size_t)data[0] | (size_t)data[1] << 8) % (size + 1);
	found = btf_find(bytes, size, &found_len);
	if (found && (found < bytes || found_len > size || found > bytes + size - found_len))
		abort();
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (open_checked(&base, bytes, first, NULL, versions[i]) == 0) {
			struct err e = ERR_INIT;

			/* as types to build on, too, of a kernel that has the same */
			if (open_checked(&own, bytes + first, size - first, &base, versions[i]) ==
					0 &&
				btf_find_base(&own, &base, &e) < 0 && !e.text[0])
				abort();
			btf_close(&own);
		}
		btf_close(&base);
	}
	return 0;
}
