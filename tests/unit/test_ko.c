// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "pmkmod/fit/fit.h"
#include "tests/unit/ko_builder.h"

static const char *const info[] = {"license=GPL v2", "name=my_mod",
	"vermagic=6.1.0 SMP mod_unload ", "depends=usb-common,videodev", "alias=usb:v1*",
	"alias=usb:v2*", "firmware=a.bin", "import_ns=DMA_BUF", "import_ns=USB", "version=1.2",
	"license=Proprietary", "intree=Y", NULL};
static const struct kb_symbol undefined[] = {
	{"printk", false}, {"maybe", true}, {"kfree", false}, {0}};
static const struct kb_version versions[] = {
	{"module_layout", 0x11111111}, {"printk", 0x22222222}, {"kfree", 0x33333333}, {0}};
static const struct kb_export exports[] = {{"my_open", NULL, 0xabcd0001, true},
	{"my_close", "MY_NS", 0xabcd0002, false}, {"raw", NULL, 0, false}, {0}};

static const struct kb_spec full = {.modinfo = info,
	.versions = versions,
	.undefined = undefined,
	.exports = exports,
	.this_module_size = 896};

static int parse(const struct kb_spec *s, struct ko *k, struct err *e)
{
	size_t len;
	char *bytes = kb_build(s, &len);
	int r = ko_parse(k, "/x/my-mod.ko", bytes, len, e);

	free(bytes);
	return r;
}

static void check_full(const struct ko *k)
{
	assert_string_equal(k->name, "my_mod");
	assert_string_equal(k->license, "GPL v2"); /* the first is the kernel's */
	assert_string_equal(k->vermagic, "6.1.0 SMP mod_unload ");
	assert_string_equal(k->version, "1.2");
	assert_null(k->description);
	assert_int_equal(k->depends.n, 2);
	assert_string_equal(k->depends.v[0], "usb-common");
	assert_int_equal(k->aliases.n, 2);
	assert_int_equal(k->firmware.n, 1);
	assert_int_equal(k->import_ns.n, 2);
	assert_true(k->intree);
	assert_int_equal(k->n_undefined, 3);
	assert_string_equal(k->undefined[0].name, "printk");
	assert_true(k->undefined[0].has_crc);
	assert_int_equal(k->undefined[0].crc, 0x22222222);
	assert_true(k->undefined[1].weak);
	assert_false(k->undefined[1].has_crc);
	assert_int_equal(k->undefined[2].crc, 0x33333333);
	assert_int_equal(k->n_versions, 3);
	assert_string_equal(k->versions[0].name, "module_layout");
	assert_true(k->has_versions);
	assert_int_equal(k->this_module_size, 896);
	assert_int_equal(k->n_exported, 3);
	assert_string_equal(k->exported[0].name, "my_open");
	assert_true(k->exported[0].gpl);
	assert_true(k->exported[0].has_crc);
	assert_int_equal(k->exported[0].crc, 0xabcd0001);
	assert_string_equal(k->exported[0].ns, "");
	assert_false(k->exported[1].gpl);
	assert_int_equal(k->exported[1].crc, 0xabcd0002);
	assert_string_equal(k->exported[1].ns, "MY_NS");
	assert_false(k->exported[2].has_crc);
	assert_true(strvec_has(&k->exports, "my_close"));
	assert_false(k->is_signed);
}

static void both_classes(void **state)
{
	(void)state;
	for (int is32 = 0; is32 < 2; is32++) {
		struct kb_spec s = full;
		struct err e = ERR_INIT;
		struct ko k;

		s.is32 = is32;
		assert_int_equal(parse(&s, &k, &e), 0);
		check_full(&k);
		assert_int_equal(k.elf_class, is32 ? ELFCLASS32 : ELFCLASS64);
		assert_int_equal(k.elf_machine, is32 ? EM_ARM : EM_AARCH64);
		assert_true(k.has_versions_section);
		ko_free(&k);
	}
}

static void extended_versions(void **state)
{
	struct kb_spec s = full;
	struct err e = ERR_INIT;
	struct ko k;

	(void)state;
	s.ext_versions = true;
	assert_int_equal(parse(&s, &k, &e), 0);
	check_full(&k);
	assert_true(k.has_ext_versions);
	assert_false(k.has_versions_section);
	ko_free(&k);
}

static void defaults(void **state)
{
	struct kb_spec s = {.empty_versions = true, .common = "oops"};
	struct err e = ERR_INIT;
	struct ko k;

	(void)state;
	assert_int_equal(parse(&s, &k, &e), 0);
	assert_string_equal(k.name, "my_mod"); /* of my-mod.ko */
	assert_false(k.has_versions);
	assert_true(k.has_versions_section);
	assert_string_equal(k.common_symbol, "oops");
	assert_null(k.vermagic);
	ko_free(&k);
}

static void signatures(void **state)
{
#define MARKER "~Module signature appended~\n"
	static const struct {
		const char *tail;
		size_t len;
		bool is_signed, flawed;
	} cases[] = {
		{"sig\0\0\2\0\0\0\0\0\0\0\0\3" MARKER, 3 + 12 + 28, true, false},
		{"sig\0\0\2\0\0\0\0\0\x7f\0\0\0" MARKER, 3 + 12 + 28, true, true},
		{"sig\1\0\2\0\0\0\0\0\0\0\0\3" MARKER, 3 + 12 + 28, true, true},
		{MARKER "x", 29, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kb_spec s = full;
		struct err e = ERR_INIT;
		struct ko k;

		s.signature = cases[i].tail;
		s.signature_len = cases[i].len;
		assert_int_equal(parse(&s, &k, &e), 0);
		assert_int_equal(k.is_signed, cases[i].is_signed);
		assert_int_equal(k.signature_flaw != NULL, cases[i].flawed);
		ko_free(&k);
	}
}

/* The kernel takes the signature off before it looks: what lies in it is not there for it. */
static void cut_then_signed(void **state)
{
	static const char tail[] = "sig\0\0\2\0\0\0\0\0\0\0\0\3" MARKER;
	struct kb_spec s = full;
	struct err e = ERR_INIT;
	struct ko k;
	size_t len;
	_cleanup_free_ char *bytes = kb_build(&s, &len), *cut = xcalloc(len + sizeof(tail), 1);

	(void)state;
	for (size_t missing = 0; missing < 3; missing++) {
		memcpy(cut, bytes, len - missing);
		memcpy(cut + len - missing, tail, sizeof(tail) - 1);
		assert_int_equal(
			ko_parse(&k, "/x/my-mod.ko", cut, len - missing + sizeof(tail) - 1, &e),
			missing ? -EBADMSG : 0);
		ko_free(&k);
	}
}

/* The module with another type of its last section, last but one, ... */
static int parse_changed(size_t from_end, uint32_t type, struct ko *k, struct err *e)
{
	size_t len, at;
	_cleanup_free_ char *bytes = kb_build(&full, &len);
	Elf64_Ehdr eh;
	Elf64_Shdr sh;

	memcpy(&eh, bytes, sizeof(eh));
	at = eh.e_shoff + (eh.e_shnum - from_end) * sizeof(sh);
	memcpy(&sh, bytes + at, sizeof(sh));
	sh.sh_type = type;
	memcpy(bytes + at, &sh, sizeof(sh));
	return ko_parse(k, "/x/my-mod.ko", bytes, len, e);
}

/* What only newer kernels refuse can be read all the same. */
static void oddities(void **state)
{
	struct err e = ERR_INIT;
	struct ko k;

	(void)state;
	assert_int_equal(parse_changed(1, SHT_STRTAB, &k, &e), 0);
	assert_null(k.unmarked);
	assert_null(k.twice);
	ko_free(&k);
	/* the last ones are .symtab, .strtab, .shstrtab */
	assert_int_equal(parse_changed(1, SHT_PROGBITS, &k, &e), 0);
	assert_string_equal(k.unmarked, "the table of section names");
	ko_free(&k);
	assert_int_equal(parse_changed(2, SHT_PROGBITS, &k, &e), 0);
	assert_string_equal(k.unmarked, "the table of symbol names");
	ko_free(&k);
}

static void first_section(void **state)
{
	struct err e = ERR_INIT;
	struct ko k;
	size_t len;
	_cleanup_free_ char *bytes = kb_build(&full, &len);
	Elf64_Ehdr eh;
	Elf64_Shdr sh;

	(void)state;
	memcpy(&eh, bytes, sizeof(eh));
	memcpy(&sh, bytes + eh.e_shoff, sizeof(sh));
	sh.sh_size = 16;
	memcpy(bytes + eh.e_shoff, &sh, sizeof(sh));
	assert_int_equal(ko_parse(&k, "/x/my-mod.ko", bytes, len, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "first section"));
}

/* The same module through each compression, whole and cut off. */
static size_t pack_gzip(const char *in, size_t len, unsigned char *out, size_t max)
{
	z_stream z = {0};

	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	z.next_in = (unsigned char *)(uintptr_t)in;
	z.avail_in = (unsigned)len;
	z.next_out = out;
	z.avail_out = (unsigned)max;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return max - z.avail_out;
}

static size_t pack_xz(const char *in, size_t len, unsigned char *out, size_t max)
{
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(
				 1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)in, len, out, &n, max),
		LZMA_OK);
	return n;
}

static size_t pack_zstd(const char *in, size_t len, unsigned char *out, size_t max)
{
	return ZSTD_compress(out, max, in, len, 3);
}

static void compressions(void **state)
{
	static size_t (*const pack[])(const char *, size_t, unsigned char *, size_t) = {
		pack_gzip, pack_xz, pack_zstd};
	static unsigned char packed[65536];
	size_t len;
	char *bytes = kb_build(&full, &len);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pack); i++) {
		size_t n = pack[i](bytes, len, packed, sizeof(packed));
		struct err e = ERR_INIT;
		struct ko k;

		assert_int_equal(ko_parse(&k, "/x/my-mod.ko.xx", packed, n, &e), 0);
		check_full(&k);
		ko_free(&k);
		assert_int_equal(ko_parse(&k, "/x/my-mod.ko.xx", packed, n / 2, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "my-mod"));
	}
	free(bytes);
}

static void not_modules(void **state)
{
	static const struct {
		struct kb_spec s;
		int code;
		const char *says;
	} cases[] = {
		{{.modinfo = info, .type = ET_DYN}, -EINVAL, "a program or a library"},
		{{.no_modinfo = true, .no_this_module = true}, -EINVAL, ".modinfo"},
		{{.modinfo = info, .no_this_module = true}, -EINVAL, "modpost"},
		{{.modinfo = info, .no_symtab = true}, -EINVAL, "--strip-debug"},
	};
	struct err e = ERR_INIT;
	struct ko k;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		err_clear(&e);
		assert_int_equal(parse(&cases[i].s, &k, &e), cases[i].code);
		assert_non_null(strstr(e.text, cases[i].says));
	}
	err_clear(&e);
	assert_int_equal(ko_parse(&k, "a.ko", "#!/bin/sh\n", 10, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "not an ELF file"));
	assert_int_equal(ko_parse(&k, "a.ko", "", 0, &e), -EBADMSG);
	assert_int_equal(ko_read(&k, "/nonexistent/a.ko", &e), -ENOENT);
}

/* Whatever is cut off or altered: an error or a module, never a step outside of the bytes. */
static void damaged(void **state)
{
	size_t len;
	char *bytes = kb_build(&full, &len);
	struct ko k;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		struct err e = ERR_INIT;

		assert_int_not_equal(ko_parse(&k, "a.ko", bytes, n, &e), 0);
		assert_true(e.text[0]);
	}
	for (size_t at = 0; at < len; at++) {
		static const unsigned char values[] = {0x00, 0x7f, 0xff, 0x01};

		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			struct err e = ERR_INIT;
			char old = bytes[at];

			bytes[at] = (char)values[v];
			if (ko_parse(&k, "a.ko", bytes, len, &e) == 0)
				ko_free(&k);
			bytes[at] = old;
		}
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_classes),
		cmocka_unit_test(extended_versions),
		cmocka_unit_test(defaults),
		cmocka_unit_test(signatures),
		cmocka_unit_test(cut_then_signed),
		cmocka_unit_test(first_section),
		cmocka_unit_test(oddities),
		cmocka_unit_test(compressions),
		cmocka_unit_test(not_modules),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
