// SPDX-License-Identifier: GPL-3.0-or-later
/* APKINDEX.tar.gz: signature first, then archive, then text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "chroot/apk/pkg_field.h"
#include "chroot/base/fs.h"
#include "tests/unit/apk_craft_keys.h"

#define ID "C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=\n"
#define MINIMAL ID "P:one\nV:1-r0\n"

static const char sample[] =
	ID "P:linux-lts\nV:6.6.51-r0\nA:aarch64\nS:98765432\nI:123456789\nT:a kernel\n"
	   "U:https://kernel.org\nL:GPL-2.0-only\no:linux-lts\nm:N. C. <n@example.org>\n"
	   "t:1726000000\nc:0123456789abcdef\nk:10\nD:initramfs-generator linux-firmware-any !x<2\n"
	   "p:linux-virtual=6.6.51-r0 cmd:y\ni:a b\nx:a new field, which may be ignored\nF:etc\n"
	   "\n"
	   "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:two\nV:2\nT:\nD:\n";

/* ---- making ---- */

static void make_tar(struct strbuf *tar, const char *text, size_t len)
{
	craft_entry(tar, '0', "DESCRIPTION", NULL, "v1-main", 7);
	craft_entry(tar, '0', "APKINDEX", NULL, text, len);
	craft_zero_blocks(tar, 2);
}

static void sign(struct strbuf *out, const char *entry, EVP_PKEY *by, const struct strbuf *gz)
{
	_cleanup_strbuf_ struct strbuf tar = {0};

	craft_sign(&tar, entry, by, HASH_SHA256, gz->s, gz->len);
	craft_gzip(out, tar.s, tar.len, 9);
	strbuf_add(out, gz->s, gz->len);
}

static void make(struct strbuf *out, const char *text, size_t len)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, gz = {0};

	make_tar(&tar, text, len);
	craft_gzip(&gz, tar.s, tar.len, 6);
	sign(out, ".SIGN.RSA256.a.pub", key_a, &gz);
}

static int parse(struct apk_repo *r, const struct strbuf *index, struct err *e)
{
	err_clear(e);
	return apk_index_parse(r, index->s, index->len, "main/APKINDEX.tar.gz", keys, e);
}

/* ---- fields ---- */

static void test_fields(void **state)
{
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf index = {0};
	struct err e = ERR_INIT;
	const struct apk_pkg *p;
	struct hash h;
	char *text;

	(void)state;
	r.url = xstrdup("https://example.org/v1/main");
	r.arch = xstrdup("aarch64");
	make(&index, sample, strlen(sample));
	if (parse(&r, &index, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r.n_pkgs, 2);
	assert_string_equal(r.description, "v1-main");
	hash_buf(HASH_SHA256, index.s, index.len, &h);
	assert_true(hash_eq(&h, &r.content));
	p = &r.pkgs[0];
	assert_string_equal(p->name, "linux-lts");
	assert_string_equal(p->version, "6.6.51-r0");
	assert_string_equal(p->arch, "aarch64");
	assert_int_equal(p->size, 98765432);
	assert_int_equal(p->installed_size, 123456789);
	assert_string_equal(p->desc, "a kernel");
	assert_string_equal(p->url, "https://kernel.org");
	assert_string_equal(p->license, "GPL-2.0-only");
	assert_string_equal(p->origin, "linux-lts");
	assert_string_equal(p->maintainer, "N. C. <n@example.org>");
	assert_int_equal(p->build_time, 1726000000);
	assert_string_equal(p->commit, "0123456789abcdef");
	assert_int_equal(p->provider_priority, 10);
	assert_int_equal(p->depends.n, 3);
	assert_int_equal(p->provides.n, 2);
	assert_int_equal(p->install_if.n, 2);
	assert_false(p->uninstallable);
	assert_ptr_equal(p->repo, &r);
	text = apk_identity_text(&p->identity);
	assert_string_equal(text, "Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=");
	free(text);
	text = apk_pkg_url(p);
	assert_string_equal(text, "https://example.org/v1/main/aarch64/linux-lts-6.6.51-r0.apk");
	free(text);
	p = &r.pkgs[1];
	assert_string_equal(p->desc, "");
	assert_int_equal(p->depends.n, 0);
	text = apk_pkg_url(p);
	assert_string_equal(text, "https://example.org/v1/main/aarch64/two-2.apk");
	free(text);
}

/* What apk reads but would not install, or installs without a part of what the record says. */
static void test_forgiven(void **state)
{
	static const struct {
		const char *lines;
		bool uninstallable;
		size_t depends, provides, install_if;
	} rows[] = {
		{"", false, 0, 0, 0},
		{"X:from the future\n", true, 0, 0, 0},
		{"x:from the future\n", false, 0, 0, 0},
		{"Z:of the installed database\n", false, 0, 0, 0},
		{"D:a b=! c\n", true, 2, 0, 0},
		{"D:a@edge\n", true, 1, 0, 0},
		{"p:a b=! c\n", false, 0, 2, 0},
		{"i:a b=! c\n", false, 0, 0, 0},
		{"D:a\nD:b\n", false, 2, 0, 0},
		{"A:aarch64\n", false, 0, 0, 0},
		{"A:noarch\n", false, 0, 0, 0},
		{"A:x86_64\n", true, 0, 0, 0},
		{"A:../x\n", true, 0, 0, 0},
		{"P:../../etc\n", true, 0, 0, 0},
		{"V:1/2\n", true, 0, 0, 0},
		{"S:\n", false, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(apk_repo_free) struct apk_repo r = {.arch = xstrdup("aarch64")};
		_cleanup_strbuf_ struct strbuf index = {0}, text = {0};
		struct err e = ERR_INIT;
		const struct apk_pkg *p;

		strbuf_addf(&text, "%s%s\n", MINIMAL, rows[i].lines);
		make(&index, text.s, text.len);
		if (parse(&r, &index, &e) < 0)
			fail_msg("row %zu: %s", i, e.text);
		p = &r.pkgs[0];
		if (r.n_pkgs != 1 || p->uninstallable != rows[i].uninstallable ||
			p->depends.n != rows[i].depends || p->provides.n != rows[i].provides ||
			p->install_if.n != rows[i].install_if)
			fail_msg("row %zu was understood as something else", i);
	}
}

static void test_bad_text(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{MINIMAL "nonsense\n", "line 4 of its APKINDEX, package 'one'"},
		{MINIMAL "X\n", "X:value"},
		{MINIMAL " \n", "X:value"},
		{MINIMAL "\n" ID "V:1\n\n", "line 7"},
		{ID "V:1\n\n", "lacks P:"},
		{ID "P:a\n\n", "lacks V:"},
		{"P:a\nV:1\n\n", "lacks C:"},
		{"P:a\nV:1\n", "lacks C:"},
		{"C:Q1short\nP:a\nV:1\n", "hash"},
		{"C:d41d8cd98f00b204e9800998ecf8427e\nP:a\nV:1\n", "hash"},
		{MINIMAL "S:12x\n", "12x"},
		{MINIMAL "S:-1\n", "-1"},
		{MINIMAL "I:99999999999999999999999\n", "number"},
		{MINIMAL "t:9223372036854775808\n", "number"},
		{MINIMAL "k:4294967296\n", "number"},
		/* file, line, package and field */
		{MINIMAL "S:12x\n",
			"line 4 of its APKINDEX, package 'one': field S: '12x' is not a"},
		{MINIMAL "\n" ID "P:two\nI:-\n",
			"line 7 of its APKINDEX, package 'two': field I: '-'"},
		{"C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M*\nP:a\nV:1\n",
			"line 1 of its APKINDEX, package '?': field C: 'Q1qUqP5cyxm6YcTAhz05Hph5gvu9M*'"},
		/* two texts for one hash: bits that are not used, and no padding */
		{"C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9N=\nP:a\nV:1\n", "field C: 'Q1"},
		{"C:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M\nP:a\nV:1\n", "field C: 'Q1"},
		{"P:a\nC:Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=\r\nV:1\r\n",
			"line 2 of its APKINDEX, package 'a': field C: 'Q1qUqP5cyxm6YcTAhz05Hph5gvu9M=?'"},
		/* what apk reads as the end of the index, and leaves the package out */
		{MINIMAL "I:1",
			"line 4 of its APKINDEX, package 'one': it is the last one and has no end"},
		{MINIMAL "\n" ID "P:two\nV:1",
			"line 7 of its APKINDEX, package 'two': it is the last"},
		{MINIMAL "\nC", "line 5 of its APKINDEX, package '?': it is the last one"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(apk_repo_free) struct apk_repo r = {0};
		_cleanup_strbuf_ struct strbuf index = {0};
		struct err e = ERR_INIT;

		make(&index, rows[i].text, strlen(rows[i].text));
		if (parse(&r, &index, &e) != -EBADMSG || !strstr(e.text, rows[i].says) ||
			!strstr(e.text, "main/APKINDEX.tar.gz"))
			fail_msg("row %zu: %s", i, e.text);
		assert_null(r.pkgs);
		assert_int_equal(r.n_pkgs, 0);
	}
}

/* As apk: of a field that may have one value the last one counts, lists grow. */
static void test_twice(void **state)
{
	static const char text[] = "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" ID
				   "P:x\nP:a\nV:2\nV:1\nA:aarch64\nI:10\nI:20\nT:x\nT:\nD:p1\n"
				   "D:p2 p3\np:v=1\np:w=1\ni:a\ni:b\nD:p4\n";
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf index = {0};
	struct err e = ERR_INIT;
	const struct apk_pkg *p;

	(void)state;
	make(&index, text, strlen(text));
	if (parse(&r, &index, &e) < 0)
		fail_msg("%s", e.text);
	p = &r.pkgs[0];
	assert_int_equal(r.n_pkgs, 1);
	assert_string_equal(p->name, "a");
	assert_string_equal(p->version, "1");
	assert_string_equal(p->desc, "");
	assert_int_equal(p->installed_size, 20);
	assert_int_equal(p->identity.b[0], 0xa9);
	assert_int_equal(p->depends.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(p->depends.v[i].name[0], 'p');
		assert_int_equal(p->depends.v[i].name[1], '1' + i);
	}
	assert_int_equal(p->provides.n, 2);
	assert_int_equal(p->install_if.n, 2);
}

static void test_no_packages(void **state)
{
	static const char *const texts[] = {"", "\n", "\n\n\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(apk_repo_free) struct apk_repo r = {0};
		_cleanup_strbuf_ struct strbuf index = {0};
		struct err e = ERR_INIT;

		make(&index, texts[i], strlen(texts[i]));
		assert_int_equal(parse(&r, &index, &e), 0);
		assert_int_equal(r.n_pkgs, 0);
	}
}

/* ---- signatures and archive ---- */

enum {
	UNSIGNED = 1,
	STRANGER,
	OTHER_CONTENT,
	TWO_MEMBERS,
	GARBAGE,
	V3,
	PACKAGE,
	NO_INDEX,
	TWO_INDEXES,
	NUL,
	LONG_DESCRIPTION,
	ODD_FILE,
	NOT_GZIP,
	CUT,
	LINK
};

static void make_case(struct strbuf *out, int how)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, gz = {0}, other = {0};

	if (how == V3)
		strbuf_add(out, "ADBd\0\0", 6);
	if (how == NOT_GZIP)
		strbuf_adds(out, "<html>404</html>");
	if (out->len)
		return;
	if (how == PACKAGE)
		craft_entry(&tar, '0', ".PKGINFO", NULL, "pkgname = a\n", 12);
	if (how == ODD_FILE)
		craft_entry(&tar, '0', "README", NULL, "hello", 5);
	if (how == LONG_DESCRIPTION)
		craft_entry(&tar, '0', "DESCRIPTION", NULL, sample, 161);
	if (how == LINK)
		craft_symlink(&tar, "APKINDEX", "/etc/passwd");
	else if (how != NO_INDEX)
		craft_entry(&tar, '0', "APKINDEX", NULL, how == NUL ? "P:a\0b" : sample,
			how == NUL ? 5 : strlen(sample));
	if (how == TWO_INDEXES)
		craft_entry(&tar, '0', "APKINDEX", NULL, sample, strlen(sample));
	if (how == NO_INDEX)
		craft_entry(&tar, '0', "DESCRIPTION", NULL, "d", 1);
	craft_zero_blocks(&tar, 2);
	craft_gzip(&gz, tar.s, tar.len, 6);
	if (how == TWO_MEMBERS)
		craft_gzip(&gz, tar.s, tar.len, 6);
	if (how == OTHER_CONTENT) {
		strbuf_adds(&other, "x");
		sign(out, ".SIGN.RSA256.a.pub", key_a, &other);
		out->len--;
		strbuf_add(out, gz.s, gz.len);
	} else if (how == UNSIGNED) {
		strbuf_add(out, gz.s, gz.len);
	} else {
		sign(out, how == STRANGER ? ".SIGN.RSA256.s.pub" : ".SIGN.RSA256.a.pub",
			how == STRANGER ? stranger : key_a, &gz);
	}
	if (how == GARBAGE)
		strbuf_adds(out, "x");
	if (how == CUT)
		out->len -= 9;
}

static void test_cases(void **state)
{
	static const struct {
		int how, want;
		const char *says;
		int unchecked; /* the result without keys */
	} rows[] = {
		{0, 0, NULL, 0},
		{LONG_DESCRIPTION, 0, NULL, 0},
		{ODD_FILE, 0, NULL, 0},
		{UNSIGNED, -EKEYREJECTED, "is not signed", 0},
		{STRANGER, -EKEYREJECTED,
			"signed by s.pub, which is not among the trusted keys (a.pub, b.pub)", 0},
		{OTHER_CONTENT, -EKEYREJECTED, "but its index has", 0},
		{TWO_MEMBERS, -EKEYREJECTED, NULL, -EBADMSG},
		{GARBAGE, -EBADMSG, "not gzip", -EBADMSG},
		{V3, -EPROTONOSUPPORT, "apk v3", -EPROTONOSUPPORT},
		{NOT_GZIP, -EBADMSG, "not a repository index", -EBADMSG},
		{PACKAGE, -EBADMSG, "'.PKGINFO', as packages do", -EBADMSG},
		{NO_INDEX, -EBADMSG, "no APKINDEX", -EBADMSG},
		{LINK, -EBADMSG, "no APKINDEX", -EBADMSG},
		{TWO_INDEXES, -EBADMSG, "two entries APKINDEX", -EBADMSG},
		{NUL, -EBADMSG, "zero byte", -EBADMSG},
		{CUT, -EBADMSG, "ends too early", -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(apk_repo_free) struct apk_repo r = {0}, r2 = {0};
		_cleanup_strbuf_ struct strbuf index = {0};
		struct err e = ERR_INIT;

		make_case(&index, rows[i].how);
		if (parse(&r, &index, &e) != rows[i].want ||
			(rows[i].says && !strstr(e.text, rows[i].says)))
			fail_msg("row %zu: %s", i, e.text);
		assert_int_equal(
			apk_index_parse(&r2, index.s, index.len, "x", NULL, &e), rows[i].unchecked);
	}
}

/* ---- speed ---- */

/* Of the size of Alpine's largest; the border is wide, for slow machines and sanitizers. */
static void test_large(void **state)
{
	_cleanup_(apk_repo_free) struct apk_repo r = {0};
	_cleanup_strbuf_ struct strbuf index = {0}, text = {0};
	struct timespec start, end;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < 25000; i++)
		strbuf_addf(&text,
			"%sP:package-%d\nV:%d.%d-r0\nA:aarch64\nS:%d\nI:%d\nT:some words about it\n"
			"U:https://example.org/%d\nL:MIT\no:package\nm:Some Body <a@example.org>\n"
			"t:1726000000\nc:0123456789abcdef0123456789abcdef01234567\n"
			"D:so:libc.musl-aarch64.so.1 so:libx.so.%d a>=1 b~2\n"
			"p:so:libpackage.so.%d=1.2.3 cmd:package%d=1.2.3-r0\n\n",
			ID, i, i % 7, i, i, i, i, i % 50, i, i);
	make(&index, text.s, text.len);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	assert_int_equal(parse(&r, &index, &e), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_int_equal(r.n_pkgs, 25000);
	assert_string_equal(r.pkgs[24999].name, "package-24999");
	print_message("%zu bytes of index in %.0f ms\n", text.len,
		(double)(end.tv_sec - start.tv_sec) * 1e3 +
			(double)(end.tv_nsec - start.tv_nsec) / 1e6);
	assert_true(end.tv_sec - start.tv_sec < 10);
}

static void test_parse_uint(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(apk_parse_uint("18446744073709551609", UINT64_MAX, &v), 0);
	assert_true(v == 18446744073709551609ULL);
	assert_int_equal(apk_parse_uint("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(apk_parse_uint("99999999999999999999", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(apk_parse_uint("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(apk_parse_uint("256", 255, &v), -ERANGE);
	assert_int_equal(apk_parse_uint("", 255, &v), 0);
	assert_true(v == 0);
	assert_int_equal(apk_parse_uint(" 1", 255, &v), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_forgiven),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_no_packages),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_parse_uint),
	};

	return cmocka_run_group_tests(tests, keys_set_up, keys_tear_down);
}
