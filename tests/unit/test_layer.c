// SPDX-License-Identifier: GPL-3.0-or-later
/* The layer store: made once, locked, marked; leftovers, waiting, cleaning, full disks. */
#include "tests/unit/box.h"

#include <sys/file.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sched.h>

#include "chroot/layer/layer.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char *store_dir;
static struct layer_store *store;

struct maker {
	int calls;
	int fail; /* what to return, after having written something */
	int sleep_ms;
	bool delta;
	const char *log; /* appended to by each call, across processes */
};

static int make(void *ctx, const char *dir, struct err *e)
{
	struct maker *m = ctx;
	_cleanup_free_ char *file = path_join(dir, m->delta ? "upper/hello" : "hello");
	_cleanup_free_ char *sub = path_join(dir, m->delta ? "upper" : "sub");
	_cleanup_free_ char *work = path_join(dir, "work/work");

	m->calls++;
	if (m->log) {
		int fd = open(m->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

		assert_int_equal(write(fd, "x", 1), 1);
		close(fd);
	}
	fs_mkdirs(sub, 0755, NULL);
	if (m->delta)
		fs_mkdirs(work, 0700, NULL);
	if (m->sleep_ms)
		poll(NULL, 0, m->sleep_ms);
	if (fs_write_atomic(file, "hello\n", 6, 0644, e) < 0)
		return e ? e->code : -EIO;
	return m->fail ? err_errno(e, m->fail, "the maker failed") : 0;
}

static int setup(void **state)
{
	(void)state;
	store_dir = path_join(scratch, "layers");
	err_clear(&err);
	return layer_store_open(&store, store_dir, &err);
}

static int teardown(void **state)
{
	(void)state;
	layer_store_close(store);
	store = NULL;
	fs_remove_tree(store_dir, NULL);
	free(store_dir);
	interrupt_forget();
	return 0;
}

static char *inside(const char *id, const char *name)
{
	return xasprintf("%s/%s/%s", store_dir, id, name);
}

static void made_once(void **state)
{
	struct maker m = {0};
	struct layer_recipe r = {.id = ID_A, .description = "one\ntwo\n", .make = make, .ctx = &m};
	_cleanup_free_ char *content = NULL, *again = NULL, *file = NULL, *text = NULL;
	_cleanup_free_ char *description = inside(ID_A, "description");
	bool made = false;

	(void)state;
	assert_null(layer_find(store, ID_A, false));
	assert_int_equal(layer_get(store, &r, &content, &made, &err), 0);
	assert_true(made);
	assert_true(ends_with(content, ID_A "/root"));
	file = path_join(content, "hello");
	assert_true(fs_exists(file));
	text = read_text(description);
	assert_string_equal(text, "one\ntwo\n");
	assert_int_equal(layer_get(store, &r, &again, &made, &err), 0);
	assert_false(made);
	assert_string_equal(again, content);
	assert_int_equal(m.calls, 1);
	free(again);
	again = layer_find(store, ID_A, false);
	assert_string_equal(again, content);
}

static void delta(void **state)
{
	struct strvec below = {0};
	struct maker m = {.delta = true};
	struct layer_recipe r = {.id = ID_A, .below = &below, .make = make, .ctx = &m};
	_cleanup_free_ char *content = NULL, *found = NULL, *work = inside(ID_A, "work");

	(void)state;
	strvec_add(&below, "/usr");
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), 0);
	assert_true(ends_with(content, ID_A "/upper"));
	assert_false(fs_exists(work));
	found = layer_find(store, ID_A, true);
	assert_string_equal(found, content);
	strvec_free(&below);
}

static void failure_leaves_nothing(void **state)
{
	struct maker m = {.fail = -ENOSPC};
	struct layer_recipe r = {.id = ID_A, .make = make, .ctx = &m};
	_cleanup_free_ char *content = NULL, *dir = inside(ID_A, "");

	(void)state;
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), -ENOSPC);
	assert_contains(err.text, "the maker failed");
	assert_contains(err.text, "full");
	assert_null(content);
	assert_false(fs_exists(dir));
	/* and the next attempt starts afresh */
	m.fail = 0;
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), 0);
	assert_int_equal(m.calls, 2);
}

static void leftovers(void **state)
{
	_cleanup_free_ char *dead = inside(ID_A, "root/usr"), *dead_dir = inside(ID_A, "");
	_cleanup_free_ char *busy = inside(ID_B, "root"), *busy_dir = inside(ID_B, "");
	_cleanup_free_ char *other = inside("not-a-layer", "x");
	struct layer_store *second;
	int lock;

	(void)state;
	assert_int_equal(fs_mkdirs(dead, 0755, NULL), 0);
	assert_int_equal(chmod(dead, 0), 0);
	assert_int_equal(fs_mkdirs(busy, 0755, NULL), 0);
	assert_int_equal(fs_mkdirs(other, 0755, NULL), 0);
	lock = open(busy_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(layer_store_open(&second, store_dir, &err), 0);
	layer_store_close(second);
	assert_false(fs_exists(dead_dir)); /* nobody is making it */
	assert_true(fs_exists(busy_dir)); /* somebody is */
	assert_true(fs_exists(other)); /* not ours */
	close(lock);
	assert_int_equal(layer_store_open(&second, store_dir, &err), 0);
	layer_store_close(second);
	assert_false(fs_exists(busy_dir));
}

static void foreign_folder(void **state)
{
	_cleanup_free_ char *dir = path_join(scratch, "home");
	_cleanup_free_ char *precious = path_join(dir, ID_A "/thesis");
	struct layer_store *s = NULL;

	(void)state;
	assert_int_equal(fs_mkdirs(precious, 0755, NULL), 0);
	assert_int_equal(layer_store_open(&s, dir, &err), -ENOTEMPTY);
	assert_null(s);
	assert_contains(err.text, "neither empty nor a store");
	assert_true(fs_exists(precious));
	fs_remove_tree(dir, NULL);
}

static void bad_id(void **state)
{
	struct maker m = {0};
	struct layer_recipe r = {.id = "../../etc", .make = make, .ctx = &m};
	char *content;

	(void)state;
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), -EINVAL);
	assert_null(layer_find(store, "../x", false));
	assert_int_equal(m.calls, 0);
}

/* Two processes want it at once: one makes, the other waits and gets the same. */
static void two_processes(void **state)
{
	_cleanup_free_ char *log = path_join(scratch, "log");
	struct maker m = {.sleep_ms = 300, .log = log};
	struct layer_recipe r = {.id = ID_A, .make = make, .ctx = &m};
	_cleanup_free_ char *text = NULL;
	int status;

	(void)state;
	unlink(log);
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			struct layer_store *s;
			char *content = NULL;
			int code = layer_store_open(&s, store_dir, NULL);

			if (code == 0)
				code = layer_get(s, &r, &content, NULL, NULL);
			_exit(code == 0 && fs_is_dir(content) ? 0 : 1);
		}
	}
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	text = read_text(log);
	assert_string_equal(text, "x");
}

/* The maker dies without cleaning: the one that waits makes it. */
static void dead_maker(void **state)
{
	_cleanup_free_ char *log = path_join(scratch, "log");
	_cleanup_free_ char *content = NULL, *text = NULL;
	struct maker slow = {.sleep_ms = 60000, .log = log}, m = {.log = log};
	struct layer_recipe first = {.id = ID_A, .make = make, .ctx = &slow};
	struct layer_recipe r = {.id = ID_A, .make = make, .ctx = &m};
	pid_t pid, killer;

	(void)state;
	unlink(log);
	pid = fork();
	if (pid == 0) {
		char *c;

		layer_get(store, &first, &c, NULL, NULL);
		_exit(0);
	}
	while (!fs_exists(log))
		poll(NULL, 0, 5);
	killer = fork();
	if (killer == 0) {
		poll(NULL, 0, 200);
		kill(pid, SIGKILL);
		_exit(0);
	}
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), 0);
	assert_int_equal(m.calls, 1);
	waitpid(pid, NULL, 0);
	waitpid(killer, NULL, 0);
	text = read_text(log);
	assert_string_equal(text, "xx");
}

static void waiting_is_interruptible(void **state)
{
	_cleanup_free_ char *dir = inside(ID_A, "");
	struct maker m = {0};
	struct layer_recipe r = {.id = ID_A, .make = make, .ctx = &m};
	char *content;
	int64_t start = ms_now();
	pid_t parent = getpid();
	int lock;

	(void)state;
	interrupt_install();
	assert_int_equal(mkdir(dir, 0700), 0);
	lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	if (fork() == 0) {
		close(lock);
		poll(NULL, 0, 150);
		kill(parent, SIGINT);
		_exit(0);
	}
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), -EINTR);
	assert_true(ms_now() - start < 5000);
	close(lock);
	wait(NULL);
}

static void set_age(const char *id, unsigned days)
{
	_cleanup_free_ char *marker = inside(id, "complete");
	struct timespec t[2] = {{.tv_sec = time(NULL) - days * 86400L - 60}, {0}};

	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, marker, t, 0), 0);
}

static void cleaning(void **state)
{
	struct maker m = {0};
	struct layer_recipe a = {.id = ID_A, .make = make, .ctx = &m};
	struct layer_recipe b = {.id = ID_B, .make = make, .ctx = &m};
	_cleanup_free_ char *ca = NULL, *cb = NULL, *again = NULL;
	struct layer_store *second;

	(void)state;
	assert_int_equal(layer_get(store, &a, &ca, NULL, &err), 0);
	assert_int_equal(layer_get(store, &b, &cb, NULL, &err), 0);
	set_age(ID_A, 10);
	set_age(ID_B, 3);
	assert_int_equal(layer_store_open(&second, store_dir, &err), 0);
	/* in use by `store`, as by another process */
	assert_int_equal(layer_clean(second, 5, &err), 0);
	layer_store_close(store);
	store = NULL;
	assert_int_equal(layer_clean(second, 5, &err), 1);
	assert_false(fs_exists(ca));
	assert_true(fs_exists(cb));
	/* use makes it young again */
	set_age(ID_B, 30);
	assert_int_equal(layer_get(second, &b, &again, NULL, &err), 0);
	assert_int_equal(layer_clean(second, 5, &err), 0);
	assert_int_equal(layer_clean(second, 0, &err), 1);
	assert_false(fs_exists(cb));
	layer_store_close(second);
}

/* A real full disk: a tmpfs of 64 KiB in a mount namespace of our own. */
static int fill(void *ctx, const char *dir, struct err *e)
{
	_cleanup_free_ char *file = path_join(dir, "big");
	_cleanup_free_ char *data = xcalloc(1, 1 << 20);

	(void)ctx;
	return fs_write_atomic(file, data, 1 << 20, 0644, e);
}

static bool write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

static bool own_mounts(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %d 1", (int)geteuid());
	snprintf(gids, sizeof(gids), "0 %d 1", (int)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/uid_map", uids) && write_proc("/proc/self/gid_map", gids);
}

static int on_small_disk(void)
{
	_cleanup_free_ char *dir = path_join(scratch, "small");
	_cleanup_free_ char *store_path = path_join(dir, "store");
	_cleanup_free_ char *layer = path_join(store_path, ID_A);
	struct layer_recipe r = {.id = ID_A, .make = fill};
	struct layer_store *s;
	char *content;

	if (!own_mounts() || mkdir(dir, 0755) < 0 || mount("none", dir, "tmpfs", 0, "size=64k") < 0)
		return 77;
	if (layer_store_open(&s, store_path, &err) < 0)
		return 1;
	if (layer_get(s, &r, &content, NULL, &err) != -ENOSPC || !strstr(err.text, "full"))
		return 2;
	return fs_exists(layer) ? 3 : 0;
}

static void full_disk(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		_exit(on_small_disk());
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 77) {
		print_message("no user namespaces: skipped\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* What is kept cannot be removed by others, and what is not any more can. */
static void removing(void **state)
{
	struct maker m = {0};
	struct layer_recipe r = {.id = ID_A, .make = make, .ctx = &m};
	_cleanup_free_ char *content = NULL, *held = NULL;
	struct layer_store *second = NULL;
	struct layer_info *list = NULL;
	size_t n = 0;

	(void)state;
	assert_null(layer_hold(store, ID_A, false));
	assert_int_equal(layer_get(store, &r, &content, NULL, &err), 0);
	layer_store_close(store);
	assert_int_equal(layer_store_open(&store, store_dir, &err), 0);
	assert_int_equal(layer_store_open(&second, store_dir, &err), 0);
	assert_false(layer_in_use(second, ID_A));
	held = layer_hold(store, ID_A, false);
	assert_string_equal(held, content);
	assert_true(layer_in_use(second, ID_A));
	assert_int_equal(layer_remove(second, ID_A, &err), -EBUSY);
	assert_int_equal(layer_list(second, &list, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].id, ID_A);
	assert_false(list[0].delta);
	assert_true(list[0].added > 0);
	free(list);
	/* one's own use is no reason */
	err_clear(&err);
	assert_int_equal(layer_remove(store, ID_A, &err), 0);
	assert_int_equal(layer_remove(store, ID_A, &err), 0);
	assert_int_equal(layer_remove(store, "../x", &err), -EINVAL);
	assert_int_equal(layer_list(second, &list, &n, &err), 0);
	assert_int_equal(n, 0);
	layer_store_close(second);
}

static void verified(void **state)
{
	struct maker m = {0};
	struct layer_recipe a = {.id = ID_A, .make = make, .ctx = &m};
	struct layer_recipe b = {.id = ID_B, .make = make, .ctx = &m};
	_cleanup_free_ char *ca = NULL, *cb = NULL, *file = NULL, *list = inside(ID_A, "manifest");
	_cleanup_strvec_ struct strvec said = {0};

	(void)state;
	assert_int_equal(layer_get(store, &a, &ca, NULL, &err), 0);
	assert_int_equal(layer_get(store, &b, &cb, NULL, &err), 0);
	assert_int_equal(layer_verify(store, ID_A, NULL, 5, &said, &err), 0);
	file = path_join(ca, "hello");
	write_text(file, "hallo\n");
	assert_int_equal(layer_verify(store, ID_A, NULL, 5, &said, &err), 1);
	assert_string_equal(said.v[0], "hello has other content");
	assert_int_equal(layer_verify(store, ID_B, NULL, 5, &said, &err), 0);
	write_text(list, "pmkmod manifest 1\n");
	assert_int_equal(layer_verify(store, ID_A, NULL, 5, &said, &err), -ENODATA);
	assert_int_equal(layer_remove(store, ID_B, &err), 0);
	assert_int_equal(layer_verify(store, ID_B, NULL, 5, &said, &err), -ENOENT);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(delta, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_id, setup, teardown),
		cmocka_unit_test_setup_teardown(two_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(dead_maker, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_is_interruptible, setup, teardown),
		cmocka_unit_test_setup_teardown(cleaning, setup, teardown),
		cmocka_unit_test_setup_teardown(removing, setup, teardown),
		cmocka_unit_test_setup_teardown(verified, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}

int main(void)
{
	return run_as_everybody(tests);
}
