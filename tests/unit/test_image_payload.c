// SPDX-License-Identifier: GPL-3.0-or-later
/* Wrappings of kernel images: taken off, one in another, damaged, cut off, or none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <lzma.h>
#include <zlib.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/image/image.h"
#include "pmkmod/util/archive_library.h"
#include "tests/unit/image_builder.h"

static char decoy[] = "no kernel at all in here", nothing[] = "";
static struct ib kernel; /* what is inside of everything */

static int set_up(void **state)
{
	static const struct ib_spec s = {IB_PLACE, 3, 4, .merged = true, .n = {90, 110}};

	(void)state;
	ib_build(&kernel, &s);
	/* an arm64 Image has its mark here */
	memcpy(kernel.b.s + 0x38, "ARM\x64", 4);
	return archive_library_load(NULL);
}

static int tear_down(void **state)
{
	(void)state;
	ib_free(&kernel);
	return 0;
}

static void le32(struct strbuf *b, uint32_t v)
{
	ib_num(b, v, 4);
}

static void be32(struct strbuf *b, uint32_t v)
{
	ib_num(b, __builtin_bswap32(v), 4);
}

static void zeros(struct strbuf *b, size_t upto)
{
	while (b->len < upto)
		strbuf_addc(b, 0);
}

static void noise(struct strbuf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addc(b, (char)ib_noise((uint32_t)(b->len * 7 + i)));
}

/* ---- compressions ---- */

static void pack_lzma(struct strbuf *out, const struct strbuf *in)
{
	size_t size = in->len + 4096;
	uint8_t *buf = xcalloc(size, 1);
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;

	lzma_lzma_preset(&o, 6);
	assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
	s.next_in = (uint8_t *)in->s;
	s.avail_in = in->len;
	s.next_out = buf;
	s.avail_out = size;
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	strbuf_add(out, buf, s.total_out);
	lzma_end(&s);
	free(buf);
}

/* Blocks of 8 MiB, each of one run of literals. */
static void pack_lz4(struct strbuf *out, const struct strbuf *in)
{
	strbuf_add(out, "\x02\x21\x4c\x18", 4);
	for (size_t at = 0; at < in->len;) {
		size_t n = in->len - at < (8u << 20) ? in->len - at : 8u << 20, rest = n - 15;

		le32(out, (uint32_t)(1 + rest / 255 + 1 + n));
		strbuf_addc(out, (char)0xf0);
		for (; rest >= 255; rest -= 255)
			strbuf_addc(out, (char)255);
		strbuf_addc(out, (char)rest);
		strbuf_add(out, in->s + at, n);
		at += n;
	}
}

/* lzop's container with blocks that are stored. */
static void pack_lzo(struct strbuf *out, const struct strbuf *in)
{
	strbuf_add(out, "\x89LZO\0\r\n\x1a\n", 9);
	strbuf_add(out, "\x10\x40\x20\xa0\x09\x40\x03\x09", 8);
	be32(out, 1); /* an adler32 of what comes out */
	be32(out, 0100644);
	be32(out, 0);
	be32(out, 0);
	strbuf_add(out, "\x05Image", 6);
	be32(out, 0);
	for (size_t at = 0; at < in->len;) {
		size_t n = in->len - at < 4096 ? in->len - at : 4096;

		be32(out, (uint32_t)n);
		be32(out, (uint32_t)n);
		be32(out, (uint32_t)adler32(1, (unsigned char *)in->s + at, (unsigned)n));
		strbuf_add(out, in->s + at, n);
		at += n;
	}
	be32(out, 0);
}

static void pack_bzip2(struct strbuf *out, const struct strbuf *in)
{
	size_t size = in->len + 4096, used = 0;
	char *buf = xcalloc(size, 1);
	struct archive *a = archive_write_new();
	struct archive_entry *en = archive_entry_new();

	archive_write_add_filter_bzip2(a);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_per_block(a, 1);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open_memory(a, buf, size, &used), ARCHIVE_OK);
	archive_entry_set_filetype(en, AE_IFREG);
	archive_entry_set_pathname(en, "x");
	assert_int_equal(archive_write_header(a, en), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, in->s, in->len), in->len);
	archive_write_close(a);
	archive_write_free(a);
	archive_entry_free(en);
	strbuf_add(out, buf, used);
	free(buf);
}

static void pack_gzip(struct strbuf *out, const struct strbuf *in)
{
	assert_int_equal(export_compress(KO_GZIP, in->s, in->len, out, NULL), 0);
}

static void pack_xz(struct strbuf *out, const struct strbuf *in)
{
	assert_int_equal(export_compress(KO_XZ, in->s, in->len, out, NULL), 0);
}

static void pack_zstd(struct strbuf *out, const struct strbuf *in)
{
	assert_int_equal(export_compress(KO_ZSTD, in->s, in->len, out, NULL), 0);
}

static const struct {
	const char *name;
	void (*pack)(struct strbuf *out, const struct strbuf *in);
} packers[] = {
	{"gzip", pack_gzip},
	{"xz", pack_xz},
	{"zstd", pack_zstd},
	{"lz4", pack_lz4},
	{"lzma", pack_lzma},
	{"bzip2", pack_bzip2},
	{"lzo", pack_lzo},
};

/* ---- what is checked ---- */

static int unwrap(struct kernel_image *im, const struct strbuf *b, struct err *e)
{
	char *copy = xcalloc(b->len + 1, 1);

	if (b->len)
		memcpy(copy, b->s, b->len);
	return kernel_image_unwrap(im, copy, b->len, e);
}

static void expect_kernel(const struct strbuf *b, const char *wrappings)
{
	_cleanup_free_ char *words = NULL;
	struct err e = ERR_INIT;
	struct kernel_image im;

	if (unwrap(&im, b, &e) < 0)
		fail_msg("%s: %s", wrappings, e.text);
	words = kernel_image_wrappings(&im);
	assert_string_equal(words, wrappings);
	if (im.len < kernel.b.len || memcmp(im.bytes, kernel.b.s, kernel.b.len) != 0)
		fail_msg("%s: another kernel came out", wrappings);
	kernel_image_free(&im);
}

static void expect_error(const struct strbuf *b, int code, const char *words)
{
	struct err e = ERR_INIT;
	struct kernel_image im;
	int r = unwrap(&im, b, &e);

	if (r != code || !strstr(e.text, words))
		fail_msg("%d '%s', not %d '%s'", r, e.text, code, words);
	assert_null(im.bytes);
	assert_null(strchr(e.text, '\n'));
}

/* ---- tests ---- */

static void compressions(void **state)
{
	(void)state;
	expect_kernel(&kernel.b, "");
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};

		packers[i].pack(&b, &kernel.b);
		expect_kernel(&b, packers[i].name);
		/* the unpacked size (size_append), then a device tree */
		le32(&b, (uint32_t)kernel.b.len);
		expect_kernel(&b, packers[i].name);
		strbuf_add(&b, "\xd0\x0d\xfe\xed", 4);
		noise(&b, 3000);
		expect_kernel(&b, packers[i].name);
	}
}

static void cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};

		packers[i].pack(&b, &kernel.b);
		for (size_t n = 64; n < b.len; n += b.len / 5 + 1) {
			struct strbuf part = {.s = b.s, .len = n};

			expect_error(&part, -EBADMSG, packers[i].name);
		}
	}
}

/* Full blocks, whose end nothing marks. */
static void lz4_blocks(void **state)
{
	_cleanup_strbuf_ struct strbuf big = {0}, b = {0};
	struct err e = ERR_INIT;
	struct kernel_image im;

	(void)state;
	strbuf_add(&big, kernel.b.s, kernel.b.len);
	zeros(&big, 16u << 20);
	pack_lz4(&b, &big);
	for (int trailing = 0; trailing < 2; trailing++) {
		assert_int_equal(unwrap(&im, &b, &e), 0);
		assert_int_equal(im.len, big.len);
		assert_int_equal(im.trailing, 4 * trailing);
		kernel_image_free(&im);
		le32(&b, (uint32_t)big.len);
	}
	b.len -= 4 + 100;
	expect_error(&b, -EBADMSG, "lz4");
}

static void zimage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};
		_cleanup_free_ char *words = xasprintf("zImage, %s", packers[i].name);

		noise(&b, 0x24);
		strbuf_add(&b, "\x18\x28\x6f\x01", 4);
		le32(&b, 0);
		/* things that look like the beginning of a packed kernel, and are none */
		for (size_t k = 0; k < ARRAY_SIZE(packers); k++) {
			struct strbuf other = {0};

			packers[k].pack(&other, &(struct strbuf){.s = decoy, .len = 24});
			strbuf_add(&b, other.s, other.len);
			strbuf_free(&other);
			noise(&b, 900);
		}
		packers[i].pack(&b, &kernel.b);
		le32(&b, (uint32_t)kernel.b.len);
		noise(&b, 500);
		expect_kernel(&b, words);
	}
}

static void zimage_without(void **state)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	(void)state;
	noise(&b, 0x24);
	strbuf_add(&b, "\x18\x28\x6f\x01", 4);
	noise(&b, 100000);
	expect_error(&b, -EBADMSG, "no packed kernel was found inside the zImage");
	pack_gzip(&b, &kernel.b);
	b.len -= 2000;
	expect_error(&b, -EBADMSG, "cut off");
}

/* A zImage made of nothing but beginnings: bounded time, and an error. */
static void zimage_hostile(void **state)
{
	_cleanup_strbuf_ struct strbuf b = {0}, one = {0}, zero = {0};

	(void)state;
	zeros(&zero, 4u << 20);
	pack_gzip(&one, &zero);
	zeros(&b, 0x24);
	strbuf_add(&b, "\x18\x28\x6f\x01", 4);
	while (b.len < (8u << 20))
		strbuf_add(&b, one.s, one.len);
	expect_error(&b, -EBADMSG, "no packed kernel");
}

static void bzimage(void **state)
{
	_cleanup_strbuf_ struct strbuf b = {0}, packed = {0}, old = {0};

	(void)state;
	pack_xz(&packed, &kernel.b);
	zeros(&b, 512 * 5 + 1000);
	b.s[0x1f1] = 4;
	memcpy(b.s + 0x202, "HdrS", 4);
	ib_put(&(struct ib){.b = b}, 0x206, 0x20f, 2);
	ib_put(&(struct ib){.b = b}, 0x248, 1000, 4);
	ib_put(&(struct ib){.b = b}, 0x24c, (uint32_t)packed.len, 4);
	strbuf_add(&b, packed.s, packed.len);
	expect_kernel(&b, "bzImage, xz");
	/* before protocol 2.08 it is not said where the payload is */
	strbuf_add(&old, b.s, b.len);
	ib_put(&(struct ib){.b = old}, 0x206, 0x207, 2);
	expect_kernel(&old, "bzImage, xz");
	b.len -= 10;
	expect_error(&b, -EBADMSG, "the bzImage is cut off");
}

static void make_uimage(struct strbuf *b, const struct strbuf *data, char type)
{
	be32(b, 0x27051956);
	zeros(b, 12);
	be32(b, (uint32_t)data->len);
	zeros(b, 24);
	be32(b, (uint32_t)crc32(0, (unsigned char *)data->s, (unsigned)data->len));
	strbuf_addc(b, 5);
	strbuf_addc(b, 22);
	strbuf_addc(b, type);
	zeros(b, 64);
	strbuf_add(b, data->s, data->len);
}

static void uimage(void **state)
{
	_cleanup_strbuf_ struct strbuf b = {0}, packed = {0}, files = {0}, multi = {0};
	struct err e = ERR_INIT;
	struct kernel_image im;

	(void)state;
	pack_gzip(&packed, &kernel.b);
	make_uimage(&b, &packed, 2);
	expect_kernel(&b, "uImage, gzip");
	assert_int_equal(unwrap(&im, &b, &e), 0);
	assert_int_equal(im.machine, EM_AARCH64);
	kernel_image_free(&im);
	be32(&files, (uint32_t)packed.len);
	be32(&files, 100);
	be32(&files, 0);
	strbuf_add(&files, packed.s, packed.len);
	noise(&files, 104);
	make_uimage(&multi, &files, 4);
	expect_kernel(&multi, "uImage (multi-file), gzip");
	b.s[100] ^= 1;
	expect_error(&b, -EBADMSG, "checksum");
	b.len -= 1;
	expect_error(&b, -EBADMSG, "the uImage is cut off");
}

static void make_boot(struct strbuf *b, uint32_t version, uint32_t page, const struct strbuf *data)
{
	bool v3 = version == 3 || version == 4;

	strbuf_add(b, "ANDROID!", 8);
	le32(b, (uint32_t)data->len);
	le32(b, v3 ? 5000 : 0x10008000);
	le32(b, v3 ? 0x16000140 : 5000);
	le32(b, v3 ? 1580 + (version == 4 ? 4 : 0) : 0x11000000);
	le32(b, 0);
	le32(b, v3 ? 0 : 0x10f00000);
	le32(b, v3 ? 0 : 0x10000100);
	le32(b, v3 ? 0 : page);
	le32(b, version);
	zeros(b, v3 ? 4096 : page);
	strbuf_add(b, data->s, data->len);
	noise(b, 5000);
}

static void android(void **state)
{
	static const struct {
		uint32_t version, page;
		const char *words;
	} t[] = {
		{0, 2048, "Android boot.img v0, gzip"},
		{0, 4096, "Android boot.img v0, gzip"},
		{0x2f000, 2048,
			"Android boot.img v0, gzip"}, /* the size of a table of device trees */
		{1, 2048, "Android boot.img v1, gzip"},
		{2, 16384, "Android boot.img v2, gzip"},
		{3, 0, "Android boot.img v3, gzip"},
		{4, 0, "Android boot.img v4, gzip"},
	};
	_cleanup_strbuf_ struct strbuf packed = {0};

	(void)state;
	pack_gzip(&packed, &kernel.b);
	strbuf_add(&packed, "\xd0\x0d\xfe\xed appended device tree", 25);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};

		make_boot(&b, t[i].version, t[i].page, &packed);
		expect_kernel(&b, t[i].words);
		b.len = packed.len;
		expect_error(&b, -EBADMSG, "the Android boot image is cut off");
		b.len = 40;
		expect_error(&b, -EBADMSG, "cut off within its header");
	}
}

/* A plain Image with a device tree behind it, and the headers of makers of phones. */
static void android_inner(void **state)
{
	_cleanup_strbuf_ struct strbuf raw = {0}, packed = {0}, mtk = {0}, b = {0}, dhtb = {0};

	(void)state;
	strbuf_add(&raw, kernel.b.s, kernel.b.len);
	strbuf_add(&raw, "\xd0\x0d\xfe\xed", 4);
	make_boot(&b, 0, 2048, &raw);
	expect_kernel(&b, "Android boot.img v0");
	strbuf_reset(&b);
	pack_lzo(&packed, &kernel.b);
	strbuf_add(&mtk, "\x88\x16\x88\x58", 4);
	le32(&mtk, (uint32_t)packed.len);
	strbuf_adds(&mtk, "KERNEL");
	zeros(&mtk, 512);
	strbuf_add(&mtk, packed.s, packed.len);
	make_boot(&b, 1, 2048, &mtk);
	expect_kernel(&b, "Android boot.img v1, MediaTek's header, lzo");
	strbuf_add(&dhtb, "DHTB\1\0\0\0", 8);
	zeros(&dhtb, 512);
	strbuf_add(&dhtb, b.s, b.len);
	expect_kernel(&dhtb, "Spreadtrum's header, Android boot.img v1, MediaTek's header, lzo");
}

static void android_without(void **state)
{
	_cleanup_strbuf_ struct strbuf b = {0}, noisy = {0}, odd = {0};

	(void)state;
	make_boot(&b, 4, 0, &(struct strbuf){.s = nothing, .len = 0});
	expect_error(&b, -ENOTSUP, "holds no kernel");
	noise(&noisy, 200000);
	strbuf_reset(&b);
	make_boot(&b, 2, 4096, &noisy);
	expect_error(&b, -ENOTSUP, "encrypted");
	make_boot(&odd, 0, 3000, &noisy);
	expect_error(&odd, -EBADMSG, "pages of 3000 bytes");
}

static void others(void **state)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
		const char *words;
	} t[] = {
		{0, "PK\x03\x04", 4, "zip archive"},
		{0, "VNDRBOOT", 8, "vendor_boot"},
		{0, "AVB0", 4, "verified boot"},
		{0, "\x3a\xff\x26\xed", 4, "simg2img"},
		{0, "\xd0\x0d\xfe\xed", 4, "device tree"},
		{0, "\xd0\x0d\xfe\xed    \0\0\0\1images\0\0", 19, "FIT image"},
		{257, "ustar", 5, "tar archive"},
		{0, "ADBd", 4, "third format"},
		{0, "CHROMEOS", 8, "Chrome OS"},
		{0, "070701", 6, "cpio"},
		{0, "hsqs", 4, "squashfs"},
		{0x438, "\x53\xef", 2, "ext file system"},
		{0, "MZ", 2, "EFI or Windows program"},
		{0,
			"\x7f"
			"ELF\2\1\1",
			7, "no vmlinux"},
		{0, "hello", 5, "no kernel image of a known kind"},
	};
	_cleanup_strbuf_ struct strbuf noisy = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_strbuf_ struct strbuf b = {0}, packed = {0};

		zeros(&b, 8192);
		memcpy(b.s + t[i].at, t[i].bytes, t[i].len);
		expect_error(&b, -ENOTSUP, t[i].words);
		pack_gzip(&packed, &b);
		expect_error(&packed, -ENOTSUP, "inside gzip");
		expect_error(&packed, -ENOTSUP, t[i].words);
	}
	noise(&noisy, 300000);
	expect_error(&noisy, -ENOTSUP, "encrypted, or packed in an unknown way");
	expect_error(&(struct strbuf){.s = nothing, .len = 0}, -ENOTSUP, "0 bytes are too few");
}

/* Wrapped in itself over and over: the depth is bounded. */
static void nested(void **state)
{
	struct strbuf b = {0};

	(void)state;
	strbuf_add(&b, kernel.b.s, kernel.b.len);
	for (int i = 0; i < 20; i++) {
		struct strbuf packed = {0};

		pack_gzip(&packed, &b);
		strbuf_free(&b);
		b = packed;
	}
	expect_error(&b, -ENOTSUP, "inside gzip, gzip");
	strbuf_free(&b);
}

static void identity(void **state)
{
	struct image_identity id;
	struct kernel_image im;

	(void)state;
	assert_int_equal(unwrap(&im, &kernel.b, NULL), 0);
	image_identify(&id, &im);
	assert_string_equal(id.release, "4.9.1-test");
	assert_string_equal(id.compiler, "gcc version 4.9.x (GCC) ");
	assert_string_equal(id.build, "#7 SMP PREEMPT Mon");
	assert_string_equal(id.vermagic, IB_VERMAGIC);
	assert_string_equal(id.arch, "arm64");
	assert_int_equal(id.machine, EM_AARCH64);
	image_identity_free(&id);
	kernel_image_free(&im);
}

static void identity_bare(void **state)
{
	static const char text[] =
		"\0Linux version %s (%s)\n\0"
		"Linux version 3.4.5 (a@b) (gcc version 4.8 (GCC) ) # SMP PREEMPT\n\0"
		"Linux version 3.4.5 (a@b) (gcc version 4.8 (Linaro (x) #2) ) #123 SMP Tue\n\0"
		"3.4.5 is the release\0"
		"3.4.5 SMP preempt mod_unload modversions ARMv7 p2v8 \0";
	_cleanup_strbuf_ struct strbuf b = {0};
	struct image_identity id;
	struct kernel_image im;

	(void)state;
	strbuf_add(&b, text, sizeof(text));
	assert_int_equal(unwrap(&im, &b, NULL), 0);
	image_identify(&id, &im);
	assert_string_equal(id.release, "3.4.5");
	assert_string_equal(id.compiler, "gcc version 4.8 (Linaro (x) #2) ");
	assert_string_equal(id.build, "#123 SMP Tue");
	assert_string_equal(id.vermagic, "3.4.5 SMP preempt mod_unload modversions ARMv7 p2v8 ");
	assert_string_equal(id.arch, "arm");
	image_identity_free(&id);
	kernel_image_free(&im);
}

static void configuration(void **state)
{
	static const char text[] = "CONFIG_MODULES=y\n# CONFIG_SMP is not set\n";
	_cleanup_strbuf_ struct strbuf b = {0}, packed = {0};
	_cleanup_free_ char *got = NULL;
	struct err e = ERR_INIT;
	struct kernel_image im;
	size_t len, at;

	(void)state;
	assert_int_equal(unwrap(&im, &kernel.b, NULL), 0);
	assert_int_equal(kernel_image_config(&im, &got, &len, &e), -ENOENT);
	assert_non_null(strstr(e.text, "CONFIG_IKCONFIG"));
	kernel_image_free(&im);
	pack_gzip(&packed, &(struct strbuf){.s = (char *)(uintptr_t)text, .len = sizeof(text) - 1});
	strbuf_add(&b, kernel.b.s, kernel.b.len);
	strbuf_adds(&b, "IKCFG_ST is a mark, and ");
	strbuf_adds(&b, "IKCFG_ST");
	at = b.len;
	strbuf_add(&b, packed.s, packed.len);
	strbuf_adds(&b, "IKCFG_ED");
	assert_int_equal(unwrap(&im, &b, NULL), 0);
	assert_int_equal(kernel_image_config(&im, &got, &len, &e), 0);
	assert_string_equal(got, text);
	assert_int_equal(len, strlen(text));
	kernel_image_free(&im);
	free(steal_ptr(got));
	b.s[at + packed.len] = 'X';
	assert_int_equal(unwrap(&im, &b, NULL), 0);
	assert_int_equal(kernel_image_config(&im, &got, &len, &e), -EBADMSG);
	assert_null(got);
	kernel_image_free(&im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressions),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(lz4_blocks),
		cmocka_unit_test(zimage),
		cmocka_unit_test(zimage_without),
		cmocka_unit_test(zimage_hostile),
		cmocka_unit_test(bzimage),
		cmocka_unit_test(uimage),
		cmocka_unit_test(android),
		cmocka_unit_test(android_inner),
		cmocka_unit_test(android_without),
		cmocka_unit_test(others),
		cmocka_unit_test(nested),
		cmocka_unit_test(identity),
		cmocka_unit_test(identity_bare),
		cmocka_unit_test(configuration),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
