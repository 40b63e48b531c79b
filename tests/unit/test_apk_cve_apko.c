// SPDX-License-Identifier: GPL-3.0-or-later
/* Known faults of apko, melange and libarchive when they put packages into a root: see
 * test_apk_cve.c, also for what is not tested. */
#include "tests/unit/apk_outside.h"

/* ---- apko ---- */

static void ghsa_5g94_c2wx_8pxw_dot_dot_in_folders_and_links(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "", ITEMS(DIR("../outside/new")));
	refused(fx, "component '..'");
	add(fx, "b", "", ITEMS(DIR("usr"), DIR("usr/../../outside/new")));
	refused(fx, "component '..'");
	add(fx, "c", "", ITEMS(LINK("../outside/link", "victim")));
	refused(fx, "component '..'");
	add(fx, "d", "", ITEMS(DIR("usr"), LINK("usr/../../outside/link", "/etc/passwd")));
	refused(fx, "component '..'");
	assert_nothing_installed(fx);
}

static void cve_2026_42574_symlink_across_packages(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *victim = path_join(outside, "victim");
	const char *const targets[] = {
		outside, "../../outside", "/proc/self/cwd", "/proc/self/root/tmp", "/", ".."};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char a[16], b[16];

		snprintf(a, sizeof(a), "a%zu", i);
		snprintf(b, sizeof(b), "b%zu", i);
		add(fx, a, "", ITEMS(DIR("usr"), LINK("usr/d", targets[i])));
		add(fx, b, "replaces = a\n",
			ITEMS(DIR("usr"), {'5', "usr/d", NULL, 01777, NULL, NULL},
				FILE_("usr/d/victim", "evil"), FILE_("usr/d/f", "x"),
				LINK("usr/d/l", "victim"), HARD("usr/d/h", "usr/d/f"),
				DIR("usr/d/sub"), FILE_("usr/d/sub/f", "x"),
				{'6', "usr/d/fifo", NULL, 0666, NULL, NULL}));
		if (install(fx) < 0)
			assert_non_null(strstr(fx->e.text, "'usr/d' is not a folder"));
		assert_outside_untouched();
		assert_int_equal(fs_remove_tree(fx->root, NULL), 0);
	}
	assert_true(fs_exists(victim));
}

/* The last part of a name is a link that leads outside: it is replaced, never written through. */
static void cve_2026_42574_file_in_place_of_a_link(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "", ITEMS(DIR("usr"), LINK("usr/f", "../../outside/victim")));
	add(fx, "b", "replaces = a\n",
		ITEMS(DIR("usr"), FILE_("usr/f", "new"), FILE_("usr/g", "new"),
			FILE_("usr/h", "new")));
	/* links that no package knows of, as a script makes them */
	assert_int_equal(fs_mkdirs(at(fx, "usr"), 0755, NULL), 0);
	assert_int_equal(symlink("../../outside/victim", at(fx, "usr/g")), 0);
	assert_int_equal(symlink("../../outside/new", at(fx, "usr/h")), 0);
	install_ok(fx);
	assert_outside_untouched();
	assert_content(fx, "usr/f", "new");
	assert_content(fx, "usr/g", "new");
	assert_content(fx, "usr/h", "new");
}

/* Two links deep, and the second one inside of what the first one leads to. */
static void cve_2026_42574_chain_of_links(void **state)
{
	struct fixture *fx = *state;

	put(fx, "safe/here", "x");
	add(fx, "a", "", ITEMS(DIR("usr"), LINK("usr/one", "../safe"), LINK("two", "usr/one")));
	add(fx, "b", "", ITEMS(DIR("safe"), LINK("safe/three", "../../outside")));
	add(fx, "c", "", ITEMS(DIR("two"), DIR("two/three"), FILE_("two/three/victim", "evil")));
	install(fx);
	assert_outside_untouched();
}

/* A folder of an installed package became a link; what is deleted then lies inside all the same. */
static void cve_2026_42574_removal_through_a_link(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *p =
		add(fx, "a", "", ITEMS(DIR("usr"), DIR("usr/d"), FILE_("usr/d/victim", "mine")));

	install_ok(fx);
	assert_int_equal(unlink(at(fx, "usr/d/victim")), 0);
	assert_int_equal(rmdir(at(fx, "usr/d")), 0);
	assert_int_equal(symlink(outside, at(fx, "usr/d")), 0);
	change(fx, p, NULL);
	install(fx);
	assert_outside_untouched();
}

/* The walk up from a folder to the root never met the root's name and went on for ever. */
static void apko_463030d8_directory_slash(void **state)
{
	static const char *const names[] = {"/", "//", "/usr", "./", ".", "usr//", "usr/./"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%zu", i);
		add(fx, name, "", ITEMS(DIR(names[i]), FILE_("x", "x")));
		refused(fx, names[i][0] == '.' ? "starts with './'" : "name");
		assert_nothing_installed(fx);
	}
}

static void ghsa_fpg8_7664_jc5q_data_hash(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *p = add(fx, "p", "", ITEMS(FILE_("x", "good")));
	struct apk_pkg *evil = pack(fx, "evil", "1-r0", "", ITEMS(FILE_("x", "evil")));
	_cleanup_free_ char *path = pkg_file(fx, p), *other = pkg_file(fx, evil), *a = NULL,
			    *b = NULL;
	_cleanup_strbuf_ struct strbuf mixed = {0};
	size_t n, m;
	const char *data;

	/* the control part of the one, the data of the other: each file's checksum is right */
	assert_int_equal(fs_read(path, 1 << 20, &a, &n, NULL), 0);
	assert_int_equal(fs_read(other, 1 << 20, &b, &m, NULL), 0);
	data = memmem(a + 1, n - 1, "\x1f\x8b\x08", 3);
	assert_non_null(data);
	strbuf_add(&mixed, a, (size_t)(data - a));
	data = memmem(b + 1, m - 1, "\x1f\x8b\x08", 3);
	assert_non_null(data);
	strbuf_add(&mixed, data, (size_t)(b + m - data));
	assert_int_equal(fs_write_atomic(path, mixed.s, mixed.len, 0644, NULL), 0);
	refused(fx, "p-1-r0: its data part is damaged or altered: datahash in .PKGINFO is ");
	assert_nothing_installed(fx);
}

/* The database lost the setuid bit, and the files at the top had no folder there. */
static void apko_1523a760_suid_bits_and_top_files(void **state)
{
	struct fixture *fx = *state;

	add(fx, "p", "",
		ITEMS({'0', "su", "x", 04755, NULL, NULL}, FILE_("top", "t"), DIR("usr"),
			{'5', "usr/sticky", NULL, 01777, NULL, NULL},
			{'0', "usr/sgid", "x", 02711, NULL, NULL}));
	install_ok(fx);
	assert_int_equal(mode_of(fx, "su"), 04755);
	assert_int_equal(mode_of(fx, "usr/sgid"), 02711);
	assert_true(recorded(fx, "F:\nR:su\na:0:0:4755\nZ:"));
	assert_true(recorded(fx, "\nR:top\nZ:"));
	assert_true(recorded(fx, "F:usr\nR:sgid\na:0:0:2711\nZ:"));
	assert_true(recorded(fx, "F:usr/sticky\nM:0:0:1777\n"));
}

/* ... and apko could not read such a database back. */
static void apko_5280de91_top_files_are_read_back(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *p =
		add(fx, "p", "", ITEMS(FILE_("top", "t"), DIR("usr"), FILE_("usr/f", "f")));

	install_ok(fx);
	add(fx, "q", "", ITEMS(FILE_("top", "other")));
	assert_int_equal(install(fx), -EEXIST);
	assert_non_null(strstr(fx->e.text, "both ship 'top'"));
	change(fx, p, NULL);
	install_ok(fx);
	assert_false(there(fx, "top"));
	assert_false(there(fx, "usr"));
}

static void apko_cc77a436_symlink_replaced_by_a_directory(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *one, *two;

	one = add(fx, "a", "", ITEMS(DIR("usr"), LINK("usr/d", outside)));
	install_ok(fx);
	two = pack(fx, "a", "2-r0", "",
		ITEMS(DIR("usr"), {'5', "usr/d", NULL, 0700, NULL, NULL},
			FILE_("usr/d/victim", "new")));
	change(fx, one, two);
	refused(fx, "'usr/d' is not a folder");
	/* as it was */
	assert_true(recorded(fx, "V:1-r0\n"));
	assert_true(there(fx, "usr/d"));
	/* and the other way round: a link never takes the place of a folder */
	add(fx, "b", "", ITEMS(DIR("usr"), DIR("usr/e"), FILE_("usr/e/f", "f")));
	install_ok(fx);
	add(fx, "c", "replaces = b\n", ITEMS(DIR("usr"), LINK("usr/e", outside)));
	refused(fx, "cannot put 'e' into '/usr'");
	assert_content(fx, "usr/e/f", "f");
}

static void apko_cc77a436_symlink_replaced_by_a_symlink(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *victim = path_join(outside, "victim");
	char to[64] = "";

	add(fx, "a", "", ITEMS(DIR("usr"), LINK("usr/l", victim)));
	add(fx, "b", "replaces = a\n", ITEMS(DIR("usr"), LINK("usr/l", "elsewhere")));
	install_ok(fx);
	assert_outside_untouched();
	assert_true(readlink(at(fx, "usr/l"), to, sizeof(to) - 1) > 0);
	assert_string_equal(to, "elsewhere");
}

/* The mode of usr/tmp went to tmp. */
static void apko_9acc8ad7_mode_of_the_whole_name(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *name = xasprintf("usr/%s", "outside");

	add(fx, "a", "",
		ITEMS({'5', "tmp", NULL, 01777, NULL, NULL}, DIR("usr"),
			{'5', "usr/tmp", NULL, 0700, NULL, NULL},
			{'5', name, NULL, 0700, NULL, NULL}, {'0', "f", "1", 0644, NULL, NULL},
			{'0', "usr/f", "2", 04755, NULL, NULL}));
	install_ok(fx);
	assert_int_equal(mode_of(fx, "tmp"), 01777);
	assert_int_equal(mode_of(fx, "usr/tmp"), 0700);
	assert_int_equal(mode_of(fx, "f"), 0644);
	assert_int_equal(mode_of(fx, "usr/f"), 04755);
	assert_outside_untouched();
}

/* The hash in front of the globs lacked its Q1, and apk took none of them. */
static void apko_524bf6e5_triggers_file(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *p = add(fx, "p", "triggers = /usr/*  /etc/a\n",
		ITEMS(SCRIPT(".trigger"), DIR("usr"), FILE_("usr/f", "x")));
	_cleanup_free_ char *id = apk_identity_text(&p->identity), *want = NULL;

	install_ok(fx);
	want = xasprintf("%s /usr/* /etc/a\n", id);
	assert_content(fx, "lib/apk/db/triggers", want);
}

/* ---- melange ---- */

/* Names became parts of paths: of the file with the script, first of all. */
static void cve_2026_29051_names_in_pkginfo_used_in_paths(void **state)
{
	static const char *const names[] = {
		"../../outside/p", "/tmp/p", "..", ".hidden", "-rf", "a b", "a;b", "a$(b)", "a%2e"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[16];
		struct apk_pkg *p;

		snprintf(name, sizeof(name), "p%zu", i);
		p = add(fx, name, "", ITEMS(SCRIPT(".pre-install"), FILE_("x", "x")));
		{
			/* the same file, under a name of which its .PKGINFO knows nothing */
			struct apk_pkg liar = *p;
			_cleanup_free_ char *from = pkg_file(fx, p), *to = NULL;

			liar.version = (char *)(uintptr_t)names[i];
			to = pkg_file(fx, &liar);
			(void)!rename(from, to);
			fx->n_changes = 0;
			change(fx, NULL, &liar);
			assert_true(install(fx) < 0);
			assert_int_equal(fx->log.len, 0);
			assert_outside_untouched();
			assert_nothing_installed(fx);
		}
	}
}

/* ---- libarchive ---- */

/* A hard link that brings content of its own wrote it through the link. */
static void cve_2016_5418_hard_link_with_content(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strbuf_ struct strbuf data = {0};
	struct item file = FILE_("x", "good"), link = HARD("y", "x");

	tar_item(&data, &file);
	tar_block(&data, &link, '1', 4);
	tar_bytes(&data, "evil", 4);
	change(fx, NULL, pack_tar(fx, "p", "1-r0", "", (const struct item[]){{0}}, &data));
	refused(fx, "'y' has content although it is no regular file");
	assert_nothing_installed(fx);
	assert_false(there(fx, "y"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ghsa_5g94_c2wx_8pxw_dot_dot_in_folders_and_links),
		T(cve_2026_42574_symlink_across_packages),
		T(cve_2026_42574_file_in_place_of_a_link),
		T(cve_2026_42574_chain_of_links),
		T(cve_2026_42574_removal_through_a_link),
		T(apko_463030d8_directory_slash),
		T(ghsa_fpg8_7664_jc5q_data_hash),
		T(apko_1523a760_suid_bits_and_top_files),
		T(apko_5280de91_top_files_are_read_back),
		T(apko_cc77a436_symlink_replaced_by_a_directory),
		T(apko_cc77a436_symlink_replaced_by_a_symlink),
		T(apko_9acc8ad7_mode_of_the_whole_name),
		T(apko_524bf6e5_triggers_file),
		T(cve_2026_29051_names_in_pkginfo_used_in_paths),
		T(cve_2016_5418_hard_link_with_content),
	};

	if (!have_openat2()) {
		print_message("no openat2(2) here (an old valgrind?): nothing tested\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
