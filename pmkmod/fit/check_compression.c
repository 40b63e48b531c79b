// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Who unpacks the file: the kernel if it can (kernel/module/decompress.c, since 5.17) and kmod
 * knows (since 31), else kmod, which Alpine builds with all three. Both go by the content, not by
 * the name. A file compressed otherwise cannot be read at all and has the point "file".
 */
#include "pmkmod/fit/check.h"

#define KERNEL_UNPACKS KERNEL_VERSION_CODE(5, 17)
/* lib/xz of the kernel knows these two kinds of checksums; xz itself writes CRC64. */
enum { XZ_CHECK_NONE = 0, XZ_CHECK_CRC32 = 1 };

static const char *const names[] = {
	[KO_PLAIN] = "plain", [KO_GZIP] = "gzip", [KO_XZ] = "xz", [KO_ZSTD] = "zstd"};
static const char *const options[] = {[KO_GZIP] = "MODULE_COMPRESS_GZIP",
	[KO_XZ] = "MODULE_COMPRESS_XZ",
	[KO_ZSTD] = "MODULE_COMPRESS_ZSTD"};

/* Will the kernel be handed the file as it is? */
static enum known kernel_unpacks(const struct fit_context *c, enum ko_compression how)
{
	if (c->version && c->version < KERNEL_UNPACKS)
		return KNOWN_NO;
	if (fit_config(c, "MODULE_DECOMPRESS") != KNOWN_YES)
		return fit_config(c, "MODULE_DECOMPRESS");
	return fit_config(c, options[how]);
}

void fit_check_compression(struct fit_context *c, const struct ko *ko)
{
	enum ko_compression how = ko->compression;
	bool odd_xz =
		how == KO_XZ && ko->xz_check != XZ_CHECK_NONE && ko->xz_check != XZ_CHECK_CRC32;
	enum known by_kernel = how == KO_PLAIN ? KNOWN_NO : kernel_unpacks(c, how);

	if (how == KO_PLAIN)
		fit_add(c, ko, "compression", FIT_PASS, "none");
	else if (odd_xz && by_kernel == KNOWN_YES)
		fit_add(c, ko, "compression", FIT_FAIL,
			"xz with a checksum that the kernel, which unpacks modules itself "
			"(CONFIG_MODULE_DECOMPRESS), does not know; compress it with xz --check=crc32");
	else if (odd_xz && by_kernel == KNOWN_NOT)
		fit_add(c, ko, "compression", FIT_UNKNOWN,
			"xz with a checksum that a kernel with CONFIG_MODULE_DECOMPRESS cannot read; "
			"whether this one has that is not known; xz --check=crc32 suits all");
	else
		fit_add(c, ko, "compression", FIT_PASS, "%s, which %s", names[how],
			by_kernel == KNOWN_YES ? "the kernel unpacks itself"
					       : "kmod unpacks (busybox' insmod may not)");
}
