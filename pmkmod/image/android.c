// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Android boot images, and what makers of phones put before a kernel. Formats: AOSP,
 * system/tools/mkbootimg/include/bootimg/bootimg.h; the makers' headers as their boot loaders'
 * published sources and the tools of distributions show them.
 */
#include "pmkmod/image/payload.h"

#define BOOT_HEADER 48
#define PAGE_MIN 2048
#define PAGE_MAX 131072
#define PAGE_V3 4096
/* where each version keeps them */
enum { KERNEL_SIZE = 8, HEADER_SIZE_V3 = 20, PAGE_SIZE = 36, HEADER_VERSION = 40 };

/*
 * Before versions were invented, their word was unused or, with Qualcomm's boot loader, the size of
 * a table of device trees. Versions 3 and 4 have other fields; the size of their header tells them.
 */
static uint32_t boot_version(const struct kernel_image *im)
{
	uint32_t version = image_le32(im, HEADER_VERSION);
	uint32_t page = image_le32(im, PAGE_SIZE);

	if (version <= 2)
		return version;
	if (version <= 4 && image_le32(im, HEADER_SIZE_V3) <= PAGE_V3 && page == 0)
		return version;
	return 0;
}

int image_strip_android(struct kernel_image *im, struct err *e)
{
	uint32_t version, size, page;
	int r;

	if (!image_has(im, 0, MAGIC("ANDROID!")))
		return 0;
	if (im->len < BOOT_HEADER)
		return err_set(e, -EBADMSG, "the Android boot image is cut off within its header");
	version = boot_version(im);
	size = image_le32(im, KERNEL_SIZE);
	page = version >= 3 ? PAGE_V3 : image_le32(im, PAGE_SIZE);
	if (page < PAGE_MIN || page > PAGE_MAX || (page & (page - 1)))
		return err_set(e, -EBADMSG,
			"the Android boot image (v%u) is damaged, or its version is newer than what is "
			"known: pages of %u bytes",
			version, page);
	if (!size)
		return err_set(e, -ENOTSUP,
			"this Android boot image (v%u) holds no kernel: it may be an init_boot or "
			"recovery image; give boot.img",
			version);
	r = image_take_part(im, page, size, "Android boot image", e);
	if (r < 0)
		return r;
	strvec_addf(&im->wrappings, "Android boot.img v%u", version);
	return 1;
}

/* Headers that stand before a boot image or a kernel and tell nothing that is needed. */
static const struct {
	const char *magic;
	size_t len, header;
	const char *name;
} vendors[] = {
	{MAGIC("\x88\x16\x88\x58"), 512, "MediaTek's header"},
	{MAGIC("DHTB\1\0\0\0"), 512, "Spreadtrum's header"},
	{MAGIC("KRNL"), 8, "Rockchip's header"},
};

int image_strip_vendor(struct kernel_image *im, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(vendors); i++) {
		int r;

		if (!image_has(im, 0, vendors[i].magic, vendors[i].len))
			continue;
		if (im->len <= vendors[i].header)
			return err_set(e, -EBADMSG, "there is nothing behind %s", vendors[i].name);
		r = image_take_part(
			im, vendors[i].header, im->len - vendors[i].header, vendors[i].name, e);
		if (r < 0)
			return r;
		strvec_add(&im->wrappings, vendors[i].name);
		return 1;
	}
	return 0;
}
