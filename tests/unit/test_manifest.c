// SPDX-License-Identifier: GPL-3.0-or-later
/* What is written of a tree, what is shared between trees, and what is found to have changed. */
#include "tests/unit/box.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "chroot/base/sealed.h"
#include "chroot/layer/manifest.h"
#include "chroot/layer/share.h"

static char *dir;

static int setup(void **state)
{
	(void)state;
	dir = path_join(scratch, "trees");
	err_clear(&err);
	return fs_mkdirs(dir, 0755, &err);
}

static int teardown(void **state)
{
	(void)state;
	fs_remove_tree(dir, NULL);
	free(dir);
	return 0;
}

static char *at(const char *name)
{
	return path_join(dir, name);
}

static void put(const char *name, const char *text, time_t mtime)
{
	_cleanup_free_ char *path = at(name),
			    *up = xstrndup(path, strlen(path) - strlen(path_base(path)));
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};

	assert_int_equal(fs_mkdirs(up, 0755, &err), 0);
	unlink(path);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static struct manifest scan(const char *name)
{
	_cleanup_free_ char *path = at(name);
	struct manifest m;

	assert_int_equal(manifest_scan(&m, path, NULL, &err), 0);
	return m;
}

static void there_and_back(void **state)
{
	_cleanup_free_ char *link = at("a/link"), *fifo = at("a/sub/fifo"),
			    *odd = at("a/odd\n\\name");
	_cleanup_free_ char *text = NULL, *again = NULL;
	struct manifest m, back;
	size_t len, len2;

	(void)state;
	put("a/file", "hello\n", 5);
	put("a/empty", "", 5);
	put("a/sub/deep/er", "x", 5);
	put("a/odd\n\\name", "odd", 5);
	assert_int_equal(symlink("/else where", link), 0);
	assert_int_equal(mknod(fifo, S_IFIFO | 0600, 0), 0);
	m = scan("a");
	assert_int_equal(m.n, 9);
	text = manifest_print(&m, &len);
	assert_non_null(strstr(text,
		"\nf 644 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 - file\n"));
	assert_non_null(strstr(text, "\nf 644 0 - - empty\n"));
	assert_non_null(strstr(text, "\nd 755 0 - - sub/deep\n"));
	assert_non_null(strstr(text, " odd\\x0a\\x5cname\n"));
	assert_int_equal(manifest_parse(&back, text, len), 0);
	again = manifest_print(&back, &len2);
	assert_int_equal(len, len2);
	assert_memory_equal(text, again, len);
	assert_int_equal(manifest_compare(&back, &m, 5, NULL), 0);
	assert_true(fs_exists(odd));
	manifest_free(&m);
	manifest_free(&back);
}

static void refused(void **state)
{
	static const char *const bodies[] = {"", "f 644 0 - - early\n",
		"d 755 0 - - .\nf 644 0 - - a/b\n", "d 755 0 - - .\nf 644 0 - - ..\n",
		"d 755 0 - - .\nd 755 0 - - a/../b\n", "d 755 0 - - .\nd 755 0 - - /etc\n",
		"d 755 0 - - .\nf 644 0 - - a\\x2fb\n", "d 755 0 - - .\nf 644 0 - - a\\x00b\n",
		"d 755 0 - - .\nf 644 0 - - a\\xzz\n", "d 755 0 - - .\nf 888 0 - - a\n",
		"d 755 0 - - .\nf 644 -1 - - a\n", "d 755 0 - - .\nf 644 0 abc - a\n",
		"d 755 0 - - .\nx 644 0 - - a\n", "d 755 0 - - .\nf 644 0 - -\n",
		"d 755 0 - - .\nf 644 0 - - a"};
	struct manifest m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		_cleanup_strbuf_ struct strbuf b = {0};

		strbuf_addf(&b, "pmkmod manifest 1\n%s", bodies[i]);
		sealed_end(&b);
		if (manifest_parse(&m, b.s, b.len) != -EBADMSG)
			fail_msg("taken: %s", bodies[i]);
		assert_null(m.v);
	}
}

/* Every single changed byte, and every end. */
static void altered(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct manifest m;
	size_t len;

	(void)state;
	put("a/file", "hello\n", 5);
	m = scan("a");
	text = manifest_print(&m, &len);
	manifest_free(&m);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		assert_int_equal(manifest_parse(&m, text, len), -EBADMSG);
		text[i] ^= 1;
		assert_int_equal(manifest_parse(&m, text, i), -EBADMSG);
	}
}

static size_t compare(const char *tree, const struct manifest *was, struct strvec *said)
{
	struct manifest now = scan(tree), want = {0};
	_cleanup_free_ char *text = NULL;
	size_t len, n;

	text = manifest_print(was, &len);
	assert_int_equal(manifest_parse(&want, text, len), 0);
	strvec_reset(said);
	n = manifest_compare(&want, &now, 10, said);
	manifest_free(&now);
	manifest_free(&want);
	return n;
}

static void differences(void **state)
{
	_cleanup_free_ char *file = at("a/file"), *link = at("a/link"), *sub = at("a/sub"),
			    *new = at("a/new");
	_cleanup_strvec_ struct strvec said = {0};
	struct manifest m;

	(void)state;
	put("a/file", "hello\n", 5);
	put("a/sub/x", "x", 5);
	assert_int_equal(symlink("there", link), 0);
	m = scan("a");
	assert_int_equal(compare("a", &m, &said), 0);
	/* the same length and time: only the hash tells */
	put("a/file", "hallo\n", 5);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file has other content");
	put("a/file", "hell\n", 5);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file has another length");
	put("a/file", "hello\n", 5);
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file has another mode");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file is missing");
	assert_int_equal(mkdir(file, 0755), 0);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file is of another kind");
	assert_int_equal(rmdir(file), 0);
	put("a/file", "hello\n", 5);
	put("a/new", "n", 5);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "new is not of it");
	assert_int_equal(unlink(new), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("where", link), 0);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "link leads elsewhere");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("there", link), 0);
	assert_int_equal(fs_remove_tree(sub, &err), 0);
	assert_int_equal(compare("a", &m, &said), 2);
	manifest_free(&m);
}

static void attributes(void **state)
{
	_cleanup_free_ char *file = at("a/file");
	_cleanup_strvec_ struct strvec said = {0};
	struct manifest m;

	(void)state;
	put("a/file", "hello\n", 5);
	if (setxattr(file, "user.a", "b", 1, 0) < 0)
		skip();
	m = scan("a");
	assert_int_equal(setxattr(file, "user.a", "c", 1, 0), 0);
	assert_int_equal(compare("a", &m, &said), 1);
	assert_string_equal(said.v[0], "file has other attributes");
	manifest_free(&m);
}

/* Even its owner may not read it: it is hashed, and stays as it is. */
static void unreadable(void **state)
{
	_cleanup_free_ char *file = at("a/file"), *sub = at("a/sub");
	struct manifest m;
	struct stat st;

	(void)state;
	put("a/file", "hello\n", 5);
	put("a/sub/x", "x", 5);
	assert_int_equal(chmod(file, 04111), 0);
	assert_int_equal(chmod(sub, 0300), 0);
	m = scan("a");
	for (size_t i = 0; i < m.n; i++)
		if (streq(m.v[i].path, "file"))
			assert_int_equal(m.v[i].sum.alg, HASH_SHA256);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 04111);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0300);
	assert_int_equal(chmod(sub, 0700), 0);
	manifest_free(&m);
}

/* ---- sharing ---- */

static int store_fd = -1;

static uint64_t share(const char *tree)
{
	_cleanup_free_ char *path = at(tree), *store = at("store"),
			    *own = xasprintf("%s.own", path);
	_cleanup_close_ int own_fd = -1;
	struct manifest m = scan(tree);
	uint64_t added = 0;

	fs_mkdirs(store, 0700, NULL);
	fs_mkdirs(own, 0700, NULL);
	cleanup_close(&store_fd);
	store_fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	share_tree(store_fd, own_fd, path, &m, 'd', &added);
	manifest_free(&m);
	assert_int_equal(rmdir(own), 0); /* nothing is left in it */
	return added;
}

static struct stat stat_of(const char *name)
{
	_cleanup_free_ char *path = at(name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static bool same(const char *a, const char *b)
{
	return stat_of(a).st_ino == stat_of(b).st_ino;
}

static void shared(void **state)
{
	_cleanup_strvec_ struct strvec said = {0};
	struct manifest before;
	uint64_t first, second;

	(void)state;
	put("a/same", "one\n", 5);
	put("b/other/place", "one\n", 5);
	put("a/own", "of a\n", 5);
	put("b/own", "of b\n", 5);
	put("b/later", "one\n", 6); /* another time */
	put("a/mode", "two\n", 5);
	put("b/mode", "two\n", 5);
	{
		_cleanup_free_ char *mode = at("b/mode");

		assert_int_equal(chmod(mode, 0755), 0);
	}
	before = scan("b");
	first = share("a");
	second = share("b");
	assert_true(same("a/same", "b/other/place"));
	assert_false(same("a/own", "b/own"));
	assert_false(same("a/same", "b/later"));
	assert_false(same("a/mode", "b/mode"));
	assert_true(first > 0 && second > 0);
	/* what is in the tree is what was in it */
	assert_int_equal(compare("b", &before, &said), 0);
	manifest_free(&before);
}

/* Two equal files of one tree stay two; those of the next tree are theirs, one each. */
static void never_within_a_tree(void **state)
{
	(void)state;
	put("a/one", "same\n", 5);
	put("a/two", "same\n", 5);
	put("b/one", "same\n", 5);
	put("b/two", "same\n", 5);
	put("b/three", "same\n", 5);
	share("a");
	assert_false(same("a/one", "a/two"));
	share("b");
	assert_false(same("b/one", "b/two"));
	assert_false(same("b/one", "b/three"));
	assert_false(same("b/two", "b/three"));
	assert_int_equal(stat_of("a/one").st_nlink + stat_of("a/two").st_nlink, 6);
}

/* A shared file that a disk has changed is not given to the next tree, and is shared no more. */
static void damaged_is_replaced(void **state)
{
	_cleanup_free_ char *path = at("a/file");
	const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
	_cleanup_free_ char *text = NULL;
	FILE *f;

	(void)state;
	put("a/file", "right\n", 5);
	put("b/file", "right\n", 5);
	put("c/file", "right\n", 5);
	share("a");
	f = fopen(path, "r+");
	assert_non_null(f);
	fputs("wrong\n", f);
	fclose(f);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	share("b");
	assert_false(same("a/file", "b/file"));
	share("c");
	assert_true(same("b/file", "c/file"));
	free(path);
	path = at("c/file");
	text = read_text(path);
	assert_string_equal(text, "right\n");
}

static void swept(void **state)
{
	_cleanup_free_ char *a = at("a"), *b = at("b"), *foreign = at("store/shared/00/notes"),
			    *text = NULL, *folder = at("store/shared");
	uint64_t freed = 0;

	(void)state;
	put("a/file", "shared\n", 5);
	put("a/own", "alone\n", 5);
	put("b/file", "shared\n", 5);
	share("a");
	share("b");
	put("store/shared/00/notes", "somebody's\n", 5);
	share_sweep(store_fd, &freed);
	assert_int_equal(freed, 0);
	assert_int_equal(fs_remove_tree(a, &err), 0);
	share_sweep(store_fd, &freed);
	assert_true(freed > 0 && freed <= 65536);
	assert_int_equal(stat_of("b/file").st_nlink, 2);
	assert_int_equal(fs_remove_tree(b, &err), 0);
	share_sweep(store_fd, NULL);
	text = read_text(foreign);
	assert_string_equal(text, "somebody's\n");
	assert_int_equal(unlink(foreign), 0);
	share_sweep(store_fd, NULL);
	assert_false(fs_exists(folder));
}

/* A place that cannot be written to: nothing is shared, nothing is lost. */
static void cannot_share(void **state)
{
	_cleanup_free_ char *store = at("store"), *text = NULL, *file = at("a/file");

	(void)state;
	put("a/file", "hello\n", 5);
	put("store/shared", "a file where a folder should be", 5);
	assert_true(fs_exists(store));
	share("a");
	text = read_text(file);
	assert_string_equal(text, "hello\n");
	assert_int_equal(stat_of("a/file").st_nlink, 1);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(altered, setup, teardown),
		cmocka_unit_test_setup_teardown(differences, setup, teardown),
		cmocka_unit_test_setup_teardown(attributes, setup, teardown),
		cmocka_unit_test_setup_teardown(unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(shared, setup, teardown),
		cmocka_unit_test_setup_teardown(never_within_a_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(swept, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_share, setup, teardown),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void)
{
	return run_as_everybody(tests);
}
