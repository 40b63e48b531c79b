/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short-lived programs of the host that are asked for a text (git, pmbootstrap). */
#ifndef PMKMOD_CAPTURE_H
#define PMKMOD_CAPTURE_H

#include <stddef.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct capture {
	unsigned timeout_s; /* then it is killed, with its children */
	size_t max; /* more output than this is refused */
};

/*
 * Run argv[0] (looked up on PATH) without input and collect what it writes to stdout; stderr is
 * thrown away. GIT_* variables are not handed on: they would send git elsewhere. 0 with the exit
 * status (128 + signal) in *status; -ENOENT there is no such program, -ETIMEDOUT, -EFBIG, -EINTR.
 */
int capture_run(const struct capture *how, const char *const *argv, struct strbuf *out, int *status,
	struct err *e);

/* Absolute path of a program on PATH, NULL if there is none; caller frees. */
char *program_on_path(const char *name);

#endif
