// SPDX-License-Identifier: GPL-3.0-or-later
/* The sandbox of the maker: this machine's tools, the kernel's source read-only, our folders. */
#include "pmkmod/headers/parts.h"

#include "pmkmod/util/command_output.h"
#include "pmkmod/util/exit_codes.h"

#define CAPTURE_MAX (1u << 16)

static int run(struct maker *m, const char *const *argv, const char *cwd, struct command_output *o,
	struct err *e)
{
	const struct headers_spec *s = m->s;
	_cleanup_strvec_ struct strvec env = {0}, source = {0};
	struct sandbox_result result = {0};
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_OVERLAY_RO, .layers = &source, .target = KERNEL_SOURCE},
		{.kind = m->writable_out ? SANDBOX_BIND_RW : SANDBOX_BIND_RO,
			.source = m->out_dir,
			.target = KERNEL_OUT},
		{.kind = SANDBOX_BIND_RW, .source = m->work, .target = KERNEL_WORK},
	};
	struct sandbox_spec spec = {.privilege = SANDBOX_BUILD,
		.layers = s->host_root ? NULL : s->native_layers,
		.host_root = s->host_root,
		.mounts = mounts,
		.n_mounts = ARRAY_SIZE(mounts),
		.argv = argv,
		.cwd = cwd,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = s->timeout_s,
		.max_file_bytes = s->max_file_bytes,
		.output = command_output,
		.output_ctx = o};
	int r;

	strvec_add(&source, m->shadow);
	strvec_add(&source, m->source);
	command_env(&env, s->source_date);
	spec.env = (const char *const *)env.v;
	r = sandbox_run(&spec, &result, e);
	if (r == -EFBIG)
		err_set(e, r, "%s wrote more output than is sane and was stopped", argv[0]);
	if (r == -ETIMEDOUT && e)
		e->exit_code = EXIT_TIMEOUT;
	else if (r < 0 && r != -EINTR && r != -EFBIG && e && !e->exit_code)
		e->exit_code = EXIT_SANDBOX;
	return r < 0 ? r : result.status;
}

static void log_command(const struct maker *m, const char *const *argv)
{
	dprintf(m->s->log_fd, "# command:");
	for (; *argv; argv++)
		dprintf(m->s->log_fd, " %s", *argv);
	dprintf(m->s->log_fd, "\n");
}

int maker_run(struct maker *m, const char *const *argv, const char *cwd, struct err *e)
{
	struct command_output o = {
		.log_fd = m->s->log_fd, .verbose = m->s->verbose, .progress = m->s->progress};
	double start;
	int r;

	log_command(m, argv);
	start = monotonic_seconds();
	r = run(m, argv, cwd, &o, e);
	if (r >= 0)
		dprintf(m->s->log_fd, "# exit code: %d, %.1f s\n", r, monotonic_seconds() - start);
	command_output_free(&o);
	return r;
}

int maker_capture(struct maker *m, const char *const *argv, char **text, struct err *e)
{
	struct strbuf b = {0};
	struct command_output o = {.kept = &b, .kept_max = CAPTURE_MAX};
	int r = run(m, argv, NULL, &o, e);

	*text = strbuf_steal(&b);
	if (r == 0)
		return 0;
	if (r > 0) {
		log_command(m, argv);
		r = err_set(e, -ENOEXEC, "%s ended with status %d: %.500s", argv[0], r, *text);
	}
	free(*text);
	*text = NULL;
	return r;
}
