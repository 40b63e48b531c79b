// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What went wrong in apk-tools, apko, melange and libarchive when they put packages into a root:
 *one test each, by the name it is known under (a CVE, a GHSA or the commit that mended it). Each
 *makes the evil package, installs it for real and looks at what lies outside of the root. What
 *concerns reading alone is in test_apk_cve_read.c.
 *
 * Not tested, because there is no such code here:
 *
 *	CVE-2021-36159		libfetch's numbers of FTP and HTTP: downloads are libcurl's
 *(tests/cli/test-http) CVE-2025-25724		bsdtar's buffer for printed dates: no date of a
 *package is printed
 *	GHSA-qxx2-7h4c-83f4,	melange's shell commands made of a recipe's fields: of a package's
 *fields pmkmod GHSA-vqqr-rmpc-hhg2	makes none, scripts get their arguments by execve(2) #11169,
 *#11161		apk 3 runs scripts from a memory file and in a mount namespace of its own:
 *here they are files run by the sandbox (test_sandbox.c) CVE-2018-1000849	the part that runs
 *commands by a commit hook: there are no commit hooks
 *	d314c48, dc2f49c,	faults of solvers, not of safety: cases in tests/unit/solver
 *	43943e3, 8a34ba83, 589da443, 0dad2a6e
 *	pmbootstrap #546 ...	its own work with chroots and programs, see tests/cli
 *	openwrt #17237		'~' in an URL: test_apk_index.c, tests/cli/test-http
 */
#include "tests/unit/apk_fixture.h"

#define HARD(name, to)                                                                             \
	{                                                                                          \
		'1', name, to, 0644, NULL, NULL                                                    \
	}
#define THIRTY_TWO "abcdefghijklmnopqrstuvwxyz012345"

static char *outside; /* a folder beside the root, with one file in it */

static int setup(void **state)
{
	_cleanup_free_ char *victim = NULL;
	const struct fixture *fx;

	if (fixture_setup(state) < 0)
		return -1;
	fx = *state;
	outside = path_join(fx->dir, "outside");
	victim = path_join(outside, "victim");
	return fs_mkdirs(outside, 0751, NULL) < 0 ? -1
						  : fs_write_atomic(victim, "safe", 4, 0640, NULL);
}

static int teardown(void **state)
{
	free(outside);
	return fixture_teardown(state);
}

/* Neither a new name, nor another content, mode or link count. */
static void assert_outside_untouched(void)
{
	_cleanup_free_ char *victim = path_join(outside, "victim"), *text = NULL;
	struct stat st;
	size_t len;

	assert_int_equal(stat(outside, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(lstat(victim, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(fs_read(victim, 100, &text, &len, NULL), 0);
	assert_string_equal(text, "safe");
	/* it was all there was */
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(rmdir(outside), 0);
	assert_int_equal(fs_mkdirs(outside, 0751, NULL), 0);
	assert_int_equal(fs_write_atomic(victim, "safe", 4, 0640, NULL), 0);
}

static void refused(struct fixture *fx, const char *says)
{
	int r = install(fx);

	if (r >= 0 || !strstr(fx->e.text, says))
		fail_msg("%d, no \"%s\" in: %s", r, says, fx->e.text);
	for (const char *c = fx->e.text; *c; c++)
		assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
	assert_outside_untouched();
}

/* Only what apk_install() makes itself is in the root: nothing of any package. */
static void assert_nothing_installed(const struct fixture *fx)
{
	static const char *const names[] = {"usr", "etc/evil", "evil", "x", "lib/apk/db/installed"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (there(fx, names[i]))
			fail_msg("'%s' is in the root", names[i]);
}

/* Room for more. */
static void forget_packages(struct fixture *fx)
{
	while (fx->n_pkgs) {
		apk_pkg_free(fx->pkgs[--fx->n_pkgs]);
		free(fx->pkgs[fx->n_pkgs]);
	}
}

/* ---- apk-tools ---- */

static void cve_2018_1000849_hard_link_to_outside(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *abs = path_join(outside, "victim");
	_cleanup_free_ char *rel = xasprintf("../outside/victim");
	const char *const targets[] = {abs, rel, "usr/../../outside/victim"};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%zu", i);
		add(fx, name, "", ITEMS(DIR("usr"), HARD("usr/h", targets[i])));
		refused(fx, "the hard link 'usr/h' has the target");
		assert_nothing_installed(fx);
	}
	/* through a symbolic link of the same package */
	add(fx, "link", "",
		ITEMS(DIR("usr"), LINK("usr/l", outside), HARD("usr/h", "usr/l/victim")));
	refused(fx, "no such file for the hard link 'usr/h'");
	assert_nothing_installed(fx);
}

/* The name under which a file waits for its verdict was known, and a link could lie in its place.
 */
static void cve_2018_1000849_link_at_the_temporary_name(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *victim = path_join(outside, "victim"), *tmp = NULL;
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA256, "p\0usr/f", 7, &h);
	hash_hex(&h, hex);
	tmp = xasprintf("usr/.apk.%.48s", hex);
	put(fx, "usr/f", "old"); /* so that its name is taken */
	add(fx, "p", "", ITEMS(DIR("usr"), LINK(tmp, victim), FILE_("usr/f", "new")));
	install_ok(fx);
	assert_outside_untouched();
	assert_content(fx, "usr/f", "new");
}

static void cve_2018_1000849_long_link_target(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strbuf_ struct strbuf data = {0}, target = {0}, pax = {0};
	struct item link = {'2', "usr/l", "short", 0777, NULL, NULL}, px = {.name = "pax"};
	struct item dir = DIR("usr");
	char hex[HASH_HEX_MAX];
	struct hash h;

	for (int i = 0; target.len < 5000; i++)
		strbuf_addf(&target, "%s/", outside);
	hash_buf(HASH_SHA1, target.s, target.len, &h);
	hash_hex(&h, hex);
	pax_record(&pax, "APK-TOOLS.checksum.SHA1", hex);
	pax_record(&pax, "linkpath", target.s);
	tar_item(&data, &dir);
	tar_block(&data, &px, 'x', pax.len);
	tar_bytes(&data, pax.s, pax.len);
	tar_block(&data, &link, '2', 0);
	change(fx, NULL, pack_tar(fx, "p", "1-r0", "", (const struct item[]){{0}}, &data));
	refused(fx, "'usr/l' links to a name that is too long");
	assert_nothing_installed(fx);
}

/* Two names of 32 bytes follow each other in the header, with no zero byte between them. */
static void cve_2021_30139_names_fill_their_fields(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strbuf_ struct strbuf data = {0};
	struct item file = {'0', "f", "f", 0644, NULL, NULL};
	unsigned sum = 0;
	char *h;

	put(fx, "etc/passwd", "root:x:0:0:::\n" THIRTY_TWO ":x:77:78:::\n");
	put(fx, "etc/group", "root:x:0:\n" THIRTY_TWO ":x:79:\n");
	tar_item(&data, &file);
	h = data.s + data.len - 1024; /* before the content */
	memcpy(h + 265, THIRTY_TWO THIRTY_TWO, 64);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	change(fx, NULL, pack_tar(fx, "p", "1-r0", "", (const struct item[]){{0}}, &data));
	install_ok(fx);
	assert_true(recorded(fx, "R:f\na:77:79:644\n"));
}

/* A name with a newline wrote lines of its own into the installed database. */
static void c1594f6_control_characters_in_names(void **state)
{
	struct fixture *fx = *state;
	static const char *const names[] = {
		"usr/a\nF:etc\nR:shadow", "usr/\033[2J", "usr/a\rb", "usr/\177", "usr/a\tb"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char file[16], dir[16];

		snprintf(file, sizeof(file), "f%zu", i);
		snprintf(dir, sizeof(dir), "d%zu", i);
		add(fx, file, "", ITEMS(DIR("usr"), FILE_(names[i], "x")));
		refused(fx, "has a control character in its name");
		add(fx, dir, "", ITEMS(DIR("usr"), DIR(names[i])));
		refused(fx, "has a control character in its name");
		assert_nothing_installed(fx);
	}
}

/* What .PKGINFO says goes into the database, too: nothing of it may begin a line there. */
static void c1594f6_control_characters_in_fields(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *p =
		add(fx, "p", "", ITEMS(SCRIPT(".trigger"), DIR("usr"), FILE_("usr/f", "x")));

	/* a record of an index cannot hold a newline; a carriage return is no end of a line */
	p->desc = xstrdup("good\rF:etc");
	install_ok(fx);
	assert_true(recorded(fx, "T:good\rF:etc\n"));
	assert_false(recorded(fx, "\nF:etc\n"));
	add(fx, "q\033[2J", "", ITEMS(FILE_("x", "x")));
	refused(fx, "pkgname 'q?[2J' and pkgver '1-r0' may only have letters");
}

/* A mirror gave another package, well signed, under the name that was asked for. */
static void f9bb33c_download_is_what_the_index_names(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *good = add(fx, "p", "", ITEMS(FILE_("x", "good")));
	struct apk_pkg *other = pack(fx, "other", "1-r0", "", ITEMS(FILE_("x", "evil")));
	_cleanup_free_ char *to = pkg_file(fx, good), *from = pkg_file(fx, other);

	assert_int_equal(rename(from, to), 0);
	refused(fx, "p-1-r0 is not the package that the index names: its identity is Q1");
	assert_nothing_installed(fx);
}

/* What apk itself takes, as observed with --root (2.14.10 and 3.0.6). */
static void hole_name_ends_in_dot_dot(void **state)
{
	struct fixture *fx = *state;
	static const char *const names[] = {
		"usr/..", "usr/../..", "..", "usr/../../outside", "usr/x/../../../outside"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct item kinds[] = {
			{'0', names[i], "x", 0777, NULL, NULL},
			{'5', names[i], NULL, 0777, NULL, NULL},
			{'2', names[i], "x", 0777, NULL, NULL},
			{'6', names[i], NULL, 0777, NULL, NULL},
		};

		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			add(fx, "p", "", ITEMS(DIR("usr"), kinds[k]));
			refused(fx, "'..' in its name");
			assert_nothing_installed(fx);
			forget_packages(fx);
		}
	}
}

static void hole_checksum_of_a_file_is_believed(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strbuf_ struct strbuf data = {0};
	struct item file = {'0', "x", "good", 0644, NULL, NULL};

	tar_item(&data, &file);
	memcpy(data.s + data.len - 512, "evil", 4);
	change(fx, NULL, pack_tar(fx, "p", "1-r0", "", (const struct item[]){{0}}, &data));
	refused(fx, "the content of 'x' does not match its checksum: expected SHA-1 ");
	assert_nothing_installed(fx);
}

static void hole_checksum_of_a_header_is_not_looked_at(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strbuf_ struct strbuf data = {0};
	struct item file = {'0', "x", "good", 0644, NULL, NULL};

	tar_item(&data, &file);
	memcpy(data.s + data.len - 1024 + 100, "0004755", 7); /* suid, the sum as it was */
	change(fx, NULL, pack_tar(fx, "p", "1-r0", "", (const struct item[]){{0}}, &data));
	refused(fx, "'x' has a tar header with a wrong checksum");
	assert_nothing_installed(fx);
}

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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cve_2018_1000849_hard_link_to_outside),
		T(cve_2018_1000849_link_at_the_temporary_name),
		T(cve_2018_1000849_long_link_target),
		T(cve_2021_30139_names_fill_their_fields),
		T(c1594f6_control_characters_in_names),
		T(c1594f6_control_characters_in_fields),
		T(f9bb33c_download_is_what_the_index_names),
		T(hole_name_ends_in_dot_dot),
		T(hole_checksum_of_a_file_is_believed),
		T(hole_checksum_of_a_header_is_not_looked_at),
		T(ghsa_5g94_c2wx_8pxw_dot_dot_in_folders_and_links),
		T(cve_2026_42574_symlink_across_packages),
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
