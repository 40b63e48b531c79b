/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sandbox's tests share: a scratch folder, a root of busybox, a spec, output in a buffer.
 */
#ifndef PMKMOD_TEST_BOX_H
#define PMKMOD_TEST_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/internal.h"

#define UNUSED __attribute__((unused))

static char scratch[64]; /* this process's own folder */
static UNUSED char *native_root; /* a root with busybox in it, NULL if there is no static busybox */
static UNUSED struct strbuf out; /* what the last command wrote */
static UNUSED struct err err;
static UNUSED struct sandbox_result res;

static UNUSED void write_text(const char *path, const char *text)
{
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static UNUSED char *read_text(const char *path)
{
	char *text = NULL;

	fs_read(path, 1 << 20, &text, NULL, NULL);
	return text;
}

/* Run a host command for a fixture; true if it ended well. */
static UNUSED __attribute__((format(printf, 1, 2))) bool host_command(const char *fmt, ...)
{
	char cmd[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd) == 0;
}

static const char *const applets[] = {"sh", "cat", "chown", "cp", "dd", "echo", "env", "false",
	"id", "ln", "ls", "mkdir", "mknod", "mount", "mv", "ps", "rm", "sleep", "sync", "touch",
	"true", "uname", "unshare", "wc", "cmp", "tty", "stat", "hostname", "readlink", NULL};

static UNUSED char *make_busybox_root(const char *name)
{
	_cleanup_free_ char *root = path_join(scratch, name);
	_cleanup_free_ char *bin = path_join(root, "bin");
	_cleanup_free_ char *busybox = path_join(bin, "busybox");
	struct elf_facts f;

	if (elf_peek("/bin/busybox", &f) < 0 || f.interp[0]) {
		print_message(
			"no static /bin/busybox (apt install busybox-static): tests skipped\n");
		return NULL;
	}
	assert_int_equal(fs_mkdirs(bin, 0755, NULL), 0);
	assert_int_equal(fs_copy_file("/bin/busybox", busybox, NULL), 0);
	for (size_t i = 0; applets[i]; i++) {
		_cleanup_free_ char *link = path_join(bin, applets[i]);

		assert_int_equal(symlink("busybox", link), 0);
	}
	return steal_ptr(root);
}

/* ---- a spec with usual values ---- */

static int collect(void *ctx, const char *data, size_t len)
{
	strbuf_add(ctx, data, len);
	return 0;
}

static const char *const usual_env[] = {"PATH=/usr/bin:/bin", "MARK=1", NULL};

struct fixture {
	struct strvec layers;
	const char *argv[16];
	struct sandbox_spec s;
};

static UNUSED void fixture_start(struct fixture *f, const char *root)
{
	memset(f, 0, sizeof(*f));
	strvec_add(&f->layers, root);
	f->s.layers = &f->layers;
	f->s.privilege = SANDBOX_BUILD;
	f->s.env = usual_env;
	f->s.stdin_fd = f->s.stdout_fd = f->s.stderr_fd = -1;
	f->s.output = collect;
	f->s.output_ctx = &out;
	f->s.argv = f->argv;
}

static UNUSED int run_argv(struct fixture *f)
{
	strbuf_reset(&out);
	strbuf_adds(&out, "");
	err_clear(&err);
	return sandbox_run(&f->s, &res, &err);
}

/* Run a shell line inside; the test fails if it could not be started. Returns the exit status. */
static UNUSED int run_line(struct fixture *f, const char *line)
{
	int r;

	f->argv[0] = "sh";
	f->argv[1] = "-c";
	f->argv[2] = line;
	f->argv[3] = NULL;
	r = run_argv(f);
	if (r < 0)
		print_error("sandbox_run: %d %s\n", r, err.text);
	assert_int_equal(r, 0);
	return res.status;
}

#define assert_contains(text, part)                                                                \
	do {                                                                                       \
		const char *t_ = (text), *p_ = (part);                                             \
		if (!strstr(t_, p_))                                                               \
			print_error("no '%s' in: %s\n", p_, t_);                                   \
		assert_non_null(strstr(t_, p_));                                                   \
	} while (0)

static UNUSED int64_t ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the usual group ---- */

static UNUSED int box_setup(void **state)
{
	(void)state;
	native_root = make_busybox_root("native");
	return 0;
}

static UNUSED int box_teardown(void **state)
{
	(void)state;
	free(native_root);
	strbuf_free(&out);
	return 0;
}

#define NEED_ROOT()                                                                                \
	do {                                                                                       \
		if (!native_root)                                                                  \
			skip();                                                                    \
	} while (0)

static UNUSED int each_teardown(void **state)
{
	(void)state;
	sandbox_force = 0;
	interrupt_forget();
	return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, each_teardown)

/* ---- running a group as root and as somebody else ---- */

static int run_as(uid_t uid, int (*tests)(void))
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (uid != geteuid() && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
						setresuid(uid, uid, uid) < 0))
			_exit(99);
		strcpy(scratch, "/tmp/pmkmod-box-XXXXXX");
		if (!mkdtemp(scratch) || chmod(scratch, 0755) < 0)
			_exit(98);
		printf("# as uid %d in %s\n", (int)geteuid(), scratch);
		status = tests();
		fs_remove_tree(scratch, NULL);
		fflush(NULL);
		_exit(status != 0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* PMKMOD_TEST_UID: the ordinary user that root's tests are repeated as. */
static UNUSED int run_as_everybody(int (*tests)(void))
{
	const char *given = getenv("PMKMOD_TEST_UID");
	int failed = run_as(geteuid(), tests);

	if (geteuid() == 0)
		failed |= run_as(given ? (uid_t)atoi(given) : 65534, tests);
	return failed;
}

#endif
