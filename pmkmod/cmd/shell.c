// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include "pmkmod/build/assemble.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/kernel/kernel.h"

static const char *const default_shell[] = {"/bin/sh", "-i", NULL};

static int enter(
	struct plan *p, const struct layers *l, const struct options *o, int *status, struct err *e)
{
	struct sandbox_result result = {0};
	struct kernel_headers h = {0};
	const char *term = getenv("TERM");
	struct build_root b;
	int r = kernel_headers_find(&h, &l->target, NULL, e);

	if (r == 0)
		r = build_root_init(&b, p, l, h.release, e);
	if (r < 0) {
		kernel_headers_free(&h);
		return r;
	}
	strvec_addf(&b.env, "TERM=%s", term ? term : "dumb");
	strvec_add(&b.env, "PS1=pmkmod:\\w\\$ ");
	strvec_addf(&b.env, "KERNEL_DIR=%s", h.build_dir);
	b.spec.env = (const char *const *)b.env.v;
	b.spec.argv = o->command_line.n ? (const char *const *)o->command_line.v : default_shell;
	b.spec.stdin_fd = STDIN_FILENO;
	b.spec.stdout_fd = STDOUT_FILENO;
	b.spec.stderr_fd = STDERR_FILENO;
	b.spec.tty = isatty(STDIN_FILENO);
	b.spec.timeout_s = 0;
	r = run_in_sandbox(&b.spec, &result, e);
	*status = result.status;
	/* as shells have it: 127 no such command, 126 one that cannot be run */
	if (r < 0 && result.status && e && !e->exit_code)
		e->exit_code = result.status;
	build_root_free(&b);
	kernel_headers_free(&h);
	return r;
}

int cmd_shell(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct layers l = {0};
	struct plan p;
	int r = plan_make(&p, x, o->args.v[1], NULL, e);

	if (r < 0)
		return r;
	progress_stage(&x->progress, "assemble", "root of %s", p.device.name);
	r = assemble_fetch(&p, e);
	if (r == 0)
		r = assemble(&p, &l, e);
	if (r == 0)
		progress_done(&x->progress, "root of %s", p.device.name);
	else
		progress_failed(&x->progress);
	if (r == 0)
		r = enter(&p, &l, o, status, e);
	layers_free(&l);
	plan_free(&p);
	return r;
}
