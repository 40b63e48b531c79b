// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Packages and indexes as written: read back by the reader, the same bytes whatever the
 * surroundings, and nothing in them that apk would refuse or misunderstand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"

#define MTIME 1700000000

static char dir[64];
static struct apk_signkey *key;
static struct apk_keys *keys;

static int setup(void **state)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	_cleanup_free_ char *path = NULL;

	(void)state;
	strcpy(dir, "/tmp/test_apk_write.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	path = path_join(dir, "test.rsa");
	strvec_add(&dirs, dir);
	return apk_signkey_generate(path, 2048, NULL) || apk_signkey_load(&key, path, NULL) ||
	       apk_keys_load(&keys, &dirs, NULL);
}

static int teardown(void **state)
{
	(void)state;
	apk_signkey_free(key);
	apk_keys_free(keys);
	return fs_remove_tree(dir, NULL);
}

/* Strings of a literal are never freed: a package of these is not given to apk_pkg_free(). */
static struct apk_pkg sample(void)
{
	struct apk_pkg p = {.build_time = MTIME};

	p.name = (char *)"v4l2loopback-kmod-standin";
	p.version = (char *)"0.12.7_p6_p1_p176-r1";
	p.arch = (char *)"aarch64";
	p.desc = (char *)"v4l2loopback for linux-standin";
	p.url = (char *)"https://example.org";
	p.license = (char *)"GPL-2.0-only";
	p.origin = (char *)"v4l2loopback-kmod";
	return p;
}

static void add(struct apk_writer *w, const char *name, const char *text)
{
	struct err e = ERR_INIT;

	if (apk_writer_file(w, name, text, strlen(text), 0644, &e) < 0)
		fail_msg("%s", e.text);
}

static int finish(struct apk_writer *w, struct apk_pkg *p, const char *name, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, name);
	int r = apk_writer_finish(w, p, key, path, e);

	apk_writer_free(w);
	return r;
}

/* ---- reading back ---- */

struct seen {
	struct strbuf list;
	struct strbuf data;
	char *name;
};

static int see_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct seen *s = ctx;

	(void)e;
	strbuf_addf(&s->list, "%d %s%s%s %o %u:%u %lld\n", en->type, en->name,
		en->type == APK_SYMLINK ? " -> " : "", en->type == APK_SYMLINK ? en->link : "",
		(unsigned)en->mode, en->uid, en->gid, (long long)en->mtime);
	return 0;
}

static int see_data(void *ctx, const void *p, size_t n, struct err *e)
{
	(void)e;
	strbuf_add(&((struct seen *)ctx)->data, p, n);
	return 0;
}

static void read_back(const char *name, struct seen *s)
{
	static const struct apk_reader_ops ops = {.entry = see_entry, .data = see_data};
	_cleanup_free_ char *path = path_join(dir, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err e = ERR_INIT;

	*s = (struct seen){0};
	if (apk_read(fd, name, NULL, keys, NULL, &ops, s, &e) < 0)
		fail_msg("%s", e.text);
}

static void free_seen(struct seen *s)
{
	strbuf_free(&s->list);
	strbuf_free(&s->data);
}

static void reads_back(void **state)
{
	static const char expected[] = "1 etc 755 0:0 1700000000\n"
				       "1 etc/modules-load.d 755 0:0 1700000000\n"
				       "0 etc/modules-load.d/v4l2.conf 644 0:0 1700000000\n"
				       "1 lib 755 0:0 1700000000\n"
				       "1 lib/modules 755 0:0 1700000000\n"
				       "0 lib/modules/v4l2loopback.ko 644 0:0 1700000000\n"
				       "1 usr 755 0:0 1700000000\n"
				       "1 usr/share 700 0:0 1700000000\n"
				       "2 usr/share/link -> ../../lib 777 0:0 1700000000\n";
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct err e = ERR_INIT;
	struct seen s;

	(void)state;
	assert_int_equal(apk_writer_symlink(w, "usr/share/link", "../../lib", &e), 0);
	add(w, "lib/modules/v4l2loopback.ko", "module");
	add(w, "etc/modules-load.d/v4l2.conf", "v4l2loopback\n");
	assert_int_equal(apk_writer_dir(w, "usr/share", 0700, &e), 0);
	assert_int_equal(finish(w, &p, "a.apk", &e), 0);
	assert_int_equal(p.installed_size, 6 + 13);
	assert_int_equal(p.identity.alg, HASH_SHA1);
	assert_int_equal(p.datahash.alg, HASH_SHA256);
	read_back("a.apk", &s);
	assert_string_equal(s.list.s, expected);
	assert_string_equal(s.data.s, "v4l2loopback\nmodule");
	free_seen(&s);
}

static void control_reads_back(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "control.apk");
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct apk_control c;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	p.provider_priority = 7;
	p.replaces_priority = 3;
	assert_int_equal(
		apk_deps_parse(&p.depends, "linux-standin=6.1.176-r1 /bin/sh !x<2", &e), 0);
	assert_int_equal(apk_deps_parse(&p.provides, "v4l2=1 cmd:x", &e), 0);
	assert_int_equal(
		apk_deps_parse(&p.install_if, "v4l2loopback-kmod linux-standin=1-r0", &e), 0);
	assert_int_equal(apk_deps_parse(&p.replaces, "old<2", &e), 0);
	strvec_add(&p.triggers, "/lib/modules/*");
	assert_int_equal(apk_writer_script(w, APK_TRIGGER, "#!/bin/sh\nexit 0\n", &e), 0);
	assert_int_equal(apk_writer_script(w, APK_POST_INSTALL, "#!/bin/sh\ndepmod\n", &e), 0);
	if (finish(w, &p, "control.apk", &e) < 0)
		fail_msg("%s", e.text);
	if (apk_read_control(path, keys, &c, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(c.signed_by, "test.rsa.pub");
	assert_string_equal(c.script[APK_TRIGGER], "#!/bin/sh\nexit 0\n");
	assert_string_equal(c.script[APK_POST_INSTALL], "#!/bin/sh\ndepmod\n");
	assert_null(c.script[APK_PRE_INSTALL]);
	assert_string_equal(c.pkg.desc, p.desc);
	assert_string_equal(c.pkg.origin, p.origin);
	assert_int_equal(c.pkg.provider_priority, 7);
	assert_int_equal(c.pkg.replaces_priority, 3);
	assert_int_equal(c.pkg.depends.n, 3);
	assert_true(c.pkg.depends.v[2].conflict);
	assert_int_equal(c.pkg.provides.n, 2);
	assert_int_equal(c.pkg.install_if.n, 2);
	assert_string_equal(c.pkg.install_if.v[1].version, "1-r0");
	assert_int_equal(c.pkg.replaces.n, 1);
	assert_string_equal(c.pkg.triggers.v[0], "/lib/modules/*");
	assert_true(hash_eq(&c.pkg.identity, &p.identity));
	assert_true(hash_eq(&c.pkg.datahash, &p.datahash));
	/* a script alone makes it a package to be installed */
	assert_int_equal(c.pkg.installed_size, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(p.size, (uint64_t)st.st_size);
	apk_control_free(&c);
	apk_deps_free(&p.depends);
	apk_deps_free(&p.provides);
	apk_deps_free(&p.install_if);
	apk_deps_free(&p.replaces);
	strvec_free(&p.triggers);
}

static char *bytes_of(const char *name, size_t *len)
{
	_cleanup_free_ char *path = path_join(dir, name);
	char *s = NULL;

	assert_int_equal(fs_read(path, 64 << 20, &s, len, NULL), 0);
	return s;
}

/* Other order, other umask, other locale, other time zone: the same package. */
static void reproducible(void **state)
{
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample(), q = sample();
	_cleanup_free_ char *a = NULL, *b = NULL;
	struct err e = ERR_INIT;
	size_t na, nb;
	mode_t old;

	(void)state;
	add(w, "b/x", "1");
	add(w, "a/y", "2");
	add(w, "a-b", "3");
	assert_int_equal(apk_writer_symlink(w, "a/z", "y", &e), 0);
	assert_int_equal(finish(w, &p, "r1.apk", &e), 0);

	old = umask(0777);
	setlocale(LC_ALL, "C.UTF-8");
	setenv("TZ", "Asia/Tokyo", 1);
	w = apk_writer_new(MTIME);
	assert_int_equal(apk_writer_symlink(w, "a/z", "y", &e), 0);
	assert_int_equal(apk_writer_dir(w, "a", 0755, &e), 0);
	add(w, "a-b", "3");
	add(w, "a/y", "2");
	add(w, "b/x", "1");
	assert_int_equal(finish(w, &q, "r2.apk", &e), 0);
	umask(old);
	a = bytes_of("r1.apk", &na);
	b = bytes_of("r2.apk", &nb);
	assert_int_equal(na, nb);
	assert_memory_equal(a, b, na);
}

/* The members as abuild makes them but for the level (XFL, the byte before the last): no archive's
 * end before the data. */
static void members(void **state)
{
	static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	_cleanup_free_ char *s = NULL;
	struct err e = ERR_INIT;
	z_stream z = {0};
	size_t n, total[3] = {0};
	static char out[1 << 16];

	(void)state;
	add(w, "x", "y");
	assert_int_equal(finish(w, &p, "m.apk", &e), 0);
	s = bytes_of("m.apk", &n);
	z.next_in = (uint8_t *)s;
	z.avail_in = (uInt)n;
	for (int i = 0; i < 3; i++) {
		assert_memory_equal(z.next_in, header, sizeof(header));
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		z.next_out = (uint8_t *)out;
		z.avail_out = sizeof(out);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		total[i] = z.total_out;
		assert_int_equal(total[i] % 512, 0);
		if (i == 0)
			assert_memory_equal(out, ".SIGN.RSA256.test.rsa.pub", 25);
		if (i == 1)
			assert_memory_equal(out, ".PKGINFO", 8);
		inflateEnd(&z);
	}
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(total[0], 1024); /* header, 256 bytes of signature */
	/* PAX header and records, header and content, two blocks that end the archive */
	assert_int_equal(total[2], 4 * 512 + 1024);
}

static void long_names(void **state)
{
	_cleanup_free_ char *deep = xasprintf("usr/%0140d/x.ko", 7);
	_cleanup_free_ char *split = xasprintf("usr/%0100d/%090d", 7, 8);
	_cleanup_free_ char *target = xasprintf("%0300d", 9);
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct err e = ERR_INIT;
	struct seen s;

	(void)state;
	add(w, deep, "1");
	add(w, split, "2");
	assert_int_equal(apk_writer_symlink(w, "usr/long", target, &e), 0);
	assert_int_equal(finish(w, &p, "long.apk", &e), 0);
	read_back("long.apk", &s);
	assert_non_null(strstr(s.list.s, deep));
	assert_non_null(strstr(s.list.s, split));
	assert_non_null(strstr(s.list.s, target));
	free_seen(&s);
}

/* More than is kept in memory, from a descriptor and from a buffer. */
static void large_files(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "large"), *big = xcalloc(1, 6 << 20);
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct err e = ERR_INIT;
	struct seen s;
	int fd;

	(void)state;
	for (size_t i = 0; i < 6 << 20; i++)
		big[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(fs_write_atomic(path, big, 6 << 20, 0600, &e), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	add(w, "0", "first");
	assert_int_equal(apk_writer_file_fd(w, "1", fd, 0644, &e), 0);
	assert_int_equal(apk_writer_file(w, "2", big, 6 << 20, 0644, &e), 0);
	add(w, "3", "last");
	close(fd);
	assert_int_equal(finish(w, &p, "large.apk", &e), 0);
	assert_int_equal(p.installed_size, (12 << 20) + 9);
	read_back("large.apk", &s);
	assert_int_equal(s.data.len, (12 << 20) + 9);
	assert_memory_equal(s.data.s + 5, big, 6 << 20);
	assert_memory_equal(s.data.s + 5 + (6 << 20), big, 6 << 20);
	free_seen(&s);
}

static void virtual_or_not(void **state)
{
	struct apk_pkg p = sample();
	struct apk_writer *w = apk_writer_new(MTIME);
	struct err e = ERR_INIT;
	struct seen s;

	(void)state;
	assert_int_equal(finish(w, &p, "virtual.apk", &e), 0);
	assert_int_equal(p.installed_size, 0);
	w = apk_writer_new(MTIME);
	apk_writer_not_virtual(w);
	assert_int_equal(finish(w, &p, "meta.apk", &e), 0);
	assert_int_equal(p.installed_size, 1);
	read_back("meta.apk", &s);
	free_seen(&s);
	w = apk_writer_new(MTIME);
	add(w, "empty", "");
	assert_int_equal(finish(w, &p, "empty.apk", &e), 0);
	assert_int_equal(p.installed_size, 1);
}

static void refuses_names(void **state)
{
	static const char *const bad[] = {"", "/x", "x/", "a//b", "../x", "a/../b", "a/..", ".",
		"./x", "a/./b", ".hidden", "a\nb", "a/\x7f"};
	struct apk_writer *w = apk_writer_new(MTIME);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (apk_writer_file(w, bad[i], "", 0, 0644, &e) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(apk_writer_symlink(w, bad[i], "x", &e) < 0);
		assert_true(apk_writer_dir(w, bad[i], 0755, &e) < 0);
	}
	assert_true(apk_writer_symlink(w, "l", "", &e) < 0);
	assert_true(apk_writer_symlink(w, "l", "a\nb", &e) < 0);
	assert_true(apk_writer_script(w, APK_POST_INSTALL, "echo", &e) < 0);
	apk_writer_free(w);
}

static void refuses_clashes(void **state)
{
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct err e = ERR_INIT;

	(void)state;
	add(w, "a", "1");
	add(w, "a", "2");
	assert_int_equal(finish(w, &p, "clash.apk", &e), -EEXIST);
	w = apk_writer_new(MTIME);
	add(w, "a/b", "1");
	assert_int_equal(apk_writer_symlink(w, "a", "/etc", &e), 0);
	assert_int_equal(finish(w, &p, "clash.apk", &e), -ENOTDIR);
}

static void refuses_one(struct apk_pkg *p, const char *what)
{
	struct apk_writer *w = apk_writer_new(MTIME);
	_cleanup_free_ char *path = path_join(dir, "bad.apk");
	struct err e = ERR_INIT;

	if (finish(w, p, "bad.apk", &e) == 0)
		fail_msg("%s was taken", what);
	assert_true(e.text[0] != '\0');
	assert_false(fs_exists(path));
}

static void refuses_values(void **state)
{
	static const struct {
		size_t field;
		const char *value;
	} bad[] = {
		{offsetof(struct apk_pkg, name), "../x"},
		{offsetof(struct apk_pkg, name), "a b"},
		{offsetof(struct apk_pkg, name), ".x"},
		{offsetof(struct apk_pkg, name), ""},
		{offsetof(struct apk_pkg, version), "1.0-1"},
		{offsetof(struct apk_pkg, version), "v1"},
		{offsetof(struct apk_pkg, version), "1.0~abc-r0"}, /* 2.14 does not know it */
		{offsetof(struct apk_pkg, version), "123456789012345678-r0"}, /* nor this */
		{offsetof(struct apk_pkg, version), "1.0/../x"},
		{offsetof(struct apk_pkg, arch), "aarch64/.."},
		{offsetof(struct apk_pkg, arch), NULL},
		{offsetof(struct apk_pkg, desc), "two\nlines"},
		{offsetof(struct apk_pkg, license), "GPL\n"},
		{offsetof(struct apk_pkg, url), "http://x\r"},
		{offsetof(struct apk_pkg, maintainer), "x\ndepend = evil"},
		{offsetof(struct apk_pkg, origin), "a b"},
		{offsetof(struct apk_pkg, commit), "a/b"},
	};
	_cleanup_free_ char *huge = xasprintf("%02100d", 1);
	struct apk_pkg p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		p = sample();
		*(const char **)((char *)&p + bad[i].field) = bad[i].value;
		refuses_one(&p, bad[i].value ? bad[i].value : "nothing");
	}
	p = sample();
	p.desc = huge;
	refuses_one(&p, "a description longer than the buffer of apk 2.14");
}

static void refuses_deps(void **state)
{
	static const struct {
		size_t list;
		const char *text;
	} bad[] = {
		{offsetof(struct apk_pkg, depends), "a@edge"},
		{offsetof(struct apk_pkg, depends), "a=1~abc"},
		{offsetof(struct apk_pkg, provides), "!a"},
		{offsetof(struct apk_pkg, provides), "a>1"},
		{offsetof(struct apk_pkg, install_if), "a !b"},
		{offsetof(struct apk_pkg, depends), "a><Q1qqqqqqqqqqqqqqqqqqqqqqqqqqo="},
	};
	struct apk_pkg p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct apk_deps *l;

		p = sample();
		l = (struct apk_deps *)((char *)&p + bad[i].list);
		assert_int_equal(apk_deps_parse(l, bad[i].text, NULL), 0);
		refuses_one(&p, bad[i].text);
		apk_deps_free(l);
	}
	p = sample();
	strvec_add(&p.triggers, "lib/*");
	refuses_one(&p, "a relative trigger");
	strvec_free(&p.triggers);
}

/* ---- index ---- */

static void index_text(void **state)
{
	struct apk_pkg p = sample();
	struct strbuf b = {0};

	(void)state;
	p.size = 5;
	p.commit = (char *)"abc";
	p.provider_priority = 10;
	p.desc = NULL;
	hash_buf(HASH_SHA1, "", 0, &p.identity);
	assert_int_equal(apk_deps_parse(&p.depends, "a=1 !b", NULL), 0);
	apk_index_print_pkg(&b, &p);
	assert_string_equal(b.s, "C:Q12jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"
				 "P:v4l2loopback-kmod-standin\n"
				 "V:0.12.7_p6_p1_p176-r1\n"
				 "A:aarch64\n"
				 "S:5\n"
				 "I:0\n"
				 "T:\n"
				 "U:https://example.org\n"
				 "L:GPL-2.0-only\n"
				 "o:v4l2loopback-kmod\n"
				 "t:1700000000\n"
				 "c:abc\n"
				 "k:10\n"
				 "D:a=1 !b\n");
	strbuf_free(&b);
	apk_deps_free(&p.depends);
}

static void put(const char *folder, const char *name, const char *version, const char *arch)
{
	_cleanup_free_ char *path = xasprintf("%s/%s-%s.apk", folder, name, version);
	struct apk_writer *w = apk_writer_new(MTIME);
	struct apk_pkg p = sample();
	struct err e = ERR_INIT;

	p.name = (char *)(uintptr_t)name;
	p.version = (char *)(uintptr_t)version;
	p.arch = (char *)(uintptr_t)arch;
	add(w, "x", name);
	if (apk_writer_finish(w, &p, key, path, &e) < 0)
		fail_msg("%s", e.text);
	apk_writer_free(w);
}

static void makes_index(void **state)
{
	_cleanup_free_ char *folder = path_join(dir, "repo"), *bad = path_join(folder, "bad.apk");
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
	struct apk_repo r = {.url = xstrdup("u"), .arch = xstrdup("aarch64")};
	struct err e = ERR_INIT;
	size_t na, nb, nc;

	(void)state;
	assert_int_equal(mkdir(folder, 0755), 0);
	put(folder, "b", "1.10-r0", "aarch64");
	put(folder, "b", "1.9-r0", "aarch64");
	put(folder, "b", "1.9_rc1-r0", "aarch64");
	put(folder, "a", "2-r0", "noarch");
	if (apk_index_make_folder(folder, "aarch64", key, keys, NULL, &a, &na, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(apk_index_make_folder(folder, "aarch64", key, NULL, NULL, &b, &nb, &e), 0);
	assert_int_equal(na, nb);
	assert_memory_equal(a, b, na);
	if (apk_index_parse(&r, a, na, "index", keys, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r.n_pkgs, 4);
	assert_string_equal(r.pkgs[0].name, "a");
	assert_string_equal(r.pkgs[0].arch, "aarch64");
	assert_string_equal(r.pkgs[1].version, "1.9_rc1-r0");
	assert_string_equal(r.pkgs[2].version, "1.9-r0");
	assert_string_equal(r.pkgs[3].version, "1.10-r0");
	assert_true(r.pkgs[3].size > 0);
	assert_string_equal(r.description, "pmkmod");
	apk_repo_free(&r);

	assert_int_equal(fs_write_atomic(bad, "no package", 10, 0644, &e), 0);
	assert_true(apk_index_make_folder(folder, "aarch64", key, keys, NULL, &c, &nc, &e) < 0);
	assert_non_null(strstr(e.text, "bad.apk"));
}

/* With the index before at hand only new and changed packages are read; it comes out the same. */
static void makes_index_of_old_one(void **state)
{
	_cleanup_free_ char *folder = path_join(dir, "again"), *old = path_join(folder, "old");
	_cleanup_free_ char *one = path_join(folder, "one-1-r0.apk");
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *text = NULL;
	struct timespec tick = {.tv_nsec = 20000000};
	struct err e = ERR_INIT;
	size_t na, nb, nc, len;
	int fd;

	(void)state;
	assert_int_equal(mkdir(folder, 0755), 0);
	put(folder, "one", "1-r0", "noarch");
	put(folder, "two", "2-r0", "aarch64");
	assert_int_equal(apk_index_make_folder(folder, "aarch64", key, keys, NULL, &a, &na, &e), 0);
	nanosleep(&tick, NULL);
	assert_int_equal(fs_write_atomic(old, a, na, 0644, &e), 0);
	nanosleep(&tick, NULL);
	put(folder, "three", "3-r0", "aarch64");
	assert_int_equal(apk_index_make_folder(folder, "aarch64", key, keys, NULL, &b, &nb, &e), 0);
	if (apk_index_make_folder(folder, "aarch64", key, keys, old, &c, &nc, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(nb, nc);
	assert_memory_equal(b, c, nb);
	/* it is not believed of what was changed since, though its size is the same */
	assert_int_equal(fs_read(one, 1 << 20, &text, &len, &e), 0);
	memset(text, 'x', len);
	fd = open(one, O_WRONLY | O_TRUNC);
	assert_int_equal(fs_write_all(fd, text, len), 0);
	close(fd);
	free(c);
	c = NULL;
	assert_true(apk_index_make_folder(folder, "aarch64", key, keys, old, &c, &nc, &e) < 0);
	assert_non_null(strstr(e.text, "one-1-r0.apk"));
}

static void makes_empty_index(void **state)
{
	_cleanup_free_ char *folder = path_join(dir, "none"), *a = NULL;
	struct apk_repo r = {.url = xstrdup("u"), .arch = xstrdup("aarch64")};
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	assert_true(apk_index_make_folder(folder, "aarch64", key, keys, NULL, &a, &n, &e) < 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(apk_index_make_folder(folder, "aarch64", key, keys, NULL, &a, &n, &e), 0);
	if (apk_index_parse(&r, a, n, "index", keys, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(r.n_pkgs, 0);
	apk_repo_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back),
		cmocka_unit_test(control_reads_back),
		cmocka_unit_test(reproducible),
		cmocka_unit_test(members),
		cmocka_unit_test(long_names),
		cmocka_unit_test(large_files),
		cmocka_unit_test(virtual_or_not),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(refuses_clashes),
		cmocka_unit_test(refuses_values),
		cmocka_unit_test(refuses_deps),
		cmocka_unit_test(index_text),
		cmocka_unit_test(makes_index),
		cmocka_unit_test(makes_index_of_old_one),
		cmocka_unit_test(makes_empty_index),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
