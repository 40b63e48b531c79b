// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * EFI zboot images: a small EFI program with the compressed Image inside. Layout:
 * drivers/firmware/efi/libstub/zboot-header.S.
 */
#include "pmkmod/image/image.h"

#include <endian.h>

#define ZBOOT_HEADER 64

static uint32_t get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* zboot's words for compressions (drivers/firmware/efi/libstub/Makefile.zboot) */
static const struct {
	const char *name;
	enum packing packing;
} compressions[] = {
	{"gzip", PACKING_GZIP},
	{"xzkern", PACKING_XZ},
	{"xz", PACKING_XZ},
	{"zstd22", PACKING_ZSTD},
	{"zstd", PACKING_ZSTD},
	{"lzma", PACKING_LZMA},
	{"lz4", PACKING_LZ4_LEGACY},
	{"lzo", PACKING_LZO},
};

bool image_is_zboot(const void *data, size_t len)
{
	const char *p = data;

	return len >= ZBOOT_HEADER && memcmp(p, "MZ", 2) == 0 && memcmp(p + 4, "zimg", 4) == 0;
}

static int unwrap_zboot(
	const char *p, size_t len, size_t max, char **out, size_t *out_len, struct err *e)
{
	uint32_t offset = get_le32(p + 8), size = get_le32(p + 12);
	char name[33] = "";
	size_t used;

	memcpy(name, p + 24, 32);
	if (offset < ZBOOT_HEADER || offset > len || size > len - offset)
		return err_set(e, -EBADMSG,
			"the EFI zboot image is damaged or cut off: its kernel would be at %u to "
			"%llu of %zu bytes",
			offset, (unsigned long long)offset + size, len);
	for (size_t i = 0; i < ARRAY_SIZE(compressions); i++)
		if (streq(compressions[i].name, name))
			return packing_unpack(compressions[i].packing, p + offset, size, max, out,
				out_len, &used, e);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return err_set(
		e, -ENOTSUP, "the EFI zboot image is packed with '%s', which is not known", name);
}

int image_unwrap(
	const void *data, size_t len, size_t max, char **out, size_t *out_len, struct err *e)
{
	size_t used;

	if (image_is_zboot(data, len))
		return unwrap_zboot(data, len, max, out, out_len, e);
	if (packing_of(data, len) == PACKING_GZIP)
		return packing_unpack(PACKING_GZIP, data, len, max, out, out_len, &used, e);
	return 1;
}
