/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the fuzz targets: let them get past checksums, which they would never guess. */
#ifndef PMKMOD_FUZZ_APK_WRAP_H
#define PMKMOD_FUZZ_APK_WRAP_H

#include "tests/unit/apk_craft.h"

/* The same archive, with right checksums in whatever looks like a header. */
static inline void wrap_tar(struct strbuf *tar, const uint8_t *data, size_t size)
{
	strbuf_add(tar, data, size);
	for (size_t i = 0; i + CRAFT_BLOCK <= tar->len; i += CRAFT_BLOCK)
		if (memcmp(tar->s + i + AT_MAGIC, "ustar", 5) == 0)
			craft_fix_sum(tar->s + i);
}

#endif
