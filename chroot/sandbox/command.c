// SPDX-License-Identifier: GPL-3.0-or-later
/* From a fork of `init` to the command: descriptors, terminal, limits, rights, environment. */
#include "chroot/sandbox/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static int open_null(int flags)
{
	return open("/dev/null", flags | O_CLOEXEC | O_NOCTTY);
}

/* A copy above the numbers dup2() below overwrites. */
static int stdio_source(int fd, int flags)
{
	_cleanup_close_ int null = fd < 0 ? open_null(flags) : -1;

	return fcntl(fd < 0 ? null : fd, F_DUPFD_CLOEXEC, 10);
}

static int set_stdio(const struct box *b, struct err *e)
{
	const struct sandbox_spec *s = b->s;
	bool piped = b->out_fd >= 0;
	int from[3] = {stdio_source(s->stdin_fd, O_RDONLY),
		stdio_source(piped ? b->out_fd : s->stdout_fd, O_WRONLY),
		stdio_source(piped ? b->out_fd : s->stderr_fd, O_WRONLY)};

	for (int i = 0; i < 3; i++) {
		if (from[i] < 0 || dup2(from[i], i) < 0)
			return err_errno(
				e, -errno, "cannot connect the command's input and output");
		close(from[i]);
	}
	return 0;
}

static void mark_all_cloexec(void)
{
	DIR *d;
	struct dirent *de;

	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	/* before Linux 5.11 */
	d = opendir("/proc/self/fd");
	while (d && (de = readdir(d)))
		if (atoi(de->d_name) > 2)
			fcntl(atoi(de->d_name), F_SETFD, FD_CLOEXEC);
	if (d)
		closedir(d);
}

/* Nothing of the caller's or of ours is left open in the command, but what it shall have. */
static int close_others(const struct sandbox_spec *s, struct err *e)
{
	mark_all_cloexec();
	for (size_t i = 0; i < s->n_pass_fds; i++)
		if (s->pass_fds[i] < 3 || fcntl(s->pass_fds[i], F_SETFD, 0) < 0)
			return err_errno(e, -EBADF, "cannot hand descriptor %d to the command",
				s->pass_fds[i]);
	return 0;
}

/* An interactive shell wants to be the terminal's foreground process group. */
static void take_terminal(void)
{
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN); /* we are in the background while we ask */
	tcsetpgrp(STDIN_FILENO, getpgrp());
	signal(SIGTTOU, SIG_DFL);
}

static bool names(const char *entry, const char *key)
{
	size_t n = strlen(key);

	return strncmp(entry, key, n) == 0 && entry[n] == '=';
}

static void make_env(const struct box *b, struct strvec *env)
{
	const struct sandbox_spec *s = b->s;
	const char *path = NULL;

	for (const char *const *p = s->env; p && *p; p++) {
		if (names(*p, "QEMU_LD_PREFIX") || names(*p, "QEMU_UNAME"))
			continue;
		if (b->shim_uname && names(*p, "PATH"))
			path = *p + strlen("PATH=");
		else
			strvec_add(env, *p);
	}
	if (b->shim_uname)
		strvec_addf(env, "PATH=%s:%s", UNAME_SHIM_DIR,
			path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	if (b->qemu && s->foreign_root)
		strvec_addf(env, "QEMU_LD_PREFIX=%s", s->foreign_root);
	if (b->qemu && s->uname_release)
		strvec_addf(env, "QEMU_UNAME=%s", s->uname_release);
}

static int prepare(struct box *b, struct err *e)
{
	const struct sandbox_spec *s = b->s;
	const char *cwd = s->cwd ? s->cwd : "/";
	int r = set_stdio(b, e);

	if (r == 0 && s->tty)
		take_terminal();
	if (r == 0 && chdir(cwd) < 0)
		r = err_errno(e, -errno, "cannot enter the folder '%s' in the sandbox", cwd);
	if (r == 0)
		r = limits_set(s, e);
	if (r == 0)
		r = caps_drop(s->privilege, e);
	if (r == 0 && !s->inside)
		r = close_others(s, e);
	return r;
}

static void close_ours(struct box *b)
{
	int *const ours[] = {&b->binfmt_fd, &b->notify_fd, &b->life_fd, &b->base_fd, &b->out_fd};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		cleanup_close(ours[i]);
}

static _Noreturn void run_inside(struct box *b, struct strvec *env)
{
	static char *none[] = {NULL};
	int status;

	/* inherited from init; without it the callback could not use its own /proc/self */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	close_ours(b);
	environ = env->n ? env->v : none;
	status = b->s->inside(b->s->inside_ctx);
	fflush(NULL);
	_exit(status & 0xff);
}

_Noreturn void command_process(struct box *b)
{
	struct err e = ERR_INIT;
	struct strvec env = {0};
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	make_env(b, &env);
	if (prepare(b, &e) < 0)
		msg_fail(b, &e, 126);
	if (b->s->inside)
		run_inside(b, &env);
	r = exec_command(b->s->argv, (const char *const *)env.v, &e);
	msg_fail(b, &e, r == -ENOENT ? 127 : 126);
}
