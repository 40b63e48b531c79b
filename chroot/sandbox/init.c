// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Pid 1 of the namespaces: builds the root, starts the command, answers uname(2), reaps orphans and
 * tells how the command ended. When it ends, the kernel kills all that is left inside and the
 * mounts go away.
 */
#include "chroot/sandbox/internal.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static bool supervisor_gone(const struct box *b)
{
	struct pollfd p = {.fd = b->life_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

/* The caller's handlers would run here, in a process they know nothing of. */
static int reset_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t mask;

	for (int sig = 1; sig < SIGRTMIN; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The filter, with the caller of uname(2) sent to us; or else a script that answers. */
static int load_filter(struct box *b, struct err *e)
{
	const struct sandbox_spec *s = b->s;

	b->notify_fd = -1;
	if (!s->uname_release && !s->uname_machine)
		return filter_load(s->privilege, NULL, e);
	uname_wanted(b);
	if (!(sandbox_force & FORCE_NO_NOTIFY) && filter_load(s->privilege, &b->notify_fd, e) == 0)
		return 0;
	/* nothing was loaded: one listener in a chain of filters is all the kernel allows */
	b->notify_fd = -1;
	b->shim_uname = true;
	if (uname_script(b, e) < 0 || filter_prepare(s->privilege, false, e) < 0)
		return e ? e->code : -EIO;
	return filter_load(s->privilege, NULL, e);
}

static int set_up(struct box *b, struct err *e)
{
	const char *name = b->s->hostname ? b->s->hostname : "pmkmod";
	int r;

	if (sethostname(name, strlen(name)) < 0)
		return err_errno(e, -errno, "cannot set the sandbox's host name");
	r = binfmt_register(b, e);
	if (r == 0)
		r = root_build(b, e);
	/* from here on this process is under the filter too: what it does below is allowed by it */
	return r == 0 ? load_filter(b, e) : r;
}

static _Noreturn void finish(const struct box *b, int status)
{
	struct rusage ru;

	getrusage(RUSAGE_CHILDREN, &ru);
	msg_send(b,
		(struct msg){
			.kind = MSG_EXIT, .code = status, .rss = ru.ru_maxrss, .at = sandbox_now()},
		"");
	_exit(0);
}

static void reap(const struct box *b, int signals, pid_t command)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(signals, &si, sizeof(si)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == command)
			finish(b, status);
}

static _Noreturn void loop(const struct box *b, int signals, pid_t command)
{
	struct pollfd p[] = {
		{.fd = signals, .events = POLLIN},
		{.fd = b->notify_fd, .events = POLLIN},
		{.fd = b->life_fd, .events = POLLIN},
	};

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			_exit(1);
		if (p[1].revents & POLLIN)
			uname_answer(b);
		if (p[0].revents & POLLIN)
			reap(b, signals, command);
		if (p[2].revents & (POLLHUP | POLLERR))
			_exit(1);
	}
}

_Noreturn void init_process(struct box *b)
{
	struct err e = ERR_INIT;
	int signals = reset_signals();
	double started;
	pid_t command;

	/* the supervisor's death, SIGKILL included, is ours and thus everybody's inside; the pipe
	 * tells if it died before this line */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "pmkmod-init", 0, 0, 0);
	if (supervisor_gone(b))
		_exit(1);
	/* no terminal, and a Ctrl-C there reaches the supervisor alone, which then ends us */
	if (!b->s->tty)
		setsid();
	if (signals < 0)
		err_errno(&e, -errno, "cannot watch the sandbox's processes");
	if (signals < 0 || set_up(b, &e) < 0)
		msg_fail(b, &e, 0);
	/* the build has our uid: not dumpable, it can neither trace us nor take our descriptors.
	 * Before the fork, so that there is no moment in which it could; exec undoes it there. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	started = sandbox_now();
	command = fork();
	if (command == 0)
		command_process(b);
	if (command < 0) {
		err_errno(&e, -errno, "cannot start the command in the sandbox");
		msg_fail(b, &e, 0);
	}
	msg_send(b, (struct msg){.kind = MSG_STARTED, .at = started}, "");
	if (caps_init(&e) < 0)
		msg_fail(b, &e, 0);
	loop(b, signals, command);
}
