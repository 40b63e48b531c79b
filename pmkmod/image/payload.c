// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From a file's bytes to the kernel's own. Wrappings lie in each other (an Android boot image holds
 * an Image.gz), so they are taken off one by one. Formats: Documentation/arch/x86/boot.rst,
 * arch/arm/boot/compressed/head.S, U-Boot's include/image.h; Android's are in android.c.
 */
#include "pmkmod/image/payload.h"

#include <elf.h>
#include <zlib.h>

#define DEPTH_MAX 8
/* What looks like the beginning of a packed kernel inside a self-extracting one is tried so often.
 */
#define ATTEMPTS_MAX 256
#define BANNER_MAX 1024
#define UIMAGE_HEADER 64
#define UIMAGE_MULTI 4 /* IH_TYPE_MULTI */
#define BZIMAGE_HEADER 0x250
#define ZIMAGE_MAGIC "\x18\x28\x6f\x01"

bool image_has(const struct kernel_image *im, size_t at, const char *magic, size_t n)
{
	return at <= im->len && n <= im->len - at && memcmp(im->bytes + at, magic, n) == 0;
}

uint32_t image_le32(const struct kernel_image *im, size_t at)
{
	const unsigned char *p = (const unsigned char *)im->bytes + at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t be32(const struct kernel_image *im, size_t at)
{
	return __builtin_bswap32(image_le32(im, at));
}

int image_take_part(
	struct kernel_image *im, uint64_t at, uint64_t n, const char *what, struct err *e)
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

/* What came out of the stream at `at` takes the image's place. */
static void take_unpacked(struct kernel_image *im, enum packing p, char *out, size_t n, size_t end)
{
	im->trailing = im->len - end;
	free(im->bytes);
	im->bytes = out;
	im->len = n;
	strvec_add(&im->wrappings, packing_name(p));
}

static bool has_banner(const char *bytes, size_t len)
{
	const struct kernel_image im = {.bytes = (char *)(uintptr_t)bytes, .len = len};
	_cleanup_free_ char *banner = kernel_image_banner(&im);

	return banner != NULL;
}

/* One attempt of unpack_within(): 1 done, 0 not a kernel, -ENOENT nothing to try, or an error. */
static int try_at(struct kernel_image *im, size_t at, size_t *budget, struct err *e)
{
	enum packing p = packing_of(im->bytes + at, im->len - at);
	char *out = NULL;
	size_t n = 0, used = 0;
	int r;

	if (p == PACKING_NONE)
		return -ENOENT;
	r = packing_unpack(p, im->bytes + at, im->len - at, *budget, &out, &n, &used, e);
	*budget -= n;
	if (r < 0)
		return r;
	if (!has_banner(out, n)) {
		free(out);
		return 0;
	}
	take_unpacked(im, p, out, n, at + used);
	return 1;
}

/*
 * A self-extracting image (arm zImage, bzImage before protocol 2.08): the packed kernel begins
 * somewhere behind `from`. What only looks like a compression does not unpack to a kernel. All
 * attempts together may unpack as much as one kernel may have, so that no input costs more.
 */
static int unpack_within(struct kernel_image *im, size_t from, const char *what, struct err *e)
{
	size_t budget = KERNEL_IMAGE_MAX;
	struct err first = ERR_INIT;
	int attempts = 0;

	for (size_t at = from; at < im->len && attempts < ATTEMPTS_MAX; at++) {
		struct err why = ERR_INIT;
		int r = try_at(im, at, &budget, &why);

		if (r > 0)
			return 1;
		attempts += r != -ENOENT;
		/* a library that is missing explains more than a false start */
		if (r < 0 && r != -ENOENT && (!first.code || r == -ENOSYS))
			first = why;
	}
	if (first.code == -ENOSYS)
		return err_set(e, first.code, "%s", first.text);
	return err_set(e, -EBADMSG,
		"no packed kernel was found inside the %s: it is cut off, encrypted, or packed in "
		"a way that is not known%s%s",
		what, first.code ? "; " : "", first.text);
}

static int strip_packed(struct kernel_image *im, struct err *e)
{
	enum packing p = packing_of(im->bytes, im->len);
	char *out = NULL;
	size_t n = 0, used = 0;
	int r;

	if (p == PACKING_NONE)
		return 0;
	r = packing_unpack(p, im->bytes, im->len, KERNEL_IMAGE_MAX, &out, &n, &used, e);
	if (r < 0)
		return r;
	take_unpacked(im, p, out, n, used);
	return 1;
}

static int strip_zboot(struct kernel_image *im, struct err *e)
{
	char *out = NULL;
	size_t n = 0;
	int r;

	if (!image_is_zboot(im->bytes, im->len))
		return 0;
	r = image_unwrap(im->bytes, im->len, KERNEL_IMAGE_MAX, &out, &n, e);
	if (r < 0)
		return r;
	free(im->bytes);
	im->bytes = out;
	im->len = n;
	strvec_add(&im->wrappings, "EFI zboot");
	return 1;
}

/* U-Boot's numbers of architectures (IH_ARCH_*). */
static uint16_t uimage_machine(unsigned char arch)
{
	switch (arch) {
	case 2:
		return EM_ARM;
	case 3:
		return EM_386;
	case 22:
		return EM_AARCH64;
	case 24:
		return EM_X86_64;
	case 26:
		return EM_RISCV;
	}
	return EM_NONE;
}

/* A legacy uImage: everything in it is big endian. Multi: sizes, a 0, then the files. */
static int strip_uimage(struct kernel_image *im, struct err *e)
{
	uint64_t size, at = UIMAGE_HEADER;
	bool multi;
	int r;

	if (!image_has(im, 0, MAGIC("\x27\x05\x19\x56")) || im->len < UIMAGE_HEADER + 12)
		return 0;
	size = be32(im, 12);
	if (size > im->len - UIMAGE_HEADER)
		return err_set(e, -EBADMSG,
			"the uImage is cut off: it has %zu bytes of data, its header says %llu",
			im->len - UIMAGE_HEADER, (unsigned long long)size);
	if (crc32(0, (const unsigned char *)im->bytes + UIMAGE_HEADER, (unsigned)size) !=
		be32(im, 24))
		return err_set(e, -EBADMSG, "the uImage is damaged: its checksum is wrong");
	multi = im->bytes[30] == UIMAGE_MULTI;
	im->machine = uimage_machine((unsigned char)im->bytes[29]);
	if (multi) {
		uint64_t end = UIMAGE_HEADER + size;

		size = be32(im, UIMAGE_HEADER);
		while (at + 4 <= end && be32(im, at))
			at += 4;
		at += 4;
	}
	r = image_take_part(im, at, size, "uImage", e);
	if (r < 0)
		return r;
	strvec_add(&im->wrappings, multi ? "uImage (multi-file)" : "uImage");
	return 1;
}

static int strip_bzimage(struct kernel_image *im, struct err *e)
{
	uint64_t sectors, at;
	int r;

	if (!image_has(im, 0x202, MAGIC("HdrS")) || im->len < BZIMAGE_HEADER)
		return 0;
	sectors = (unsigned char)im->bytes[0x1f1];
	at = ((sectors ? sectors : 4) + 1) * 512;
	strvec_add(&im->wrappings, "bzImage");
	if ((image_le32(im, 0x206) & 0xffff) < 0x208)
		return unpack_within(im, at, "bzImage", e);
	r = image_take_part(im, at + image_le32(im, 0x248), image_le32(im, 0x24c), "bzImage", e);
	return r < 0 ? r : 1;
}

static int strip_zimage(struct kernel_image *im, struct err *e)
{
	if (!image_has(im, 0x24, MAGIC(ZIMAGE_MAGIC)))
		return 0;
	im->machine = EM_ARM;
	strvec_add(&im->wrappings, "zImage");
	return unpack_within(im, 0x28, "zImage", e);
}

/* An arm64, riscv or loongarch Image says what it is at the same place. */
static void note_machine(struct kernel_image *im)
{
	static const struct {
		const char *magic;
		uint16_t machine;
	} marks[] = {
		{"ARM\x64", EM_AARCH64},
		{"RSC\x05", EM_RISCV},
		{"\xcd\x23\x82\x81", 258 /* EM_LOONGARCH, which older elf.h lack */},
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (image_has(im, 0x38, marks[i].magic, 4))
			im->machine = marks[i].machine;
	if (image_has(im, 0, ELFMAG, SELFMAG) && im->len >= sizeof(Elf32_Ehdr)) {
		const unsigned char *p = (const unsigned char *)im->bytes + 18;

		im->machine = (uint16_t)(im->bytes[EI_DATA] == ELFDATA2MSB ? p[0] << 8 | p[1]
									   : p[1] << 8 | p[0]);
	}
}

static int strip_all(struct kernel_image *im, struct err *e)
{
	static int (*const strips[])(struct kernel_image *, struct err *) = {strip_zboot,
		image_strip_android, image_strip_vendor, strip_uimage, strip_bzimage, strip_zimage,
		strip_packed};
	bool again = true;
	int r = 0;

	for (int depth = 0; again && r >= 0 && depth < DEPTH_MAX; depth++) {
		again = false;
		r = image_refuse_other(im, e);
		for (size_t i = 0; r >= 0 && !again && i < ARRAY_SIZE(strips); i++) {
			r = strips[i](im, e);
			again = r > 0;
		}
	}
	if (r >= 0)
		r = image_refuse_unknown(im, e);
	return r < 0 ? r : 0;
}

int kernel_image_unwrap(struct kernel_image *im, char *bytes, size_t len, struct err *e)
{
	int r;

	*im = (struct kernel_image){.bytes = bytes, .len = len};
	r = strip_all(im, e);
	if (r == 0) {
		note_machine(im);
		return 0;
	}
	if (im->wrappings.n) {
		_cleanup_free_ char *words = kernel_image_wrappings(im);

		err_prefix(e, "inside %s", words);
	}
	kernel_image_free(im);
	return r;
}

/* Length of the line at `p`; 0 if it does not end within what a banner can be. */
static size_t line_length(const char *p, const char *end)
{
	size_t n = (size_t)(end - p) < BANNER_MAX ? (size_t)(end - p) : BANNER_MAX;
	const char *newline = memchr(p, '\n', n), *nul = memchr(p, '\0', n);

	return newline && (!nul || newline < nul) ? (size_t)(newline - p) : 0;
}

/* Is it of the final link (" #1 ...")? Since 6.1 one without the number lies beside it. */
static bool is_numbered(const char *line, size_t n)
{
	const char *p = memmem(line, n, ") #", 3);

	return p && p + 3 < line + n && p[3] >= '0' && p[3] <= '9';
}

char *kernel_image_banner(const struct kernel_image *im)
{
	static const char mark[] = "Linux version ";
	const char *p = im->bytes, *end = im->bytes + im->len, *found = NULL;
	size_t found_len = 0;

	while (p && (p = memmem(p, (size_t)(end - p), mark, sizeof(mark) - 1))) {
		const char *line = p;
		size_t n = line_length(p, end);

		p += sizeof(mark) - 1;
		/* the same words also stand in format strings ("Linux version %s (%s)") */
		if (n < sizeof(mark) || *p < '0' || *p > '9' || !memchr(line, '(', n) ||
			!memchr(line, '#', n))
			continue;
		if (is_numbered(line, n))
			return xstrndup(line, n);
		if (!found) {
			found = line;
			found_len = n;
		}
	}
	return found ? xstrndup(found, found_len) : NULL;
}

char *kernel_image_wrappings(const struct kernel_image *im)
{
	return strvec_join(&im->wrappings, ", ");
}

void kernel_image_free(struct kernel_image *im)
{
	free(im->bytes);
	strvec_free(&im->wrappings);
	*im = (struct kernel_image){0};
}
