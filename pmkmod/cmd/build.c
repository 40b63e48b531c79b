// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/build/run.h"
#include "pmkmod/cmd/cmd.h"

static void print_result(struct context *x, const struct options *o, const struct plan *p,
	const struct cell_result *r, bool unchanged)
{
	_cleanup_free_ char *log = cell_log_path(p);
	_cleanup_free_ char *sideload = sideload_command(x, o->args.v[1], o->args.v[2], r->package);

	_cleanup_strvec_ struct strvec parts = {0};

	cell_parts(r, &parts);
	if (unchanged)
		progress_note(&x->progress, "nothing has changed since this was built");
	printf("apk       %s\n", r->apk);
	for (size_t i = 0; i < parts.n; i++)
		printf("part      %s\n", parts.v[i]);
	if (r->meta)
		printf("meta      %s\n", r->meta);
	printf("fit       %s (%s)\n", r->verdict, r->release);
	if (r->notes)
		printf("%s\n", r->notes);
	printf("log       %s\n", log);
	printf("sideload  %s\n", sideload);
}

static int emit(
	const struct plan *p, const struct cell_result *result, const char *to, struct err *e)
{
	_cleanup_strvec_ struct strvec done = {0};
	int r = emit_module_aport(p, result, to, &done, e);

	for (size_t i = 0; r == 0 && i < done.n; i++)
		printf("aport     %s\n", done.v[i]);
	return r;
}

int cmd_build(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct cell_result result;
	struct plan p;
	bool unchanged;
	/* what is wrong with what comes after the build is told before it */
	int r = publish_wish_check(x, e);

	(void)status;
	if (r == 0 && o->emit_aport)
		r = fs_check_new_folder(o->emit_aport, e);
	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return r;
	}
	r = build_run(&p, x, o->args.v[1], o->args.v[2], &result, &unchanged, e);
	if (r == 0) {
		print_result(x, o, &p, &result, unchanged);
		r = publish_to_pmbootstrap(x, &p, &result, e);
		if (r == 0 && o->emit_aport)
			r = emit(&p, &result, o->emit_aport, e);
	}
	cell_result_free(&result);
	plan_free(&p);
	return r;
}
