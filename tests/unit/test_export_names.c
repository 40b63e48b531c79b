// SPDX-License-Identifier: GPL-3.0-or-later
/* Versions and names of module packages: a table each, and what must never change their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/export/export_parts.h"

static void clean_versions(void **state)
{
	static const char *const t[][2] = {
		{"0.12.7", "0.12.7"},
		{"v0.12.7", "0.12.7"},
		{"V2", "2"},
		{"driver-1.0", "1.0"},
		{"r123", "123"},
		{"v0.12.7+git-3", "0.12.7_git3"},
		{"1.2.3~rc1", "1.2.3_rc1"},
		{"1.2.3-rc.1", "1.2.3_rc1"},
		{"1.2b3", "1.2_beta3"},
		{"1.2a", "1.2a"},
		{"1.2A", "1.2a"},
		{"1.2-dev", "1.2_pre"},
		{"2024-03-01", "2024.3.1"},
		{"20240301", "20240301"},
		{"5.13.6-12-gabcdef1", "5.13.6_p12"},
		{"5.13.6-gabcdef1234", "5.13.6"},
		{"1.05.007", "1.5.7"},
		{"0.0", "0.0"},
		{"00", "0"},
		{"1..2", "1.2"},
		{"1.2.", "1.2"},
		{"1.2-3", "1.2_p3"},
		{"1.2-3.4", "1.2_p3_p4"},
		{"30+20221128", "30_p20221128"},
		{"4.3.1_11320.20140505", "4.3.1_p11320_p20140505"},
		{"v5.2.20_25672.20171213_COEX20171010", "5.2.20_p25672_p20171213"},
		{"1.0-ubuntu5", "1.0"},
		{"git20200101.1a2b3c4d", "0_git20200101"},
		{"2.0 (beta 4)", "2.0_beta4"},
		{"1234567890123456789012", "12345678901234567"},
		{"abcdef1", "0"},
		{"none", "0"},
		{"-r1", "1"},
		{"..", "0"},
		{"\xff\xfe", "0"},
		{"", "0"},
		{NULL, "0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *v = export_clean_version(t[i][0]);
		_cleanup_free_ char *again = export_clean_version(v);

		assert_string_equal(v, t[i][1]);
		assert_string_equal(again, v);
		assert_true(apk_version_valid(v));
	}
}

/* Whatever stands there, the result is valid and of bounded length. */
static void clean_anything(void **state)
{
	static const char alphabet[] = "0123456789..--__++~~rcpgitabvx \x80\n/";
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[300];
		size_t n = (size_t)(rand_r(&seed) % (int)(i % 100 ? 24 : 299));

		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		text[n] = '\0';

		_cleanup_free_ char *v = export_clean_version(text);
		_cleanup_free_ char *again = export_clean_version(v);

		assert_true(apk_version_valid(v));
		assert_true(strlen(v) < 130);
		assert_null(strstr(v, "-r"));
		if (strlen(v) < 100) /* where nothing was cut */
			assert_string_equal(again, v);
	}
}

static void whole_versions(void **state)
{
	static const struct {
		const char *module, *kernel, *want;
	} t[] = {
		{"0.12.7", "6.1.176-r1", "0.12.7_p6_p1_p176-r1"},
		{"0.12.7", "7.1_rc1-r0", "0.12.7_p7_p1_p0_rc1-r0"},
		{"0.12.7", "7.1-r0", "0.12.7_p7_p1_p0-r0"},
		{"0.12.7", "6.18.55-r0", "0.12.7_p6_p18_p55-r0"},
		{"0.12.7", "5.10.4.115-r2", "0.12.7_p5_p10_p4_p115-r2"},
		{"0.12.7", "3.4.0_git20200101-r3", "0.12.7_p3_p4_p0_git20200101-r3"},
		{"0.12.7", "3.4.0_git20200101_p2-r3", "0.12.7_p3_p4_p0_git20200101_p2-r3"},
		{"0.12.7", "5.4a-r0", "0.12.7_p5_p4_p0_hg1-r0"},
		{"0.12.7", "9999-r0", "0.12.7_p9999_p0_p0-r0"},
		{"0.12.7", "6.01.002-r0", "0.12.7_p6_p1_p2-r0"},
		{"0.12.7", "6.1.1", "0.12.7_p6_p1_p1-r0"},
		{"v1.2-rc3", "6.1.1-r10", "1.2_rc3_p6_p1_p1-r10"},
		{NULL, "6.1.1-r0", "0_p6_p1_p1-r0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *v = NULL;
		struct err e = ERR_INIT;

		assert_int_equal(export_version(t[i].module, t[i].kernel, &v, &e), 0);
		assert_string_equal(v, t[i].want);
		assert_true(apk_version_valid(v));
	}
}

static void impossible_kernels(void **state)
{
	static const char *const t[] = {"", "-r0", "x", "6.1~abc-r0", "6.1..2-r0", "6.1_foo-r0",
		"6.1-r", "6.1-r1-r2", "6.1 -r1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *v = NULL;
		struct err e = ERR_INIT;

		assert_int_equal(export_version("1", t[i], &v, &e), -EINVAL);
		assert_null(v);
		assert_non_null(strstr(e.text, t[i]));
	}
}

/* One module for kernels from old to new: the packages' versions must rise as the kernels' do. */
static void order_of_kernels(void **state)
{
	static const char *const kernels[] = {"3.4.0_git20200101-r0", "3.4.0_git20200301-r0",
		"3.4.0a-r0", "3.4.1-r0", "5.10.4-r0", "5.10.4-r1", "5.10.4.115-r0", "5.10.4.116-r0",
		"5.10.5-r0", "5.10.10-r0", "6.1.176-r0", "6.1.176-r1", "6.1.176-r10", "6.18.55-r0",
		"7.1_rc1-r0", "7.1_rc1-r5", "7.1_rc2-r0", "7.1_rc10-r0", "7.1-r0", "7.1_git3-r0",
		"7.1.1-r0", "7.2_rc1-r0", "7.2.0-r0", "9999-r0"};
	char *v[ARRAY_SIZE(kernels)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		assert_int_equal(export_version("0.12.7", kernels[i], &v[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		for (size_t k = 0; k < ARRAY_SIZE(kernels); k++)
			assert_int_equal(
				apk_version_compare(v[i], v[k], false), i < k	? APK_VER_LT
									: i > k ? APK_VER_GT
										: APK_VER_EQ);
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		free(v[i]);
}

/* A newer module wins over a newer kernel. */
static void order_of_modules(void **state)
{
	static const char *const modules[] = {"0.9", "0.12.6", "0.12.7-rc1", "0.12.7", "0.12.8",
		"0.13", "1.0-beta", "1.0", "2024-03-01", "2024-11-01"};
	char *low[ARRAY_SIZE(modules)], *high[ARRAY_SIZE(modules)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		assert_int_equal(export_version(modules[i], "3.4.0-r0", &low[i], NULL), 0);
		assert_int_equal(export_version(modules[i], "7.1.3-r9", &high[i], NULL), 0);
	}
	for (size_t i = 0; i + 1 < ARRAY_SIZE(modules); i++)
		assert_int_equal(apk_version_compare(high[i], low[i + 1], false), APK_VER_LT);
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		free(low[i]);
		free(high[i]);
	}
}

static void names(void **state)
{
	static const char *const t[][3] = {
		{"v4l2loopback", "standin", "v4l2loopback-kmod-standin"},
		{"rtl88x2bu", "postmarketos-qcom-sdm845",
			"rtl88x2bu-kmod-postmarketos-qcom-sdm845"},
		{"a b/c", "x@y", "a_b_c-kmod-x_y"},
		{".hidden", "f", "xhidden-kmod-f"},
		{"g++", "l_ts.1", "g++-kmod-l_ts.1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *n = export_package_name(t[i][0], t[i][1]);

		assert_string_equal(n, t[i][2]);
	}
}

static void licenses(void **state)
{
	static const struct {
		const char *words[3];
		size_t n;
		const char *spdx;
	} t[] = {
		{{"GPL"}, 1, "GPL-2.0-only"},
		{{"GPL v2"}, 1, "GPL-2.0-only"},
		{{"GPL and additional rights"}, 1, "GPL-2.0-only"},
		{{"Dual BSD/GPL"}, 1, "BSD-3-Clause OR GPL-2.0-only"},
		{{"Dual MIT/GPL"}, 1, "MIT OR GPL-2.0-only"},
		{{"Dual MPL/GPL"}, 1, "MPL-1.1 OR GPL-2.0-only"},
		{{"Proprietary"}, 1, "LicenseRef-Proprietary"},
		{{"Public Domain, 2.0"}, 1, "LicenseRef-Public-Domain--2.0"},
		{{NULL}, 1, "LicenseRef-unspecified"},
		{{"GPL", "GPL v2"}, 2, "GPL-2.0-only"},
		{{"GPL", "Dual MIT/GPL", "Proprietary"}, 3,
			"GPL-2.0-only AND LicenseRef-Proprietary AND (MIT OR GPL-2.0-only)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		_cleanup_free_ char *spdx = export_license(t[i].words, t[i].n);

		assert_string_equal(spdx, t[i].spdx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_versions),
		cmocka_unit_test(clean_anything),
		cmocka_unit_test(whole_versions),
		cmocka_unit_test(impossible_kernels),
		cmocka_unit_test(order_of_kernels),
		cmocka_unit_test(order_of_modules),
		cmocka_unit_test(names),
		cmocka_unit_test(licenses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
