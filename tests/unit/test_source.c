// SPDX-License-Identifier: GPL-3.0-or-later
/* Where modules' sources come from: words, URLs, trees and patches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/git.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/git_tree.h"
#include "pmkmod/util/patch_run.h"

#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define OTHER40 "89abcdef0123456789abcdef0123456789abcdef"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[] = "/tmp/pmkmod-source-XXXXXX";

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct err e = ERR_INIT;

	*strrchr(path, '/') = '\0';
	assert_int_equal(fs_mkdirs(path, 0755, &e), 0);
	path[strlen(path)] = '/';
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &e), 0);
}

static void same(const char *have, const char *want, const char *of)
{
	if (!have != !want || (want && !streq(have, want)))
		fail_msg("%s: '%s', not '%s'", of, have ? have : "(none)", want ? want : "(none)");
}

static void names(void **state)
{
	static const struct {
		const char *location, *name;
	} cases[] = {
		{"https://github.com/x/v4l2loopback.git", "v4l2loopback"},
		{"https://github.com/x/v4l2loopback/", "v4l2loopback"},
		{"https://github.com/x/v4l2loopback/archive/refs/tags/v0.12.7.tar.gz",
			"v4l2loopback"},
		{"https://github.com/x/8812au/archive/main.zip", "8812au"},
		{"https://codeload.github.com/x/evdi/tar.gz/refs/tags/v1.14.1", "evdi"},
		{"https://gitlab.com/x/jool/-/archive/4.1.9/jool-4.1.9.tar.bz2", "jool"},
		{"https://host/get.tar.xz?name=a/b", "get"},
		{"http://user:pw@host:8080/a/rtl8821ce_5.5.2.1.orig.tar.xz", "rtl8821ce"},
		{"/x/v4l2loopback-dkms_0.12.7-2_all.deb", "v4l2loopback"},
		{"/x/v4l2loopback-src-0.12.7-r1.apk", "v4l2loopback"},
		{"/x/vpoll-src-1-r0.apk", "vpoll"},
		{"/x/odd.apk", "odd"},
		{"/x/lime-2-dkms_1_all.deb", "lime-2"},
		{"/x/hid-logitech-4", "hid-logitech-4"},
		{"/x/lan-7430", "lan-7430"},
		{"/x/rtl8188eu-20200101", "rtl8188eu"},
		{"/x/8812au-20210820-main", "8812au-20210820"},
		{"/x/Hello World", "hello-world"},
		{"/x/foo-v2.0-rc1.tgz", "foo"},
		{"https://host/v1.2.tar.gz", "host"},
		{"https://", "module"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *name = source_guess_name(cases[i].location);

		same(name, cases[i].name, cases[i].location);
	}
}

static void urls(void **state)
{
	static const struct {
		const char *spec;
		enum module_source kind;
		const char *fetch, *ref, *commit, *subdir;
	} good[] = {
		{"git+https://host/r.git", SOURCE_GIT, "https://host/r.git", NULL, NULL, NULL},
		{"git+https://host/r.git#v1.2", SOURCE_GIT, "https://host/r.git", "v1.2", NULL,
			NULL},
		{"git+ssh://git@host:22/r#topic/x:src/mod", SOURCE_GIT, "ssh://git@host:22/r",
			"topic/x", NULL, "src/mod"},
		{"git+file:///r#" HEX40, SOURCE_GIT, "file:///r", HEX40, HEX40, NULL},
		{"git+http://host/r#:sub", SOURCE_GIT, "http://host/r", NULL, NULL, "sub"},
		{"https://host/x.tar.gz#sha256=" HEX64, SOURCE_ARCHIVE, "https://host/x.tar.gz",
			NULL, NULL, NULL},
		{"file:///x.zip#subdir=a/b&sha256=" HEX64, SOURCE_ARCHIVE, "file:///x.zip", NULL,
			NULL, "a/b"},
		{"package:x-src", SOURCE_PACKAGE, NULL, NULL, NULL, NULL},
	};
	static const char *const wrong[] = {"package:", "git+git://host/r", "git+ext::sh -c id",
		"git+https:///r", "git+https://-oProxyCommand=x/r", "git+ssh://u@-x/r",
		"git+file://relative", "git+https://h/r#-x", "git+https://h/r#a..b",
		"git+https://h/r#a b", "git+https://h/r#a:../x", "git+https://h/r#a:/x",
		"git+https://h/r#a^{tree}", "ftp://host/x.tar.gz", "https://host/x.git",
		"https://host/x.tgz#sha256=12", "https://host/x.tgz#md5=12",
		"https://h/x.tgz#subdir=../x", "git+https://h/a b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct err e = ERR_INIT;
		struct module m = {0};

		if (source_parse(&m, good[i].spec, NULL, &e) != 0)
			fail_msg("%s: %s", good[i].spec, e.text);
		assert_int_equal(m.kind, good[i].kind);
		same(m.fetch_url, good[i].fetch, good[i].spec);
		same(m.ref, good[i].ref, good[i].spec);
		same(m.commit, good[i].commit, good[i].spec);
		same(m.subdir, good[i].subdir, good[i].spec);
		assert_non_null(m.name);
		module_free(&m);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct err e = ERR_INIT;
		struct module m = {0};

		if (source_parse(&m, wrong[i], NULL, &e) != -EINVAL)
			fail_msg("%s was taken", wrong[i]);
		assert_int_equal(e.exit_code, EXIT_USAGE);
		module_free(&m);
	}
}

static void shown_urls(void **state)
{
	_cleanup_free_ char *a = source_shown_url("https://me:secret@host/x?a@b");
	_cleanup_free_ char *b = source_shown_url("file:///a@b/c");

	(void)state;
	assert_string_equal(a, "https://host/x?a@b");
	assert_string_equal(b, "file:///a@b/c");
}

static void submodule_urls(void **state)
{
	static const struct {
		const char *parent, *url, *want;
	} cases[] = {
		{"https://h/a/r.git", "https://o/x.git", "https://o/x.git"},
		{"https://h/a/r.git", "../x.git", "https://h/a/x.git"},
		{"https://h/a/r.git/", "../../x.git", "https://h/x.git"},
		{"https://h/a/r.git", "./x.git", "https://h/a/r.git/x.git"},
		{"https://h/r.git", "../../x.git", NULL},
		{"https://h", "../x.git", NULL},
		{"https://h/r.git", "file:///etc", NULL},
		{"file:///a/r", "file:///b", "file:///b"},
		{"file:///a/r", "../x", "file:///a/x"},
		{"https://h/r.git", "git@host:u/x.git", "ssh://git@host/u/x.git"},
		{"https://h/r.git", "ext::sh -c id", NULL},
		{"https://h/r.git", "/etc", NULL},
		{"https://h/r.git", "-oProxyCommand=x:y", NULL},
		{"https://h/r.git", "ssh://-oProxyCommand=x/y", NULL},
		{"https://h/r.git", "x/../../y", NULL},
		{"https://h/r.git", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *url = git_join_url(cases[i].parent, cases[i].url);

		same(url, cases[i].want, cases[i].url);
	}
}

static void submodule_settings(void **state)
{
	static const char text[] = "submodule.a.b.url\nhttps://h/1\0submodule.a.b.path\nlib\0"
				   "submodule.c.path\nother\0submodule.c.url\nhttps://h/2";

	(void)state;
	same(git_submodule_setting(text, sizeof(text), "lib"), "https://h/1", "lib");
	same(git_submodule_setting(text, sizeof(text), "other"), "https://h/2", "other");
	same(git_submodule_setting(text, sizeof(text), "none"), NULL, "none");
	same(git_submodule_setting(text, sizeof(text) - 1, "lib"), NULL, "not ended");
	same(git_submodule_setting(NULL, 0, "lib"), NULL, "empty");
}

/* ---- git's trees ---- */

static void tree_paths(void **state)
{
	static const char *const wrong[] = {
		"../x", "/x", "a//b", "a/./b", ".git/config", "a/.GIT/hooks/x", "", "a/..", "a/"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_free_ char *line = xasprintf("100644 blob " HEX40 "\t%s", wrong[i]);
		struct git_tree t;

		if (git_tree_parse(&t, line, strlen(line) + 1, NULL) != -EINVAL)
			fail_msg("'%s' was taken", wrong[i]);
	}
}

static int write_tree(const char *list, size_t list_len, const char *objects, size_t len,
	const char *name, struct err *e)
{
	_cleanup_free_ char *to = path_join(dir, name);
	_cleanup_(git_tree_free) struct git_tree t = {0};
	struct git_writer w = {.tree = &t, .max = 1000, .e = e};
	int r = git_tree_parse(&t, list, list_len, e);

	assert_int_equal(fs_mkdirs(to, 0755, NULL), 0);
	if (r < 0)
		return r;
	w.dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w.dir >= 0);
	for (size_t i = 0; i < len; i++) /* as a slow pipe would give it */
		git_writer_take(&w, objects + i, 1);
	r = git_writer_end(&w);
	close(w.dir);
	return r;
}

static void trees_are_written(void **state)
{
	static const char list[] = "120000 blob " HEX40 "\ta\0" /* a link comes after the files */
				   "100755 blob " OTHER40 "\tb/run\0"
				   "160000 commit " OTHER40 "\tlib\0"
				   "100644 blob " OTHER40 "\tb/empty";
	static const char objects[] =
		OTHER40 " blob 3\nx\ny\n" OTHER40 " blob 0\n\n" HEX40 " blob 5\nb/run\n";
	_cleanup_free_ char *run = path_join(dir, "tree/b/run"), *text = NULL;
	_cleanup_free_ char *link = path_join(dir, "tree/a");
	struct err e = ERR_INIT;
	char target[16] = "";
	struct stat st;

	(void)state;
	if (write_tree(list, sizeof(list), objects, sizeof(objects) - 1, "tree", &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(fs_read(run, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "x\ny");
	assert_int_equal(stat(run, &st), 0);
	assert_int_equal(st.st_mode & 0111, 0111);
	assert_int_equal(st.st_mtime, 0);
	assert_int_equal(readlink(link, target, sizeof(target)), 5);
}

static void hostile_trees(void **state)
{
	static const struct {
		const char *list, *objects;
		int result;
	} cases[] = {
		{"100644 blob " HEX40 "\tx", HEX40 " blob 99999\n", -EFBIG},
		{"100644 blob " HEX40 "\tx", HEX40 " blob -1\n", -EBADMSG},
		{"100644 blob " HEX40 "\tx", HEX40 " missing\n", -EBADMSG},
		{"100644 blob " HEX40 "\tx", OTHER40 " blob 1\na\n", -EBADMSG},
		{"100644 blob " HEX40 "\tx", HEX40 " blob 1\nab", -EBADMSG},
		{"100644 blob " HEX40 "\tx", HEX40 " blob 4\nab", -EBADMSG},
		{"100644 blob " HEX40 "\tx", "", -EBADMSG},
		{"040000 tree " HEX40 "\tx", "", -EINVAL},
		{"100644 blob 12\tx", "", -EINVAL},
		{"100644 blob " HEX40, "", -EINVAL},
	};
	static const char twice[] = "120000 blob " HEX40 "\tx\0"
				    "100644 blob " OTHER40 "\tx/y";
	static const char twice_objects[] = OTHER40 " blob 1\na\n" HEX40 " blob 4\n/tmp\n";
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *name = xasprintf("hostile%zu", i);
		int r = write_tree(cases[i].list, strlen(cases[i].list) + 1, cases[i].objects,
			strlen(cases[i].objects), name, &e);

		if (r != cases[i].result)
			fail_msg("case %zu: %d %s", i, r, e.text);
		err_clear(&e);
	}
	/* a file below what is also a link: the folder x is there when the link is to be made */
	assert_int_equal(write_tree(twice, sizeof(twice), twice_objects, sizeof(twice_objects) - 1,
				 "twice", &e),
		-EEXIST);
}

/* ---- patches ---- */

static void patch_names(void **state)
{
	static const struct {
		const char *text, *bad;
	} cases[] = {
		{"--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-a\n+b\n", NULL},
		{"--- a/x.c\t2020\n+++ b/../../x.c\t2020\n", "b/../../x.c"},
		{"--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", NULL},
		/* inside a hunk those are lines of the files */
		{"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- ../y\n+++ ../z\n a\n", NULL},
		{"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/../y\n", "a/../y"},
		{"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n"
		 "\\ No newline at end of file\n+++ ..\n",
			".."},
		{"diff --git a/x b/../y\n", "a/x b/../y"},
		{"rename to ../y\n", "../y"},
		{"Index: a/../../y\r\n", "a/../../y\r"},
		{"+++ \"b/\\056\\056/y\"\n", "b/../y"},
		{"*** a/x\n--- b/x\n***************\n*** 1,2 ****\n! ../a\n--- 1,2 ----\n", NULL},
		{"--- a/x..y/...\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *bad = patch_bad_name(cases[i].text, strlen(cases[i].text));

		same(bad, cases[i].bad, cases[i].text);
	}
}

/* ---- the folder of the module ---- */

static void subdirs(void **state)
{
	static const struct {
		const char *files; /* separated by blanks; an M at the end: a Makefile with obj-m */
		int result;
		const char *subdir, *words;
	} cases[] = {
		{"Makefile:obj-m", 0, NULL, NULL},
		{"Makefile:all", 0, NULL, NULL},
		{"dkms.conf:x sub/dkms.conf:x", 0, NULL, NULL},
		{"src/dkms.conf:x src/Makefile:obj-m", 0, "src", NULL},
		{"Makefile:all module/dkms.conf:x", 0, "module", NULL},
		{"Makefile:all lib/Makefile:all", 0, NULL, NULL},
		{"a/dkms.conf:x b/dkms.conf:x", -EEXIST, NULL, "a/dkms.conf, b/dkms.conf"},
		{"a/Makefile:obj-m b/Kbuild:obj-m", -EEXIST, NULL, "a, b"},
		{"a/Makefile:obj-m a/sub/Makefile:obj-m", 0, "a", NULL},
		{"a/AKMBUILD:x b/Makefile:obj-m", 0, "a", NULL},
		{"a/b/c/Kbuild:obj-m", 0, "a/b/c", NULL},
		{"README:x a/Makefile:all", -ENOENT, NULL, "no module's source"},
		{"dkms.conf.in:x", -ENOENT, NULL, "dkms.conf.in"},
		{".hidden/dkms.conf:x", -ENOENT, NULL, "no module's source"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strvec_ struct strvec files = {0};
		_cleanup_free_ char *folder = xasprintf("%s/s%zu", dir, i), *subdir = NULL;
		_cleanup_free_ char *note = NULL;
		struct err e = ERR_INIT;
		int r;

		strvec_split(&files, cases[i].files, " ");
		for (size_t k = 0; k < files.n; k++) {
			char *text = strchr(files.v[k], ':');
			_cleanup_free_ char *name = NULL;

			*text++ = '\0';
			name = xasprintf("s%zu/%s", i, files.v[k]);
			put(name, text);
		}
		r = source_find_subdir(folder, USE_ANY, &subdir, &note, &e);
		if (r != cases[i].result)
			fail_msg("%s: %d %s", cases[i].files, r, e.text);
		same(subdir, cases[i].subdir, cases[i].files);
		assert_int_equal(note != NULL, subdir != NULL);
		if (cases[i].words && !strstr(e.text, cases[i].words))
			fail_msg("'%s' lacks '%s'", e.text, cases[i].words);
	}
}

static void line_ends(void **state)
{
	_cleanup_free_ char *folder = path_join(dir, "crlf"), *path = path_join(folder, "a/Kbuild");
	_cleanup_free_ char *other = path_join(folder, "a/x.c"), *text = NULL, *kept = NULL;
	_cleanup_strvec_ struct strvec names_fixed = {0};
	struct err e = ERR_INIT;

	(void)state;
	put("crlf/a/Kbuild", "obj-m := x.o\r\na\rb\r\n");
	put("crlf/a/x.c", "int x;\r\n");
	put("crlf/Makefile", "all:\n");
	assert_int_equal(source_fix_line_ends(folder, &names_fixed, &e), 0);
	assert_int_equal(names_fixed.n, 1);
	assert_string_equal(names_fixed.v[0], "a/Kbuild");
	assert_int_equal(fs_read(path, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "obj-m := x.o\na\rb\n");
	assert_int_equal(fs_read(other, 100, &kept, NULL, &e), 0);
	assert_string_equal(kept, "int x;\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(urls),
		cmocka_unit_test(shown_urls), cmocka_unit_test(submodule_urls),
		cmocka_unit_test(submodule_settings), cmocka_unit_test(tree_paths),
		cmocka_unit_test(trees_are_written), cmocka_unit_test(hostile_trees),
		cmocka_unit_test(patch_names), cmocka_unit_test(subdirs),
		cmocka_unit_test(line_ends)};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(dir, NULL);
	return r;
}
