// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/apk/apk.h"

#define IDENTITY "Q1qUqP5cyxm6YcTAhz05Hph5gvu9M="

static const struct {
	const char *word, *name, *tag;
	int op;
	const char *version;
	bool conflict;
	const char *printed; /* NULL: as it was */
} good[] = {
	{"musl", "musl", NULL, APK_VER_ANY, NULL, false, NULL},
	{"so:libc.musl-aarch64.so.1", "so:libc.musl-aarch64.so.1", NULL, APK_VER_ANY, NULL, false,
		NULL},
	{"cmd:[=1.36.1-r2", "cmd:[", NULL, APK_VER_EQ, "1.36.1-r2", false, NULL},
	{"/bin/sh", "/bin/sh", NULL, APK_VER_ANY, NULL, false, NULL},
	{"linux-lts=6.6.51-r0", "linux-lts", NULL, APK_VER_EQ, "6.6.51-r0", false, NULL},
	{"gcc>12", "gcc", NULL, APK_VER_GT, "12", false, NULL},
	{"gcc<12", "gcc", NULL, APK_VER_LT, "12", false, NULL},
	{"gcc>=12", "gcc", NULL, APK_VER_GT | APK_VER_EQ, "12", false, NULL},
	{"gcc=>12", "gcc", NULL, APK_VER_GT | APK_VER_EQ, "12", false, "gcc>=12"},
	{"gcc<=12", "gcc", NULL, APK_VER_LT | APK_VER_EQ, "12", false, NULL},
	{"gcc~12", "gcc", NULL, APK_VER_EQ | APK_VER_FUZZY, "12", false, NULL},
	{"gcc=~12", "gcc", NULL, APK_VER_EQ | APK_VER_FUZZY, "12", false, "gcc~12"},
	{"gcc~=12", "gcc", NULL, APK_VER_EQ | APK_VER_FUZZY, "12", false, "gcc~12"},
	{"gcc<~12", "gcc", NULL, APK_VER_LT | APK_VER_EQ | APK_VER_FUZZY, "12", false, NULL},
	{"gcc>~12", "gcc", NULL, APK_VER_GT | APK_VER_EQ | APK_VER_FUZZY, "12", false, NULL},
	{"x><" IDENTITY, "x", NULL, APK_VER_CHECKSUM, IDENTITY, false, NULL},
	{"!uclibc-utils", "uclibc-utils", NULL, APK_VER_ANY, NULL, true, NULL},
	{"!musl<1.2", "musl", NULL, APK_VER_LT, "1.2", true, NULL},
	{"mesa@edge", "mesa", "edge", APK_VER_ANY, NULL, false, NULL},
	{"mesa@edge>=24", "mesa", "edge", APK_VER_GT | APK_VER_EQ, "24", false, NULL},
	{"g++", "g++", NULL, APK_VER_ANY, NULL, false, NULL},
};

static bool same(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

static void test_good(void **state)
{
	struct err e = ERR_INIT;
	struct apk_dep d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char *text;

		if (apk_dep_parse(&d, good[i].word, &e) < 0)
			fail_msg("%s", e.text);
		text = apk_dep_print(&d);
		if (!same(d.name, good[i].name) || !same(d.tag, good[i].tag) ||
			d.op != good[i].op || !same(d.version, good[i].version) ||
			d.conflict != good[i].conflict)
			fail_msg("'%s' was understood as '%s'", good[i].word, text);
		assert_string_equal(text, good[i].printed ? good[i].printed : good[i].word);
		free(text);
		apk_dep_free(&d);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {"", "!", "=1", "!=1", "@edge", "a@", "a@=1",
		"a=", "a<>=1", "a<=>1", "a=x", "a=1.", "a=1=2", "a><1.0", "a><Q1short=", "a b",
		"a\tb", "a\x01", "a=1@edge"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		struct apk_dep d;

		if (apk_dep_parse(&d, bad[i], &e) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		/* no control character goes to the terminal */
		assert_non_null(strstr(e.text, streq(bad[i], "a\x01") ? "a?" : bad[i]));
		assert_null(d.name);
	}
}

static void test_list(void **state)
{
	struct apk_deps l = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(apk_deps_parse(&l, "", &e), 0);
	assert_int_equal(apk_deps_parse(&l, " \n", &e), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(apk_deps_parse(&l, " a  b=1\n!c\t", &e), 0);
	assert_int_equal(l.n, 3);
	/* appended; the good words are kept, the first bad one is named */
	assert_int_equal(apk_deps_parse(&l, "d e=? f g=!", &e), -EINVAL);
	assert_int_equal(l.n, 5);
	assert_string_equal(l.v[1].version, "1");
	assert_true(l.v[2].conflict);
	assert_string_equal(l.v[4].name, "f");
	assert_non_null(strstr(e.text, "e=?"));
	apk_deps_free(&l);
}

static void test_identity(void **state)
{
	static const char *const bad[] = {"", "Q", "Q1", "Q1qUqP5cyxm6YcTAhz05Hph5gvu9M",
		"Q1qUqP5cyxm6YcTAhz05Hph5gvu9N=", /* stray bits in the last digit */
		"Q1qUqP5cyxm6YcTAhz05Hph5gvu9!=", "Q1qUqP5cyxm6YcTAhz05Hph5gvu==", "Q2AAAA",
		"Q3qUqP5cyxm6YcTAhz05Hph5gvu9M=", "X1a94a8fe5",
		"X1a94a8fe5ccb19ba61c4c0873d391e987982fbbdzz", "a94a8fe5ccb19ba61c4c0873d391e987"};
	struct hash want, h;
	char *text;

	(void)state;
	hash_buf(HASH_SHA1, "test", 4, &want);
	assert_int_equal(apk_identity_parse(&h, IDENTITY), 0);
	assert_true(hash_eq(&h, &want));
	assert_int_equal(apk_identity_parse(&h, "X1A94a8fe5ccb19ba61c4c0873d391e987982fbbd3"), 0);
	assert_true(hash_eq(&h, &want));
	text = apk_identity_text(&h);
	assert_string_equal(text, IDENTITY);
	free(text);
	hash_buf(HASH_SHA256, "test", 4, &want);
	text = apk_identity_text(&want);
	assert_int_equal(apk_identity_parse(&h, text), 0);
	assert_true(hash_eq(&h, &want));
	text[1] = '1'; /* apk 3 has been seen to write it so */
	assert_int_equal(apk_identity_parse(&h, text), 0);
	assert_true(hash_eq(&h, &want));
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (apk_identity_parse(&h, bad[i]) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
