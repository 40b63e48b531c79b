// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What went wrong in others that read packages and indexes, one test each, by the name it is known
 * under. test_apk_cve.c has what concerns putting packages into a root, and the list of what is not
 * tested, with the reasons.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/base/fs.h"
#include "tests/unit/apk_craft_keys.h"

#define INFO "pkgname = sample\npkgver = 1-r0\narch = aarch64\nsize = 4096\n"
#define ID "C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=\n"

/* ---- making and reading ---- */

/* A package of this data archive, without a signature. */
static void make(struct strbuf *apk, const char *info, const struct strbuf *data)
{
	_cleanup_strbuf_ struct strbuf control = {0}, gz = {0};

	craft_gzip(&gz, data->s, data->len, 9);
	craft_pkginfo(&control, info, gz.s, gz.len);
	craft_gzip(apk, control.s, control.len, 9);
	strbuf_add(apk, gz.s, gz.len);
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	(void)p, (void)e;
	*(uint64_t *)ctx += n;
	return 0;
}

/* *given: how many bytes of files came out of it. */
static int read_with(const struct strbuf *apk, const struct apk_keys *trusted,
	const struct apk_limits *limits, uint64_t *given, struct err *e)
{
	static const struct apk_reader_ops ops = {.data = on_data};
	_cleanup_close_ int fd = craft_fd(apk);

	*given = 0;
	err_clear(e);
	return apk_read(fd, "sample.apk", NULL, trusted, limits, &ops, given, e);
}

static void refused(const struct strbuf *data, int want, const char *says)
{
	/* what is tested must not lean on these */
	static const struct apk_limits none = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct err e = ERR_INIT;
	uint64_t given;
	int r;

	make(&apk, INFO, data);
	r = read_with(&apk, NULL, &none, &given, &e);
	if (r != want || !strstr(e.text, "sample.apk") || !strstr(e.text, says))
		fail_msg("%d instead of %d, no \"%s\" in: %s", r, want, says, e.text);
	assert_int_equal(given, 0);
}

/* ---- tar and PAX ---- */

static void set_size(struct strbuf *tar, const char *octal)
{
	memcpy(craft_last(tar) + AT_SIZE, octal, 11);
	craft_fix_sum(craft_last(tar));
}

/* The size of a long name was added to, as a 32-bit number, and then allocated. */
static void cve_2017_9669_size_of_a_long_name(void **state)
{
	static const char *const sizes[] = {"77777777777", "40000000000", "37777777777",
		"37777777776", "20000000000", "17777777777", "00004000001"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (const char *type = "Lxg"; *type; type++) {
			_cleanup_strbuf_ struct strbuf tar = {0};

			craft_header(&tar, *type, "././@LongLink", NULL, 0);
			set_size(&tar, sizes[i]);
			craft_zero_blocks(&tar, 3);
			if (*type == 'g') /* passed over, as far as there is something */
				refused(&tar, -EBADMSG, "ends in the middle of an entry");
			else
				refused(&tar, -EFBIG, "an extension header has ");
		}
	}
}

/* A name without an end: longer than any path, and with nothing behind it. */
static void cve_2017_9669_name_without_an_end(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, name = {0};

	(void)state;
	while (name.len < 512 * 1024)
		strbuf_adds(&name, "abcdefgh");
	craft_entry(&tar, 'L', "././@LongLink", NULL, name.s, name.len);
	craft_header(&tar, '5', "usr", NULL, 0);
	refused(&tar, -EBADMSG, "has a name that is too long");
}

static void pax_is_damaged(const char *text, size_t len)
{
	_cleanup_strbuf_ struct strbuf tar = {0};

	craft_pax(&tar, text, len);
	craft_header(&tar, '5', "usr", NULL, 0);
	refused(&tar, -EBADMSG, "a PAX header is damaged");
}

/* The length that a PAX record says it has was believed. */
static void cve_2017_9671_length_of_a_pax_record(void **state)
{
	static const char *const records[] = {
		"0 path=usr\n",
		"1 path=usr\n",
		"3 path=usr\n",
		"7 path=usr\n",
		"13 path=usr\n",
		"9999 path=usr\n",
		"4294967308 path=usr\n",
		"4294967295 path=usr\n",
		"18446744073709551615 path=usr\n",
		"18446744073709551628 path=usr\n",
		"-12 path=usr\n",
		"12path=usr\n",
		"99999999999999999999999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		pax_is_damaged(records[i], strlen(records[i]));
}

/* libarchive looked for the end of a record beyond the end of the header. */
static void libarchive_3251_pax_record_at_the_end(void **state)
{
	_cleanup_strbuf_ struct strbuf text = {0};

	(void)state;
	/* exactly a block, so that the last byte has nothing of this header behind it */
	strbuf_adds(&text, "500 comment=");
	while (text.len < 499)
		strbuf_addc(&text, 'x');
	strbuf_adds(&text, "\n12 path=abcd");
	assert_int_equal(text.len, CRAFT_BLOCK);
	pax_is_damaged(text.s, text.len);
	for (size_t i = 500; i < CRAFT_BLOCK; i++) {
		text.s[i] = '1';
		pax_is_damaged(text.s, text.len);
	}
}

/* The archive ends within a long name: what was left of it counted as the name. */
static void cve_2024_57970_long_name_is_cut_off(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, name = {0};
	size_t len;

	(void)state;
	while (name.len < 1500)
		strbuf_adds(&name, "abcdefg/");
	strbuf_addc(&name, 'x');
	craft_entry(&tar, 'L', "././@LongLink", NULL, name.s, name.len);
	len = tar.len;
	for (tar.len = CRAFT_BLOCK; tar.len < len; tar.len += 100)
		refused(&tar, -EBADMSG, "ends in the middle of an entry");
	tar.len = len; /* the name is whole, but there is nothing that it names */
	refused(&tar, -EBADMSG, "ends before the entry");
}

/* ---- numbers ---- */

static void commit_56019c5_numbers_of_64_bits(void **state)
{
	static const char text[] = ID "P:one\nV:1\nS:4294967297\nI:18446744073709551615\n"
				      "t:4294967297\n";
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf tar = {0}, gz = {0}, apk = {0}, data = {0};
	struct apk_limits limits = {.max_unpacked = (1ULL << 33) + 1024, .max_ratio = UINT64_MAX};
	struct err e = ERR_INIT;
	uint64_t given;

	(void)state;
	craft_entry(&tar, '0', "APKINDEX", NULL, text, strlen(text));
	craft_gzip(&gz, tar.s, tar.len, 9);
	assert_int_equal(apk_index_parse(&r, gz.s, gz.len, "x", NULL, &e), 0);
	assert_true(r.pkgs[0].size == (1ULL << 32) + 1);
	assert_true(r.pkgs[0].installed_size == UINT64_MAX);
	assert_true(r.pkgs[0].build_time == (1LL << 32) + 1);
	/* 8 GiB less one byte: the largest that the field holds */
	craft_checksum(&data, "", 0, NULL, NULL);
	craft_header(&data, '0', "a", NULL, 0);
	set_size(&data, "77777777777");
	make(&apk, INFO, &data);
	assert_int_equal(read_with(&apk, NULL, &limits, &given, &e), -EBADMSG); /* cut off */
	assert_int_equal(given, 0);
	limits.max_unpacked = 1ULL << 32;
	assert_int_equal(read_with(&apk, NULL, &limits, &given, &e), -EFBIG);
	strbuf_reset(&apk);
	make(&apk, INFO "size = 18446744073709551616\n", &data);
	assert_int_equal(read_with(&apk, NULL, NULL, &given, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "'18446744073709551616' is not a number that fits"));
}

/* ---- what a package is worth ---- */

/* 80 MiB of nothing in 80 KiB: there was no limit of what comes out. */
static void ghsa_f4w5_5xv9_85f6_no_limit_of_size(void **state)
{
	_cleanup_strbuf_ struct strbuf apk = {0}, data = {0}, zero = {0};
	const struct apk_limits limits = {.max_unpacked = 32 << 20};
	struct err e = ERR_INIT;
	uint64_t given;

	(void)state;
	zero.s = xcalloc(1, 16 << 20);
	zero.len = 16 << 20;
	for (int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%d", i);
		craft_checksum(&data, zero.s, zero.len, NULL, NULL);
		craft_entry(&data, '0', name, NULL, zero.s, zero.len);
	}
	make(&apk, INFO, &data);
	assert_true(apk.len < 100000);
	assert_int_equal(read_with(&apk, NULL, &limits, &given, &e), -EFBIG);
	assert_int_equal(given, 16 << 20);
	assert_non_null(strstr(e.text, "sample.apk unpacks to at least 33554"));
	assert_non_null(strstr(e.text, "more than the 33554432 that a package may have"));
	assert_non_null(strstr(e.text, "packages.max_unpacked"));
	/* and with what nobody has set: no package is a thousandth of what is in it */
	assert_int_equal(read_with(&apk, NULL, NULL, &given, &e), -EFBIG);
	assert_int_equal(given, 48 << 20);
	assert_non_null(strstr(e.text, "times its own size"));
	assert_non_null(strstr(e.text, "packages.max_ratio"));
}

/* One of several signatures was checked by the key of another one's name. */
static void apko_ec48e307_signature_of_another_key(void **state)
{
	const struct {
		const char *first, *second;
		EVP_PKEY *by_first, *by_second;
		int want;
	} rows[] = {
		{".SIGN.RSA256.a.pub", ".SIGN.RSA256.b.pub", key_a, key_b, 0},
		{".SIGN.RSA256.no.pub", ".SIGN.RSA256.b.pub", stranger, key_b, 0},
		/* by a trusted key, but under the name of another trusted one */
		{".SIGN.RSA256.a.pub", ".SIGN.RSA256.b.pub", key_b, key_a, -EKEYREJECTED},
		{".SIGN.RSA256.a.pub", ".SIGN.RSA256.b.pub", stranger, key_b, -EKEYREJECTED},
		/* by a trusted key under a name that nobody knows, and the other way round */
		{".SIGN.RSA256.no.pub", ".SIGN.RSA256.b.pub", key_b, stranger, -EKEYREJECTED},
		{".SIGN.RSA256.no.pub", ".SIGN.RSA256.no2.pub", key_a, key_b, -EKEYREJECTED},
		{".SIGN.RSA256.b.pub", ".SIGN.RSA256.no.pub", stranger, key_b, -EKEYREJECTED},
	};
	static const char text[] = ID "P:one\nV:1\n";
	_cleanup_strbuf_ struct strbuf tar = {0}, gz = {0};

	(void)state;
	craft_entry(&tar, '0', "APKINDEX", NULL, text, strlen(text));
	craft_gzip(&gz, tar.s, tar.len, 9);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(apk_repo_free) struct apk_repo r = {0};
		_cleanup_strbuf_ struct strbuf sigs = {0}, index = {0};
		struct err e = ERR_INIT;

		craft_sign(&sigs, rows[i].first, rows[i].by_first, HASH_SHA256, gz.s, gz.len);
		craft_sign(&sigs, rows[i].second, rows[i].by_second, HASH_SHA256, gz.s, gz.len);
		craft_gzip(&index, sigs.s, sigs.len, 9);
		strbuf_add(&index, gz.s, gz.len);
		if (apk_index_parse(&r, index.s, index.len, "x", keys, &e) != rows[i].want)
			fail_msg("row %zu: %s", i, e.text);
	}
}

static void no_such_names(const char *key, const char *value)
{
	_cleanup_strbuf_ struct strbuf apk = {0}, data = {0}, info = {0};
	struct err e = ERR_INIT;
	uint64_t given;

	craft_file(&data, "x", "x");
	strbuf_addf(&info, INFO "%s = %s\n", key, value);
	make(&apk, info.s, &data);
	if (read_with(&apk, NULL, NULL, &given, &e) != -EBADMSG || !strstr(e.text, ".PKGINFO"))
		fail_msg("%s '%s': %s", key, value, e.text);
	assert_int_equal(given, 0);
}

/* Names in .PKGINFO and in an index become parts of paths and URLs. */
static void cve_2026_29051_names_used_in_paths(void **state)
{
	static const char *const names[] = {"../x", "..", ".", "a/b", "/a", "-rf", "a b", "a;b",
		"a$(b)", "`a`", "a\\b", "a\033b", "a%2fb", "a?b", "a#b", "a\rb", "\xc3\xa4"};
	static const char *const keys_of_info[] = {"pkgname", "pkgver", "arch"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		for (const char *letter = "PVA"; *letter; letter++) {
			_cleanup_(apk_repo_free) struct apk_repo r = {0};
			_cleanup_strbuf_ struct strbuf text = {0}, tar = {0}, gz = {0};
			struct err e = ERR_INIT;

			no_such_names(
				keys_of_info[strchr("PVA", *letter) - (char *)"PVA"], names[i]);
			strbuf_addf(&text, ID "P:one\nV:1\nA:aarch64\n%c:%s\n", *letter, names[i]);
			craft_entry(&tar, '0', "APKINDEX", NULL, text.s, text.len);
			craft_gzip(&gz, tar.s, tar.len, 9);
			assert_int_equal(apk_index_parse(&r, gz.s, gz.len, "x", NULL, &e), 0);
			assert_true(r.pkgs[0].uninstallable);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cve_2017_9669_size_of_a_long_name),
		cmocka_unit_test(cve_2017_9669_name_without_an_end),
		cmocka_unit_test(cve_2017_9671_length_of_a_pax_record),
		cmocka_unit_test(libarchive_3251_pax_record_at_the_end),
		cmocka_unit_test(cve_2024_57970_long_name_is_cut_off),
		cmocka_unit_test(commit_56019c5_numbers_of_64_bits),
		cmocka_unit_test(ghsa_f4w5_5xv9_85f6_no_limit_of_size),
		cmocka_unit_test(apko_ec48e307_signature_of_another_key),
		cmocka_unit_test(cve_2026_29051_names_used_in_paths),
	};

	return cmocka_run_group_tests(tests, keys_set_up, keys_tear_down);
}
