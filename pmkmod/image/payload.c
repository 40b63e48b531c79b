// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From a file to the kernel's own bytes. Wrappings lie in each other (an Android boot image holds an
 * Image.gz), so they are taken off one by one. Formats: Documentation/arch/{arm64/booting,x86/boot,
 * riscv/boot-image-header}.rst, arch/arm/boot/compressed/head.S, U-Boot's include/image.h, AOSP's
 * system/tools/mkbootimg/include/bootimg/bootimg.h, drivers/firmware/efi/libstub/zboot-header.S.
 */
#include "pmkmod/image/image.h"

#include <archive.h>
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/kernel/kernel.h"

#define DEPTH_MAX 6
#define MAGIC(s) s, sizeof(s) - 1

static uint32_t le32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static bool has(const char *p, size_t len, size_t at, const char *magic, size_t n)
{
	return len >= at + n && memcmp(p + at, magic, n) == 0;
}

/* Replace the bytes by a part of themselves. */
static int take_part(struct kernel_image *im, uint64_t at, uint64_t n, const char *what, struct err *e)
{
	if (at > im->len || n > im->len - at || !n)
		return err_set(e, -EBADMSG,
			"the %s is cut off or damaged: its kernel would be at %llu to %llu of %zu bytes",
			what, (unsigned long long)at, (unsigned long long)(at + n), im->len);
	memmove(im->bytes, im->bytes + at, n);
	im->bytes[n] = '\0';
	im->len = n;
	return 0;
}

static const struct {
	const char *magic;
	size_t len;
	int filter;
	const char *name;
} packed[] = {
	{MAGIC("\x1f\x8b\x08"), ARCHIVE_FILTER_GZIP, "gzip"},
	{MAGIC("\xfd\x37zXZ\0"), ARCHIVE_FILTER_XZ, "xz"},
	{MAGIC("\x28\xb5\x2f\xfd"), ARCHIVE_FILTER_ZSTD, "zstd"},
	{MAGIC("\x02\x21\x4c\x18"), ARCHIVE_FILTER_LZ4, "lz4"},
	{MAGIC("\x04\x22\x4d\x18"), ARCHIVE_FILTER_LZ4, "lz4"},
	{MAGIC("\x5d\0\0"), ARCHIVE_FILTER_LZMA, "lzma"},
	{MAGIC("\x89LZO\0\r\n\x1a\n"), ARCHIVE_FILTER_LZOP, "lzo"},
	{MAGIC("BZh"), ARCHIVE_FILTER_BZIP2, "bzip2"},
};

/* Index in packed[] of the compression that begins at `at`, -1: none. */
static int packing_at(const char *p, size_t len, size_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(packed); i++)
		if (has(p, len, at, packed[i].magic, packed[i].len))
			return (int)i;
	return -1;
}

static int unpack_at(struct kernel_image *im, size_t at, int k, struct err *e)
{
	char *out = NULL;
	size_t n = 0;
	int r = image_unpack(im->bytes + at, im->len - at, packed[k].filter, packed[k].name,
		KERNEL_IMAGE_MAX, &out, &n, e);

	if (r < 0)
		return r;
	free(im->bytes);
	im->bytes = out;
	im->len = n;
	strvec_add(&im->wrappings, packed[k].name);
	return 1;
}

/*
 * A self-extracting image (arm zImage, old x86 bzImage): the packed kernel begins somewhere behind
 * `from`. What only looks like a compression does not unpack to a kernel.
 */
static int unpack_within(struct kernel_image *im, size_t from, const char *what, struct err *e)
{
	for (size_t at = from; at < im->len; at++) {
		struct err ignored = ERR_INIT;
		int k = packing_at(im->bytes, im->len, at);

		if (k >= 0 && unpack_at(im, at, k, &ignored) > 0) {
			_cleanup_free_ char *banner = kernel_image_banner(im);

			if (banner || im->len > 4)
				return 1;
		}
	}
	return err_set(e, -EBADMSG, "no packed kernel was found inside the %s: it is cut off, or packed "
				    "in a way that is not known (lzo is not)", what);
}

static int strip_packed(struct kernel_image *im, struct err *e)
{
	int k = packing_at(im->bytes, im->len, 0);

	return k < 0 ? 0 : unpack_at(im, 0, k, e);
}

static int strip_zboot(struct kernel_image *im, struct err *e)
{
	char *out = NULL;
	size_t n = 0;
	int r;

	if (!has(im->bytes, im->len, 0, MAGIC("MZ")) || !has(im->bytes, im->len, 4, MAGIC("zimg")))
		return 0;
	r = image_unwrap(im->bytes, im->len, KERNEL_IMAGE_MAX, &out, &n, e);
	if (r)
		return r < 0 ? r : 0;
	free(im->bytes);
	im->bytes = out;
	im->len = n;
	strvec_add(&im->wrappings, "EFI zboot");
	return 1;
}

/* Versions 0 to 2 name their page size, 3 and 4 have pages of 4096 bytes. */
static int strip_android(struct kernel_image *im, struct err *e)
{
	uint32_t version, size, page;
	int r;

	if (!has(im->bytes, im->len, 0, MAGIC("ANDROID!")) || im->len < 48)
		return 0;
	version = le32(im->bytes + 40);
	size = le32(im->bytes + 8);
	/* before versions were invented, the word was the size of a device tree */
	if (version > 4)
		version = 0;
	page = version >= 3 ? 4096 : le32(im->bytes + 36);
	if (!size)
		return err_set(e, -ENOTSUP,
			"this Android boot image (v%u) holds no kernel: it may be an init_boot or recovery "
			"image; take boot.img", version);
	r = take_part(im, page, size, "Android boot image", e);
	if (r < 0)
		return r;
	strvec_addf(&im->wrappings, "Android boot.img v%u", version);
	return 1;
}

static int strip_uimage(struct kernel_image *im, struct err *e)
{
	uint32_t size, at = 64;
	int r;

	if (!has(im->bytes, im->len, 0, MAGIC("\x27\x05\x19\x56")) || im->len < 76)
		return 0;
	size = be32toh((uint32_t)le32(im->bytes + 12));
	size = htole32(size);
	if (im->bytes[30] == 4) { /* IH_TYPE_MULTI: a list of sizes, ended by 0, then the files */
		size = be32toh(le32(im->bytes + 64));
		for (at = 64; at + 4 <= im->len && le32(im->bytes + at); at += 4)
			;
		at += 4;
	}
	r = take_part(im, at, size, "uImage", e);
	if (r < 0)
		return r;
	strvec_add(&im->wrappings, "uImage");
	return 1;
}

static int strip_bzimage(struct kernel_image *im, struct err *e)
{
	uint64_t sectors, at;
	int r;

	if (!has(im->bytes, im->len, 0x202, MAGIC("HdrS")) || im->len < 0x250)
		return 0;
	sectors = (unsigned char)im->bytes[0x1f1];
	at = ((sectors ? sectors : 4) + 1) * 512;
	if ((le32(im->bytes + 0x206) & 0xffff) >= 0x208) {
		r = take_part(im, at + le32(im->bytes + 0x248), le32(im->bytes + 0x24c), "bzImage", e);
		if (r < 0)
			return r;
		strvec_add(&im->wrappings, "bzImage");
		return 1;
	}
	strvec_add(&im->wrappings, "bzImage");
	return unpack_within(im, at, "bzImage", e);
}

static int strip_zimage(struct kernel_image *im, struct err *e)
{
	if (!has(im->bytes, im->len, 0x24, MAGIC("\x18\x28\x6f\x01")))
		return 0;
	strvec_add(&im->wrappings, "zImage");
	return unpack_within(im, 0x28, "zImage", e);
}

/* What people try and what it is. */
static const struct {
	size_t at;
	const char *magic;
	size_t len;
	const char *sentence;
} others[] = {
	{0, MAGIC("PK\x03\x04"), "this is a zip archive: unpack it and give the boot.img or kernel inside"},
	{0, MAGIC("VNDRBOOT"), "this is a vendor_boot image, which holds no kernel: take boot.img"},
	{0, MAGIC("AVB0"), "this is Android verified boot data without a kernel: take boot.img"},
	{0, MAGIC("\x3a\xff\x26\xed"), "this is an Android sparse image: convert it with simg2img first"},
	{0, MAGIC("\xd0\x0d\xfe\xed"),
		"this is a device tree or FIT image: take the kernel out of it with dumpimage (u-boot-tools)"},
	{257, MAGIC("ustar"), "this is a tar archive: unpack it and give the boot.img or kernel inside"},
	{0, MAGIC("ADB"), "this is an apk package of the third format: give the kernel's image inside it"},
};

static int refuse_other(const struct kernel_image *im, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (has(im->bytes, im->len, others[i].at, others[i].magic, others[i].len))
			return err_set(e, -ENOTSUP, "%s", others[i].sentence);
	return 0;
}

int kernel_image_unwrap(struct kernel_image *im, char *bytes, size_t len, struct err *e)
{
	static int (*const strips[])(struct kernel_image *, struct err *) = {strip_zboot, strip_android,
		strip_uimage, strip_bzimage, strip_zimage, strip_packed};
	bool again = true;
	int r = 0;

	*im = (struct kernel_image){.bytes = bytes, .len = len};
	for (int depth = 0; again && r >= 0 && depth < DEPTH_MAX; depth++) {
		again = false;
		r = refuse_other(im, e);
		for (size_t i = 0; r >= 0 && !again && i < ARRAY_SIZE(strips); i++) {
			r = strips[i](im, e);
			again = r > 0;
		}
	}
	if (r < 0) {
		kernel_image_free(im);
		return r;
	}
	return 0;
}

/* ---- a kernel's package ---- */

struct wanted {
	const char *name;
	struct strbuf content;
	bool here;
};

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct wanted *w = ctx;

	(void)e;
	w->here = en->type == APK_FILE && streq(en->name, w->name);
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct wanted *w = ctx;

	if (!w->here)
		return 0;
	if (n > KERNEL_IMAGE_MAX - w->content.len)
		return err_set(e, -EFBIG, "the kernel '%s' is larger than the %u MiB allowed", w->name,
			KERNEL_IMAGE_MAX >> 20);
	strbuf_add(&w->content, p, n);
	return 0;
}

static int read_package(char **bytes, size_t *len, const char *path, struct err *e)
{
	static const struct apk_reader_ops ops = {.entry = on_entry, .data = on_data};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct kernel_facts f = {0};
	struct wanted w = {0};
	int r = kernel_facts_read(&f, path, NULL, NULL, NULL, e);

	if (r < 0)
		return r;
	if (!f.image_name)
		r = err_set(e, -ENOTSUP, "the package '%s' holds no kernel image in /boot", path);
	w.name = f.image_name;
	if (r == 0)
		r = apk_read(fd, path_base(path), NULL, NULL, NULL, &ops, &w, e);
	kernel_facts_free(&f);
	if (r == 0) {
		*len = w.content.len;
		*bytes = strbuf_steal(&w.content);
	}
	strbuf_free(&w.content);
	return r;
}

int kernel_image_read(struct kernel_image *im, const char *path, struct err *e)
{
	bool package = ends_with(path, ".apk");
	char *bytes = NULL;
	size_t len = 0;
	int r;

	*im = (struct kernel_image){0};
	r = package ? read_package(&bytes, &len, path, e)
		    : fs_read(path, KERNEL_IMAGE_MAX, &bytes, &len, e);
	if (r < 0)
		return r;
	r = kernel_image_unwrap(im, bytes, len, e);
	return r < 0 ? err_prefix(e, "cannot use the kernel image '%s'", path) : 0;
}

char *kernel_image_banner(const struct kernel_image *im)
{
	static const char mark[] = "Linux version ";
	const char *p = im->bytes, *end = im->bytes + im->len;

	while (p && (p = memmem(p, (size_t)(end - p), mark, sizeof(mark) - 1))) {
		const char *v = p + sizeof(mark) - 1;

		/* the same words also stand in format strings ("Linux version %s (%s)") */
		if (*v >= '0' && *v <= '9')
			return xstrndup(p, strcspn(p, "\n"));
		p = v;
	}
	return NULL;
}

void kernel_image_free(struct kernel_image *im)
{
	free(im->bytes);
	strvec_free(&im->wrappings);
	*im = (struct kernel_image){0};
}
