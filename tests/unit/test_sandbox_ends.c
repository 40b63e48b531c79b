// SPDX-License-Identifier: GPL-3.0-or-later
/* How runs of the sandbox end: by themselves, in time, by signals; and hosts that allow none. */
#include "tests/unit/box.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

/* ---- code instead of a command ---- */

static int look_inside(void *ctx)
{
	int fd = open("/from-callback", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (getuid() != 0 || getpid() == 1 || access("/bin/busybox", X_OK) < 0 || fd < 0)
		return 1;
	/* the caller's descriptors are there, its handlers and environment are not */
	if (fcntl(*(int *)ctx, F_GETFD) < 0 || getenv("HOME") || !getenv("MARK"))
		return 2;
	if (fchown(fd, 42, 42) < 0 || fsync(fd) < 0)
		return 3;
	printf("said inside\n");
	return system("true") == 0 ? 44 : 4;
}

static void code_inside(void **state)
{
	_cleanup_free_ char *dir = path_join(scratch, "cb"),
			    *made = path_join(dir, "upper/from-callback");
	struct fixture f;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.upper = dir;
	f.s.privilege = SANDBOX_SETUP;
	f.s.inside = look_inside;
	f.s.inside_ctx = &fd;
	assert_int_equal(run_argv(&f), 0);
	assert_int_equal(res.status, 44);
	assert_string_equal(out.s, "said inside\n");
	assert_true(fs_exists(made));
	close(fd);
	strvec_free(&f.layers);
}

/* ---- ends ---- */

static void timeout(void **state)
{
	struct fixture f;
	int64_t start = ms_now();

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.timeout_s = 1;
	f.argv[0] = "sleep";
	f.argv[1] = "1000";
	assert_int_equal(run_argv(&f), -ETIMEDOUT);
	assert_in_range(ms_now() - start, 900, 8000);
	assert_contains(err.text, "1 second");
	strvec_free(&f.layers);
}

static void interrupt(void **state)
{
	struct fixture f;
	int64_t start = ms_now();
	pid_t parent = getpid(), helper;

	(void)state;
	NEED_ROOT();
	interrupt_install();
	fixture_start(&f, native_root);
	f.argv[0] = "sleep";
	f.argv[1] = "1000";
	helper = fork();
	if (helper == 0) {
		poll(NULL, 0, 300);
		kill(parent, SIGINT);
		_exit(0);
	}
	assert_int_equal(run_argv(&f), -EINTR);
	assert_true(ms_now() - start < 8000);
	assert_true(interrupted());
	assert_int_equal(interrupt_signal(), SIGINT);
	/* nothing starts afterwards */
	assert_int_equal(run_argv(&f), -EINTR);
	interrupt_forget();
	waitpid(helper, NULL, 0);
	strvec_free(&f.layers);
}

static int refuse(void *ctx, const char *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return -ECANCELED;
}

static void output_refused(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	f.s.output = refuse;
	f.argv[0] = "sh";
	f.argv[1] = "-c";
	f.argv[2] = "echo x; sleep 1000";
	assert_int_equal(run_argv(&f), -ECANCELED);
	strvec_free(&f.layers);
}

/* More than pipes hold, and a process left behind that keeps the pipe open. */
static void much_output(void **state)
{
	struct fixture f;
	int64_t start = ms_now();

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(
		run_line(&f, "sleep 1000 & dd if=/dev/zero bs=64k count=64 2>/dev/null"), 0);
	assert_int_equal(out.len, 64 * 65536);
	assert_true(ms_now() - start < 30000);
	strvec_free(&f.layers);
}

/* Is there a process with this argument anywhere? */
static bool somebody_runs(const char *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	bool found = false;

	while (!found && (de = readdir(d))) {
		_cleanup_free_ char *path = xasprintf("/proc/%s/cmdline", de->d_name);
		_cleanup_free_ char *text = NULL;
		size_t len = 0;

		if (fs_read(path, 4096, &text, &len, NULL) == 0)
			found = memmem(text, len, arg, strlen(arg));
	}
	closedir(d);
	return found;
}

static int tell_ready(void *ctx, const char *data, size_t len)
{
	return write(*(int *)ctx, data, len) < 0 ? -EIO : 0;
}

static void killed_caller(void **state)
{
	_cleanup_free_ char *before = read_text("/proc/self/mountinfo");
	_cleanup_free_ char *after = NULL;
	struct fixture f;
	int ready[2];
	char c;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		f.s.output = tell_ready;
		f.s.output_ctx = &ready[1];
		run_line(&f, "(sleep 98761 & sleep 98761 & echo ready; sleep 98761)");
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_true(somebody_runs("98761"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && somebody_runs("98761"); i++)
		poll(NULL, 0, 50);
	assert_false(somebody_runs("98761"));
	after = read_text("/proc/self/mountinfo");
	assert_string_equal(before, after);
	close(ready[0]);
	close(ready[1]);
	strvec_free(&f.layers);
}

/* At whatever moment the caller dies: everything we start holds the pipe, but the command. */
static void killed_at_any_time(void **state)
{
	struct fixture f;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	for (int delay_ms = 0; delay_ms < 60; delay_ms += 2) {
		struct pollfd p = {.events = POLLIN};
		int alive[2];
		pid_t pid;

		assert_int_equal(pipe(alive), 0);
		pid = fork();
		if (pid == 0) {
			close(alive[0]);
			run_line(&f, "sleep 1000");
			_exit(0);
		}
		close(alive[1]);
		poll(NULL, 0, delay_ms);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		p.fd = alive[0];
		assert_int_equal(poll(&p, 1, 10000), 1);
		close(alive[0]);
	}
	strvec_free(&f.layers);
}

static int append(void *ctx, const char *data, size_t len)
{
	strbuf_add(ctx, data, len);
	return 0;
}

static void *run_ten(void *arg)
{
	const char *argv[] = {"/bin/echo", arg, NULL};
	struct fixture f;
	intptr_t failed = 0;

	fixture_start(&f, native_root);
	f.s.argv = argv;
	f.s.output = append;
	for (int i = 0; i < 10; i++) {
		struct strbuf text = {0};
		struct err e = ERR_INIT;
		struct sandbox_result r;

		f.s.output_ctx = &text;
		if (sandbox_run(&f.s, &r, &e) < 0 || r.status || !text.s || !streq(text.s, "1\n")) {
			print_error("status %d, %s: %s\n", r.status, e.text, text.s ? text.s : "");
			failed++;
		}
		strbuf_free(&text);
	}
	strvec_free(&f.layers);
	return (void *)failed;
}

static void several_threads(void **state)
{
	static char one[] = "1";
	pthread_t t[4];
	void *failed;

	(void)state;
	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, run_ten, one), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(pthread_join(t[i], &failed), 0);
		assert_null(failed);
	}
}

/* ---- terminals ---- */

/* In a session whose terminal is `tty`: an interactive command, then the terminal is ours again. */
static int on_terminal(const char *name, bool interactive)
{
	struct fixture f;
	int tty;

	setsid();
	tty = open(name, O_RDWR); /* becomes the controlling terminal */
	if (tty < 0 || tcgetpgrp(tty) != getpgrp())
		return 90;
	fixture_start(&f, native_root);
	f.s.output = NULL;
	f.s.stdin_fd = f.s.stdout_fd = f.s.stderr_fd = tty;
	f.s.tty = interactive;
	f.argv[0] = "sh";
	f.argv[1] = "-c";
	f.argv[2] = "read x </dev/tty && [ \"$x\" = typed ] && exit 5";
	if (run_argv(&f) < 0)
		return 91;
	return tcgetpgrp(tty) == getpgrp() ? res.status : 92;
}

static int status_on_terminal(bool interactive)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status = 0;
	char *name;
	pid_t pid;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	name = ptsname(master);
	assert_int_equal(write(master, "typed\n", 6), 6);
	pid = fork();
	if (pid == 0)
		_exit(on_terminal(name, interactive));
	waitpid(pid, &status, 0);
	close(master);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void terminal(void **state)
{
	(void)state;
	NEED_ROOT();
	assert_int_equal(status_on_terminal(true), 5);
	/* a build has no terminal, even if its input is one */
	assert_int_equal(status_on_terminal(false), 1);
}

/* ---- hosts that refuse ---- */

static bool write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0;
}

static int without_namespaces(struct fixture *f)
{
	char map[32];

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	snprintf(map, sizeof(map), "0 %d 1", (int)geteuid());
	if (unshare(CLONE_NEWUSER) < 0 || !write_proc("/proc/self/uid_map", map) ||
		!write_proc("/proc/sys/user/max_user_namespaces", "0"))
		return 77;
	f->argv[0] = "true";
	if (run_argv(f) != -EPERM)
		return 1;
	return strstr(err.text, "sysctl user.max_user_namespaces=") ? 0 : 2;
}

static void namespaces_off(void **state)
{
	struct fixture f;
	int status;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	pid = fork();
	if (pid == 0)
		_exit(without_namespaces(&f));
	waitpid(pid, &status, 0);
	strvec_free(&f.layers);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* As in a container: /proc has something mounted in it. */
static int with_covered_proc(struct fixture *f)
{
	char uids[32], gids[32];

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	snprintf(uids, sizeof(uids), "0 %d 1", (int)geteuid());
	snprintf(gids, sizeof(gids), "0 %d 1", (int)getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 || !write_proc("/proc/self/uid_map", uids) ||
		!write_proc("/proc/self/setgroups", "deny") ||
		!write_proc("/proc/self/gid_map", gids) ||
		mount("none", "/proc/fs", "tmpfs", MS_RDONLY, NULL) < 0)
		return 77;
	f->argv[0] = "true";
	if (run_argv(f) != -EPERM)
		return 1;
	return strstr(err.text, "systempaths=unconfined") ? 0 : 2;
}

static void covered_proc(void **state)
{
	struct fixture f;
	int status;
	pid_t pid;

	(void)state;
	NEED_ROOT();
	fixture_start(&f, native_root);
	pid = fork();
	if (pid == 0)
		_exit(with_covered_proc(&f));
	waitpid(pid, &status, 0);
	strvec_free(&f.layers);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {TEST(code_inside), TEST(timeout), TEST(interrupt),
		TEST(output_refused), TEST(much_output), TEST(killed_caller),
		TEST(killed_at_any_time), TEST(several_threads), TEST(terminal),
		TEST(namespaces_off), TEST(covered_proc)};

	return cmocka_run_group_tests(list, box_setup, box_teardown);
}

int main(void)
{
	return run_as_everybody(tests);
}
