// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * `uname -r` inside answers the phone's release. The UTS namespace cannot change it, so the filter
 * hands every uname(2) to `init`, which writes the answer into the caller's memory: static
 * programs, emulated ones and `env -i` included. Where the kernel refuses notification (a container
 * engine listens already), a script in front of PATH answers instead, which is good enough for
 * makefiles.
 */
#include "chroot/sandbox/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static void set_field(char *field, size_t size, const char *value)
{
	if (value)
		snprintf(field, size, "%s", value);
}

void uname_wanted(struct box *b)
{
	uname(&b->uts);
	set_field(b->uts.release, sizeof(b->uts.release), b->s->uname_release);
	set_field(b->uts.machine, sizeof(b->uts.machine), b->s->uname_machine);
}

/* A caller killed meanwhile has lost its notification, and its pid may be another process's by now:
 * asked just before the write. */
static void answer_one(
	const struct box *b, const struct seccomp_notif *req, struct seccomp_notif_resp *resp)
{
	struct iovec here = {(void *)&b->uts, sizeof(b->uts)};
	struct iovec there = {(void *)(uintptr_t)req->data.args[0], sizeof(b->uts)};

	resp->id = req->id;
	if (seccomp_notify_id_valid(b->notify_fd, req->id) < 0)
		return;
	/* CAP_SYS_PTRACE over the namespace, for programs that are not dumpable */
	if (process_vm_writev((pid_t)req->pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof(b->uts))
		return;
	if (errno == EFAULT) {
		resp->error = -EFAULT;
		return;
	}
	/* better the host's answer than none (ptrace forbidden by Yama's level 3) */
	resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
}

void uname_answer(const struct box *b)
{
	struct seccomp_notif *req = NULL;
	struct seccomp_notif_resp *resp = NULL;

	if (seccomp_notify_alloc(&req, &resp) < 0)
		return;
	/* ENOENT: the caller was killed meanwhile */
	if (seccomp_notify_receive(b->notify_fd, req) == 0) {
		answer_one(b, req, resp);
		seccomp_notify_respond(b->notify_fd, resp);
	}
	seccomp_notify_free(req, resp);
}

/* One case for each letter `uname` knows; the values are ours and hold no quotes. */
static const char script[] =
	"#!/bin/sh\n"
	"[ $# -gt 0 ] || set -- -s\n"
	"s= n= r= v= m= o=\n"
	"for a do case $a in\n"
	"--all) s=1 n=1 r=1 v=1 m=1 o=1 ;;\n"
	"--kernel-name) s=1 ;; --nodename) n=1 ;; --kernel-release) r=1 ;;\n"
	"--kernel-version) v=1 ;; --machine) m=1 ;; --operating-system) o=1 ;;\n"
	"--*) ;;\n"
	"*) case $a in *a*) s=1 n=1 r=1 v=1 m=1 o=1 ;; esac\n"
	"case $a in *s*) s=1 ;; esac; case $a in *n*) n=1 ;; esac\n"
	"case $a in *r*) r=1 ;; esac; case $a in *v*) v=1 ;; esac\n"
	"case $a in *m*|*p*|*i*) m=1 ;; esac; case $a in *o*) o=1 ;; esac ;;\n"
	"esac; done\n"
	"set --\n"
	"[ -z \"$s\" ] || set -- \"$@\" Linux\n"
	"[ -z \"$n\" ] || set -- \"$@\" '%s'\n"
	"[ -z \"$r\" ] || set -- \"$@\" '%s'\n"
	"[ -z \"$v\" ] || set -- \"$@\" '%s'\n"
	"[ -z \"$m\" ] || set -- \"$@\" '%s'\n"
	"[ -z \"$o\" ] || set -- \"$@\" Linux\n"
	"echo \"$@\"\n";

static void drop_quotes(char *s)
{
	for (; *s; s++)
		if (*s == '\'')
			*s = '_';
}

int uname_script(const struct box *b, struct err *e)
{
	struct utsname u = b->uts;
	_cleanup_close_ int fd = -1;

	drop_quotes(u.nodename);
	drop_quotes(u.release);
	drop_quotes(u.version);
	drop_quotes(u.machine);
	if (mkdir(UNAME_SHIM_DIR, 0755) == 0)
		fd = open(UNAME_SHIM_DIR "/uname", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	if (fd < 0 || dprintf(fd, script, u.nodename, u.release, u.version, u.machine) < 0)
		return err_errno(e, -errno, "cannot write the sandbox's own uname");
	return 0;
}
