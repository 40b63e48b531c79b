// SPDX-License-Identifier: GPL-3.0-or-later
/* What `pmkmod check` stands on: packages by apk's rules, and the cache of a kernel's texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pmkmod/build/known_cache.h"
#include "pmkmod/fit/check_package.h"

/* ---- packages ---- */

static const struct {
	const char *title, *arch, *depends;
	enum fit_result result;
	const char *text; /* part of the sentence */
} packages[] = {
	{"as pmkmod makes them", "aarch64", "linux-x=6.1.2-r3", FIT_PASS, "no other version"},
	{"for all architectures", "noarch", "linux-x=6.1.2-r3", FIT_PASS, "no other version"},
	{"another architecture", "armv7", "linux-x=6.1.2-r3", FIT_FAIL, "is for armv7"},
	{"another kernel", "aarch64", "linux-y=6.1.2-r3", FIT_FAIL, "linux-y"},
	{"an older kernel", "aarch64", "linux-x=6.1.1-r0", FIT_FAIL, "6.1.1-r0"},
	{"any kernel", "aarch64", "linux-x", FIT_FAIL, "no particular version"},
	{"no kernel", "aarch64", "", FIT_FAIL, "no particular version"},
	{"this one and newer", "aarch64", "linux-x>=6.1.2-r3", FIT_FAIL, "no particular version"},
	{"something that is not there", "aarch64", "linux-x=6.1.2-r3 firmware-z", FIT_FAIL,
		"firmware-z"},
	{"another package that is given", "aarch64", "linux-x=6.1.2-r3 beside", FIT_PASS,
		"no other version"},
};

/* Numbers that grow by a digit, that are none, that are not there. */
static void each_version(void **state)
{
	static const char *const versions[] = {"6.1.2-r0", "6.1.2-r9", "7.1_rc1-r10",
		"6.1.2_git20260101-r0", "6.1.2", "6.1.2-r4294967294"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_cleanup_free_ char *depends = xasprintf("linux-x=%s", versions[i]);
		struct apk_pkg p = {.name = (char *)"m-kmod-x",
			.version = (char *)"1-r0",
			.arch = (char *)"aarch64"};
		const struct apk_pkg *given[] = {&p};
		const struct fit_packages f = {"linux-x", versions[i], "aarch64", given, 1};
		struct fit_report r = {0};

		assert_int_equal(apk_deps_parse(&p.depends, depends, NULL), 0);
		fit_check_package(&f, &p, &r);
		if (r.points[0].result != FIT_PASS)
			fail_msg("%s: %s", versions[i], r.points[0].text);
		apk_deps_free(&p.depends);
		fit_report_free(&r);
	}
}

static void each_package(void **state)
{
	struct apk_pkg beside = {
		.name = (char *)"beside", .version = (char *)"1-r0", .arch = (char *)"aarch64"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packages); i++) {
		struct apk_pkg p = {.name = (char *)"m-kmod-x",
			.version = (char *)"1-r0",
			.arch = (char *)packages[i].arch};
		const struct apk_pkg *given[] = {&p, &beside};
		const struct fit_packages f = {.kernel = "linux-x",
			.version = "6.1.2-r3",
			.arch = "aarch64",
			.given = given,
			.n = ARRAY_SIZE(given)};
		struct fit_report r = {0};

		assert_int_equal(apk_deps_parse(&p.depends, packages[i].depends, NULL), 0);
		fit_check_package(&f, &p, &r);
		if (r.n_points != 1 || r.points[0].result != packages[i].result ||
			!strstr(r.points[0].text, packages[i].text))
			fail_msg("%s: %s", packages[i].title,
				r.n_points ? r.points[0].text : "nothing");
		assert_string_equal(r.points[0].point, "package");
		apk_deps_free(&p.depends);
		fit_report_free(&r);
	}
}

/* ---- the cache ---- */

static void kept_and_read(void **state)
{
	const struct known_texts t = {.config = (char *)"CONFIG_A=y\n\nCONFIG_B=y\n",
		.config_from = (char *)"here",
		.symvers = (char *)"",
		.notes = (char *)"one\ntwo"};
	struct known_texts back;
	_cleanup_free_ char *text = NULL;
	size_t len;

	(void)state;
	text = known_texts_print(&t, &len);
	assert_int_equal(known_texts_parse(&back, text, len), 0);
	assert_string_equal(back.config, t.config);
	assert_string_equal(back.config_from, "here");
	assert_string_equal(back.symvers, "");
	assert_string_equal(back.notes, "one\ntwo");
	assert_null(back.vermagic);
	known_texts_free(&back);
	/* cut off anywhere, or with any byte changed, it is nothing */
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(known_texts_parse(&back, text, i), -ENOENT);
		text[i] ^= 1;
		assert_int_equal(known_texts_parse(&back, text, len), -ENOENT);
		text[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_package),
		cmocka_unit_test(each_version), cmocka_unit_test(kept_and_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
