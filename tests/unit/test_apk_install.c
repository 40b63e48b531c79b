// SPDX-License-Identifier: GPL-3.0-or-later
/* Installing: files and modes, conflicts, protected files, scripts, triggers, upgrades, removal. */
#include "tests/unit/apk_fixture.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void files_and_modes(void **state)
{
	struct fixture *fx = *state;
	struct stat a, b;
	mode_t old = umask(077);

	add(fx, "one", "",
		ITEMS(DIR("etc"), FILE_("etc/hello", "hi"), {'5', "tmp", NULL, 01777, NULL, NULL},
			DIR("usr"), DIR("usr/bin"), {'0', "usr/bin/su", "SU", 04755, NULL, NULL},
			{'1', "usr/bin/su2", "usr/bin/su", 04755, NULL, NULL},
			LINK("usr/bin/sh", "su"), {'3', "usr/null", NULL, 0666, NULL, NULL},
			{'5', "var", NULL, 0555, NULL, NULL}, FILE_("var/empty", ""),
			FILE_("top", "t"), FILE_(".dummy", "")));
	install_ok(fx);
	umask(old);
	assert_content(fx, "etc/hello", "hi");
	assert_int_equal(mode_of(fx, "etc/hello"), 0644);
	assert_int_equal(mode_of(fx, "tmp"), 01777);
	assert_int_equal(mode_of(fx, "usr"), 0755);
	assert_int_equal(mode_of(fx, "usr/bin/su"), 04755);
	assert_int_equal(mode_of(fx, "var"), 0755); /* writable for us, whatever it says */
	assert_false(there(fx, "usr/null"));
	assert_false(there(fx, ".dummy"));
	assert_false(there(fx, "lib/apk/exec"));
	assert_int_equal(stat(at(fx, "usr/bin/su"), &a), 0);
	assert_int_equal(stat(at(fx, "usr/bin/su2"), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mtime, MTIME);
	assert_true(recorded(fx, "F:tmp\nM:0:0:1777\n"));
	assert_true(recorded(fx, "F:var\nM:0:0:555\nR:empty\nZ:"));
	assert_true(recorded(fx, "R:su\na:0:0:4755\nZ:"));
	assert_true(recorded(fx, "R:null\na:0:0:666\nF:usr/bin"));
	assert_true(recorded(fx, "F:\nR:top\nZ:"));
	assert_content(fx, "etc/apk/world", "some\n");
	assert_content(fx, "etc/apk/arch", "aarch64\n");
	assert_int_equal(mode_of(fx, "lib/apk/db/lock"), 0600);
	assert_int_equal(fx->warnings.n, 0);
}

static void usr_merge_and_keys(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strvec_ struct strvec keys = {0}, repos = {0};
	_cleanup_free_ char *key = path_join(fx->dir, "a.rsa.pub");
	const struct apk_install_opts o = {.file_of = fixture_file_of,
		.file_ctx = fx,
		.usr_merge = true,
		.arch = "x86_64",
		.keys_dirs = &keys,
		.repositories = &repos};
	const struct apk_solution s = {.changes = fx->changes, .n_changes = 1};
	const struct apk_universe u = {0};
	const struct apk_deps world = {0};

	assert_int_equal(fs_write_atomic(key, "KEY", 3, 0644, NULL), 0);
	strvec_add(&keys, fx->dir);
	strvec_add(&repos, "https://example.org/main");
	add(fx, "baselayout", "",
		ITEMS(LINK("bin", "usr/bin"), DIR("lib"), FILE_("lib/x", "x"), DIR("usr"),
			DIR("usr/lib")));
	if (apk_install(fx->root, &u, &s, &world, &o, NULL, &fx->e) < 0)
		fail_msg("%s", fx->e.text);
	assert_content(fx, "usr/lib/x", "x");
	assert_true(there(fx, "usr/lib/apk/db/installed"));
	assert_content(fx, "etc/apk/keys/a.rsa.pub", "KEY");
	assert_content(fx, "etc/apk/repositories", "https://example.org/main\n");
	assert_content(fx, "etc/apk/world", "\n");
}

/* ---- escapes ---- */

static void links_do_not_lead_out(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *outside = path_join(fx->dir, "outside");
	_cleanup_free_ char *secret = path_join(outside, "secret");
	_cleanup_free_ char *inside = path_join(fx->root, outside);
	const char *const targets[] = {outside, "../../../../../../../../../../../../tmp", "/",
		"/proc/self/root", "d", "nowhere"};

	assert_int_equal(fs_mkdirs(outside, 0755, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char a[16], b[16];

		snprintf(a, sizeof(a), "link%zu", i);
		snprintf(b, sizeof(b), "file%zu", i);
		add(fx, a, "", ITEMS(DIR("usr"), LINK("usr/d", targets[i])));
		add(fx, b, "", ITEMS(DIR("usr"), DIR("usr/d"), FILE_("usr/d/secret", "S")));
		if (install(fx) < 0)
			assert_non_null(strstr(fx->e.text, "'usr/d' is not a folder"));
		assert_false(fs_exists(secret));
		assert_false(fs_exists("/secret"));
		assert_false(fs_exists("/tmp/secret"));
		assert_int_equal(fs_remove_tree(fx->root, NULL), 0);
	}
	/* what the link means inside the root is fine */
	assert_int_equal(fs_mkdirs(inside, 0755, NULL), 0);
	change(fx, NULL, fx->pkgs[0]);
	change(fx, NULL, fx->pkgs[1]);
	install_ok(fx);
	assert_false(fs_exists(secret));
	{
		_cleanup_free_ char *rel = path_join(outside, "secret");

		assert_content(fx, rel, "S");
	}
}

/* Everything in one package: the link is there before the files come. */
static void links_in_one_package(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *outside = path_join(fx->dir, "outside");
	_cleanup_free_ char *victim = path_join(outside, "f");

	assert_int_equal(fs_mkdirs(outside, 0755, NULL), 0);
	add(fx, "one", "", ITEMS(LINK("d", outside), DIR("d"), FILE_("d/f", "x")));
	assert_true(install(fx) < 0);
	assert_false(fs_exists(victim));
	assert_false(there(fx, "d")); /* rolled back */
}

/* A file's own name may be a link that leads out: it is replaced, not followed. */
static void leaf_links_are_replaced(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *victim = path_join(fx->dir, "victim"), *text = NULL;
	size_t len;

	assert_int_equal(fs_write_atomic(victim, "safe", 4, 0644, NULL), 0);
	add(fx, "a", "", ITEMS(DIR("usr"), LINK("usr/f", victim)));
	add(fx, "b", "replaces = a\n", ITEMS(DIR("usr"), FILE_("usr/f", "new")));
	install_ok(fx);
	assert_int_equal(fs_read(victim, 100, &text, &len, NULL), 0);
	assert_string_equal(text, "safe");
	assert_content(fx, "usr/f", "new");
	assert_false(recorded(fx, "P:a\nV:1-r0\nA:noarch\nS:0\nI:4096\nT:\nU:\nL:\nF:usr\nR:f"));
}

static void hard_links_stay_in_the_package(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "", ITEMS(DIR("etc"), FILE_("etc/shadow", "secret")));
	add(fx, "b", "", ITEMS(DIR("usr"), {'1', "usr/stolen", "etc/shadow", 0644, NULL, NULL}));
	assert_int_equal(install(fx), -EBADMSG);
	assert_false(there(fx, "usr/stolen"));
	/* nor to a symbolic link of its own */
	add(fx, "c", "",
		ITEMS(DIR("usr"), LINK("usr/l", "/etc/shadow"),
			{'1', "usr/stolen", "usr/l", 0644, NULL, NULL}));
	assert_int_equal(install(fx), -EBADMSG);
}

/* The database on disk may be a trap as well: lib -> /somewhere else. */
static void database_stays_inside(void **state)
{
	struct fixture *fx = *state;
	_cleanup_free_ char *outside = path_join(fx->dir, "outside");

	assert_int_equal(fs_mkdirs(outside, 0755, NULL), 0);
	assert_int_equal(fs_mkdirs(fx->root, 0755, NULL), 0);
	assert_int_equal(symlink(outside, at(fx, "lib")), 0);
	add(fx, "a", "", ITEMS(DIR("usr")));
	assert_true(install(fx) < 0);
	assert_int_equal(rmdir(outside), 0); /* still empty */
}

/* ---- conflicts ---- */

static void conflict_names_both(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "origin = x\n", ITEMS(DIR("usr"), FILE_("usr/f", "a")));
	add(fx, "b", "origin = y\n", ITEMS(DIR("usr"), FILE_("usr/g", "g"), FILE_("usr/f", "b")));
	assert_int_equal(install(fx), -EEXIST);
	assert_non_null(strstr(fx->e.text, "a-1-r0"));
	assert_non_null(strstr(fx->e.text, "b-1-r0"));
	assert_non_null(strstr(fx->e.text, "'usr/f'"));
	assert_content(fx, "usr/f", "a");
	assert_false(there(fx, "usr/g"));
}

static void replaces_and_origin(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "origin = x\nreplaces = c\n",
		ITEMS(DIR("usr"), FILE_("usr/f", "a"), FILE_("usr/h", "a")));
	add(fx, "b", "origin = x\n", ITEMS(DIR("usr"), FILE_("usr/f", "b")));
	add(fx, "c", "origin = z\n", ITEMS(DIR("usr"), FILE_("usr/h", "c"), FILE_("usr/i", "c")));
	install_ok(fx);
	assert_content(fx, "usr/f", "b");
	assert_content(fx, "usr/h", "a"); /* "a" said that it replaces c's */
	assert_content(fx, "usr/i", "c");
	assert_true(recorded(fx, "\nr:c\nF:usr\nR:h\n"));
}

static void file_against_folder(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "", ITEMS(DIR("usr"), DIR("usr/x"), FILE_("usr/x/y", "1")));
	add(fx, "b", "", ITEMS(DIR("usr"), FILE_("usr/x", "2")));
	assert_true(install(fx) < 0);
	assert_content(fx, "usr/x/y", "1");
	add(fx, "c", "", ITEMS(DIR("usr"), FILE_("usr/z", "1"), DIR("usr/z")));
	assert_true(install(fx) < 0);
}

static void twice_and_without_folder(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "", ITEMS(DIR("usr"), FILE_("usr/x", "1"), FILE_("usr/x", "2")));
	assert_int_equal(install(fx), -EBADMSG);
	add(fx, "b", "", ITEMS(FILE_("usr/x", "1")));
	assert_int_equal(install(fx), -EBADMSG);
	assert_false(there(fx, "usr"));
}

static void protected_files_stay(void **state)
{
	struct fixture *fx = *state;

	put(fx, "etc/same", "same");
	put(fx, "etc/other", "mine");
	put(fx, "usr/etc", "mine");
	add(fx, "a", "",
		ITEMS(DIR("etc"), FILE_("etc/new", "new"), FILE_("etc/other", "theirs"),
			FILE_("etc/same", "same"), DIR("usr"), FILE_("usr/etc", "theirs")));
	install_ok(fx);
	assert_content(fx, "etc/new", "new");
	assert_content(fx, "etc/other", "mine");
	assert_content(fx, "etc/other.apk-new", "theirs");
	assert_content(fx, "etc/same", "same");
	assert_false(there(fx, "etc/same.apk-new"));
	assert_content(fx, "usr/etc", "theirs");
	assert_int_equal(fx->warnings.n, 1);
}

static void shared_folder_modes(void **state)
{
	struct fixture *fx = *state;

	add(fx, "b", "", ITEMS({'5', "opt", NULL, 0700, NULL, NULL}));
	add(fx, "c", "", ITEMS({'5', "opt", NULL, 0711, NULL, NULL}));
	install_ok(fx);
	assert_int_equal(mode_of(fx, "opt"), 0700); /* the first name owns it */
	add(fx, "a", "", ITEMS({'5', "opt", NULL, 0750, NULL, NULL}));
	install_ok(fx);
	assert_int_equal(mode_of(fx, "opt"), 0750);
	assert_true(recorded(fx, "F:opt\nM:0:0:711\n"));
}

static void xattrs(void **state)
{
	struct fixture *fx = *state;
	char value[16];

	add(fx, "a", "",
		ITEMS({'0', "cap", "x", 0755, NULL, "security.capability"},
			{'0', "user", "x", 0755, NULL, "user.hello"}));
	install_ok(fx);
	assert_true(fx->warnings.n >= 1);
	assert_non_null(strstr(fx->warnings.v[0], "security.capability"));
	assert_true(getxattr(at(fx, "cap"), "security.capability", value, sizeof(value)) < 0);
	assert_true(recorded(fx, "a:0:0:755:Q1"));
}

/* ---- scripts ---- */

static void script_order(void **state)
{
	struct fixture *fx = *state;

	add(fx, "a", "triggers = /usr/*  +/etc\n",
		ITEMS(SCRIPT(".pre-install"), SCRIPT(".post-install"), SCRIPT(".trigger"),
			DIR("usr"), DIR("usr/a")));
	add(fx, "b", "triggers = /nothing\n",
		ITEMS(SCRIPT(".trigger"), SCRIPT(".post-install"), SCRIPT(".post-upgrade"),
			DIR("etc"), DIR("usr"), DIR("usr/z"), DIR("usr/b")));
	install_ok(fx);
	assert_string_equal(fx->log.s,
		"a-1-r0.pre-install 1-r0\na-1-r0.post-install 1-r0\nb-1-r0.post-install 1-r0\n"
		"a-1-r0.trigger /etc /usr/a /usr/b /usr/z\n");
	assert_string_equal(fx->env.s, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nAPK_SCRIPT=trigger\n"
				       "APK_PACKAGE=a\n");
	assert_false(there(fx, "lib/apk/exec"));
	/* from now on only what changes */
	add(fx, "c", "", ITEMS(DIR("usr"), DIR("usr/b")));
	install_ok(fx);
	assert_string_equal(fx->log.s, "a-1-r0.trigger /usr/b\n");
}

static void failing_scripts_do_not_stop(void **state)
{
	struct fixture *fx = *state;

	fx->failing = ".post-install";
	fx->status = 3;
	add(fx, "a", "", ITEMS(SCRIPT(".post-install"), FILE_("f", "f")));
	add(fx, "b", "", ITEMS(FILE_("g", "g")));
	install_ok(fx);
	assert_int_equal(fx->warnings.n, 1);
	assert_non_null(strstr(fx->warnings.v[0], "a-1-r0"));
	assert_non_null(strstr(fx->warnings.v[0], "status 3"));
	assert_true(recorded(fx, "P:a\nV:1-r0\nA:noarch\nS:0\nI:4096\nT:\nU:\nL:\nf:s\nF:\nR:f\n"));
	assert_true(there(fx, "g"));
}

/* With a list of those that may fail, another's failure ends it. */
static void failing_scripts_stop_unless_they_may(void **state)
{
	struct fixture *fx = *state;
	_cleanup_strvec_ struct strvec may_fail = {0};

	strvec_add(&may_fail, "a");
	fx->may_fail = &may_fail;
	fx->failing = ".post-install";
	fx->status = 3;
	add(fx, "a", "", ITEMS(SCRIPT(".post-install"), FILE_("f", "f")));
	install_ok(fx);
	assert_int_equal(fx->warnings.n, 1);
	add(fx, "b", "", ITEMS(SCRIPT(".post-install"), FILE_("g", "g")));
	assert_int_equal(install(fx), -ECANCELED);
	assert_string_equal(fx->e.text, "the post-install script of b-1-r0 failed with status 3");
	fx->may_fail = NULL;
}

static void scripts_that_cannot_run_stop(void **state)
{
	struct fixture *fx = *state;

	fx->failing = ".post-install";
	fx->status = -ENOSYS;
	add(fx, "a", "", ITEMS(SCRIPT(".post-install"), FILE_("f", "f")));
	assert_int_equal(install(fx), -ENOSYS);
	assert_non_null(strstr(fx->e.text, "post-install script of a-1-r0"));
}

static void make_user(struct fixture *fx, const char *script)
{
	(void)script;
	put(fx, "etc/passwd", "root:x:0:0:::\ndaemon:x:77:78:::\n");
}

static void users_of_the_root(void **state)
{
	struct fixture *fx = *state;

	fx->hook = make_user;
	add(fx, "a", "",
		ITEMS(SCRIPT(".pre-install"), {'0', "f", "f", 0644, "daemon", NULL},
			{'0', "g", "g", 0644, "nobody", NULL}));
	install_ok(fx);
	assert_true(recorded(fx, "R:f\na:77:0:644\n"));
	assert_false(recorded(fx, "R:g\na:"));
}

static void make_applets(struct fixture *fx, const char *script)
{
	(void)script;
	assert_int_equal(symlink("busybox", at(fx, "usr/ls")), 0);
}

static void links_of_scripts_are_replaced(void **state)
{
	struct fixture *fx = *state;

	fx->hook = make_applets;
	add(fx, "busybox", "",
		ITEMS(SCRIPT(".post-install"), DIR("usr"), FILE_("usr/busybox", "BB")));
	add(fx, "coreutils", "", ITEMS(DIR("usr"), FILE_("usr/ls", "LS")));
	install_ok(fx);
	assert_content(fx, "usr/ls", "LS");
	assert_content(fx, "usr/busybox", "BB");
}

/* ---- upgrade, removal ---- */

static void upgrade(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *one, *two;

	one = add(fx, "a", "",
		ITEMS(SCRIPT(".post-install"), DIR("etc"), FILE_("etc/changed", "1"),
			FILE_("etc/kept", "1"), FILE_("etc/plain", "1"), DIR("usr"), DIR("usr/old"),
			FILE_("usr/old/x", "1"), FILE_("usr/both", "1"), FILE_("usr/gone", "1")));
	install_ok(fx);
	put(fx, "etc/changed", "user");
	put(fx, "etc/kept", "user");
	two = pack(fx, "a", "2-r0", "",
		ITEMS(SCRIPT(".pre-upgrade"), SCRIPT(".post-upgrade"), SCRIPT(".post-install"),
			DIR("etc"), FILE_("etc/changed", "2"), FILE_("etc/plain", "2"), DIR("usr"),
			FILE_("usr/both", "2"), FILE_("usr/new", "2")));
	change(fx, one, two);
	install_ok(fx);
	assert_string_equal(fx->log.s, "a-2-r0.pre-upgrade 2-r0 1-r0\na-2-r0.post-upgrade 2-r0 "
				       "1-r0\n");
	assert_content(fx, "etc/changed", "user");
	assert_content(fx, "etc/changed.apk-new", "2");
	assert_content(fx, "etc/kept", "user");
	assert_content(fx, "etc/plain", "2");
	assert_content(fx, "usr/both", "2");
	assert_content(fx, "usr/new", "2");
	assert_false(there(fx, "usr/gone"));
	assert_false(there(fx, "usr/old"));
	assert_true(recorded(fx, "V:2-r0"));
	assert_false(recorded(fx, "V:1-r0"));
	assert_false(recorded(fx, "R:gone"));
}

/* lib became a link to usr/lib: the old version's lib/x is the new one's usr/lib/x. */
static void upgrade_through_a_merge(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *one, *two;

	assert_int_equal(fs_mkdirs(at(fx, "usr/share"), 0755, NULL), 0);
	assert_int_equal(symlink("usr/share", at(fx, "share")), 0);
	one = add(fx, "a", "", ITEMS(DIR("share"), FILE_("share/x", "1")));
	install_ok(fx);
	assert_content(fx, "usr/share/x", "1");
	two = pack(fx, "a", "2-r0", "",
		ITEMS(DIR("usr"), DIR("usr/share"), FILE_("usr/share/x", "2")));
	change(fx, one, two);
	install_ok(fx);
	assert_content(fx, "usr/share/x", "2");
}

static void removal(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a;

	a = add(fx, "a", "",
		ITEMS(SCRIPT(".pre-deinstall"), SCRIPT(".post-deinstall"), DIR("usr"), DIR("usr/a"),
			DIR("usr/a/b"), FILE_("usr/a/b/c", "1"), DIR("usr/shared"),
			FILE_("usr/shared/a", "a")));
	add(fx, "b", "triggers = /usr/*\n",
		ITEMS(SCRIPT(".trigger"), DIR("usr"), DIR("usr/shared"),
			FILE_("usr/shared/b", "b")));
	install_ok(fx);
	change(fx, a, NULL);
	add(fx, "taker", "", ITEMS(DIR("usr"), FILE_("usr/new", "n")));
	install_ok(fx);
	assert_string_equal(fx->log.s, "a-1-r0.pre-deinstall 1-r0\na-1-r0.post-deinstall 1-r0\n"
				       "b-1-r0.trigger /usr/shared\n");
	assert_false(there(fx, "usr/a"));
	assert_false(there(fx, "usr/shared/a"));
	assert_content(fx, "usr/shared/b", "b");
	assert_false(recorded(fx, "P:a\n"));
}

static void leaving_packages_give_their_files(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a = add(fx, "a", "", ITEMS(DIR("usr"), FILE_("usr/f", "a")));

	install_ok(fx);
	add(fx, "b", "", ITEMS(DIR("usr"), FILE_("usr/f", "b")));
	change(fx, a, NULL);
	install_ok(fx);
	assert_content(fx, "usr/f", "b");
}

/* ---- things that go wrong ---- */

static void missing_file(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a = add(fx, "a", "", ITEMS(FILE_("f", "f")));
	_cleanup_free_ char *path = pkg_file(fx, a);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(install(fx), -ENOENT);
	assert_string_equal(fx->e.text, "package a-1-r0 is not in the cache");
}

static void shorten(struct fixture *fx, struct apk_pkg *p)
{
	_cleanup_free_ char *path = pkg_file(fx, p);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 20), 0);
}

static void damaged_data_leaves_nothing(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a;

	put(fx, "usr/kept", "kept");
	put(fx, "usr/x", "old");
	a = add(fx, "a", "",
		ITEMS(DIR("usr"), DIR("usr/d"), FILE_("usr/d/f", "f"), FILE_("usr/x", "new"),
			LINK("usr/l", "x")));
	shorten(fx, a);
	assert_true(install(fx) < 0);
	assert_false(there(fx, "usr/d"));
	assert_false(there(fx, "usr/l"));
	assert_content(fx, "usr/x", "old");
	assert_content(fx, "usr/kept", "kept");
	assert_false(there(fx, "lib/apk/db/installed"));
	assert_int_equal(rmdir(at(fx, "usr/d")), -1);
	/* no temporary names either: usr holds just the two */
	assert_int_equal(unlink(at(fx, "usr/x")), 0);
	assert_int_equal(unlink(at(fx, "usr/kept")), 0);
	assert_int_equal(rmdir(at(fx, "usr")), 0);
}

/* The next package is inflated ahead: what is wrong with it comes after the one before it. */
static void damaged_in_its_turn(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *b;

	add(fx, "a", "", ITEMS(FILE_("f", "f")));
	b = add(fx, "b", "", ITEMS(FILE_("g", "g")));
	add(fx, "c", "", ITEMS(FILE_("h", "h")));
	shorten(fx, b);
	assert_true(install(fx) < 0);
	assert_true(starts_with(fx->e.text, "b-1-r0"));
	assert_content(fx, "f", "f");
	assert_false(there(fx, "g"));
	assert_false(there(fx, "h"));
}

/* Larger than what is inflated ahead, after one that takes no time. */
static void large_after_small(void **state)
{
	struct fixture *fx = *state;
	const size_t size = 40 << 20;
	char *text = xcalloc(size + 1, 1);
	struct stat st;

	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i / 7 % 23);
	add(fx, "a", "", ITEMS(FILE_("f", "f")));
	add(fx, "b", "", ITEMS(FILE_("large", text)));
	add(fx, "c", "", ITEMS(SCRIPT(".pre-install"), FILE_("h", "h")));
	install_ok(fx);
	assert_string_equal(fx->log.s, "c-1-r0.pre-install 1-r0\n");
	assert_int_equal(stat(at(fx, "large"), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_content(fx, "h", "h");
	free(text);
}

static void wrong_identity(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a = add(fx, "a", "", ITEMS(FILE_("f", "f")));

	a->identity.b[3] ^= 1;
	assert_int_equal(install(fx), -EBADMSG);
	assert_false(there(fx, "f"));
}

static void wrong_name(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg *a = pack(fx, "a", "1-r0", "", ITEMS(FILE_("f", "f")));
	struct apk_pkg liar = *a;
	_cleanup_free_ char *from = pkg_file(fx, a), *to = NULL;

	liar.name = (char *)(uintptr_t) "b";
	to = pkg_file(fx, &liar);
	assert_int_equal(rename(from, to), 0);
	change(fx, NULL, &liar);
	assert_int_equal(install(fx), -EBADMSG);
	assert_non_null(strstr(fx->e.text, "holds a-1-r0"));
}

static void locked(void **state)
{
	struct fixture *fx = *state;
	_cleanup_close_ int fd = -1;

	install_ok(fx);
	fd = fs_lock(at(fx, "lib/apk/db/lock"), true, false, NULL);
	assert_true(fd >= 0);
	assert_int_equal(install(fx), -EWOULDBLOCK);
}

static void virtual_packages(void **state)
{
	struct fixture *fx = *state;
	struct apk_pkg meta = {
		.name = (char *)(uintptr_t) "meta", .version = (char *)(uintptr_t) "1-r0"};

	change(fx, NULL, &meta);
	install_ok(fx);
	assert_true(recorded(fx, "P:meta\nV:1-r0\nS:0\nI:0\n"));
	assert_false(recorded(fx, "F:"));
}

static int write_text(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : fs_write_all(fd, text, strlen(text));
}

/* A mount namespace; for an ordinary user in a user namespace, as its root. */
static int own_namespaces(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	if (geteuid() == 0)
		return unshare(CLONE_NEWNS);
	if (unshare(CLONE_NEWNS | CLONE_NEWUSER) < 0)
		return -1;
	write_text("/proc/self/setgroups", "deny");
	return write_text("/proc/self/uid_map", uids) < 0 ||
			       write_text("/proc/self/gid_map", gids) < 0
		       ? -1
		       : 0;
}

/* In a child with a mount namespace of its own: 0 as expected, 77 not possible here, else wrong. */
static int on_full_disk(struct fixture *fx)
{
	static char big[200000];

	if (own_namespaces() < 0)
		return 77;
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mkdir(fx->root, 0755) < 0 ||
		mount("none", fx->root, "tmpfs", MS_NOSUID | MS_NODEV, "size=128k") < 0)
		return 77;
	memset(big, 'x', sizeof(big) - 1);
	add(fx, "big", "", ITEMS(DIR("usr"), FILE_("usr/small", "s"), FILE_("usr/big", big)));
	if (install(fx) != -ENOSPC || !strstr(fx->e.text, "'usr/big'"))
		return 1;
	return there(fx, "usr/big") || there(fx, "usr/small") ? 2 : 0;
}

static void full_disk(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(on_full_disk(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no mount namespace, or no tmpfs in it: not tested\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(files_and_modes),
		T(usr_merge_and_keys),
		T(links_do_not_lead_out),
		T(links_in_one_package),
		T(leaf_links_are_replaced),
		T(hard_links_stay_in_the_package),
		T(database_stays_inside),
		T(conflict_names_both),
		T(replaces_and_origin),
		T(file_against_folder),
		T(twice_and_without_folder),
		T(protected_files_stay),
		T(shared_folder_modes),
		T(xattrs),
		T(script_order),
		T(failing_scripts_do_not_stop),
		T(failing_scripts_stop_unless_they_may),
		T(scripts_that_cannot_run_stop),
		T(users_of_the_root),
		T(links_of_scripts_are_replaced),
		T(upgrade),
		T(upgrade_through_a_merge),
		T(removal),
		T(leaving_packages_give_their_files),
		T(missing_file),
		T(damaged_data_leaves_nothing),
		T(damaged_in_its_turn),
		T(large_after_small),
		T(wrong_identity),
		T(wrong_name),
		T(locked),
		T(virtual_packages),
		T(full_disk),
	};

	if (!have_openat2()) {
		print_message("no openat2(2) here (an old valgrind?): nothing tested\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
