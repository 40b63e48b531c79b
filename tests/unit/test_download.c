// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * pmkmod/util/partial, mirrors, and what download does without a server; tests/cli/test-http has
 * the servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/mirrors.h"
#include "pmkmod/util/partial.h"

static char dir[] = "/tmp/pmkmod-download-XXXXXX";

static char *in_dir(const char *name)
{
	return path_join(dir, name);
}

static void put(const char *name, const char *text, time_t age)
{
	_cleanup_free_ char *path = in_dir(name);
	const struct timespec t = {.tv_sec = time(NULL) - age};
	const struct timespec times[] = {t, t};

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void expect_text(const char *name, const char *text)
{
	_cleanup_free_ char *path = in_dir(name);
	_cleanup_free_ char *have = NULL;
	size_t len;

	assert_int_equal(fs_read(path, 1 << 16, &have, &len, NULL), 0);
	assert_string_equal(have, text);
}

static bool is_there(const char *name)
{
	_cleanup_free_ char *path = in_dir(name);

	return fs_exists(path);
}

/* ---- partial files ---- */

static void partial_is_gone_on_with(void **state)
{
	_cleanup_free_ char *path = in_dir("one");
	struct partial p;

	(void)state;
	assert_int_equal(partial_open(&p, path, true, NULL), 0);
	assert_int_equal(p.size, 0);
	assert_int_equal(partial_write(&p, "half ", 5), 0);
	partial_set_validator(&p, "\"etag\"");
	partial_close(&p, true);
	assert_false(is_there("one"));
	expect_text("one.part.if-range", "\"etag\"");
	assert_int_equal(partial_open(&p, path, true, NULL), 0);
	assert_int_equal(p.size, 5);
	assert_string_equal(p.validator, "\"etag\"");
	assert_int_equal(partial_write(&p, "and half", 8), 0);
	assert_int_equal(partial_complete(&p, path, NULL), 0);
	partial_close(&p, true);
	expect_text("one", "half and half");
	assert_false(is_there("one.part"));
	assert_false(is_there("one.part.if-range"));
}

static void partial_begins_anew(void **state)
{
	_cleanup_free_ char *path = in_dir("anew");
	struct partial p;

	(void)state;
	put("anew.part", "of another file", 0);
	/* nothing that could end a header of a request */
	put("anew.part.if-range", "\"x\"\r\nHost: example.org", 0);
	assert_int_equal(partial_open(&p, path, true, NULL), 0);
	assert_int_equal(p.size, 15);
	assert_int_equal(p.before, 15);
	assert_null(p.validator);
	assert_int_equal(partial_restart(&p), 0);
	assert_int_equal(p.before, 0);
	assert_int_equal(partial_write(&p, "whole", 5), 0);
	assert_int_equal(partial_complete(&p, path, NULL), 0);
	partial_close(&p, false);
	expect_text("anew", "whole");
	/* one that nothing came for leaves nothing, nor one that is not to be kept */
	for (int some = 0; some < 2; some++) {
		assert_int_equal(partial_open(&p, path, true, NULL), 0);
		if (some)
			assert_int_equal(partial_write(&p, "x", 1), 0);
		partial_set_validator(&p, "\"y\"");
		partial_close(&p, !some);
		assert_false(is_there("anew.part"));
		assert_false(is_there("anew.part.if-range"));
	}
	expect_text("anew", "whole");
}

static void partial_of_two(void **state)
{
	_cleanup_free_ char *path = in_dir("two");
	struct partial a, b;

	(void)state;
	assert_int_equal(partial_open(&a, path, true, NULL), 0);
	assert_int_equal(partial_open(&b, path, true, NULL), 0);
	assert_string_not_equal(a.path, b.path);
	assert_int_equal(partial_write(&a, "one", 3), 0);
	assert_int_equal(partial_write(&b, "other", 5), 0);
	/* whose rest is not kept, although there is one */
	partial_close(&b, true);
	assert_int_equal(partial_complete(&a, path, NULL), 0);
	/* the name is free again while the first one still has its lock */
	assert_int_equal(partial_open(&b, path, true, NULL), 0);
	assert_int_equal(b.size, 0);
	partial_close(&a, true);
	partial_close(&b, true);
	expect_text("two", "one");
}

static void partial_sweeps(void **state)
{
	const time_t day = 24 * 3600;
	struct partial p;
	_cleanup_free_ char *busy = in_dir("busy");

	(void)state;
	assert_int_equal(partial_open(&p, busy, true, NULL), 0);
	assert_int_equal(partial_write(&p, "x", 1), 0);
	assert_int_equal(futimens(p.fd, (const struct timespec[]){{0}, {0}}), 0);
	put("old.part", "x", (PARTIAL_DAYS + 1) * day);
	put("old.part.if-range", "x", 0);
	put("alone.part.if-range", "x", 0);
	put("young.part", "x", (PARTIAL_DAYS - 1) * day);
	put("young.part.if-range", "x", (PARTIAL_DAYS + 1) * day);
	put("a.tmp.abcdef", "x", (PARTIAL_DAYS + 1) * day);
	put("b.tmp.abcdef", "x", 0);
	put("old.apk", "x", 1000 * day);
	partial_sweep(dir);
	assert_false(is_there("old.part"));
	assert_false(is_there("old.part.if-range"));
	assert_false(is_there("alone.part.if-range"));
	assert_true(is_there("young.part"));
	assert_true(is_there("young.part.if-range"));
	assert_false(is_there("a.tmp.abcdef"));
	assert_true(is_there("b.tmp.abcdef"));
	assert_true(is_there("old.apk"));
	/* somebody writes it */
	assert_true(is_there("busy.part"));
	partial_close(&p, false);
}

/* ---- mirrors ---- */

static struct mirrors *mirrors_of(const char *a, const char *b)
{
	struct config *c = config_new();
	struct mirrors *m = NULL;

	config_set(c, "fetch", "mirrors_a", a);
	config_set(c, "fetch", "mirrors_b", b);
	config_set(c, "fetch", "timeout", "60");
	assert_int_equal(mirrors_load(&m, c, NULL), 0);
	config_free(c);
	return m;
}

static void expect_places(const struct mirrors *m, const char *url, const char *places)
{
	_cleanup_strvec_ struct strvec l = {0};
	_cleanup_free_ char *text = NULL;

	mirrors_places(m, url, &l);
	text = strvec_join(&l, " ");
	assert_string_equal(text, places);
}

static void mirrors_in_order(void **state)
{
	struct mirrors *m = mirrors_of(
		"http://a/alpine/ https://b/alpine\n\thttp://c", "http://d/pmos http://e/pmos");

	(void)state;
	expect_places(NULL, "http://a/alpine/x", "http://a/alpine/x");
	expect_places(m, "http://a/alpine/edge/x.apk",
		"http://a/alpine/edge/x.apk https://b/alpine/edge/x.apk http://c/edge/x.apk");
	expect_places(m, "https://b/alpine/x", "https://b/alpine/x http://a/alpine/x http://c/x");
	expect_places(m, "http://e/pmos/x", "http://e/pmos/x http://d/pmos/x");
	/* only whole names of folders */
	expect_places(m, "http://a/alpine2/x", "http://a/alpine2/x");
	expect_places(m, "http://a/alpine", "http://a/alpine");
	expect_places(m, "http://f/x", "http://f/x");
	mirrors_failed(m, "http://a/alpine/edge/x.apk");
	expect_places(m, "http://a/alpine/x", "https://b/alpine/x http://c/x http://a/alpine/x");
	mirrors_failed(m, "http://c/y");
	expect_places(m, "http://a/alpine/x", "https://b/alpine/x http://a/alpine/x http://c/x");
	assert_true(mirrors_tell(m, "http://a/alpine/x"));
	assert_false(mirrors_tell(m, "http://a/alpine/y"));
	assert_true(mirrors_tell(m, "http://c/x"));
	assert_false(mirrors_given_up(m, "http://a/alpine/x"));
	mirrors_give_up(m, "http://a/alpine/x");
	assert_true(mirrors_given_up(m, "http://a/other"));
	assert_false(mirrors_given_up(m, "http://a:81/other"));
	assert_false(mirrors_given_up(NULL, "http://a/other"));
	mirrors_free(m);
}

static void mirrors_must_be_urls(void **state)
{
	static const char *const bad[] = {"alpine", "ftp://a/alpine", "http://a /b"};
	struct mirrors *m = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct config *c = config_new();
		struct err e = ERR_INIT;

		config_set(c, "fetch", "mirrors", bad[i]);
		assert_int_equal(mirrors_load(&m, c, &e), -EINVAL);
		assert_int_equal(e.exit_code, EXIT_USAGE);
		assert_non_null(strstr(e.text, "fetch.mirrors"));
		config_free(c);
	}
}

/* ---- without a server ---- */

static int never(void *ctx, const char *path, struct err *e)
{
	++*(int *)ctx;
	return err_set(e, -EBADMSG, "%s is not it", path);
}

static void files_of_this_machine(void **state)
{
	_cleanup_free_ char *from = xasprintf("file://%s/a%%20b", dir);
	_cleanup_free_ char *none = xasprintf("file://%s/none", dir);
	_cleanup_free_ char *to = in_dir("copy");
	_cleanup_free_ char *other = in_dir("other");
	const struct download_limits l = {.max_bytes = 5, .parallel = 3};
	int looked = 0;
	struct download v[] = {{.url = from, .path = to},
		{.url = from, .path = other, .verify = never, .ctx = &looked, .name = "other"},
		{.url = none, .path = other}};
	struct err e = ERR_INIT;

	(void)state;
	put("a b", "text", 0);
	assert_int_equal(download_all(v, ARRAY_SIZE(v), "files", &l, NULL, &e), -EBADMSG);
	assert_true(starts_with(e.text, "other: "));
	expect_text("copy", "text");
	assert_int_equal(looked, 1);
	assert_false(is_there("other"));
	/* what is known by its content is left alone when it is there */
	v[1].path = to;
	assert_int_equal(download_all(v, 2, "files", &l, NULL, &e), 0);
	assert_int_equal(looked, 1);
	put("a b", "longer", 0);
	assert_int_equal(download(from, to, &l, &e), -EFBIG);
	expect_text("copy", "text");
	assert_int_equal(download(none, to, &l, &e), -ENOENT);
	assert_int_equal(download_all(NULL, 0, "files", &l, NULL, &e), 0);
}

static void bytes_are_shown(void **state)
{
	static const struct {
		uint64_t bytes, of;
		const char *text;
	} rows[] = {{0, 0, "0.0 KiB"}, {100, 0, "0.1 KiB"}, {2048, 4096, "2.0 of 4.0 KiB"},
		{500 << 10, 0, "500 KiB"}, {1 << 20, 0, "1.0 MiB"},
		{34 << 20, 120 << 20, "34 of 120 MiB"}, {0, 120 << 20, "0 of 120 MiB"},
		{5ULL << 30, 0, "5.0 GiB"}, {5000ULL << 30, 0, "5000 GiB"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};

		download_show_bytes(&b, rows[i].bytes, rows[i].of);
		assert_string_equal(b.s, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_is_gone_on_with),
		cmocka_unit_test(partial_begins_anew),
		cmocka_unit_test(partial_of_two),
		cmocka_unit_test(partial_sweeps),
		cmocka_unit_test(mirrors_in_order),
		cmocka_unit_test(mirrors_must_be_urls),
		cmocka_unit_test(files_of_this_machine),
		cmocka_unit_test(bytes_are_shown),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(dir, NULL);
	return r;
}
