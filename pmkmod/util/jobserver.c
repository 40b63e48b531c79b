// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/jobserver.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/progress.h"

#define TOKEN '+'
/* Scripts use single digits for descriptors of their own. */
#define LOWEST_FD 100
#define WAIT_MS 200
/* A token that a make has just given back or a child is just taking is not lost. */
#define LOST_AFTER_S 2.0

static void put(const struct jobserver *j, unsigned n)
{
	for (; n; n--)
		fs_write_all(j->fds[1], (const char[]){TOKEN}, 1);
}

int jobserver_open(struct jobserver *j, unsigned tokens, struct err *e)
{
	int pipe_fds[2];

	*j = (struct jobserver){.fds = {-1, -1}, .own = -1, .tokens = tokens ? tokens : 1};
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(e, -errno, "cannot make the pipe of a jobserver");
	for (int i = 0; i < 2; i++) {
		j->fds[i] = fcntl(pipe_fds[i], F_DUPFD_CLOEXEC, LOWEST_FD);
		close(pipe_fds[i]);
	}
	if (j->fds[0] < 0 || j->fds[1] < 0) {
		jobserver_close(j);
		return err_set(e, -EMFILE, "too many open files for a jobserver");
	}
	/* a pipe takes 64 KiB before anybody reads */
	if (j->tokens > 4096)
		j->tokens = 4096;
	put(j, j->tokens);
	return 0;
}

void jobserver_close(struct jobserver *j)
{
	cleanup_close(&j->fds[0]);
	cleanup_close(&j->fds[1]);
	cleanup_close(&j->own);
	*j = (struct jobserver){.fds = {-1, -1}, .own = -1};
}

/*
 * Between poll() and read() another one may take the token, and who waits in read() cannot be
 * interrupted. The flag O_NONBLOCK belongs to the open file, which makes share; so there is
 * another.
 */
int jobserver_join(struct jobserver *j, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", j->fds[0]);
	j->own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return j->own < 0 ? err_errno(e, -errno, "cannot open the jobserver '%s'", path) : 0;
}

static bool try(struct jobserver *j)
{
	char c;

	if (read(j->own, &c, 1) != 1)
		return false;
	j->held++;
	return true;
}

int jobserver_take(struct jobserver *j, unsigned more, struct err *e)
{
	int r = j->own < 0 ? jobserver_join(j, e) : 0;

	while (r == 0 && !try(j)) {
		struct pollfd p = {.fd = j->own, .events = POLLIN};

		poll(&p, 1, WAIT_MS);
		if (interrupted())
			r = err_set(e, -EINTR, "interrupted");
	}
	while (r == 0 && more && try(j))
		more--;
	return r;
}

void jobserver_give(struct jobserver *j)
{
	put(j, j->held);
	j->held = 0;
}

char *jobserver_flags(const struct jobserver *j)
{
	return xasprintf("-j%u --jobserver-auth=%d,%d", j->tokens, j->fds[0], j->fds[1]);
}

void jobserver_mend(struct jobserver *j, unsigned holders)
{
	int there = 0;

	if (j->own < 0 && jobserver_join(j, NULL) < 0)
		return;
	if (ioctl(j->fds[0], FIONREAD, &there) < 0)
		return;
	for (; there > (int)j->tokens && try(j); there--)
		j->held = 0;
	if (holders || there >= (int)j->tokens) {
		j->quiet_since = 0;
	} else if (j->quiet_since <= 0) {
		j->quiet_since = monotonic_seconds();
	} else if (monotonic_seconds() - j->quiet_since > LOST_AFTER_S) {
		put(j, j->tokens - (unsigned)there);
		j->quiet_since = 0;
	}
}
