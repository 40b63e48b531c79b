// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The repository must be whole at every moment: two at once, killed anywhere, no space, bad
 * packages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"

#define DATE 1700000000
#define INDEX "APKINDEX.tar.gz"

static char top[] = "/tmp/pmkmod-publish-XXXXXX";
static struct apk_signkey *key, *foreign;
static struct apk_keys *keys;
static struct strvec key_dirs;

/* A package with `size` bytes that depend on `seed`; caller frees the path. */
static char *make_package(const char *dir, const char *name, const char *version, size_t size,
	unsigned seed, const struct apk_signkey *by)
{
	struct apk_writer *w = apk_writer_new(DATE);
	struct apk_pkg p = {.name = xstrdup(name),
		.version = xstrdup(version),
		.arch = xstrdup("aarch64"),
		.desc = xstrdup("test"),
		.url = xstrdup(""),
		.license = xstrdup("MIT"),
		.build_time = DATE};
	char *path = xasprintf("%s/%s-%s.apk", dir, name, version), *data = xcalloc(1, size + 1);
	struct err e = ERR_INIT;

	for (size_t i = 0; i < size; i++)
		data[i] = (char)rand_r(&seed);
	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(apk_writer_file(w, "lib/modules/x/a.ko", data, size, 0644, NULL), 0);
	if (apk_writer_finish(w, &p, by, path, &e) < 0)
		fail_msg("%s", e.text);
	free(data);
	apk_pkg_free(&p);
	apk_writer_free(w);
	return path;
}

static int put(const char *repo, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec l = {0};

	strvec_add(&l, path);
	return publish(repo, "edge", "aarch64", &l, key, &key_dirs, e);
}

/*
 * Every package the index names must be there and be what it says. Returns how many there are; -1
 * if there is no index.
 */
static int check_repo(const char *repo)
{
	_cleanup_free_ char *dir = path_join(repo, "edge/aarch64"), *bytes = NULL;
	_cleanup_free_ char *index = path_join(dir, INDEX);
	struct apk_repo r = {0};
	struct err e = ERR_INIT;
	size_t len;
	int n;

	if (fs_read(index, 1 << 24, &bytes, &len, NULL) < 0)
		return -1;
	if (apk_index_parse(&r, bytes, len, index, keys, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < r.n_pkgs; i++) {
		_cleanup_free_ char *path =
			xasprintf("%s/%s-%s.apk", dir, r.pkgs[i].name, r.pkgs[i].version);
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			fail_msg("the index names '%s', which is missing", path);
		if (apk_read(fd, path, &r.pkgs[i].identity, NULL, NULL, NULL, NULL, &e) < 0)
			fail_msg("%s", e.text);
	}
	n = (int)r.n_pkgs;
	apk_repo_free(&r);
	return n;
}

static struct hash hash_of(const char *repo, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/edge/aarch64/%s", repo, name);
	struct hash h = {0};

	hash_file(AT_FDCWD, path, HASH_SHA256, &h, NULL);
	return h;
}

/* Names in the repository that a user sees or should not see: nothing but packages and index. */
static void nothing_left(const char *repo)
{
	_cleanup_free_ char *dir = path_join(repo, "edge/aarch64");
	DIR *d = opendir(dir);
	struct dirent *de;

	assert_non_null(d);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.'
				? !ends_with(de->d_name, ".apk") && !streq(de->d_name, INDEX)
				: strlen(de->d_name) > 2 && !streq(de->d_name, ".pmkmod.lock"))
			fail_msg("left behind: %s", de->d_name);
	closedir(d);
}

static void one_after_another(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "one"), *in = path_join(top, "one-in");
	_cleanup_free_ char *a = make_package(in, "m-kmod-x", "1_p6_p1_p1-r0", 100, 1, key);
	_cleanup_free_ char *b = make_package(in, "m-kmod-x", "1_p6_p1_p2-r0", 100, 2, key);
	_cleanup_free_ char *pub = path_join(repo, apk_signkey_name(key));
	struct hash first, second;
	struct err e = ERR_INIT;

	(void)state;
	if (put(repo, a, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(check_repo(repo), 1);
	assert_true(fs_exists(pub));
	/* the older kernel's package stays */
	assert_int_equal(put(repo, b, NULL), 0);
	assert_int_equal(check_repo(repo), 2);
	first = hash_of(repo, INDEX);
	/* again: nothing changes */
	assert_int_equal(put(repo, b, NULL), 0);
	second = hash_of(repo, INDEX);
	assert_true(hash_eq(&first, &second));
	/* other bytes under the same name */
	free(a);
	a = make_package(in, "m-kmod-x", "1_p6_p1_p1-r0", 100, 3, key);
	assert_int_equal(put(repo, a, NULL), 0);
	assert_int_equal(check_repo(repo), 2);
	assert_int_equal(hash_file(AT_FDCWD, a, HASH_SHA256, &first, NULL), 0);
	second = hash_of(repo, path_base(a));
	assert_true(hash_eq(&first, &second));
	nothing_left(repo);
}

/* A refused package leaves everything as it was. */
static void refuse(const char *repo, const char *path, const char *named)
{
	struct hash before = hash_of(repo, INDEX), after;
	int n = check_repo(repo);
	struct err e = ERR_INIT;

	assert_true(put(repo, path, &e) < 0);
	if (!strstr(e.text, named) || strstr(e.text, ".pmkmod-stage"))
		fail_msg("'%s' is not named in: %s", named, e.text);
	after = hash_of(repo, INDEX);
	assert_true(hash_eq(&before, &after));
	assert_int_equal(check_repo(repo), n);
	nothing_left(repo);
}

static void bad_packages(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "bad"), *in = path_join(top, "bad-in");
	_cleanup_free_ char *good = make_package(in, "good", "1-r0", 5000, 1, key);
	_cleanup_free_ char *cut = make_package(in, "cut", "1-r0", 5000, 1, key);
	_cleanup_free_ char *alien = make_package(in, "alien", "1-r0", 5000, 1, foreign);
	_cleanup_free_ char *lies = path_join(in, "lies.apk");
	_cleanup_free_ char *there = path_join(repo, "edge/aarch64/zz-there.apk");
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;

	(void)state;
	assert_int_equal(put(repo, good, NULL), 0);
	assert_int_equal(stat(cut, &st), 0);
	assert_int_equal(truncate(cut, st.st_size - 100), 0);
	refuse(repo, cut, "cut-1-r0.apk");
	refuse(repo, alien, "alien-1-r0.apk");
	assert_int_equal(fs_write_atomic(lies, "no package", 10, 0644, NULL), 0);
	refuse(repo, lies, "lies.apk");
	refuse(repo, "/nonexistent/x.apk", "/nonexistent/x.apk");
	/* one bit in the data of a package that replaces another */
	assert_int_equal(fs_read(good, 1 << 20, &text, &len, NULL), 0);
	text[len - 50] ^= 1;
	assert_int_equal(fs_write_atomic(good, text, len, 0644, NULL), 0);
	refuse(repo, good, "good-1-r0.apk");
	/* something unreadable that lies there already, and a new package that is fine */
	assert_int_equal(fs_write_atomic(there, "no package", 10, 0644, NULL), 0);
	free(good);
	good = make_package(in, "good", "2-r0", 5000, 1, key);
	refuse(repo, good, there);
	assert_true(fs_exists(there));
	unlink(there);
	assert_int_equal(put(repo, good, NULL), 0);
	assert_int_equal(check_repo(repo), 2);
}

static void wrong_arch(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "arch"), *in = path_join(top, "arch-in");
	_cleanup_free_ char *a = make_package(in, "a", "1-r0", 10, 1, key);
	_cleanup_strvec_ struct strvec l = {0};
	struct err e = ERR_INIT;

	(void)state;
	strvec_add(&l, a);
	assert_int_equal(publish(repo, "edge", "armv7", &l, key, &key_dirs, &e), -EINVAL);
	assert_non_null(strstr(e.text, "aarch64"));
}

static void wait_ok(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void many_at_once(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "many"), *in = path_join(top, "many-in");
	enum { PROCESSES = 4, EACH = 4 };
	char *paths[PROCESSES * EACH];
	pid_t pids[PROCESSES];

	(void)state;
	for (int i = 0; i < PROCESSES * EACH; i++) {
		_cleanup_free_ char *name = xasprintf("p%d", i);

		paths[i] = make_package(in, name, "1-r0", 3000, (unsigned)i, key);
	}
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (int k = 0; k < EACH; k++)
				if (put(repo, paths[i * EACH + k], NULL) < 0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		wait_ok(pids[i]);
	assert_int_equal(check_repo(repo), PROCESSES * EACH);
	nothing_left(repo);
	for (int i = 0; i < PROCESSES * EACH; i++)
		free(paths[i]);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Kill it at random moments while it replaces a package and adds another; whatever is there
 * afterwards must be whole, and the next run must succeed.
 */
static void killed(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "killed"), *in = path_join(top, "killed-in");
	_cleanup_strvec_ struct strvec l = {0};
	enum { KILLS = 50 };
	unsigned seed = 7;
	double took;
	int cut = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_free_ char *dir = xasprintf("%s/%u", in, i);

		strvec_take(&l, make_package(dir, "same", "1-r0", 20000, i, key));
	}
	took = now();
	assert_int_equal(put(repo, l.v[0], NULL), 0);
	assert_int_equal(put(repo, l.v[1], NULL), 0);
	took = (now() - took) / 2;
	for (unsigned i = 0; i < KILLS; i++) {
		_cleanup_free_ char *name = xasprintf("new%u", i);
		_cleanup_free_ char *added = make_package(in, name, "1-r0", 100, i, key);
		_cleanup_strvec_ struct strvec both = {0};
		pid_t pid;
		int status;

		strvec_add(&both, l.v[i % 2]);
		strvec_add(&both, added);
		pid = fork();
		if (pid == 0)
			_exit(publish(repo, "edge", "aarch64", &both, key, &key_dirs, NULL) < 0);
		usleep((useconds_t)((double)rand_r(&seed) / RAND_MAX * took * 1e6));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		/* syncing takes now longer, now shorter: stay where about half is cut off */
		took *= WIFSIGNALED(status) ? 1.1 : 0.9;
		cut += WIFSIGNALED(status) != 0;
		assert_true(check_repo(repo) >= 0);
	}
	print_message("killed in the middle: %d of %d\n", cut, KILLS);
	assert_true(cut > 0 && cut < KILLS);
	assert_int_equal(put(repo, l.v[0], NULL), 0);
	nothing_left(repo);
}

static bool say(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool said = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return said;
}

/* Mounts of one's own; for an ordinary user as root of a user namespace (user_namespaces(7)). */
static bool own_mounts(void)
{
	_cleanup_free_ char *uid = xasprintf("0 %u 1", geteuid());
	_cleanup_free_ char *gid = xasprintf("0 %u 1", getegid());
	bool root = geteuid() == 0;

	if (unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) < 0)
		return false;
	if (!root && !(say("/proc/self/setgroups", "deny") && say("/proc/self/uid_map", uid) &&
			     say("/proc/self/gid_map", gid)))
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In the child, in a small tmpfs of its own: 0 fine, 77 not possible here. */
static int without_space(const char *repo, const char *small, const char *large, const char *again)
{
	struct hash before, after;
	struct err e = ERR_INIT;

	if (!own_mounts() || mkdir(repo, 0755) < 0 ||
		mount("none", repo, "tmpfs", 0, "size=256k") < 0)
		return 77;
	if (put(repo, small, &e) < 0)
		return 1;
	before = hash_of(repo, INDEX);
	if (put(repo, large, &e) != -ENOSPC)
		return 2;
	after = hash_of(repo, INDEX);
	if (!hash_eq(&before, &after) || check_repo(repo) != 1)
		return 3;
	nothing_left(repo);
	return put(repo, again, &e) < 0 ? 4 : check_repo(repo) == 2 ? 0 : 5;
}

static void no_space(void **state)
{
	_cleanup_free_ char *repo = path_join(top, "full"), *in = path_join(top, "full-in");
	_cleanup_free_ char *a = make_package(in, "a", "1-r0", 50000, 1, key);
	_cleanup_free_ char *large = make_package(in, "b", "1-r0", 1000000, 2, key);
	_cleanup_free_ char *b = make_package(in, "c", "1-r0", 1000, 3, key);
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(without_space(repo, a, large, b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void two_first_keys(void **state)
{
	_cleanup_free_ char *dir = path_join(top, "first-keys");
	struct apk_signkey *mine = NULL;
	pid_t pids[2];
	DIR *d;
	struct dirent *de;
	int n = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(export_key(dir, &mine, NULL) < 0);
	}
	for (int i = 0; i < 2; i++)
		wait_ok(pids[i]);
	d = opendir(dir);
	assert_non_null(d);
	while ((de = readdir(d)))
		n += ends_with(de->d_name, ".rsa");
	closedir(d);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_another),
		cmocka_unit_test(bad_packages),
		cmocka_unit_test(wrong_arch),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(killed),
		cmocka_unit_test(no_space),
		cmocka_unit_test(two_first_keys),
	};
	_cleanup_free_ char *ours = NULL, *theirs = NULL, *a = NULL, *b = NULL;
	int r;

	if (!mkdtemp(top))
		return 1;
	ours = path_join(top, "keys");
	theirs = path_join(top, "foreign");
	a = path_join(ours, "ours.rsa");
	b = path_join(theirs, "theirs.rsa");
	strvec_add(&key_dirs, ours);
	if (fs_mkdirs(ours, 0700, NULL) < 0 || fs_mkdirs(theirs, 0700, NULL) < 0 ||
		apk_signkey_generate(a, 2048, NULL) < 0 || apk_signkey_load(&key, a, NULL) < 0 ||
		apk_signkey_generate(b, 2048, NULL) < 0 ||
		apk_signkey_load(&foreign, b, NULL) < 0 ||
		apk_keys_load(&keys, &key_dirs, NULL) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	apk_keys_free(keys);
	apk_signkey_free(key);
	apk_signkey_free(foreign);
	strvec_free(&key_dirs);
	fs_remove_tree(top, NULL);
	return r;
}
