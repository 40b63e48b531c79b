// SPDX-License-Identifier: GPL-3.0-or-later
/* Ranges of kernel releases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "chroot/base/str.h"
#include "pmkmod/module/kernel_range.h"
#include "pmkmod/util/exit_codes.h"

static void has(void **state)
{
	static const struct {
		const char *range, *release;
		bool in;
	} cases[] = {
		{NULL, "6.1.0", true},
		{"", "6.1.0", true},
		{"any", "6.1.0", true},
		{" any", "whatever", true},
		{">=5.4", "5.4.0-rc1", false},
		{">=5.4", "5.4.0", true},
		{">=5.4", "5.10.3-sdm845", true},
		{">=5.4", "4.19.300", false},
		{">=5.4 <6.8", "6.7.12-0-lts", true},
		{">=5.4 <6.8", "6.8.0", false},
		{">=5.4 <6.8", "6.8.0-rc7", true},
		{">=5.4,<6.8", "6.8.1", false},
		{">=5.4 <6.8 !6.1.5", "6.1.5-0-lts", false},
		{">=5.4 <6.8 !6.1.5", "6.1.50", true},
		{"<=6.1", "6.1.77", true},
		{"<=6.1", "6.2.0", false},
		{">6.1", "6.1.77", false},
		{">6.1", "6.2.0", true},
		{">6.1", "6.2.0-rc1", true},
		{"6.1", "6.1.0-50-arm64", true},
		{"=6.1", "6.1.0-rc3", false},
		{"== 6.1", "6.1.3", true},
		{"!6.1", "6.1.0-50-arm64", false},
		{"!= 6.1", "6.2.0", true},
		{">=6.1-rc2", "6.1.0-rc3-sdm845", true},
		{">=6.1-rc2", "6.1.0-rc1", false},
		{">=6.1-rc2", "6.1.0", true},
		{">=6.1-rc2", "6.1.9", true},
		{"<6.1-rc2", "6.1.0", false},
		{"<6.1", "6.1.5-rc1", false},
		{">=6.1", "6.1.5-rc1", true},
		{">=3", "3.0.101", true},
		{"<4", "3.18.71-android", true},
		{"<3.10.50", "3.10.49.7", true},
		{">=4.9.0", "4.9", true},
		{">4.9.1", "4.9", false},
		{">=7.1", "7.1.0-rc1-sdm845", false},
		{">=5.4", "not a release", false},
		{">=5.4", "", false},
		{"nonsense", "6.1.0", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (kernel_range_has(cases[i].range, cases[i].release) != cases[i].in)
			fail_msg("'%s' and %s: %d", cases[i].range, cases[i].release, !cases[i].in);
}

static void check(void **state)
{
	static const struct {
		const char *range, *word; /* NULL: it is one */
	} cases[] = {{NULL, NULL}, {"", NULL}, {" \n", NULL}, {"any", NULL}, {">=5.4 <6.8", NULL},
		{">= 5.4 , < 6.8", NULL}, {"5.4-rc1", NULL}, {">=5.4 fish", "'fish'"},
		{">5.x", "'>5.x'"}, {">=", "'>='"}, {"=>5", "'=>5'"}, {"5.4.", "'5.4.'"},
		{"1.2.3.4.5", "'1.2.3.4.5'"}, {"99999999999", "'99999999999'"},
		{"6.1-rcx", "'6.1-rcx'"}, {"6.1-rc99999999999", "'6.1-rc99999999999'"},
		{"any >5", "'any'"}, {"~5.4", "'~5.4'"}, {"5.4-sdm845", "'5.4-sdm845'"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		int r = kernel_range_check(cases[i].range, &e);

		if (!cases[i].word && r != 0)
			fail_msg("'%s': %s", cases[i].range, e.text);
		if (!cases[i].word)
			continue;
		assert_int_equal(r, -EINVAL);
		assert_int_equal(e.exit_code, EXIT_USAGE);
		if (!strstr(e.text, cases[i].word))
			fail_msg("'%s': '%s' lacks %s", cases[i].range, e.text, cases[i].word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(has), cmocka_unit_test(check)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
