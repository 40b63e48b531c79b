// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/progress.h"

extern char **environ;

char *program_on_path(const char *name)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	strvec_split(&dirs, path ? path : "/usr/bin:/bin", ":");
	for (size_t i = 0; i < dirs.n; i++) {
		char *full = path_join(dirs.v[i], name);
		struct stat st;

		if (access(full, X_OK) == 0 && stat(full, &st) == 0 && S_ISREG(st.st_mode))
			return full;
		free(full);
	}
	return NULL;
}

static void environment(struct strvec *env)
{
	for (char **v = environ; v && *v; v++)
		if (!starts_with(*v, "GIT_"))
			strvec_add(env, *v);
}

/* In a process group of its own, so that its children can be ended with it. */
static int spawn(pid_t *pid, const char *program, const char *const *argv, int out)
{
	_cleanup_strvec_ struct strvec env = {0};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int r;

	environment(&env);
	strvec_add(&env, "GIT_TERMINAL_PROMPT=0");
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attr, 0);
	r = posix_spawn(pid, program, &fa, &attr, (char *const *)argv, env.v);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return -r;
}

/* Read to the end of the pipe. */
static int collect(
	const struct capture *how, const char *name, int fd, struct strbuf *out, struct err *e)
{
	double end = monotonic_seconds() + how->timeout_s;
	char buf[16384];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		double left = end - monotonic_seconds();
		ssize_t n;

		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		if (left <= 0)
			return err_set(e, -ETIMEDOUT, "'%s' gave no answer within %u seconds", name,
				how->timeout_s);
		if (poll(&p, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read what '%s' says", name);
		if (n == 0)
			return 0;
		if (out->len + (size_t)n > how->max)
			return err_set(e, -EFBIG, "'%s' says more than %zu bytes", name, how->max);
		strbuf_add(out, buf, (size_t)n);
	}
}

/* Its output has ended; a program may stay nevertheless. */
static int await_end(
	pid_t pid, const struct capture *how, const char *name, int *status, struct err *e)
{
	double end = monotonic_seconds() + how->timeout_s;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		if (monotonic_seconds() > end)
			return err_set(e, -ETIMEDOUT, "'%s' did not end within %u seconds", name,
				how->timeout_s);
		poll(NULL, 0, 1);
	}
	return 0;
}

int capture_run(const struct capture *how, const char *const *argv, struct strbuf *out, int *status,
	struct err *e)
{
	_cleanup_free_ char *program = program_on_path(argv[0]);
	int fds[2], r, st = 0;
	pid_t pid;

	if (!program)
		return err_set(e, -ENOENT, "there is no '%s' on PATH", argv[0]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, -errno, "cannot run '%s'", argv[0]);
	r = spawn(&pid, program, argv, fds[1]);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return err_errno(e, r, "cannot run '%s'", program);
	}
	r = collect(how, argv[0], fds[0], out, e);
	close(fds[0]);
	if (r == 0)
		r = await_end(pid, how, argv[0], &st, e);
	if (r < 0) {
		kill(-pid, SIGKILL);
		while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
			;
	}
	*status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	return r;
}
