// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One run of qemu-system: a board without disk and network, its serial port on a pipe. Whatever
 * happens to us, it does not outlive us.
 */
#include "pmkmod/boot/boot_parts.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"

/* The console of a kernel gone mad is not kept without end. */
#define LOG_MAX (64U << 20)
/* After our init said all, or after a panic, a machine that does not end is not worth waiting for;
 * some x86 boards need ten seconds to reboot. */
#define POWEROFF_S 3
/* How often a signal that came between two polls is noticed. */
#define TICK_MS 250

/*
 * cortex-a57 and not "max": pointer authentication in its architected form makes an emulated
 * kernel five times slower (8.5 s against 1.8 s to our init). highmem=off: a 32-bit kernel without
 * LPAE sees nothing above 4 GiB.
 */
static const struct board boards[] = {
	{"aarch64", "qemu-system-aarch64", "virt", "cortex-a57", "ttyAMA0"},
	{"armv7", "qemu-system-arm", "virt,highmem=off", "cortex-a15", "ttyAMA0"},
	{"armhf", "qemu-system-arm", "virt,highmem=off", "cortex-a15", "ttyAMA0"},
	{"x86_64", "qemu-system-x86_64", "q35", "max", "ttyS0"},
	{"x86", "qemu-system-i386", "q35", "max", "ttyS0"},
	{"riscv64", "qemu-system-riscv64", "virt", "rv64", "ttyS0"},
};

const struct board *board_for(const struct arch_info *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
		if (streq(boards[i].alpine, arch->alpine))
			return &boards[i];
	return NULL;
}

static const char *program_of(const struct qemu_run *q)
{
	return q->program ? q->program : q->board->program;
}

static const char *machine_of(const struct qemu_run *q)
{
	return q->machine ? q->machine : q->board->machine;
}

static const char *cpu_of(const struct qemu_run *q, bool kvm)
{
	return q->cpu ? q->cpu : kvm ? "host" : q->board->cpu;
}

static void make_argv(const struct qemu_run *q, bool kvm, struct strvec *v)
{
	const struct board *b = q->board;

	strvec_add(v, program_of(q));
	/* no host's default, configuration file or second serial port */
	strvec_add(v, "-nodefaults");
	strvec_add(v, "-no-user-config");
	strvec_add(v, "-M");
	strvec_add(v, machine_of(q));
	strvec_add(v, "-accel");
	strvec_add(v, kvm ? "kvm" : "tcg");
	strvec_add(v, "-cpu");
	strvec_add(v, cpu_of(q, kvm));
	strvec_add(v, "-m");
	strvec_addf(v, "%u", q->memory_mib);
	strvec_add(v, "-display");
	strvec_add(v, "none");
	strvec_add(v, "-serial");
	strvec_add(v, "stdio");
	strvec_add(v, "-net");
	strvec_add(v, "none");
	/* panic=-1 reboots at once, and a reboot ends qemu */
	strvec_add(v, "-no-reboot");
	strvec_add(v, "-kernel");
	strvec_add(v, q->kernel);
	strvec_add(v, "-initrd");
	strvec_add(v, q->initramfs);
	strvec_add(v, "-append");
	strvec_addf(v, "console=%s panic=-1 printk.devkmsg=on%s%s", b->console,
		q->append && *q->append ? " " : "", q->append ? q->append : "");
}

/*
 * In the child. A network namespace of its own (through a user namespace, which an ordinary user
 * needs for it) takes the network from qemu itself; where namespaces are off, "-net none" must do.
 */
static void confine(pid_t parent)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		errno = 0;
	/* a guest that breaks out gains nothing from set-uid programs */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* after unshare(), which clears it: die with pmkmod, even if that gets a SIGKILL */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
}

/* A started board; the descriptors are -1 or ours. */
struct started {
	pid_t pid;
	int console; /* what it prints, qemu's own words too */
	int keys; /* what it reads, if there is a terminal for it */
};

static void child(char *const *argv, pid_t parent, int in, int out, int report)
{
	int r;
	sigset_t none;

	/* Ctrl-C is ours to handle: its own process group does not get it */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	confine(parent);
	if (in < 0)
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
		execvp(argv[0], argv);
	r = errno;
	if (write(report, &r, sizeof(r)) < 0)
		r = 0;
	_exit(127);
}

static int cannot_start(const struct qemu_run *q, int error, struct err *e)
{
	int r = err_errno(e, -error, "cannot start '%s'", program_of(q));

	if (error != ENOENT)
		return r;
	return err_hint(e,
		"It is in Debian's package qemu-system-%s, in Alpine's %s, or name it with the "
		"setting boot.qemu.",
		starts_with(q->board->alpine, "x86")	 ? "x86"
		: starts_with(q->board->alpine, "riscv") ? "misc"
							 : "arm",
		q->board->program);
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

static int start(
	const struct qemu_run *q, const struct strvec *argv, struct started *b, struct err *e)
{
	int out[2] = {-1, -1}, in[2] = {-1, -1}, report[2] = {-1, -1}, failed = 0, r = 0;
	pid_t self = getpid();

	*b = (struct started){-1, -1, -1};
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0 ||
		(q->terminal && pipe2(in, O_CLOEXEC) < 0) || (b->pid = fork()) < 0) {
		r = err_errno(e, -errno, "cannot start '%s'", argv->v[0]);
	} else if (b->pid == 0) {
		child(argv->v, self, in[0], out[1], report[1]);
	} else {
		close(report[1]);
		report[1] = -1;
		if (read(report[0], &failed, sizeof(failed)) == sizeof(failed)) {
			waitpid(b->pid, NULL, 0);
			r = cannot_start(q, failed, e);
		} else {
			b->console = out[0];
			b->keys = in[1];
			out[0] = in[1] = -1;
		}
	}
	close_pair(report);
	close_pair(in);
	close_pair(out);
	/* a guest that reads nothing must not stop us */
	if (b->keys >= 0)
		fcntl(b->keys, F_SETFL, O_NONBLOCK);
	return r;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int log_bytes(const struct qemu_run *q, const char *data, size_t n, struct err *e)
{
	int r = q->log_fd >= 0 && q->console->bytes < LOG_MAX ? fs_write_all(q->log_fd, data, n)
							      : 0;

	return r < 0 ? err_errno(e, r, "cannot write the console's log") : 0;
}

/* One chunk of the console: read it and log it. 1, 0 at its end. */
static int read_console(
	const struct qemu_run *q, int fd, char *buf, size_t size, size_t *len, struct err *e)
{
	ssize_t n = read(fd, buf, size);
	int r;

	*len = 0;
	if (n < 0)
		return errno == EINTR || errno == EAGAIN
			       ? 1
			       : err_errno(e, -errno, "cannot read the board's console");
	*len = (size_t)n;
	r = log_bytes(q, buf, *len, e);
	return r < 0 ? r : n > 0;
}

struct limits { /* CLOCK_MONOTONIC seconds */
	double end, init; /* by when all must be said, and our init have begun */
};

/* Until the console closes. 0, -ETIMEDOUT, -EINTR or what went wrong here. */
static int watch(const struct qemu_run *q, int fd, const struct limits *l, struct strbuf *rest,
	struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct console *c = q->console;
	double ending = 0;
	char buf[65536];

	for (;;) {
		double t = now();
		size_t len, mine;
		int r;

		if (interrupted())
			return err_set(e, -EINTR, "interrupted while the board was running");
		if (c->stopped || (c->finished && q->terminal))
			return 0;
		if ((c->finished || c->panic) && ending == 0)
			ending = t;
		if (ending != 0 && t > ending + POWEROFF_S)
			return 0;
		if (t >= l->end || (!c->init_ran && t >= l->init))
			return err_set(
				e, -ETIMEDOUT, "the board did not end within %u s", q->timeout_s);
		if (poll(&p, 1, TICK_MS) <= 0)
			continue;
		r = read_console(q, fd, buf, sizeof(buf), &len, e);
		if (len && q->verbose)
			fs_write_all(STDERR_FILENO, buf, len);
		mine = console_feed(c, buf, len);
		strbuf_add(rest, buf + mine, len - mine);
		if (r <= 0)
			return r;
	}
}

/* Until the porter or the system ends it. What came before the terminal was ready is in `rest`. */
static int serve_shell(
	const struct qemu_run *q, const struct started *b, const struct strbuf *rest, struct err *e)
{
	struct terminal *t = q->terminal;
	struct pollfd p[] = {{.fd = b->console, .events = POLLIN}, {.fd = t->in, .events = POLLIN}};
	/* it may end between two keys */
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	char buf[65536];
	int r;

	if (q->at_end)
		q->at_end(q->ctx);
	r = terminal_take(t, e);
	if (r == 0) {
		fs_write_all(t->out, rest->s, rest->len);
		r = 1;
	}
	while (r > 0) {
		size_t len;

		if (interrupted())
			r = err_set(e, -EINTR, "interrupted while the shell was open");
		else if (poll(p, ARRAY_SIZE(p), TICK_MS) <= 0)
			continue;
		else if (p[0].revents) {
			r = read_console(q, b->console, buf, sizeof(buf), &len, e);
			fs_write_all(t->out, buf, len);
		} else if (p[1].revents)
			r = terminal_keys(t, b->keys);
	}
	terminal_give_back(t);
	signal(SIGPIPE, before);
	return r;
}

/* qemu's words about itself, if it failed. */
static int judge_exit(const struct qemu_run *q, int status, struct err *e)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, -EIO, "%s failed (exit status %d): %s", program_of(q),
		WEXITSTATUS(status), q->console->last ? q->console->last : "it said nothing");
}

static int run_once(const struct qemu_run *q, bool kvm, const struct limits *l, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf rest = {0};
	struct started b;
	int r, status = 0;

	make_argv(q, kvm, &argv);
	r = start(q, &argv, &b, e);
	if (r < 0)
		return r;
	r = watch(q, b.console, l, &rest, e);
	if (r == 0 && q->terminal && q->console->finished)
		r = serve_shell(q, &b, &rest, e);
	/* harmless when it ended by itself: not yet waited for, so the pid is still its own */
	kill(b.pid, SIGKILL);
	while (waitpid(b.pid, &status, 0) < 0 && errno == EINTR)
		;
	close(b.console);
	if (b.keys >= 0)
		close(b.keys);
	console_end(q->console);
	return r < 0 || q->console->finished ? r : judge_exit(q, status, e);
}

/* Say on what it runs: for the result, and at the head of each console in the log. */
static int show(struct qemu_run *q, bool kvm, const char *why, struct err *e)
{
	_cleanup_free_ char *line = NULL;

	strbuf_reset(&q->shown);
	strbuf_addf(&q->shown, "%s, %s, %s, %s%s%s%s", program_of(q), machine_of(q), cpu_of(q, kvm),
		kvm ? "KVM" : "emulated", *why ? " (" : "", why, *why ? ")" : "");
	line = xasprintf("pmkmod: board: %s\n", q->shown.s);
	return log_bytes(q, line, strlen(line), e);
}

/* Why there was nothing of our init under KVM; and forget what the console said. */
static void give_up_kvm(struct console *c, const char *error, struct strbuf *why)
{
	const char *said = c->stopped	      ? c->stopped
			   : error	      ? error
			   : c->loading.first ? c->loading.first
			   : c->last	      ? c->last
					      : "it said nothing";
	struct console fresh;

	strbuf_addf(why, "by KVM it did not get to our init: %.*s", (int)strcspn(said, "\n"), said);
	console_start(&fresh, c->token);
	fresh.stop_at_end = c->stop_at_end;
	console_free(c);
	*c = fresh;
}

/*
 * true: that was it, with the outcome in *r; false: the board is to be emulated, for the reason
 * `why`. To get to our init KVM has half of the time: a processor of today is stranger to an old
 * kernel than the emulated one, and it may hang.
 */
static bool run_by_kvm(
	struct qemu_run *q, struct limits l, struct strbuf *why, int *r, struct err *e)
{
	struct err mine = ERR_INIT;
	bool wished = q->accel == BOOT_ACCEL_KVM;

	*r = show(q, true, "", &mine);
	if (!wished)
		l.init -= q->timeout_s / 2.0;
	if (*r == 0)
		*r = run_once(q, true, &l, &mine);
	if (wished || q->console->init_ran || *r == -EINTR || *r == -ENOENT) {
		if (e && *r < 0)
			*e = mine;
		return true;
	}
	give_up_kvm(q->console, *r < 0 ? mine.text : NULL, why);
	return false;
}

int qemu_system_run(struct qemu_run *q, struct err *e)
{
	_cleanup_strbuf_ struct strbuf why = {0};
	double end = now() + q->timeout_s;
	const struct limits l = {end, end};
	int r = accel_choose(q->accel, q->arch, q->kvm, &why, e);

	if (r < 0 || (r > 0 && run_by_kvm(q, l, &why, &r, e)))
		return r;
	r = show(q, false, why.s, e);
	return r < 0 ? r : run_once(q, false, &l, e);
}
