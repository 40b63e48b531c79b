// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/apk/apk.h"

/* One row a rule or a border of it; every row is also tried the other way round. */
static const struct {
	const char *a;
	int is;
	const char *b;
} orders[] = {
	/* numbers as numbers, whatever their length */
	{"7", APK_VER_EQ, "7"},
	{"9", APK_VER_LT, "10"},
	{"4.9", APK_VER_LT, "4.19"},
	{"6.6.51", APK_VER_GT, "6.6.9"},
	{"20240905", APK_VER_GT, "6"},
	/* the first one even with leading zeros */
	{"007", APK_VER_EQ, "7"},
	{"010", APK_VER_GT, "9"},
	/* a later one with a leading zero: as text, the shorter first */
	{"5.08", APK_VER_LT, "5.1"},
	{"5.010", APK_VER_LT, "5.02"},
	{"5.0", APK_VER_LT, "5.00"},
	{"5.0", APK_VER_LT, "5.9"},
	{"5.1", APK_VER_GT, "5.09"},
	{"5.100", APK_VER_GT, "5.20"},
	/* 64 bits, then around */
	{"1.18446744073709551615", APK_VER_GT, "1.18446744073709551614"},
	{"18446744073709551618", APK_VER_EQ, "2"},
	/* more numbers are greater */
	{"3.2", APK_VER_LT, "3.2.1"},
	{"3.2.0", APK_VER_GT, "3.2"},
	{"3.2.0.0", APK_VER_GT, "3.2.0"},
	/* letters: greater than none, less than another number */
	{"3.2a", APK_VER_GT, "3.2"},
	{"3.2a", APK_VER_LT, "3.2b"},
	{"3.2z", APK_VER_LT, "3.2.1"},
	{"3.2z", APK_VER_LT, "3.3"},
	/* suffixes in their order, those before the release and those after */
	{"2_alpha", APK_VER_LT, "2_beta"},
	{"2_beta", APK_VER_LT, "2_pre"},
	{"2_pre", APK_VER_LT, "2_rc"},
	{"2_rc", APK_VER_LT, "2"},
	{"2_rc9", APK_VER_LT, "2"},
	{"2", APK_VER_LT, "2_cvs"},
	{"2_cvs", APK_VER_LT, "2_svn"},
	{"2_svn", APK_VER_LT, "2_git"},
	{"2_git", APK_VER_LT, "2_hg"},
	{"2_hg", APK_VER_LT, "2_p"},
	{"2_p", APK_VER_LT, "2.0"},
	{"2_p3", APK_VER_LT, "2a"},
	/* their numbers */
	{"2_rc2", APK_VER_LT, "2_rc10"},
	{"2_rc", APK_VER_LT, "2_rc1"},
	{"2_p", APK_VER_LT, "2_p0"},
	{"2_p01", APK_VER_EQ, "2_p1"},
	{"2_git20240102", APK_VER_GT, "2_git20231231"},
	/* several suffixes */
	{"2_pre1_git5", APK_VER_GT, "2_pre1"},
	{"2_p1_rc1", APK_VER_LT, "2_p1"},
	{"2_p1_alpha", APK_VER_LT, "2_p1_beta"},
	/* a suffix announcing a release is less than anything else in its place */
	{"2_rc1", APK_VER_LT, "2-r0"},
	{"2_rc1", APK_VER_LT, "2a"},
	{"2_rc1", APK_VER_LT, "2.1"},
	{"2_rc1", APK_VER_LT, "2~abc"},
	/* commit hashes as text */
	{"2~abc", APK_VER_LT, "2~abd"},
	{"2~ab", APK_VER_LT, "2~abc"},
	{"2~abc", APK_VER_EQ, "2~abc"},
	{"2~abc", APK_VER_GT, "2"},
	{"2~abc-r1", APK_VER_GT, "2~abc-r0"},
	{"2~abc", APK_VER_LT, "2_p1"},
	/* revisions last */
	{"2-r2", APK_VER_LT, "2-r10"},
	{"2", APK_VER_LT, "2-r0"},
	{"2-r9", APK_VER_LT, "2.0-r0"},
	{"2-r9", APK_VER_LT, "2a-r0"},
	{"2-r9", APK_VER_LT, "2_p0-r0"},
	{"2-r00", APK_VER_EQ, "2-r0"},
	/* invalid ones are equal where both stop, and least where one does */
	{"2?x", APK_VER_EQ, "2?y"},
	{"2?", APK_VER_LT, "2"},
	{"", APK_VER_EQ, "x"},
	{"", APK_VER_LT, "0"},
};

static int other_way(int is)
{
	return is == APK_VER_LT ? APK_VER_GT : is == APK_VER_GT ? APK_VER_LT : is;
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		int there = apk_version_compare(orders[i].a, orders[i].b, false);
		int back = apk_version_compare(orders[i].b, orders[i].a, false);

		if (there != orders[i].is || back != other_way(orders[i].is))
			fail_msg("%s and %s: %d, and back %d", orders[i].a, orders[i].b, there,
				back);
	}
}

static void test_valid(void **state)
{
	static const char *const valid[] = {"0", "6.12.7", "1a", "1.2z", "1_rc", "1_rc3",
		"1_p1_pre2", "1_git20240101", "1~0af", "1_pre~9", "1.2c_p4~12ab-r7", "1-r0",
		"1-r12", "123456789012345678901234567890"};
	static const char *const invalid[] = {"", "v1", "x", ".5", "5.", "5..1", "1ab", "1a2",
		"1a.2", "1_", "1_x", "1_rcx", "1_prefix", "1_pp", "1_rc3.1", "1_rc3a", "1_rc_",
		"1~", "1~g", "1~AB", "1~ab_rc1", "1~ab~cd", "1-", "1-r", "1-rx", "1-1", "1-r1a",
		"1-r1.2", "1-r1-r2", "1-r1_rc", "1-r1~ab", "1 ", " 1", "1+2", "1:2", "1\xe4"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
		if (!apk_version_valid(valid[i]))
			fail_msg("'%s' is valid", valid[i]);
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		if (apk_version_valid(invalid[i]))
			fail_msg("'%s' is not valid", invalid[i]);
}

enum {
	LE = APK_VER_LT | APK_VER_EQ,
	GE = APK_VER_GT | APK_VER_EQ,
	FZ = APK_VER_EQ | APK_VER_FUZZY
};

static const struct {
	const char *have;
	int op;
	const char *want;
	bool ok;
} matches[] = {
	{"6.6.51-r0", APK_VER_EQ, "6.6.51-r0", true},
	{"6.6.51-r1", APK_VER_EQ, "6.6.51-r0", false},
	{"6.6.51-r1", GE, "6.6.51-r0", true},
	{"6.6.51-r0", LE, "6.6.51-r0", true},
	{"6.6.51-r0", APK_VER_LT, "6.6.51-r0", false},
	{"6.6.51-r0", APK_VER_GT, "6.6.51", true},
	/* fuzzy: what is wanted may end early, what is there may not */
	{"6.6.51-r0", FZ, "6.6", true},
	{"6.6.51-r0", FZ, "6", true},
	{"6.6", FZ, "6.6.51", false},
	{"6.60", FZ, "6.6", false},
	{"6.7", FZ, "6.6", false},
	{"6.6_rc1", FZ, "6.6", true},
	{"6.6-r3", FZ, "6.6", true},
	{"6.7", FZ | APK_VER_GT, "6.6", true},
	{"6.6.1", FZ | APK_VER_LT, "6.6", true},
	{"6.5", FZ | APK_VER_GT, "6.6", false},
	/* turned round, anything, nothing wanted, a checksum */
	{"6.6", APK_VER_EQ | APK_VER_CONFLICT, "6.6", false},
	{"6.6", APK_VER_EQ | APK_VER_CONFLICT, "6.7", true},
	{"6.6", APK_VER_ANY, "9", true},
	{"6.6", APK_VER_ANY | APK_VER_CONFLICT, NULL, false},
	{"6.6", APK_VER_EQ, NULL, true},
	{"6.6", APK_VER_CHECKSUM, "Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
};

static void test_match(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++)
		if (apk_version_match(matches[i].have, matches[i].op, matches[i].want) !=
			matches[i].ok)
			fail_msg("%s %d %s", matches[i].have, matches[i].op,
				matches[i].want ? matches[i].want : "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
