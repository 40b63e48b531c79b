// SPDX-License-Identifier: GPL-3.0-or-later
/* The supervisor: starts a run, listens to it, ends it in time. */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

/* What the supervisor knows of a run. */
#define TICK_MS 1000

struct run {
	const struct sandbox_spec *s;
	struct sandbox_result *result;
	struct err *e;
	pid_t first, init; /* 0: gone, or not known yet */
	int status_rd, life_wr, out_rd, pid_fd;
	struct strbuf in; /* bytes of unfinished messages */
	double began, exit_at; /* CLOCK_MONOTONIC seconds; exit_at 0: it did not end by itself */
	bool exited; /* MSG_EXIT came */
	int code; /* what sandbox_run() returns */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int check_spec(const struct sandbox_spec *s, struct err *e)
{
	int roots = (s->layers && s->layers->n) + !!s->root_bind + s->host_root;

	if (roots != 1)
		return err_set(
			e, -EINVAL, "a sandbox needs one root: layers, a folder or the host's");
	if (s->root_bind && s->upper)
		return err_set(e, -EINVAL, "a sandbox on a plain folder has no upper layer");
	if (!s->inside && !(s->argv && s->argv[0]))
		return err_set(e, -EINVAL, "a sandbox needs a command");
	if (interrupted())
		return err_set(e, -EINTR, "interrupted");
	return 0;
}

/* The folders of a kept upper layer. What an overlay left in work/ (a mark that it was volatile)
 * would keep the next one from using it. */
static int prepare_upper(const struct sandbox_spec *s, struct err *e)
{
	_cleanup_free_ char *upper = s->upper ? path_join(s->upper, "upper") : NULL;
	_cleanup_free_ char *work = s->upper ? path_join(s->upper, "work") : NULL;
	int r;

	if (!s->upper)
		return 0;
	r = fs_mkdirs(upper, 0755, e);
	if (r == 0)
		r = fs_remove_tree(work, e);
	return r == 0 ? fs_mkdirs(work, 0700, e) : r;
}

static void clean_upper(const struct sandbox_spec *s)
{
	_cleanup_free_ char *work = s->upper ? path_join(s->upper, "work") : NULL;

	if (work)
		fs_remove_tree(work, NULL);
}

/* Close now; another thread may have the number by the time we come here again. */
static void shut(int *fd)
{
	int n = steal_fd(fd);

	cleanup_close(&n);
}

/* ---- starting ---- */

static int make_pipe(int *rd, int *wr, struct err *e)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, -errno, "cannot make a pipe for the sandbox");
	*rd = p[0];
	*wr = p[1];
	return 0;
}

static int start(struct run *r, struct box *b)
{
	_cleanup_close_ int status = -1, life = -1, out = -1;
	int code = make_pipe(&r->status_rd, &status, r->e);

	if (code == 0)
		code = make_pipe(&life, &r->life_wr, r->e);
	if (code == 0 && r->s->output)
		code = make_pipe(&r->out_rd, &out, r->e);
	if (code < 0)
		return code;
	b->status_fd = status;
	b->life_fd = life;
	b->out_fd = out;
	/* inside() may use stdio: what is buffered now must not be written twice */
	if (r->s->inside)
		fflush(NULL);
	r->first = fork();
	if (r->first < 0)
		return err_errno(r->e, -errno, "cannot start the sandbox");
	if (r->first == 0) {
		close(r->status_rd);
		close(r->life_wr);
		shut(&r->out_rd);
		first_process(b);
	}
	fcntl(r->status_rd, F_SETFL, O_NONBLOCK);
	if (r->out_rd >= 0)
		fcntl(r->out_rd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* ---- listening ---- */

static void fail(struct run *r, int code)
{
	if (r->code == 0)
		r->code = code;
}

/* Kill pid 1; the kernel kills the rest of the namespace before it lets us wait for it. By pidfd: a
 * caller that ignores SIGCHLD has no zombies, and the number may be somebody else's already. */
static void stop(struct run *r)
{
	if (r->pid_fd >= 0)
		sys_pidfd_kill(r->pid_fd, SIGKILL);
	else if (r->init > 0)
		kill(r->init, SIGKILL);
	/* the first process ends by itself, and before that tells init's pid: it is left alone */
	shut(&r->life_wr);
}

static void wait_for(pid_t *pid)
{
	while (*pid > 0 && waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

static void take_exit(struct run *r, const struct msg *m)
{
	struct sandbox_result *res = r->result;

	r->exited = true;
	r->exit_at = m->at;
	res->peak_rss_kib = m->rss;
	if (WIFSIGNALED(m->code)) {
		res->killed_by_signal = true;
		res->signal = WTERMSIG(m->code);
		res->status = 128 + res->signal;
	} else if (!res->status) {
		res->status = WEXITSTATUS(m->code);
	}
}

static void take_message(struct run *r, const struct msg *m, const char *text)
{
	switch (m->kind) {
	case MSG_PID:
		r->init = m->code;
		r->pid_fd = sys_pidfd_open(m->code);
		wait_for(&r->first);
		/* it may have been wanted dead while its pid was unknown */
		if (r->life_wr < 0)
			stop(r);
		break;
	case MSG_STARTED:
		r->result->started_s = m->at - r->began;
		break;
	case MSG_ERROR:
		if (r->code == 0)
			err_set(r->e, m->code, "%.*s", (int)m->len, text);
		/* namespaces without rights in them (AppArmor), or a container around us. Here and
		 * not where it happened: we still see the host. */
		if (r->code == 0 && !m->explained && (m->code == -EPERM || m->code == -EACCES))
			hint_namespaces(r->e);
		fail(r, m->code);
		r->result->status = m->status;
		break;
	case MSG_EXIT:
		take_exit(r, m);
		break;
	}
}

/* False at the end of the pipe. */
static bool read_messages(struct run *r)
{
	char buf[4096];
	ssize_t n;
	struct msg m;

	while ((n = read(r->status_rd, buf, sizeof(buf))) > 0)
		strbuf_add(&r->in, buf, (size_t)n);
	while (r->in.len >= sizeof(m)) {
		memcpy(&m, r->in.s, sizeof(m));
		if (r->in.len - sizeof(m) < m.len)
			break;
		take_message(r, &m, r->in.s + sizeof(m));
		r->in.len -= sizeof(m) + m.len;
		memmove(r->in.s, r->in.s + sizeof(m) + m.len, r->in.len);
	}
	return n < 0 && errno == EAGAIN;
}

static bool read_output(struct run *r)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(r->out_rd, buf, sizeof(buf))) > 0) {
		int code;

		if (r->code < 0)
			continue;
		code = r->s->output(r->s->output_ctx, buf, (size_t)n);
		if (code < 0) {
			err_set(r->e, code, "the command was stopped: its output was not wanted");
			fail(r, code);
			stop(r);
		}
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void check_ends(struct run *r, int64_t deadline)
{
	if (r->code == 0 && interrupted()) {
		fail(r, err_set(r->e, -EINTR, "interrupted (%s)", strsignal(interrupt_signal())));
		stop(r);
	} else if (r->code == 0 && deadline && now_ms() >= deadline) {
		fail(r, err_set(r->e, -ETIMEDOUT,
				"the command did not end within %u seconds and was killed",
				r->s->timeout_s));
		stop(r);
	}
}

/* The caller's own limits, at most once a second however much the command says. */
static void ask_caller(struct run *r, int64_t *next)
{
	int code;

	if (!r->s->tick || r->code < 0 || now_ms() < *next)
		return;
	*next = now_ms() + TICK_MS;
	code = r->s->tick(r->s->tick_ctx, r->e);
	if (code < 0) {
		fail(r, code);
		stop(r);
	}
}

static void listen_to(struct run *r)
{
	int64_t next = now_ms() + TICK_MS;
	int64_t deadline = r->s->timeout_s ? now_ms() + (int64_t)r->s->timeout_s * 1000 : 0;
	bool open = true, ended = false;

	while (open && !ended) {
		struct pollfd p[] = {
			{.fd = r->status_rd, .events = POLLIN},
			{.fd = r->out_rd, .events = POLLIN},
			{.fd = r->pid_fd, .events = POLLIN},
			{.fd = r->code < 0 ? -1 : interrupt_fd(), .events = POLLIN},
		};
		int64_t left = deadline && r->code == 0 ? deadline - now_ms() : -1;

		if (left < 0 && deadline && r->code == 0)
			left = 0;
		if (left > 60000)
			left = 60000;
		if (r->s->tick && (left < 0 || left > TICK_MS))
			left = TICK_MS;
		if (poll(p, ARRAY_SIZE(p), (int)left) < 0 && errno != EINTR)
			break;
		check_ends(r, deadline);
		ask_caller(r, &next);
		/* another run's processes may hold copies of our pipes for a moment (threads that
		 * fork at once), so the end is pid 1's, not the pipes' */
		ended = p[2].revents != 0;
		if (p[1].revents && !read_output(r))
			shut(&r->out_rd);
		if (p[0].revents)
			open = read_messages(r);
	}
	read_messages(r);
}

/* ---- ending ---- */

static int finish(struct run *r)
{
	int status = 0;

	stop(r);
	wait_for(&r->first);
	while (r->init > 0 && waitpid(r->init, &status, 0) < 0 && errno == EINTR)
		;
	if (r->out_rd >= 0)
		read_output(r);
	if (r->code == 0 && !r->exited)
		r->code = err_set(r->e, -EIO,
			"the sandbox's first process ended without a word (%s); is memory short?",
			WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no signal");
	shut(&r->status_rd);
	shut(&r->out_rd);
	shut(&r->pid_fd);
	strbuf_free(&r->in);
	return r->code;
}

struct terminal {
	bool saved;
	struct termios modes;
};

static void terminal_save(const struct sandbox_spec *s, struct terminal *t)
{
	t->saved = s->tty && tcgetattr(s->stdin_fd, &t->modes) == 0;
}

/* The shell that had the terminal is gone; we are a background process until we take it back. */
static void terminal_restore(const struct sandbox_spec *s, const struct terminal *t)
{
	sigset_t ttou, old;

	if (!t->saved)
		return;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetpgrp(s->stdin_fd, getpgrp());
	tcsetattr(s->stdin_fd, TCSADRAIN, &t->modes);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int sandbox_run(const struct sandbox_spec *s, struct sandbox_result *result, struct err *e)
{
	_cleanup_free_ char *qemu = NULL;
	struct err own = ERR_INIT;
	struct run r = {.s = s,
		.began = sandbox_now(),
		.result = result,
		.e = e ? e : &own,
		.status_rd = -1,
		.life_wr = -1,
		.out_rd = -1,
		.pid_fd = -1};
	struct box b = {.s = s, .binfmt_fd = -1, .notify_fd = -1, .base_fd = -1};
	struct terminal t;
	int code = check_spec(s, r.e);

	memset(result, 0, sizeof(*result));
	if (code == 0 && s->emulate && !arch_runs_natively(s->emulate))
		code = sandbox_find_qemu(s->emulate, s->qemu_path, &qemu, r.e);
	b.qemu = qemu;
	if (code == 0)
		code = filter_prepare(s->privilege, s->uname_release || s->uname_machine, r.e);
	if (code == 0)
		code = prepare_upper(s, r.e);
	if (code < 0)
		return code;
	terminal_save(s, &t);
	r.code = start(&r, &b);
	if (r.code == 0)
		listen_to(&r);
	code = finish(&r);
	terminal_restore(s, &t);
	clean_upper(s);
	result->ended_s = r.exit_at > 0 ? sandbox_now() - r.exit_at : 0;
	return code;
}
