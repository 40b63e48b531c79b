// SPDX-License-Identifier: GPL-3.0-or-later
/* What headers are made of: the same on every machine, and another one when it is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/made_headers.h"

#define ONE "1111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222"

static char top[] = "/tmp/pmkmod-origin-XXXXXX";

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(top, name);
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

/* A source folder `name` and a configuration beside it. */
static void make(const char *name)
{
	const struct {
		const char *file, *text;
	} all[] = {{"Makefile", "VERSION = 6\n"}, {"include/linux/module.h", "/* here */\n"},
		{".git/HEAD", "ref: refs/heads/main\n"}, {".git/refs/heads/main", ONE "\n"}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_cleanup_free_ char *path = path_join(name, all[i].file);

		put(path, all[i].text);
	}
}

static char *content(const char *source, const char *config)
{
	struct kernel_origin o = {
		.source = path_join(top, source), .config = path_join(top, config)};
	char *hash = headers_origin_content(&o);

	free(o.source);
	free(o.config);
	return hash;
}

static void expect(const char *wanted, bool same)
{
	_cleanup_free_ char *now = content("a", "config");

	if (streq(wanted, now) != same)
		fail_msg("%s", same ? "not the same any more" : "still the same");
}

static void same_everywhere(void **state)
{
	_cleanup_free_ char *first = NULL, *other = NULL, *path = path_join(top, "config");
	const struct timespec old[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};

	(void)state;
	make("a");
	put("config", "CONFIG_X=y\n");
	first = content("a", "config");
	/* copied elsewhere, at another time */
	make("elsewhere/b");
	put("elsewhere/config", "CONFIG_X=y\n");
	other = content("elsewhere/b", "elsewhere/config");
	assert_string_equal(first, other);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	expect(first, true);
	/* the same commit of another branch, of none, of packed refs */
	put("a/.git/HEAD", "ref: refs/heads/feature\n");
	put("a/.git/refs/heads/feature", ONE "\n");
	expect(first, true);
	put("a/.git/HEAD", ONE "\n");
	expect(first, true);
	put("a/.git/HEAD", "ref: refs/heads/packed\n");
	put("a/.git/packed-refs",
		"# pack-refs with: peeled\n" TWO " refs/heads/other\n" ONE " refs/heads/packed\n");
	expect(first, true);
}

static void another_one(void **state)
{
	static const struct {
		const char *file, *before, *now;
	} changes[] = {
		{"config", "CONFIG_X=y\n", "CONFIG_X=m\n"},
		{"a/Makefile", "VERSION = 6\n", "VERSION = 7\n"},
		{"a/include/linux/module.h", "/* here */\n", "/* there */\n"},
		{"a/.git/HEAD", "ref: refs/heads/main\n", TWO "\n"},
		{"a/.git/refs/heads/main", ONE "\n", TWO "\n"},
	};
	_cleanup_free_ char *first = NULL, *more = path_join(top, "a/include/more.h");

	(void)state;
	make("a");
	put("config", "CONFIG_X=y\n");
	first = content("a", "config");
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		put(changes[i].file, changes[i].now);
		expect(first, false);
		put(changes[i].file, changes[i].before);
		expect(first, true);
	}
	put("a/include/more.h", "");
	expect(first, false);
	assert_int_equal(unlink(more), 0);
	expect(first, true);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(top) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return fs_remove_tree(top, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_everywhere),
		cmocka_unit_test(another_one),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
