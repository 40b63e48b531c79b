// SPDX-License-Identifier: GPL-3.0-or-later
/* Kernel images in their wrappings; how the board is told what to run is tested by the boots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <endian.h>
#include <lzma.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/image/image.h"
#include "pmkmod/export/export_parts.h"

#define MAX (1U << 20)

static char top[] = "/tmp/pmkmod-image-XXXXXX";
static const struct arch_info arm64 = {.alpine = "aarch64", .elf_machine = EM_AARCH64};
static const struct arch_info x86 = {.alpine = "x86_64", .elf_machine = EM_X86_64};

/* Something that passes for an arm64 Image. */
static void make_image(struct strbuf *b)
{
	for (int i = 0; i < 5000; i++)
		strbuf_addc(b, (char)(i * i % 251));
	memcpy(b->s + 0x38, "ARM\x64", 4);
}

static void le32(struct strbuf *b, size_t at, uint32_t v)
{
	v = htole32(v);
	memcpy(b->s + at, &v, sizeof(v));
}

static void make_zboot(
	struct strbuf *b, const char *name, uint32_t offset, uint32_t size, const struct strbuf *in)
{
	for (int i = 0; i < 128; i++)
		strbuf_addc(b, 0);
	memcpy(b->s, "MZ\0\0zimg", 8);
	le32(b, 8, offset);
	le32(b, 12, size);
	memcpy(b->s + 24, name, strlen(name));
	strbuf_add(b, in->s, in->len);
	strbuf_adds(b, "behind the payload");
}

static void pack(struct strbuf *out, const char *name, const struct strbuf *in)
{
	enum ko_compression how = streq(name, "gzip")		 ? KO_GZIP
				  : strstr(name, "zstd") == name ? KO_ZSTD
								 : KO_XZ;
	uint8_t buf[20000];
	size_t n = 0;
	lzma_options_lzma o;
	lzma_stream s = LZMA_STREAM_INIT;

	if (!streq(name, "lzma")) {
		assert_int_equal(export_compress(how, in->s, in->len, out, NULL), 0);
		return;
	}
	lzma_lzma_preset(&o, 6);
	assert_int_equal(lzma_alone_encoder(&s, &o), LZMA_OK);
	s.next_in = (uint8_t *)in->s;
	s.avail_in = in->len;
	s.next_out = buf;
	s.avail_out = sizeof(buf);
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	n = s.total_out;
	lzma_end(&s);
	strbuf_add(out, buf, n);
}

static void unwraps(void **state)
{
	static const char *const names[] = {"gzip", "xzkern", "xz", "zstd22", "zstd", "lzma"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_strbuf_ struct strbuf image = {0}, packed = {0}, zboot = {0};
		_cleanup_free_ char *out = NULL;
		struct err e = ERR_INIT;
		size_t len;

		make_image(&image);
		pack(&packed, names[i], &image);
		make_zboot(&zboot, names[i], 128, (uint32_t)packed.len, &packed);
		if (image_unwrap(zboot.s, zboot.len, MAX, &out, &len, &e) < 0)
			fail_msg("%s: %s", names[i], e.text);
		assert_int_equal(len, image.len);
		assert_memory_equal(out, image.s, len);
	}
}

static void plain_and_gzip(void **state)
{
	_cleanup_strbuf_ struct strbuf image = {0}, packed = {0};
	_cleanup_free_ char *out = NULL;
	size_t len;

	(void)state;
	make_image(&image);
	assert_int_equal(image_unwrap(image.s, image.len, MAX, &out, &len, NULL), 1);
	assert_int_equal(image_unwrap("", 0, MAX, &out, &len, NULL), 1);
	assert_int_equal(image_unwrap("\x1f\x8b", 2, MAX, &out, &len, NULL), 1);
	assert_null(out);
	pack(&packed, "gzip", &image);
	assert_int_equal(image_unwrap(packed.s, packed.len, MAX, &out, &len, NULL), 0);
	assert_int_equal(len, image.len);
}

static void damaged(void **state)
{
	_cleanup_strbuf_ struct strbuf image = {0}, packed = {0};
	const struct {
		const char *name;
		uint32_t offset, size;
		size_t max;
		int want;
	} t[] = {
		{"gzip", 0, 100, MAX, -EBADMSG},
		{"gzip", 0xffffffff, 100, MAX, -EBADMSG},
		{"gzip", 128, 0xffffffff, MAX, -EBADMSG},
		{"gzip", 128, 0, MAX, -EBADMSG},
		{"gzip", 128, 100, MAX, -EBADMSG},
		{"zstd", 128, 100, MAX, -EBADMSG},
		{"gzip", 128, 0, 100, -EBADMSG},
		{"lzo", 128, 100, MAX, -EBADMSG},
		{"brotli", 128, 100, MAX, -ENOTSUP},
		{"", 128, 100, MAX, -ENOTSUP},
		{"nobody\nknows this compression, and it is long", 128, 100, MAX, -ENOTSUP},
	};

	(void)state;
	make_image(&image);
	pack(&packed, "gzip", &image);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_strbuf_ struct strbuf zboot = {0};
		struct err e = ERR_INIT;
		char *out = NULL;
		size_t len;

		make_zboot(&zboot, t[i].name, t[i].offset, t[i].size, &packed);
		assert_int_equal(
			image_unwrap(zboot.s, zboot.len, t[i].max, &out, &len, &e), t[i].want);
		assert_null(out);
		assert_true(*e.text && !strchr(e.text, '\n'));
	}
}

static void too_large(void **state)
{
	_cleanup_strbuf_ struct strbuf image = {0}, packed = {0};
	char *out = NULL;
	size_t len;

	(void)state;
	make_image(&image);
	pack(&packed, "gzip", &image);
	assert_int_equal(image_unwrap(packed.s, packed.len, 4999, &out, &len, NULL), -EFBIG);
	assert_null(out);
}

static void prepared(void **state)
{
	_cleanup_strbuf_ struct strbuf image = {0}, packed = {0};
	_cleanup_free_ char *path = path_join(top, "vmlinuz"), *out = NULL, *inner = NULL;
	struct err e = ERR_INIT;
	size_t len;

	(void)state;
	make_image(&image);
	assert_int_equal(fs_write_atomic(path, image.s, image.len, 0644, NULL), 0);
	assert_int_equal(image_prepare(path, &arm64, top, &out, &e), 0);
	assert_string_equal(out, path);
	assert_int_equal(image_prepare(path, &x86, top, &out, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "an arm64 Image"));
	pack(&packed, "gzip", &image);
	assert_int_equal(fs_write_atomic(path, packed.s, packed.len, 0644, NULL), 0);
	free(out);
	assert_int_equal(image_prepare(path, &arm64, top, &out, &e), 0);
	assert_string_not_equal(out, path);
	assert_int_equal(fs_read(out, MAX, &inner, &len, NULL), 0);
	assert_int_equal(len, image.len);
	assert_memory_equal(inner, image.s, len);
	assert_int_equal(fs_write_atomic(path, "ANDROID! and more", 17, 0644, NULL), 0);
	assert_int_equal(image_prepare(path, &arm64, top, &inner, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "an Android boot image"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unwraps),
		cmocka_unit_test(plain_and_gzip),
		cmocka_unit_test(damaged),
		cmocka_unit_test(too_large),
		cmocka_unit_test(prepared),
	};
	int r;

	if (!mkdtemp(top))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(top, NULL);
	return r;
}
