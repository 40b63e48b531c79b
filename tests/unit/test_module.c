// SPDX-License-Identifier: GPL-3.0-or-later
/* Recipes and source folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/module/module.h"
#include "pmkmod/util/exit_codes.h"

static char dir[] = "/tmp/pmkmod-module-XXXXXX";

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct err e = ERR_INIT;

	*strrchr(path, '/') = '\0';
	assert_int_equal(fs_mkdirs(path, 0755, &e), 0);
	path[strlen(path)] = '/';
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &e), 0);
}

static struct config *config_here(void)
{
	struct config *c = config_new();
	_cleanup_free_ char *profiles = path_join(dir, "profiles");

	config_set(c, "paths", "profiles", profiles);
	return c;
}

static void recipes(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *words; /* in the error */
	} cases[] = {
		{"[module]\nsource = package:x-src\n", 0, NULL},
		{"[module]\nsource = sub/dir\n", 0, NULL},
		{"[module]\ntitle = x\n", -EINVAL, "needs source"},
		{"[module]\nsource = package:\n", -EINVAL, "names no package"},
		{"[module]\nsource = https://example.org/x.tar.gz\n", -EINVAL, "sha256"},
		{"[module]\nsource = https://example.org/x.tar.gz\nsha256 = 12\n", -EINVAL,
			"sha256"},
		{"[module]\nsource = package:x\nsubdir = ../y\n", -EINVAL, "stay inside"},
		{"[module]\nsource = package:x\nautoload = maybe\n", -EINVAL, "autoload"},
		{"[module]\nsource = package:x\nsubdri = y\n", -EINVAL,
			"[module]: the key 'subdri' is not known; did you mean 'subdir'?"},
		{"[module]\nsource = package:x\n[tset]\nrun = true\n", -EINVAL,
			"the section 'tset' is not known; did you mean 'test'?"},
		{"[module]\nsource = package:x\n[test]\nrun = true\n", 0, NULL},
	};
	struct config *c = config_here();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		struct module m;

		put("profiles/modules/x.ini", cases[i].text);
		assert_int_equal(module_load(&m, c, "x", &e), cases[i].result);
		if (cases[i].words && !strstr(e.text, cases[i].words))
			fail_msg("case %zu: '%s' lacks '%s'", i, e.text, cases[i].words);
		module_free(&m);
	}
	config_free(c);
}

static void unknown_names(void **state)
{
	struct config *c = config_here();
	struct err e = ERR_INIT;
	struct module m;

	(void)state;
	put("profiles/modules/v4l2loopback.ini", "[module]\nsource = package:x\n");
	assert_int_equal(module_load(&m, c, "v4l2lopback", &e), -ENOENT);
	assert_int_equal(e.exit_code, EXIT_UNKNOWN_NAME);
	assert_non_null(strstr(e.text, "v4l2loopback"));
	assert_int_equal(module_load(&m, c, "../modules/x", &e), -ENOENT);
	config_free(c);
}

static void folder_versions(void **state)
{
	static const struct {
		const char *file, *text, *version;
	} cases[] = {
		{"dkms.conf", "PACKAGE_NAME=x\nPACKAGE_VERSION=\"1.2\"\n", "1.2"},
		{"dkms.conf", "  PACKAGE_VERSION='1.2'\r\n", "1.2"},
		{"dkms.conf", "PACKAGE_VERSION=#MODULE_VERSION#\n", NULL},
		{"dkms.conf", "PACKAGE_VERSION=$(cat VERSION)\n", NULL},
		{"dkms.conf", "# PACKAGE_VERSION=9\n", NULL},
		{"AKMBUILD", "modname=x\nmodver=0.3\n", "0.3"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *name = xasprintf("v%zu/%s", i, cases[i].file);
		_cleanup_free_ char *folder = xasprintf("%s/v%zu", dir, i);
		_cleanup_free_ char *v = NULL;

		put(name, cases[i].text);
		v = module_folder_version(folder);
		if (cases[i].version)
			assert_string_equal(v, cases[i].version);
		else
			assert_null(v);
	}
}

static struct hash hash_of(const char *name)
{
	_cleanup_free_ char *folder = path_join(dir, name);
	struct err e = ERR_INIT;
	struct hash h;

	if (module_folder_hash(folder, &h, &e) < 0)
		fail_msg("%s", e.text);
	return h;
}

static void folder_hashes(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "h/a.c");
	_cleanup_free_ char *fifo = path_join(dir, "h/fifo");
	_cleanup_free_ char *folder = path_join(dir, "h");
	struct err e = ERR_INIT;
	struct hash first, h;

	(void)state;
	put("h/a.c", "int a;\n");
	put("h/sub/b.c", "int b;\n");
	first = hash_of("h");
	put("h/.git/config", "not source");
	h = hash_of("h");
	assert_true(hash_eq(&first, &h));
	assert_int_equal(chmod(path, 0755), 0);
	h = hash_of("h");
	assert_false(hash_eq(&first, &h));
	assert_int_equal(chmod(path, 0640), 0);
	h = hash_of("h");
	assert_true(hash_eq(&first, &h));
	put("h/a.c", "int a2;\n");
	h = hash_of("h");
	assert_false(hash_eq(&first, &h));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(module_folder_hash(folder, &h, &e), -EINVAL);
	assert_non_null(strstr(e.text, "fifo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipes),
		cmocka_unit_test(unknown_names),
		cmocka_unit_test(folder_versions),
		cmocka_unit_test(folder_hashes),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_remove_tree(dir, NULL);
	return r;
}
