// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/command_output.h"

#include <errno.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static void show_last_line(struct command_output *o, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n') {
			strbuf_addc(&o->line, data[i]);
			continue;
		}
		if (o->line.len)
			progress_detail(o->progress, "%s", str_strip(o->line.s));
		strbuf_reset(&o->line);
	}
}

int command_output(void *output, const char *data, size_t len)
{
	struct command_output *o = output;
	int r;

	o->total += len;
	if (o->total > (o->kept ? o->kept_max : COMMAND_LOG_MAX))
		return -EFBIG;
	if (o->kept) {
		strbuf_add(o->kept, data, len);
		return 0;
	}
	r = fs_write_all(o->log_fd, data, len);
	if (r < 0)
		return r;
	if (o->verbose)
		fs_write_all(STDERR_FILENO, data, len);
	else
		show_last_line(o, data, len);
	return 0;
}

void command_output_free(struct command_output *o)
{
	strbuf_free(&o->line);
}

void command_env(struct strvec *env, int64_t source_date)
{
	strvec_add(env, "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_add(env, "HOME=/tmp");
	strvec_add(env, "TMPDIR=/tmp");
	strvec_add(env, "LC_ALL=C");
	strvec_add(env, "TZ=UTC");
	strvec_addf(env, "SOURCE_DATE_EPOCH=%lld", (long long)source_date);
	strvec_addf(env, "KBUILD_BUILD_TIMESTAMP=@%lld", (long long)source_date);
	strvec_add(env, "KBUILD_BUILD_USER=pmkmod");
	strvec_add(env, "KBUILD_BUILD_HOST=pmkmod");
}
