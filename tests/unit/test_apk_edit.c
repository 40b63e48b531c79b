// SPDX-License-Identifier: GPL-3.0-or-later
/* Indexes that are changed in place, and packages that are signed anew: what stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"

#define DATE 1700000000

static char dir[] = "/tmp/pmkmod-edit-XXXXXX";
static struct apk_signkey *first, *second;
static struct apk_keys *keys_first, *keys_second;

#define ID "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
static const char A1[] = ID "P:a\nV:1-r0\nS:1\nI:1\nT:x\nU:\nL:\nz:odd\n\n";
static const char A2[] = ID "P:a\nV:2-r0\nS:1\nI:1\n\n\n"; /* one blank line more */
static const char C1[] = "P:c\nV:1-r0\nS:1\nI:1\n" ID "\n";

static struct apk_index_text text_of(const char *text)
{
	struct apk_index_text t = {.description = xstrdup("d")};

	strbuf_adds(&t.text, text);
	return t;
}

static void put(struct apk_index_text *t, const char *name, const char *version)
{
	struct apk_pkg p = {.name = xstrdup(name),
		.version = xstrdup(version),
		.arch = xstrdup("aarch64"),
		.size = 7,
		.installed_size = 8};

	hash_buf(HASH_SHA1, name, strlen(name), &p.identity);
	apk_index_text_put(t, &p);
	apk_pkg_free(&p);
}

/* `t` is the pieces in order; "+" stands for the record that was put. */
static void expect(
	struct apk_index_text *t, const char *name, const char *version, const char *const *pieces)
{
	_cleanup_strbuf_ struct strbuf want = {0};
	size_t len = 0;
	const char *own = apk_index_text_find(t, name, version, &len);

	assert_non_null(own);
	for (; *pieces; pieces++)
		if (streq(*pieces, "+"))
			strbuf_add(&want, own, len);
		else
			strbuf_adds(&want, *pieces);
	assert_string_equal(t->text.s, want.s);
	apk_index_text_free(t);
}

static void places(void **state)
{
	_cleanup_free_ char *all = xasprintf("%s%s%s", A1, A2, C1);
	struct apk_index_text t = text_of(all);
	size_t len;

	(void)state;
	put(&t, "b", "1-r0");
	expect(&t, "b", "1-r0", (const char *const[]){A1, A2, "+", C1, NULL});
	t = text_of(all);
	put(&t, "d", "1-r0");
	expect(&t, "d", "1-r0", (const char *const[]){A1, A2, C1, "+", NULL});
	t = text_of(all);
	put(&t, "a", "2-r0");
	expect(&t, "a", "2-r0", (const char *const[]){A1, "+", C1, NULL});
	t = text_of(all);
	put(&t, "a", "3-r0");
	expect(&t, "a", "3-r0", (const char *const[]){A1, A2, "+", C1, NULL});
	t = text_of("");
	put(&t, "a", "1-r0");
	expect(&t, "a", "1-r0", (const char *const[]){"+", NULL});
	/* a last record without the blank line behind it */
	t = text_of("P:a\nV:1-r0\n");
	put(&t, "b", "1-r0");
	assert_non_null(strstr(t.text.s, "V:1-r0\n\nC:"));
	assert_non_null(apk_index_text_find(&t, "a", "1-r0", &len));
	assert_int_equal(len, strlen("P:a\nV:1-r0\n\n"));
	apk_index_text_free(&t);
	t = text_of(all);
	apk_index_text_remove(&t, "a", "1-r0");
	apk_index_text_remove(&t, "a", "9-r0");
	apk_index_text_remove(&t, "x", "1-r0");
	assert_true(starts_with(t.text.s, A2));
	assert_int_equal(t.text.len, strlen(A2) + strlen(C1));
	apk_index_text_free(&t);
}

/* Through an archive and back, all bytes; by another key alone it is not taken. */
static void round_trip(void **state)
{
	_cleanup_free_ char *all = xasprintf("%s%s%s", A1, A2, C1), *bytes = NULL;
	struct apk_index_text t = text_of(all), back = {0};
	struct err e = ERR_INIT;
	size_t len;

	(void)state;
	assert_int_equal(apk_index_text_pack(&t, first, DATE, &bytes, &len, &e), 0);
	assert_int_equal(apk_index_text_read(&back, bytes, len, "index", keys_first, &e), 0);
	assert_string_equal(back.text.s, all);
	assert_string_equal(back.description, "d");
	apk_index_text_free(&back);
	assert_int_equal(
		apk_index_text_read(&back, bytes, len, "index", keys_second, &e), -EKEYREJECTED);
	assert_null(back.text.s);
	bytes[len / 2] ^= 1;
	assert_true(apk_index_text_read(&back, bytes, len, "index", keys_first, &e) < 0);
	apk_index_text_free(&t);
}

static char *make_package(void)
{
	struct apk_writer *w = apk_writer_new(DATE);
	struct apk_pkg p = {.name = xstrdup("x"),
		.version = xstrdup("1-r0"),
		.arch = xstrdup("aarch64"),
		.desc = xstrdup("test"),
		.url = xstrdup(""),
		.license = xstrdup("MIT"),
		.build_time = DATE};
	char *path = path_join(dir, "x.apk"), *data = xcalloc(1, 200000);
	struct err e = ERR_INIT;
	unsigned seed = 1;

	for (size_t i = 0; i < 200000; i++)
		data[i] = (char)rand_r(&seed);
	assert_int_equal(apk_deps_parse(&p.depends, "a>1 !b", NULL), 0);
	assert_int_equal(apk_deps_parse(&p.install_if, "c d=1-r0", NULL), 0);
	assert_int_equal(apk_writer_file(w, "usr/x", data, 200000, 0644, NULL), 0);
	if (apk_writer_finish(w, &p, first, path, &e) < 0)
		fail_msg("%s", e.text);
	free(data);
	apk_pkg_free(&p);
	apk_writer_free(w);
	return path;
}

static void resign(void **state)
{
	_cleanup_free_ char *from = make_package(), *to = path_join(dir, "y.apk");
	_cleanup_free_ char *a = NULL, *b = NULL;
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	struct apk_control was = {0};
	struct apk_pkg p = {0};
	struct err e = ERR_INIT;
	size_t a_len, b_len, k = 0;

	(void)state;
	/* not by a key that is trusted: nothing is written */
	assert_int_equal(apk_resign(fd, "x", keys_second, second, to, &p, &e), -EKEYREJECTED);
	assert_false(fs_exists(to));
	if (apk_resign(fd, "x", keys_first, second, to, &p, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(apk_read_control(from, keys_first, &was, &e), 0);
	assert_true(hash_eq(&p.identity, &was.pkg.identity));
	assert_int_equal(p.depends.n, 2);
	assert_true(p.depends.v[1].conflict);
	assert_int_equal(p.install_if.n, 2);
	assert_int_equal(p.installed_size, was.pkg.installed_size);
	out = open(to, O_RDONLY | O_CLOEXEC);
	assert_int_equal(
		apk_read(out, "y", &was.pkg.identity, keys_second, NULL, NULL, NULL, &e), 0);
	assert_int_equal(fs_read(from, 1 << 20, &a, &a_len, NULL), 0);
	assert_int_equal(fs_read(to, 1 << 20, &b, &b_len, NULL), 0);
	assert_int_equal(p.size, b_len);
	/* the same bytes behind the signatures */
	while (k < a_len && k < b_len && a[a_len - 1 - k] == b[b_len - 1 - k])
		k++;
	assert_true(k > 200000);
	/* never over a file that is there */
	assert_int_equal(apk_resign(fd, "x", keys_first, second, to, NULL, &e), -EEXIST);
	/* a package that was cut off */
	assert_int_equal(fs_write_atomic(from, a, a_len - 10, 0644, NULL), 0);
	close(fd);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	unlink(to);
	assert_true(apk_resign(fd, "x", keys_first, second, to, NULL, &e) < 0);
	assert_false(fs_exists(to));
	apk_pkg_free(&p);
	apk_control_free(&was);
}

static struct apk_keys *make_key(const char *name, struct apk_signkey **key)
{
	_cleanup_free_ char *folder = path_join(dir, name), *path = NULL;
	_cleanup_strvec_ struct strvec dirs = {0};
	struct apk_keys *keys = NULL;

	assert_int_equal(fs_mkdirs(folder, 0700, NULL), 0);
	path = xasprintf("%s/%s.rsa", folder, name);
	assert_int_equal(apk_signkey_generate(path, 2048, NULL), 0);
	assert_int_equal(apk_signkey_load(key, path, NULL), 0);
	strvec_add(&dirs, folder);
	assert_int_equal(apk_keys_load(&keys, &dirs, NULL), 0);
	return keys;
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	keys_first = make_key("first", &first);
	keys_second = make_key("second", &second);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	apk_keys_free(keys_first);
	apk_keys_free(keys_second);
	apk_signkey_free(first);
	apk_signkey_free(second);
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(resign),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
