/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One program of this machine (ssh, git, pmbootstrap), its output bounded and its time limited. */
#ifndef PMKMOD_PROCESS_H
#define PMKMOD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct process { /* borrowed */
	const struct strvec *argv;
	const char *input; /* NULL: nothing, or with `terminal` ours */
	bool terminal; /* it stays in our process group and may read the terminal */
	bool git; /* GIT_* variables are not handed on (they would send git elsewhere), nor
		     questions */
	const char *const *env; /* "NAME=value" set beside what is there, NULL-terminated; may be
				 * NULL */
	bool show; /* its output goes to our standard error, untouched */
	unsigned timeout_s; /* 0: none */
	bool idle; /* the time counts from the last byte that it printed */
	size_t max; /* of standard output; standard error keeps its first 64 KiB */
	bool last_words; /* ... its last 64 KiB */
	void (*bytes)(void *ctx, const char *data, size_t len); /* NULL: into `out` */
	void *ctx;
};
/*
 * 0 and its exit status (128 + signal if it was killed), or -ENOENT no such program, -ETIMEDOUT,
 * -EFBIG it printed more than `max`, -EINTR. It does not outlive us.
 */
int process_run(const struct process *p, struct strbuf *out, struct strbuf *err, int *status,
	struct err *e);

/* Absolute path of a program on PATH, NULL if there is none; caller frees. */
char *program_on_path(const char *name);

#endif
