// SPDX-License-Identifier: GPL-3.0-or-later
/* Recorded host commands of kbuild, and what a source tree says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/headers/parts.h"

struct replay_case {
	const char *name, *text, *recorded;
	const char *target, *argv, *objects; /* joined by '|'; NULL target: refused */
};

static const struct replay_case cases[] = {
	{"one step, as 6.1 records it",
		"cmd_scripts/basic/fixdep := gcc -Wp,-MMD,scripts/basic/.fixdep.d -Wall -O2 "
		"-std=gnu11     -I ./scripts/basic   -o scripts/basic/fixdep "
		"/src/linux/scripts/basic/fixdep.c\n\nsource_scripts/basic/fixdep := x\n",
		"/src/linux", "scripts/basic/fixdep",
		"-Wall|-O2|-std=gnu11|-I|/out/scripts/basic|-o|scripts/basic/fixdep|"
		"/source/scripts/basic/fixdep.c",
		""},
	{"linking, which since 6.4 is a savedcmd_",
		"savedcmd_scripts/mod/modpost := gcc   -o scripts/mod/modpost scripts/mod/modpost.o "
		"scripts/mod/file2alias.o   \n",
		"/src/linux", "scripts/mod/modpost",
		"-o|scripts/mod/modpost|scripts/mod/modpost.o|scripts/mod/file2alias.o",
		"scripts/mod/modpost.o|scripts/mod/file2alias.o"},
	{"in the source folder itself: paths are relative",
		"cmd_scripts/kallsyms := ccache gcc -Wp,-MD,scripts/.kallsyms.d -I./tools/include -o "
		"scripts/kallsyms scripts/kallsyms.c\n",
		"", "scripts/kallsyms",
		"-I|/out/tools/include|-o|scripts/kallsyms|/out/scripts/kallsyms.c", ""},
	{"a definition with quotes and escapes of make",
		"cmd_scripts/x := /usr/bin/cc -DA='\"a b\"' -DB=\"c\\\"d\" -DC=\\#1 -o scripts/x "
		"/s/x.c\n",
		"/s", "scripts/x", "-DA=\"a b\"|-DB=c\"d|-DC=#1|-o|scripts/x|/source/x.c", ""},
	{"a hash as make 4.3 wants it", "cmd_a/b := gcc -DC=$(pound)1 -o a/b /s/b.c\n", "/s", "a/b",
		"-DC=#1|-o|a/b|/source/b.c", ""},
	{"the recorded folder is no prefix of its neighbour",
		"cmd_a/b := gcc -I /src/linux2/x -o a/b /src/linux/b.c\n", "/src/linux", "a/b",
		"-I|/src/linux2/x|-o|a/b|/source/b.c", ""},
	{"a pipe needs a shell", "cmd_a/b := gcc -E x.c | sed s/a/b/ -o a/b\n", "", NULL, NULL,
		NULL},
	{"an expansion needs a shell", "cmd_a/b := gcc `pkg-config --libs x` -o a/b b.c\n", "",
		NULL, NULL, NULL},
	{"two commands", "cmd_a/b := gcc -o a/b b.c; rm -f x\n", "", NULL, NULL, NULL},
	{"no compiler", "cmd_a/b := flex\n", "", NULL, NULL, NULL},
	{"no record", "source_a := b\n", "", NULL, NULL, NULL},
	{"nothing", "", "", NULL, NULL, NULL},
	{"a quote that does not end", "cmd_a/b := gcc -DX=\"a -o a/b b.c\n", "", NULL, NULL, NULL},
};

static void replay(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct replay_case *k = &cases[i];
		struct err e = ERR_INIT;
		struct replay_command c;
		_cleanup_free_ char *argv = NULL, *objects = NULL;
		int r = replay_parse(&c, k->text, k->recorded, "/out", "/source", &e);

		print_message("# %s\n", k->name);
		if (!k->target || !k->objects) {
			assert_int_equal(r, -EINVAL);
			assert_true(*e.text != '\0');
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(c.target, k->target);
		argv = strvec_join(&c.argv, "|");
		objects = strvec_join(&c.objects, "|");
		assert_string_equal(argv, k->argv);
		assert_string_equal(objects, k->objects);
		replay_command_free(&c);
	}
}

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(path_base(path) - path));

	assert_int_equal(fs_mkdirs(folder, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void source_tree(void **state)
{
	char dir[] = "/tmp/pmkmod-tree.XXXXXX";
	struct err e = ERR_INIT;
	struct source_tree t;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(source_tree_read(&t, dir, arch_by_name("aarch64"), &e), -EINVAL);
	assert_non_null(strstr(e.text, "no Makefile"));
	put(dir, "Makefile",
		"# SPDX\nVERSION = 7\nPATCHLEVEL = 1\nSUBLEVEL = 0\nEXTRAVERSION = -rc1\nNAME = x\n");
	put(dir, "scripts/Makefile.build", "");
	put(dir, "arch/arm64/Makefile", "");
	assert_int_equal(source_tree_read(&t, dir, arch_by_name("armv7"), &e), -EINVAL);
	assert_non_null(strstr(e.text, "no arch/arm"));
	assert_int_equal(source_tree_read(&t, dir, arch_by_name("aarch64"), &e), 0);
	assert_string_equal(t.version, "7.1.0-rc1");
	assert_int_equal(t.code, KERNEL_VERSION_CODE(7, 1));
	assert_null(t.dirty);
	source_tree_free(&t);
	put(dir, "Makefile", "VERSION=3\nPATCHLEVEL := 4\nSUBLEVEL =\nEXTRAVERSION =\n");
	put(dir, "include/config/auto.conf", "");
	assert_int_equal(source_tree_read(&t, dir, arch_by_name("aarch64"), &e), 0);
	assert_string_equal(t.version, "3.4");
	assert_string_equal(t.dirty, "include/config");
	source_tree_free(&t);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

static void config_header(void **state)
{
	static const struct {
		const char *text, *arch, *version;
	} headers[] = {
		{"#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 6.1.192 Kernel "
		 "Configuration\n#\nCONFIG_X=y\n",
			"arm64", "6.1.192"},
		{"#\r\n# Linux/arm 3.4.5 Kernel Configuration\r\n", "arm", "3.4.5"},
		{"# Linux/x86_64 7.1.0-rc1 Kernel Configuration", "x86_64", "7.1.0-rc1"},
		{"CONFIG_X=y\n", NULL, NULL},
		{"", NULL, NULL},
		{"# Linux/ Kernel Configuration\n", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct config_header h;

		config_header_read(&h, headers[i].text);
		if (headers[i].arch) {
			assert_string_equal(h.arch, headers[i].arch);
			assert_string_equal(h.version, headers[i].version);
		} else {
			assert_null(h.arch);
		}
		config_header_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay),
		cmocka_unit_test(source_tree),
		cmocka_unit_test(config_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
