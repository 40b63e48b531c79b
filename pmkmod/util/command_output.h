/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sandboxed commands of a build print, and the environment that keeps it reproducible. */
#ifndef PMKMOD_COMMAND_OUTPUT_H
#define PMKMOD_COMMAND_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/str.h"
#include "pmkmod/util/progress.h"

#define COMMAND_LOG_MAX (64u << 20) /* bytes; more than that is no log but an accident */

struct command_output {
	int log_fd;
	bool verbose; /* to standard error, too; otherwise the last line is shown as progress */
	struct progress *progress;
	struct strbuf *kept; /* not NULL: all goes here instead, at most kept_max bytes */
	size_t kept_max;
	size_t total;
	struct strbuf line;
};
/* For sandbox_spec.output with the struct as its context. -EFBIG: more than allowed. */
int command_output(void *output, const char *data, size_t len);
void command_output_free(struct command_output *o); /* not what was kept */

/* PATH, HOME, and what kbuild and compilers would otherwise take from the clock and the machine.
 * `source_date`: seconds since 1970. */
void command_env(struct strvec *env, int64_t source_date);

#endif
