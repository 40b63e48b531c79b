// SPDX-License-Identifier: GPL-3.0-or-later
/* The sandbox of the maker: this machine's tools, the kernel's source read-only, our folders. */
#include "pmkmod/headers/parts.h"

#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define LOG_MAX (64u << 20)
#define CAPTURE_MAX (1u << 16)

struct output {
	struct maker *m;
	size_t total;
	struct strbuf line;
	struct strbuf *capture; /* NULL: to the log */
};

static int on_output(void *ctx, const char *data, size_t len)
{
	struct output *o = ctx;
	const struct headers_spec *s = o->m->s;
	int r;

	o->total += len;
	if (o->capture) {
		if (o->total > CAPTURE_MAX)
			return -EFBIG;
		strbuf_add(o->capture, data, len);
		return 0;
	}
	if (o->total > LOG_MAX)
		return -EFBIG;
	r = fs_write_all(s->log_fd, data, len);
	if (r < 0)
		return r;
	if (s->verbose)
		fs_write_all(STDERR_FILENO, data, len);
	for (size_t i = 0; i < len && !s->verbose; i++) {
		if (data[i] != '\n') {
			strbuf_addc(&o->line, data[i]);
			continue;
		}
		if (o->line.len)
			progress_detail(s->progress, "%s", str_strip(o->line.s));
		strbuf_reset(&o->line);
	}
	return 0;
}

static void fill_env(const struct headers_spec *s, struct strvec *env)
{
	strvec_add(env, "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_add(env, "HOME=/tmp");
	strvec_add(env, "TMPDIR=/tmp");
	strvec_add(env, "LC_ALL=C");
	strvec_add(env, "TZ=UTC");
	strvec_addf(env, "SOURCE_DATE_EPOCH=%lld", (long long)s->source_date);
	strvec_addf(env, "KBUILD_BUILD_TIMESTAMP=@%lld", (long long)s->source_date);
	strvec_add(env, "KBUILD_BUILD_USER=pmkmod");
	strvec_add(env, "KBUILD_BUILD_HOST=pmkmod");
}

static int run(
	struct maker *m, const char *const *argv, const char *cwd, struct output *o, struct err *e)
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
		.output = on_output,
		.output_ctx = o};
	int r;

	strvec_add(&source, m->shadow);
	strvec_add(&source, m->source);
	fill_env(s, &env);
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
	struct output o = {.m = m};
	int r;

	log_command(m, argv);
	r = run(m, argv, cwd, &o, e);
	if (r >= 0)
		dprintf(m->s->log_fd, "# exit code: %d\n", r);
	strbuf_free(&o.line);
	return r;
}

int maker_capture(struct maker *m, const char *const *argv, char **text, struct err *e)
{
	struct strbuf b = {0};
	struct output o = {.m = m, .capture = &b};
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
