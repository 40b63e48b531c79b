// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Kernel images. A postmarketOS kernel for arm64 is an Image, a gzip'ed Image or an EFI zboot
 * image: a small EFI program with the compressed Image inside, which boards without EFI (and qemu
 * before 8.2) cannot start. Layout: drivers/firmware/efi/libstub/zboot-header.S.
 */
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/image/image.h"

#include <archive.h>
#include <elf.h>
#include <endian.h>
#include <limits.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define ZBOOT_HEADER 64

static uint32_t get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* zboot's word for a compression and libarchive's number of it */
static const struct {
	const char *name;
	int filter;
} compressions[] = {
	{"gzip", ARCHIVE_FILTER_GZIP},
	{"xzkern", ARCHIVE_FILTER_XZ},
	{"xz", ARCHIVE_FILTER_XZ},
	{"zstd22", ARCHIVE_FILTER_ZSTD},
	{"zstd", ARCHIVE_FILTER_ZSTD},
	{"lzma", ARCHIVE_FILTER_LZMA},
	{"lz4", ARCHIVE_FILTER_LZ4},
};

static int unwrap_zboot(
	const char *p, size_t len, size_t max, char **out, size_t *out_len, struct err *e)
{
	uint32_t offset = get_le32(p + 8), size = get_le32(p + 12);
	char name[33] = "";

	memcpy(name, p + 24, 32);
	if (offset < ZBOOT_HEADER || offset > len || size > len - offset)
		return err_set(e, -EBADMSG,
			"the EFI zboot image is damaged: its kernel would be at %u to %llu of %zu bytes",
			offset, (unsigned long long)offset + size, len);
	for (size_t i = 0; i < ARRAY_SIZE(compressions); i++)
		if (streq(compressions[i].name, name))
			return image_unpack(p + offset, size, compressions[i].filter, name, max,
				out, out_len, e);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return err_set(
		e, -ENOTSUP, "the EFI zboot image is packed with '%s', which is not known", name);
}

int image_unwrap(
	const void *data, size_t len, size_t max, char **out, size_t *out_len, struct err *e)
{
	const char *p = data;

	if (len >= ZBOOT_HEADER && memcmp(p, "MZ", 2) == 0 && memcmp(p + 4, "zimg", 4) == 0)
		return unwrap_zboot(p, len, max, out, out_len, e);
	if (len >= 18 && memcmp(p, "\x1f\x8b\x08", 3) == 0)
		return image_unpack(data, len, ARCHIVE_FILTER_GZIP, "gzip", max, out, out_len, e);
	return 1;
}

/* Where each kind of image has its mark. */
static const struct {
	uint16_t machine;
	size_t offset;
	const char *magic;
	size_t len;
	const char *name;
} kinds[] = {
	{EM_AARCH64, 0x38, "ARM\x64", 4, "an arm64 Image"},
	{EM_ARM, 0x24, "\x18\x28\x6f\x01", 4, "an arm zImage"},
	{EM_X86_64, 0x202, "HdrS", 4, "an x86 bzImage"},
	{EM_386, 0x202, "HdrS", 4, "an x86 bzImage"},
	{EM_RISCV, 0x38, "RSC\x05", 4, "a riscv Image"},
	{0, 0, "ANDROID!", 8, "an Android boot image, not a bare kernel"},
	{0, 0,
		"\x7f"
		"ELF",
		4, "an ELF file, not a bootable image"},
	{0, 0, "\xd0\x0d\xfe\xed", 4, "a flattened device tree or FIT image"},
	{0, 0, "\x27\x05\x19\x56", 4, "a U-Boot uImage"},
};

/* Index in kinds[]; -1: unknown. */
static int kind_of(const char *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (len >= kinds[i].offset + kinds[i].len &&
			memcmp(data + kinds[i].offset, kinds[i].magic, kinds[i].len) == 0)
			return (int)i;
	return -1;
}

static int check_kind(
	const char *path, const char *data, size_t len, const struct arch_info *arch, struct err *e)
{
	bool x86 = arch->elf_machine == EM_386 || arch->elf_machine == EM_X86_64;
	int k = kind_of(data, len);

	/* both x86 images carry the same mark */
	if (k >= 0 &&
		(kinds[k].machine == arch->elf_machine || (x86 && kinds[k].machine == EM_X86_64)))
		return 0;
	return err_set(e, -ENOEXEC,
		"the kernel image '%s' is %s: a virtual %s board cannot start it", path,
		k < 0 ? "of no kind that is known" : kinds[k].name, arch->alpine);
}

int image_prepare(const char *path, const struct arch_info *arch, const char *work_dir, char **out,
	struct err *e)
{
	_cleanup_free_ char *data = NULL, *inner = NULL, *to = NULL;
	size_t len, inner_len;
	int r = fs_read(path, KERNEL_IMAGE_MAX, &data, &len, e);

	if (r == 0)
		r = image_unwrap(data, len, KERNEL_IMAGE_MAX, &inner, &inner_len, e);
	if (r < 0)
		return err_prefix(e, "cannot use the kernel '%s'", path);
	r = inner ? check_kind(path, inner, inner_len, arch, e)
		  : check_kind(path, data, len, arch, e);
	if (r < 0)
		return r;
	if (!inner) {
		*out = xstrdup(path);
		return 0;
	}
	to = path_join(work_dir, "kernel-image");
	r = fs_write_atomic(to, inner, inner_len, 0600, e);
	if (r == 0)
		*out = steal_ptr(to);
	return r;
}
