// SPDX-License-Identifier: GPL-3.0-or-later
/* The first process: namespaces, the uid map, and the start of `init`. And messages upwards. */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/syscalls.h"

double sandbox_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void msg_send(const struct box *b, struct msg m, const char *text)
{
	char buf[sizeof(m) + ERR_TEXT_MAX];

	m.len = strlen(text);
	memcpy(buf, &m, sizeof(m));
	memcpy(buf + sizeof(m), text, m.len);
	fs_write_all(b->status_fd, buf, sizeof(m) + m.len);
}

_Noreturn void msg_fail(const struct box *b, const struct err *e, int status)
{
	struct msg m = {.kind = MSG_ERROR,
		.code = e->code ? e->code : -EIO,
		.status = status,
		.explained = status || b->explained};

	msg_send(b, m, e->text);
	_exit(status ? status : 1);
}

static int write_file(const char *path, const char *text, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_errno(e, -errno, "cannot write '%s' into '%s'", text, path);
	return 0;
}

/*
 * One uid and one gid: ours, as 0. This needs no set-uid helper and no /etc/subuid, and all that is
 * made inside belongs to the user outside.
 */
static int map_ids(uid_t uid, gid_t gid, struct err *e)
{
	char map[64];
	int r = write_file("/proc/self/setgroups", "deny", e); /* else gid_map is EPERM (3.19) */

	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (r == 0)
		r = write_file("/proc/self/uid_map", map, e);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (r == 0)
		r = write_file("/proc/self/gid_map", map, e);
	return r;
}

/* All in one call: the user namespace is made first and owns the others. Root takes this way too,
 * so that it behaves like everybody and its capabilities on the host stay outside. */
static int make_namespaces(void)
{
	const int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			  CLONE_NEWNET;

	if (unshare(flags | CLONE_NEWCGROUP) == 0)
		return 0;
	/* a kernel without cgroups */
	if (errno == EINVAL && unshare(flags) == 0)
		return 0;
	return -errno;
}

static int namespaces_refused(int code, struct err *e)
{
	err_errno(e, code, "cannot make the sandbox's namespaces");
	hint_namespaces(e);
	/* the kernel's word for a limit; to callers ENOSPC means a full disk */
	if (e->code == -ENOSPC || e->code == -EUSERS)
		e->code = -EPERM;
	return e->code;
}

int sandbox_try_namespaces(struct err *e)
{
	struct err own = ERR_INIT;
	int status = 0;
	pid_t pid = fork();

	if (!e)
		e = &own;
	if (pid == 0)
		_exit(-make_namespaces());
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		return err_errno(e, -errno, "cannot try to make namespaces");
	if (!WIFEXITED(status))
		return namespaces_refused(-EPERM, e);
	return WEXITSTATUS(status) ? namespaces_refused(-WEXITSTATUS(status), e) : 0;
}

_Noreturn void first_process(struct box *b)
{
	struct err e = ERR_INIT;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t pid;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* after a change of uid the kernel gives our /proc/self to root, and with it uid_map */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	r = make_namespaces();
	if (r < 0) {
		b->explained = true;
		namespaces_refused(r, &e);
		msg_fail(b, &e, 0);
	}
	if (map_ids(uid, gid, &e) < 0)
		msg_fail(b, &e, 0);
	/* pid 1 becomes the supervisor's child, which can wait for and kill it without us */
	pid = sys_fork_sibling();
	if (pid == 0)
		init_process(b);
	if (pid < 0) {
		err_errno(&e, -errno, "cannot start the sandbox's first process");
		msg_fail(b, &e, 0);
	}
	msg_send(b, (struct msg){.kind = MSG_PID, .code = pid}, "");
	_exit(0);
}
