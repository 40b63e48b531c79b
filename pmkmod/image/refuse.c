// SPDX-License-Identifier: GPL-3.0-or-later
/* What people give instead of a kernel: each is told apart, with what to do. */
#include "pmkmod/image/payload.h"

#include <elf.h>

#define SAMPLE (1u << 20)
/* Two bytes of noise are equal once in 256 pairs; of code or text, at least twice as often. */
#define NOISE_PERCENT 110
#define SMALLEST 64

static const struct mark {
	size_t at;
	const char *magic;
	size_t len;
	const char *sentence;
} others[] = {
	{0, MAGIC("PK\x03\x04"),
		"this is a zip archive: unpack it and give the boot.img or the kernel inside"},
	{0, MAGIC("VNDRBOOT"), "this is a vendor_boot image, which holds no kernel: give boot.img"},
	{0, MAGIC("AVB0"),
		"this is Android's verified boot data, which holds no kernel: give "
		"boot.img"},
	{0, MAGIC("\x3a\xff\x26\xed"),
		"this is an Android sparse image: convert it with simg2img first"},
	{0, MAGIC("\xd7\xb7\xab\x1e"),
		"this is a table of device trees (dtbo), which holds no "
		"kernel: give boot.img"},
	{0, MAGIC("QCDT"),
		"this is a table of device trees (dt.img), which holds no kernel: give "
		"boot.img"},
	{0, MAGIC("CHROMEOS"),
		"this is a signed Chrome OS kernel partition: unpack it with "
		"futility vbutil_kernel --get-vmlinuz first"},
	{0, MAGIC("CrAU"),
		"this is an Android update payload (payload.bin): take boot.img out of "
		"it with a payload dumper first"},
	{0, MAGIC("7z\xbc\xaf\x27\x1c"),
		"this is a 7z archive: unpack it and give the boot.img or "
		"the kernel inside"},
	{0, MAGIC("Rar!"),
		"this is a rar archive: unpack it and give the boot.img or the kernel "
		"inside"},
	{0, MAGIC("!<arch>\n"),
		"this is an archive of ar (a Debian package, or a library): unpack "
		"it and give the kernel inside"},
	{0, MAGIC("070701"), "this is a cpio archive, an initramfs perhaps, which holds no kernel"},
	{0, MAGIC("hsqs"), "this is a squashfs file system: unpack it and give the kernel inside"},
	{0, MAGIC("ADB"),
		"this is an apk package of the third format, which cannot be read: give "
		"the kernel's image inside it"},
};
/* Marks so short that a kernel may have them by chance: only looked at when it is none. */
static const struct mark weak[] = {
	{0x438, MAGIC("\x53\xef"),
		"this is an ext file system: mount it and give the kernel "
		"inside"},
	{510, MAGIC("\x55\xaa"),
		"this is a disk or a FAT file system: mount it and give the "
		"kernel inside"},
	{0, MAGIC("MZ"), "this is an EFI or Windows program without a kernel inside that is known"},
	{0, MAGIC("#!"), "this is a script"},
};

#define FDT_MAGIC "\xd0\x0d\xfe\xed"

static int refuse_tree(const struct kernel_image *im, struct err *e)
{
	static const char images[] = "\0\0\0\1images\0"; /* FDT_BEGIN_NODE and its name */

	if (memmem(im->bytes, im->len, images, sizeof(images) - 1))
		return err_set(e, -ENOTSUP,
			"this is a FIT image: take the kernel out of it with dumpimage "
			"(u-boot-tools), for example dumpimage -T flat_dt -p 0 -o kernel FILE");
	return err_set(e, -ENOTSUP, "this is a device tree, which holds no kernel");
}

static int refuse_tar(const struct kernel_image *im, struct err *e)
{
	if (starts_with(im->bytes, ".SIGN.") || starts_with(im->bytes, ".PKGINFO"))
		return err_set(e, -ENOTSUP,
			"this is an Alpine package: a kernel's package is read when its name ends "
			"in .apk");
	return err_set(e, -ENOTSUP,
		"this is a tar archive: unpack it and give the boot.img or the kernel inside");
}

static const char *sentence_of(const struct kernel_image *im, const struct mark *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (image_has(im, m[i].at, m[i].magic, m[i].len))
			return m[i].sentence;
	return NULL;
}

int image_refuse_other(const struct kernel_image *im, struct err *e)
{
	const char *sentence = sentence_of(im, others, ARRAY_SIZE(others));

	if (sentence)
		return err_set(e, -ENOTSUP, "%s", sentence);
	if (image_has(im, 0, MAGIC(FDT_MAGIC)))
		return refuse_tree(im, e);
	if (image_has(im, 257, MAGIC("ustar")))
		return refuse_tar(im, e);
	return 0;
}

/* How often two bytes of the sample are equal, against noise, in percent. */
static uint64_t equal_pairs(const char *p, size_t len)
{
	size_t n = len < SAMPLE ? len : SAMPLE;
	uint64_t count[256] = {0}, pairs = 0;

	/* the middle: headers at both ends say nothing of the rest */
	p += (len - n) / 2;
	for (size_t i = 0; i < n; i++)
		count[(unsigned char)p[i]]++;
	for (size_t i = 0; i < 256; i++)
		pairs += count[i] * (count[i] - (count[i] > 0));
	return pairs * 256 * 100 / ((uint64_t)n * (n - 1));
}

int image_refuse_unknown(const struct kernel_image *im, struct err *e)
{
	_cleanup_free_ char *banner = kernel_image_banner(im);
	const char *sentence = sentence_of(im, weak, ARRAY_SIZE(weak));

	if (banner)
		return 0;
	if (im->len < SMALLEST)
		return err_set(e, -ENOTSUP, "%zu bytes are too few for a kernel", im->len);
	if (image_has(im, 0, ELFMAG, SELFMAG))
		return err_set(e, -ENOTSUP,
			"this is an ELF file without a kernel's banner ('Linux version ...'): no "
			"vmlinux");
	if (sentence)
		return err_set(e, -ENOTSUP, "%s", sentence);
	if (im->len >= 4096 && equal_pairs(im->bytes, im->len) < NOISE_PERCENT)
		return err_set(e, -ENOTSUP,
			"nothing of its structure is known, and it looks like noise: it is encrypted, "
			"or packed in an unknown way; give an image that is not, for example the one "
			"a running phone has in its boot partition");
	return err_set(e, -ENOTSUP,
		"this is no kernel image of a known kind, and no kernel's banner ('Linux version "
		"...') is in it");
}
