// SPDX-License-Identifier: GPL-3.0-or-later
/* The installed database: reading, writing back byte for byte, who replaces whom. */
#include "tests/unit/apk_fixture.h"

#include "chroot/apk/db.h"

static const char sample[] = "C:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
			     "P:alpha\n"
			     "V:1.0-r0\n"
			     "A:aarch64\n"
			     "S:1234\n"
			     "I:4096\n"
			     "T:first of all\n"
			     "U:https://example.org\n"
			     "L:MIT\n"
			     "o:alpha\n"
			     "m:A B <a@b.org>\n"
			     "t:1700000000\n"
			     "c:0123456789abcdef0123456789abcdef01234567\n"
			     "D:musl>=1.2 so:libc.musl-aarch64.so.1 !beta\n"
			     "p:cmd:alpha=1.0-r0\n"
			     "r:alphabet gamma<2\n"
			     "q:100\n"
			     "s:edge\n"
			     "f:s\n"
			     "F:\n"
			     "R:top\n"
			     "a:0:0:755\n"
			     "Z:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
			     "F:dev\n"
			     "R:null\n"
			     "a:0:0:666\n"
			     "F:tmp\n"
			     "M:0:0:1777\n"
			     "F:usr\n"
			     "F:usr/bin\n"
			     "R:alpha\n"
			     "a:65534:1001:4755:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
			     "Z:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
			     "R:conf\n"
			     "Z:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
			     "\n"
			     "C:Q1FBUWFxgZGhscHR4fICEiIyQlJic=\n"
			     "P:virtual\n"
			     "V:2\n"
			     "S:0\n"
			     "I:0\n"
			     "T:\n"
			     "U:\n"
			     "L:\n"
			     "\n";

static void parse_ok(struct db *db, const char *text)
{
	struct err e = ERR_INIT;

	db_init(db);
	if (db_parse(db, text, strlen(text), "test", &e) < 0)
		fail_msg("%s", e.text);
}

static void same_bytes_come_back(void **state)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	struct db db;

	(void)state;
	parse_ok(&db, sample);
	assert_int_equal(db.n, 2);
	for (size_t i = 0; i < db.n; i++)
		db_print_pkg(&out, db.pkgs[i]);
	assert_string_equal(out.s, sample);
	db_free(&db);
}

static void files_are_found(void **state)
{
	const struct db_dir *bin;
	const struct db_file *f;
	struct db db;

	(void)state;
	parse_ok(&db, sample);
	bin = db_dir_find(&db, "usr/bin", 7);
	assert_non_null(bin);
	assert_int_equal(bin->refs, 1);
	assert_int_equal(bin->parent->refs, 2); /* the package's and its child's */
	f = db_file_find(&db, bin, "alpha");
	assert_non_null(f);
	assert_int_equal(f->acl.mode, 04755);
	assert_int_equal(f->acl.uid, 65534);
	assert_int_equal(f->sum_len, 20);
	assert_null(db_file_find(&db, bin, "alph"));
	assert_null(db_dir_find(&db, "usr/bi", 6));
	assert_non_null(db_file_find(&db, db.top, "top"));
	db_free(&db);
}

static void fields_without_folders_are_dropped(void **state)
{
	static const char text[] = "P:meta\nV:1\nS:5\nI:1\nT:\nU:\nL:\nr:baselayout\nf:s\n\n";
	_cleanup_strbuf_ struct strbuf out = {0};
	struct db db;

	(void)state;
	parse_ok(&db, text);
	db_print_pkg(&out, db.pkgs[0]);
	assert_null(strstr(out.s, "r:"));
	assert_null(strstr(out.s, "f:"));
	db_free(&db);
}

static void damage_is_named(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"P:a\nV:1\nF:../etc\n\n", "line 3"},
		{"P:a\nV:1\nF:usr//bin\n\n", "line 3"},
		{"P:a\nV:1\nF:/usr\n\n", "not a folder"},
		{"P:a\nV:1\nF:usr\nR:..\n\n", "line 4"},
		{"P:a\nV:1\nF:usr\nR:a/b\n\n", "line 4"},
		{"P:a\nV:1\nR:file\n\n", "no folder"},
		{"P:a\nV:1\nF:usr\na:0:0:644\n\n", "without a file"},
		{"P:a\nV:1\nM:0:0:755\n\n", "without a folder"},
		{"P:a\nV:1\nF:usr\nM:0:0:999\n\n", "owner and a mode"},
		{"P:a\nV:1\nF:usr\nM:0:-1:755\n\n", "owner and a mode"},
		{"P:a\nV:1\nF:usr\nM:99999999999:0:755\n\n", "owner and a mode"},
		{"P:a\nV:1\nF:usr\nR:f\nZ:Q1short\n\n", "checksum"},
		{"P:a\nV:1\nF:usr\nX:new\n\n", "newer apk"},
		{"P:a\nV:1\nf:Y\n\n", "newer apk"},
		{"V:1\nF:usr\n\n", "no name"},
		{"P:a\nno field\n\n", "not a field"},
		{"P:a\nV:1\nS:12x\n\n", "line 3"},
		{"P:a\nV:1\nq:-3\n\n", "priority"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		struct db db;

		db_init(&db);
		assert_int_equal(
			db_parse(&db, cases[i].text, strlen(cases[i].text), "x", &e), -EBADMSG);
		if (!strstr(e.text, cases[i].says))
			fail_msg("case %zu: '%s' does not say '%s'", i, e.text, cases[i].says);
		db_free(&db);
	}
}

static void nul_bytes_are_refused(void **state)
{
	struct err e = ERR_INIT;
	struct db db;

	(void)state;
	db_init(&db);
	assert_int_equal(db_parse(&db, "P:a\0b\nV:1\n\n", 11, "x", &e), -EBADMSG);
	db_free(&db);
}

/* `extra` is put into the records of "old" and "new"; what is said about a common file? */
static enum db_replaces ask(const char *old_extra, const char *new_extra)
{
	_cleanup_free_ char *text = xasprintf("P:old\nV:1-r0\n%s\nF:usr\n\n"
					      "P:new\nV:2-r0\n%s\nF:usr\n\n",
		old_extra, new_extra);
	enum db_replaces r;
	struct db db;

	parse_ok(&db, text);
	r = db_replaces_file(db.pkgs[0], db.pkgs[1]);
	db_free(&db);
	return r;
}

static void replacing_files(void **state)
{
	(void)state;
	assert_int_equal(ask("o:a", "o:b"), REPLACES_CONFLICT);
	assert_int_equal(ask("o:a", "o:a"), REPLACES_YES);
	assert_int_equal(ask("o:a", "r:old"), REPLACES_YES);
	assert_int_equal(ask("o:a", "r:old<1"), REPLACES_CONFLICT);
	assert_int_equal(ask("o:a", "r:old=1-r0"), REPLACES_YES);
	assert_int_equal(ask("r:new", "o:b"), REPLACES_NO);
	assert_int_equal(ask("r:new", "r:old"), REPLACES_YES);
	assert_int_equal(ask("r:new\nq:5", "r:old"), REPLACES_NO);
	assert_int_equal(ask("r:new\nq:5", "r:old\nq:6"), REPLACES_YES);
	/* apk 3: replaces is asked before the common origin */
	assert_int_equal(ask("o:a\nr:new", "o:a"), REPLACES_NO);
}

static void owner_of_a_folder(void **state)
{
	static const char text[] = "P:b\nV:1\nF:usr\nM:0:0:700\n\n"
				   "P:a\nV:1\nF:usr\nM:0:0:711\n\n"
				   "P:c\nV:1\nq:9\nF:usr\nM:0:0:750\n\n"
				   "P:d\nV:1\nF:usr\nM:0:0:777\n\n";
	struct db_dir *d;
	struct db db;

	(void)state;
	parse_ok(&db, text);
	d = db_dir_find(&db, "usr", 3);
	assert_string_equal(d->owner->pkg->info->name, "c");
	db_diri_drop(&db, d->owner);
	assert_string_equal(d->owner->pkg->info->name, "a");
	assert_int_equal(d->refs, 3);
	db_free(&db);
}

static void protected_paths(void **state)
{
	static const struct {
		const char *dir;
		bool is;
	} cases[] = {
		{"etc", true},
		{"etc/apk", true},
		{"etc/init.d", true},
		{"etc/a/b/c", true},
		{"usr/etc", false},
		{"", false},
		{"opt/x/conf", true},
		{"opt/x", false},
		{"etc/free", false},
		{"etc/free/deep", false},
	};
	struct db db;

	(void)state;
	db_init(&db);
	strvec_add(&db.protect, "+etc");
	strvec_add(&db.protect, "+opt/*/conf");
	strvec_add(&db.protect, "-etc/free");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct db_dir *d = db_dir_get(&db, cases[i].dir, strlen(cases[i].dir));

		if (dir_protected(&db, d) != cases[i].is)
			fail_msg("'%s'", cases[i].dir);
	}
	db_free(&db);
}

static void no_database_is_empty(void **state)
{
	_cleanup_free_ char *root = xstrdup("/tmp/pmkmod-db.XXXXXX");
	struct err e = ERR_INIT;
	struct apk_pkg *pkgs;
	size_t n;

	(void)state;
	if (!have_openat2())
		skip();
	assert_non_null(mkdtemp(root));
	assert_int_equal(apk_installed_read(root, &pkgs, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_null(pkgs);
	assert_int_equal(fs_remove_tree(root, &e), 0);
	assert_true(apk_installed_read(root, &pkgs, &n, &e) < 0);
}

static void compress_scripts(struct db *db)
{
	_cleanup_strbuf_ struct strbuf plain = {0}, gz = {0};
	_cleanup_free_ char *text = NULL;

	assert_int_equal(
		root_read(db, "lib/apk/db/scripts.tar", 1 << 20, &text, &plain.len, NULL), 0);
	plain.s = steal_ptr(text);
	gzip(&gz, &plain);
	assert_int_equal(root_write(db, "lib/apk/db/scripts.tar.gz", gz.s, gz.len, 0644, NULL), 0);
	root_unlink(db, "lib/apk/db/scripts.tar", 0);
}

/* Scripts (one with a long name, one with any bytes) and triggers survive writing and reading. */
static void all_files_round_trip(void **state)
{
	static const char odd[] = "#!/bin/sh\n\0\xff";
	_cleanup_free_ char *root = xstrdup("/tmp/pmkmod-db.XXXXXX"), *name = NULL, *text = NULL;
	struct apk_deps world = {0};
	struct err e = ERR_INIT;
	struct db_pkg *p;
	struct db db;
	size_t len;

	(void)state;
	if (!have_openat2())
		skip();
	assert_non_null(mkdtemp(root));
	name = xcalloc(1, 121);
	memset(name, 'n', 120);
	assert_int_equal(apk_deps_parse(&world, "zeta alpha>=1 alpha-b", &e), 0);

	db_init(&db);
	assert_int_equal(db_root_open(&db, root, false, &e), 0);
	p = db_pkg_add(&db);
	p->own.name = xstrdup(name);
	p->own.version = xstrdup("1-r0");
	hash_buf(HASH_SHA1, "x", 1, &p->own.identity);
	p->script[APK_TRIGGER] = xcalloc(1, sizeof(odd));
	memcpy(p->script[APK_TRIGGER], odd, sizeof(odd));
	p->script_len[APK_TRIGGER] = sizeof(odd);
	strvec_add(&p->own.triggers, "/usr/lib/*");
	strvec_add(&p->own.triggers, "+/etc");
	assert_int_equal(db_write(&db, &world, &e), 0);
	db_free(&db);

	db_init(&db);
	assert_int_equal(db_root_open(&db, root, false, &e), 0);
	assert_int_equal(db_read(&db, &e), 0);
	assert_int_equal(db.n, 1);
	assert_int_equal(db.pkgs[0]->script_len[APK_TRIGGER], sizeof(odd));
	assert_memory_equal(db.pkgs[0]->script[APK_TRIGGER], odd, sizeof(odd));
	assert_null(db.pkgs[0]->script[APK_PRE_INSTALL]);
	assert_int_equal(db.pkgs[0]->own.triggers.n, 2);
	assert_string_equal(db.pkgs[0]->own.triggers.v[1], "+/etc");
	assert_int_equal(root_read(&db, "etc/apk/world", 100, &text, &len, &e), 0);
	assert_string_equal(text, "alpha>=1\nalpha-b\nzeta\n");
	compress_scripts(&db);
	db_free(&db);

	/* apk 3's scripts.tar.gz is read, and made a scripts.tar that 2.14 sees too */
	db_init(&db);
	assert_int_equal(db_root_open(&db, root, false, &e), 0);
	assert_int_equal(db_read(&db, &e), 0);
	assert_memory_equal(db.pkgs[0]->script[APK_TRIGGER], odd, sizeof(odd));
	assert_int_equal(db_write(&db, &world, &e), 0);
	assert_true(root_exists(&db, "lib/apk/db/scripts.tar"));
	assert_false(root_exists(&db, "lib/apk/db/scripts.tar.gz"));
	db_free(&db);
	apk_deps_free(&world);
	assert_int_equal(fs_remove_tree(root, &e), 0);
}

static void tables_grow(void **state)
{
	struct db_pkg *p;
	struct db db;

	(void)state;
	db_init(&db);
	p = db_pkg_add(&db);
	p->own.name = xstrdup("many");
	p->own.version = xstrdup("1");
	for (unsigned i = 0; i < 30000; i++) {
		char name[32];
		struct db_dir *d;
		int n = snprintf(name, sizeof(name), "d%u/e%u", i % 7, i / 7 % 500);

		d = db_dir_get(&db, name, (size_t)n);
		snprintf(name, sizeof(name), "f%u", i);
		db_file_add(&db, db_diri_find(d, p) ? db_diri_find(d, p) : db_diri_add(&db, p, d),
			name);
	}
	for (unsigned i = 0; i < 30000; i++) {
		char name[32];
		int n = snprintf(name, sizeof(name), "d%u/e%u", i % 7, i / 7 % 500);
		struct db_dir *d = db_dir_find(&db, name, (size_t)n);

		assert_non_null(d);
		snprintf(name, sizeof(name), "f%u", i);
		assert_non_null(db_file_find(&db, d, name));
	}
	db_free(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_come_back),
		cmocka_unit_test(files_are_found),
		cmocka_unit_test(fields_without_folders_are_dropped),
		cmocka_unit_test(damage_is_named),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(replacing_files),
		cmocka_unit_test(owner_of_a_folder),
		cmocka_unit_test(protected_paths),
		cmocka_unit_test(no_database_is_empty),
		cmocka_unit_test(all_files_round_trip),
		cmocka_unit_test(tables_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
