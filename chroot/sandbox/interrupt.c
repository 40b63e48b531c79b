// SPDX-License-Identifier: GPL-3.0-or-later
/* SIGINT, SIGTERM and SIGHUP become a flag and a readable descriptor. */
#include "chroot/sandbox/internal.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int wake_fd = -1;

static void on_signal(int sig)
{
	const uint64_t one = 1;
	int saved = errno;

	caught = sig;
	/* never read again: whoever polls it, now or later, in whatever thread, is woken */
	if (wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0)
		caught = sig;
	errno = saved;
}

void interrupt_forked(void)
{
	int shared = wake_fd;

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared >= 0)
		close(shared);
	/* what came meanwhile was written to the other one */
	if (caught)
		on_signal(caught);
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

void interrupt_install(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	if (wake_fd < 0)
		wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* no SA_RESTART: a blocking call of a long loop is to come back with EINTR */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
}

bool interrupted(void)
{
	return caught != 0;
}

int interrupt_signal(void)
{
	return caught;
}

int interrupt_fd(void)
{
	return wake_fd;
}

void interrupt_forget(void)
{
	uint64_t n;

	caught = 0;
	while (wake_fd >= 0 && read(wake_fd, &n, sizeof(n)) > 0)
		;
}
