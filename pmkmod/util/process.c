// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/progress.h"

#define ERR_MAX 65536
/* How often a signal that came between two polls, or the program's end, is noticed. */
#define TICK_MS 100

struct running {
	const struct process *p;
	pid_t pid;
	int in, out, err; /* our ends; -1: closed */
	size_t written, seen;
	double deadline; /* 0: none */
	struct strbuf *text, *words;
	struct err *e;
};

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

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

/* ---- starting ---- */

extern char **environ;

/* None of the user's settings but whose certificates a server may have. */
static void without_git(void)
{
	char **to = environ;

	for (char **v = environ; v && *v; v++)
		if (!starts_with(*v, "GIT_") || starts_with(*v, "GIT_SSL_CA"))
			*to++ = *v;
	if (to)
		*to = NULL;
	setenv("GIT_TERMINAL_PROMPT", "0", 1);
}

static _Noreturn void child(const struct process *p, pid_t parent, const int fds[3], int report)
{
	sigset_t none;
	int r;

	/* Ctrl-C is ours to handle; who may read the terminal must stay in its foreground group */
	if (!p->terminal)
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* messages that we look for, here and on the phone, are the untranslated ones */
	setenv("LC_ALL", "C", 1);
	if (p->git)
		without_git();
	for (const char *const *v = p->env; v && *v; v++)
		putenv((char *)*v); /* which does not change it */
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(127);
	execvp(p->argv->v[0], p->argv->v);
	r = errno;
	if (write(report, &r, sizeof(r)) < 0)
		r = 0;
	_exit(127);
}

static int make_pipe(int ends[2], struct err *e)
{
	return pipe2(ends, O_CLOEXEC) < 0 ? err_errno(e, -errno, "cannot make a pipe") : 0;
}

/* All pipes are made before: fds are the child's ends, in the order of its descriptors. */
static int start(struct running *r, const int fds[3])
{
	int report[2] = {-1, -1}, failed = 0, c = make_pipe(report, r->e);
	pid_t self = getpid();

	if (c < 0)
		return c;
	r->pid = fork();
	if (r->pid == 0)
		child(r->p, self, fds, report[1]);
	shut(&report[1]);
	if (r->pid < 0) {
		c = err_errno(r->e, -errno, "cannot start '%s'", r->p->argv->v[0]);
	} else if (read(report[0], &failed, sizeof(failed)) == sizeof(failed)) {
		waitpid(r->pid, NULL, 0);
		c = err_errno(r->e, -failed, "cannot start '%s'", r->p->argv->v[0]);
	}
	shut(&report[0]);
	return c;
}

static int open_and_start(struct running *r)
{
	const struct process *p = r->p;
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, c = 0;
	_cleanup_close_ int null = -1;

	if (p->input)
		c = make_pipe(in, r->e);
	else if (!p->terminal && (null = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		c = err_errno(r->e, -errno, "cannot open '/dev/null'");
	if (c == 0 && !p->show)
		c = make_pipe(out, r->e);
	if (c == 0 && !p->show)
		c = make_pipe(err, r->e);
	if (c == 0) {
		const int fds[3] = {p->input	? in[0]
				    : null >= 0 ? null
						: STDIN_FILENO,
			p->show ? STDERR_FILENO : out[1], p->show ? STDERR_FILENO : err[1]};

		c = start(r, fds);
	}
	shut(&in[0]);
	shut(&out[1]);
	shut(&err[1]);
	r->in = in[1];
	r->out = out[0];
	r->err = err[0];
	return c;
}

/* ---- while it runs ---- */

static void give(struct running *r)
{
	size_t len = strlen(r->p->input);
	ssize_t n = write(r->in, r->p->input + r->written, len - r->written);

	if (n > 0)
		r->written += (size_t)n;
	if (r->written == len || (n < 0 && errno != EINTR && errno != EAGAIN))
		shut(&r->in);
}

static void set_deadline(struct running *r)
{
	r->deadline = r->p->timeout_s ? monotonic_seconds() + r->p->timeout_s : 0;
}

static void add_words(struct running *r, const char *data, size_t n)
{
	size_t room = r->words->len < ERR_MAX ? ERR_MAX - r->words->len : 0;

	if (n > room && r->p->last_words) {
		size_t drop = n - room < r->words->len ? n - room : r->words->len;

		memmove(r->words->s, r->words->s + drop, r->words->len - drop + 1);
		r->words->len -= drop;
		room += drop;
	}
	strbuf_add(r->words, data, n < room ? n : room);
}

static int take(struct running *r, int *fd)
{
	char buf[65536];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0 && r->p->idle)
		set_deadline(r);
	if (n <= 0) {
		shut(fd);
	} else if (fd == &r->err) {
		add_words(r, buf, (size_t)n);
	} else {
		r->seen += (size_t)n;
		if (r->seen > r->p->max)
			return err_set(r->e, -EFBIG, "'%s' printed more than %zu bytes",
				r->p->argv->v[0], r->p->max);
		if (r->p->bytes)
			r->p->bytes(r->p->ctx, buf, (size_t)n);
		else
			strbuf_add(r->text, buf, (size_t)n);
	}
	return 0;
}

/* The end is the program's: what it left in the background may keep our pipes open. */
static int ended(struct running *r, int *status)
{
	siginfo_t si = {0};

	(void)status;
	return waitid(P_PID, (id_t)r->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       si.si_pid == r->pid;
}

static int poll_once(struct running *r, int timeout_ms, bool *any)
{
	struct pollfd p[] = {{.fd = r->in, .events = POLLOUT}, {.fd = r->out, .events = POLLIN},
		{.fd = r->err, .events = POLLIN}};
	int c = 0;

	*any = poll(p, ARRAY_SIZE(p), timeout_ms) > 0;
	if (!*any)
		return 0;
	if (p[0].revents)
		give(r);
	if (p[1].revents)
		c = take(r, &r->out);
	if (c == 0 && p[2].revents)
		c = take(r, &r->err);
	return c;
}

static int watch(struct running *r, int *status)
{
	bool any = true;

	set_deadline(r);
	for (;;) {
		bool done = ended(r, status);
		int c;

		if (interrupted())
			return err_set(r->e, -EINTR, "interrupted");
		if (!done && r->deadline != 0 && monotonic_seconds() >= r->deadline)
			return err_set(r->e, -ETIMEDOUT, "'%s' %s %u seconds", r->p->argv->v[0],
				r->p->idle ? "said nothing for" : "did not end within",
				r->p->timeout_s);
		c = poll_once(r, done || (r->out < 0 && r->err < 0) ? 1 : TICK_MS, &any);
		if (c < 0)
			return c;
		if (done && !any)
			return 0;
		if (done && r->out < 0 && r->err < 0)
			return 0;
	}
}

int process_run(
	const struct process *p, struct strbuf *out, struct strbuf *err, int *status, struct err *e)
{
	struct strbuf no_out = {0}, no_err = {0};
	struct running r = {.p = p,
		.pid = -1,
		.in = -1,
		.out = -1,
		.err = -1,
		.text = out ? out : &no_out,
		.words = err ? err : &no_err,
		.e = e};
	int c = open_and_start(&r), s = 0;

	if (c == 0) {
		/* it may end before it has read its input, as ssh does where nothing listens */
		void (*before)(int) = signal(SIGPIPE, SIG_IGN);

		if (r.in >= 0)
			fcntl(r.in, F_SETFL, O_NONBLOCK);
		c = watch(&r, &s);
		signal(SIGPIPE, before);
		if (c < 0)
			kill(p->terminal ? r.pid : -r.pid, SIGKILL);
		while (waitpid(r.pid, &s, 0) < 0 && errno == EINTR)
			;
		*status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
	}
	shut(&r.in);
	shut(&r.out);
	shut(&r.err);
	strbuf_free(&no_out);
	strbuf_free(&no_err);
	return c;
}
