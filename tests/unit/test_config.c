// SPDX-License-Identifier: GPL-3.0-or-later
/* pmkmod/util/config and nearest: what files and options make of a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/config.h"
#include "pmkmod/util/nearest.h"

static char dir[] = "/tmp/pmkmod-config-XXXXXX";

static const char *write_ini(const char *text)
{
	static char path[4096];
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "%s/test.ini", dir);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &e), 0);
	return path;
}

static struct config *from(const char *text)
{
	struct config *c = config_new();
	struct err e = ERR_INIT;

	if (config_read_file(c, write_ini(text), &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

static void values_and_lists(void **state)
{
	struct config *c = from("[a]\nx = 1 2\n\t3\ny = {a.x} end\nz = ~/sub\nempty =\n");
	struct strvec l = {0};

	(void)state;
	assert_string_equal(config_get(c, "a", "x"), "1 2\n3");
	assert_string_equal(config_get(c, "a", "y"), "1 2\n3 end");
	assert_null(config_get(c, "a", "empty"));
	assert_null(config_get(c, "b", "x"));
	config_list(c, "a", "x", &l);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[2], "3");
	setenv("HOME", "/home/porter", 1);
	assert_string_equal(config_get(c, "a", "z"), "/home/porter/sub");
	strvec_free(&l);
	config_free(c);
}

static void later_files_win(void **state)
{
	struct config *c = from("[a]\nx = 1\n\t2\n");
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(config_read_file(c, write_ini("[a]\nx = 9\n"), &e), 0);
	assert_string_equal(config_get(c, "a", "x"), "9");
	config_set(c, "a", "x", "option");
	assert_string_equal(config_get(c, "a", "x"), "option");
	config_free(c);
}

static void references_end(void **state)
{
	struct config *c = from("[a]\nx = <{a.x}>\ny = {a.missing} {odd\n");

	(void)state;
	/* a reference to itself must not run for ever */
	assert_non_null(config_get(c, "a", "x"));
	assert_string_equal(config_get(c, "a", "y"), "{a.missing} {odd");
	config_free(c);
}

static void refused_files(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"[a]\nthis is no assignment\n", "line 2"},
		{"[a\nx = 1\n", "line 1"},
		{"[a]\nx = "
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
			"line 2 is too long"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *c = config_new();
		struct err e = ERR_INIT;

		assert_int_equal(config_read_file(c, write_ini(cases[i].text), &e), -EINVAL);
		if (!strstr(e.text, cases[i].words))
			fail_msg("case %zu: '%s' lacks '%s'", i, e.text, cases[i].words);
		config_free(c);
	}
}

static void booleans_and_numbers(void **state)
{
	struct config *c = from("[a]\nyes = On\nno = 0\nodd = perhaps\nn = 12\nk = 4k\nbig = 2G\n"
				"neg = -1\nword = x\nhuge = 99999999999999999999\n");
	struct err e = ERR_INIT;
	unsigned long long n;
	bool b;

	(void)state;
	assert_int_equal(config_bool(c, "a", "yes", false, &b, &e), 0);
	assert_true(b);
	assert_int_equal(config_bool(c, "a", "no", true, &b, &e), 0);
	assert_false(b);
	assert_int_equal(config_bool(c, "a", "unset", true, &b, &e), 0);
	assert_true(b);
	assert_int_equal(config_bool(c, "a", "odd", true, &b, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a.odd"));
	assert_int_equal(config_number(c, "a", "k", 0, &n, &e), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(config_number(c, "a", "big", 0, &n, &e), 0);
	assert_int_equal(n, 2ULL << 30);
	assert_int_equal(config_number(c, "a", "unset", 7, &n, &e), 0);
	assert_int_equal(n, 7);
	assert_int_equal(config_number(c, "a", "neg", 0, &n, &e), -EINVAL);
	assert_int_equal(config_number(c, "a", "word", 0, &n, &e), -EINVAL);
	assert_int_equal(config_number(c, "a", "huge", 0, &n, &e), -EINVAL);
	config_free(c);
}

static void options_set_values(void **state)
{
	struct strvec good = {0}, bad = {0};
	struct config *c = NULL;
	struct err e = ERR_INIT;

	(void)state;
	strvec_add(&good, "channel.v26.06.title=a=b");
	strvec_add(&good, "toolchain.native=host");
	assert_int_equal(config_load(&c, "/dev/null", &good, &e), 0);
	assert_string_equal(config_get(c, "channel.v26.06", "title"), "a=b");
	assert_string_equal(config_get(c, "toolchain", "native"), "host");
	/* the built-in defaults are there, whatever file is read */
	assert_string_equal(config_get(c, "toolchain", "emulate"), "tools");
	assert_true(config_has_section(c, "channel.edge"));
	config_free(c);
	strvec_add(&bad, "toolchain=host");
	assert_int_equal(config_load(&c, "/dev/null", &bad, &e), -EINVAL);
	strvec_free(&good);
	strvec_free(&bad);
}

static void nearest(void **state)
{
	struct strvec names = {0};
	const char *out[2];

	(void)state;
	strvec_split(&names, "standin-aarch64 standin-armv7 standin-x86_64 v4l2loopback", " ");
	assert_int_equal(nearest_names("standin-arch64", &names, out, 2), 2);
	assert_string_equal(out[0], "standin-aarch64");
	assert_int_equal(nearest_names("v4l2lopoback", &names, out, 2), 1);
	assert_string_equal(out[0], "v4l2loopback");
	assert_int_equal(nearest_names("loopback", &names, out, 2), 1);
	assert_int_equal(nearest_names("zzzzzzzz", &names, out, 2), 0);
	strvec_free(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_lists),
		cmocka_unit_test(later_files_win),
		cmocka_unit_test(references_end),
		cmocka_unit_test(refused_files),
		cmocka_unit_test(booleans_and_numbers),
		cmocka_unit_test(options_set_values),
		cmocka_unit_test(nearest),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(dir, NULL);
	return r;
}
