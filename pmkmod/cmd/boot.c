// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/boot/boot.h"
#include "pmkmod/build/boot_root.h"
#include "pmkmod/build/run.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/fit/refusal.h"
#include "pmkmod/util/exit_codes.h"

static void print_indented(const char *word, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (text)
		strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		printf("%-9s %s\n", i ? "" : word, lines.v[i]);
}

static void print_refusal(const struct boot_result *b)
{
	struct refusal r;

	if (b->loaded || !refusal_find(&r, b->dmesg, b->failure))
		return;
	printf("refused   %s: %s\n", r.point, r.meaning);
	refusal_free(&r);
}

static int run_board(struct plan *p, const struct boot_root *root, const struct cell_result *built,
	struct boot_result *out, const char *log, struct err *e)
{
	const struct device *d = &p->device;
	struct boot_spec s = {.arch = d->arch,
		.kernel_image = root->kernel_image,
		.release = built->release,
		.root_layers = &root->layers,
		.machine = d->boot_machine,
		.cpu = d->boot_cpu,
		.append = d->boot_append,
		.qemu_system = d->boot_qemu,
		.memory_mib = d->boot_memory_mib,
		.timeout_s = d->boot_timeout_s,
		.log_path = log,
		.verbose = p->x->verbose};
	struct work w;
	int r = work_open(&w, p->x, "boot", e);

	if (r < 0)
		return r;
	s.work_dir = w.dir;
	strvec_split(&s.modules, built->modules, " ");
	r = boot_run(&s, out, e);
	strvec_free(&s.modules);
	work_close(&w);
	if (r < 0 && e && !e->exit_code && r != -EINTR)
		e->exit_code = EXIT_BOOT_FAILED;
	return r;
}

static int boot(struct plan *p, const struct cell_result *built, int *status, struct err *e)
{
	struct progress *pr = &p->x->progress;
	_cleanup_free_ char *cell = xasprintf("%s/cells/%s", p->x->state, p->cell);
	_cleanup_free_ char *log = path_join(cell, "boot.log");
	struct boot_root root = {0};
	struct boot_result result = {0};
	int r;

	progress_stage(
		pr, "assemble", "boot root: %s and %s", p->target.kernel.name, built->package);
	r = boot_root_make(&root, p, built, e);
	if (r == 0) {
		progress_done(pr, "boot root with %s", built->package);
		progress_stage(pr, "boot", "%s under qemu-system", built->release);
		r = run_board(p, &root, built, &result, log, e);
	}
	if (r == 0) {
		progress_done(pr, "%s %s", result.uname ? result.uname : built->release,
			result.loaded ? "has loaded the module" : "has not loaded the module");
		printf("apk       %s\nkernel    %s\n", built->apk,
			result.uname ? result.uname : built->release);
		print_indented("lsmod", result.lsmod);
		print_indented("dmesg", result.dmesg);
		print_indented("failure", result.failure);
		print_refusal(&result);
		printf("loaded    %s\nlog       %s\n", result.loaded ? "yes" : "no", log);
		*status = result.loaded ? 0 : EXIT_NOT_LOADED;
	} else {
		progress_failed(pr);
	}
	boot_result_free(&result);
	boot_root_free(&root);
	return r;
}

int cmd_boot(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct cell_result built;
	struct plan p;
	bool unchanged;
	int r = build_run(&p, x, o->args.v[1], o->args.v[2], &built, &unchanged, e);

	if (r == 0)
		r = boot(&p, &built, status, e);
	cell_result_free(&built);
	plan_free(&p);
	return r;
}
