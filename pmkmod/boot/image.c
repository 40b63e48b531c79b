// SPDX-License-Identifier: GPL-3.0-or-later
/* Which kernel images qemu can start, and their unwrapping for it. */
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/image/image.h"

#include <elf.h>
#include <limits.h>
#include <unistd.h>

#include "chroot/base/fs.h"

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
