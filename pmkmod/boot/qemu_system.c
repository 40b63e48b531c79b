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

static bool kvm_usable(const struct qemu_run *q)
{
	_cleanup_close_ int fd = q->native ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;

	return fd >= 0;
}

static void make_argv(const struct qemu_run *q, struct strvec *v)
{
	const struct board *b = q->board;
	bool kvm = kvm_usable(q);

	strvec_add(v, q->program ? q->program : b->program);
	/* no host's default, configuration file or second serial port */
	strvec_add(v, "-nodefaults");
	strvec_add(v, "-no-user-config");
	strvec_add(v, "-M");
	strvec_add(v, q->machine ? q->machine : b->machine);
	strvec_add(v, "-accel");
	strvec_add(v, kvm ? "kvm" : "tcg");
	strvec_add(v, "-cpu");
	strvec_add(v, q->cpu ? q->cpu : kvm ? "host" : b->cpu);
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

static void child(char *const *argv, pid_t parent, int out, int report)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;
	sigset_t none;

	/* Ctrl-C is ours to handle: its own process group does not get it */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	confine(parent);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
		execvp(argv[0], argv);
	r = errno;
	if (write(report, &r, sizeof(r)) < 0)
		r = 0;
	_exit(127);
}

static int start(const struct qemu_run *q, const struct strvec *argv, pid_t *pid, int *console_fd,
	struct err *e)
{
	int out[2] = {-1, -1}, report[2] = {-1, -1}, failed = 0, r = 0;
	pid_t self = getpid();

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0 || (*pid = fork()) < 0) {
		r = err_errno(e, -errno, "cannot start '%s'", argv->v[0]);
	} else if (*pid == 0) {
		child(argv->v, self, out[1], report[1]);
	} else {
		close(report[1]);
		report[1] = -1;
		if (read(report[0], &failed, sizeof(failed)) == sizeof(failed)) {
			waitpid(*pid, NULL, 0);
			r = err_errno(e, -failed, "cannot start '%s'", argv->v[0]);
			if (failed == ENOENT)
				r = err_hint(e,
					"It is in Debian's package qemu-system-%s, in Alpine's "
					"%s, or name it with the setting boot.qemu_system.",
					starts_with(q->board->alpine, "x86") ? "x86" : "arm",
					q->board->program);
		}
	}
	for (size_t i = 0; i < 2; i++)
		if (report[i] >= 0)
			close(report[i]);
	if (out[1] >= 0)
		close(out[1]);
	if (r < 0 && out[0] >= 0)
		close(out[0]);
	*console_fd = r < 0 ? -1 : out[0];
	return r;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One chunk of the console, to the log, the terminal and the parser. */
static int take(const struct qemu_run *q, int fd, struct err *e)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));
	int r;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN
			       ? 1
			       : err_errno(e, -errno, "cannot read the board's console");
	if (n > 0 && q->verbose)
		fs_write_all(STDERR_FILENO, buf, (size_t)n);
	if (n > 0 && q->log_fd >= 0 && q->console->bytes < LOG_MAX) {
		r = fs_write_all(q->log_fd, buf, (size_t)n);
		if (r < 0)
			return err_errno(e, r, "cannot write the console's log");
	}
	console_feed(q->console, buf, (size_t)n);
	return n > 0;
}

/* Until the console closes. 0, -ETIMEDOUT, -EINTR or what went wrong here. */
static int watch(const struct qemu_run *q, int fd, struct err *e)
{
	double deadline = now() + q->timeout_s, ending = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		double t = now();
		int r;

		if (interrupted())
			return err_set(e, -EINTR, "interrupted while the board was running");
		if ((q->console->finished || q->console->panic) && ending == 0)
			ending = t;
		if (ending != 0 && t > ending + POWEROFF_S)
			return 0;
		if (t >= deadline)
			return err_set(
				e, -ETIMEDOUT, "the board did not end within %u s", q->timeout_s);
		if (poll(&p, 1, TICK_MS) <= 0)
			continue;
		r = take(q, fd, e);
		if (r <= 0)
			return r;
	}
}

int qemu_system_run(const struct qemu_run *q, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_close_ int fd = -1;
	pid_t pid = -1;
	int r, status = 0;

	make_argv(q, &argv);
	r = start(q, &argv, &pid, &fd, e);
	if (r < 0)
		return r;
	r = watch(q, fd, e);
	/* harmless when it ended by itself: not yet waited for, so the pid is still its own */
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	console_end(q->console);
	if (r < 0 || q->console->finished)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return err_set(e, -EIO, "%s failed (exit status %d): %s", argv.v[0],
			WEXITSTATUS(status),
			q->console->last ? q->console->last : "it said nothing");
	return 0;
}
