// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What went wrong in apk-tools when it put packages into a root, and what it still takes with
 * --root: one test each, by the name it is known under (a CVE or the commit that mended it). Each
 * makes the evil package, installs it for real and looks at what lies outside of the root.
 * test_apk_cve_apko.c has the same for apko, melange and libarchive, test_apk_cve_read.c what
 * concerns reading alone.
 *
 * Not tested, because the code that was wrong there has no counterpart here:
 *
 * - CVE-2021-36159, libfetch's numbers in answers of FTP and HTTP: downloads are libcurl's
 * - CVE-2018-1000849, running commands by a commit hook that was put in place: no hooks are run
 * - CVE-2025-25724, bsdtar's buffer for dates: no date of a package is printed
 * - GHSA-qxx2-7h4c-83f4 and GHSA-vqqr-rmpc-hhg2, melange's shell commands made of a recipe's
 *   fields: none are made of a package's fields, and scripts get arguments by execve(2)
 * - apk-tools #11161 and #11169, scripts from a memory file in a mount namespace: here a script is
 *   a file that the sandbox runs
 * - apk-tools d314c48, dc2f49c and 43943e3, apko 8a34ba83, 589da443, 0dad2a6e and #1565: faults of
 *   choosing packages, which nothing is written by; tests/unit/solver has cases of that kind
 * - fpm, nfpm, artifact-keeper: writers of packages that apk refuses; test_apk_read.c and
 *   test_apk_tar.c refuse them, too
 */
#include "tests/unit/apk_outside.h"

#define THIRTY_TWO "abcdefghijklmnopqrstuvwxyz012345"

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
	/* to the link itself, and to another package's file: only what it brought as a file itself
	 */
	add(fx, "own", "",
		ITEMS(DIR("usr"), LINK("usr/l", "../../outside/victim"), HARD("usr/h", "usr/l")));
	refused(fx, "no such file for the hard link 'usr/h'");
	assert_nothing_installed(fx);
	add(fx, "shadow", "", ITEMS(DIR("etc"), FILE_("etc/shadow", "secret")));
	add(fx, "thief", "", ITEMS(DIR("usr"), HARD("usr/h", "etc/shadow")));
	refused(fx, "no such file for the hard link 'usr/h'");
	assert_false(there(fx, "usr"));
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
	};

	if (!have_openat2()) {
		print_message("no openat2(2) here (an old valgrind?): nothing tested\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
