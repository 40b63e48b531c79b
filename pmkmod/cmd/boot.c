// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot.h"
#include "pmkmod/build/boot_root.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/fit/refusal.h"
#include "pmkmod/util/exit_codes.h"

static void print_refusal(const struct boot_result *b)
{
	struct refusal r;

	/* a crash is no refusal, whatever else the log says */
	if (b->loaded || b->trouble.kind >= TROUBLE_OOPS || !refusal_find(&r, b->dmesg, b->failure))
		return;
	printf("refused   %s: %s\n", r.point, r.meaning);
	refusal_free(&r);
}

static const char *const tested[] = {
	[BOOT_TEST_NONE] = NULL,
	[BOOT_TEST_NOT_RUN] = "not run: the module did not load",
	[BOOT_TEST_PASSED] = "passed",
	[BOOT_TEST_FAILED] = "failed",
};

/* What one boot is about. */
struct run {
	struct plan *plan;
	const struct cell_result *built;
	const char *log;
	bool printed;
};

static void print_result(struct run *b, const struct boot_result *r)
{
	if (b->printed)
		return;
	b->printed = true;
	printf("apk       %s\nkernel    %s\nboard     %s\n", b->built->apk,
		r->uname && *r->uname ? r->uname : b->built->release, r->board);
	print_indented("lsmod", r->lsmod);
	print_indented("dmesg", r->dmesg);
	print_indented("test", r->test_output);
	print_trouble(&r->trouble);
	print_indented("failure", r->failure);
	print_refusal(r);
	printf("loaded    %s\n", r->loaded ? "yes" : "no");
	if (tested[r->test])
		printf("tested    %s\n", tested[r->test]);
	printf("log       %s\n", b->log);
}

/* Before the shell, what there is to know. */
static void at_shell(void *ctx, const struct boot_result *r)
{
	struct run *b = ctx;
	struct progress *pr = &b->plan->x->progress;

	progress_done(pr, "%s is up", r->uname);
	print_result(b, r);
	fflush(stdout);
	progress_note(pr, "a shell in the booted system; `poweroff` or ctrl-a x ends it");
}

static int choose_accel(const char *text, enum boot_accel *out, struct err *e)
{
	static const char *const names[] = {
		[BOOT_ACCEL_AUTO] = "auto", [BOOT_ACCEL_KVM] = "kvm", [BOOT_ACCEL_TCG] = "tcg"};

	*out = BOOT_ACCEL_AUTO;
	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
		if (streq(names[i], text)) {
			*out = (enum boot_accel)i;
			return 0;
		}
	return text ? usage_error(e, "boot.accel = %s: it may be auto, kvm or tcg", text) : 0;
}

static int run_board(struct run *b, const struct boot_root *root, bool keep,
	struct boot_result *out, struct err *e)
{
	struct plan *p = b->plan;
	const struct device *d = &p->device;
	struct boot_spec s = {.arch = d->arch,
		.kernel_image = root->kernel_image,
		.release = b->built->release,
		.root_layers = &root->layers,
		.machine = d->boot_machine,
		.cpu = d->boot_cpu,
		.append = d->boot_append,
		.qemu_system = d->boot_qemu,
		.memory_mib = d->boot_memory_mib,
		.timeout_s = d->boot_timeout_s,
		.test = p->module.test,
		.keep = keep,
		.at_shell = at_shell,
		.ctx = b,
		.log_path = b->log,
		.verbose = p->x->verbose};
	struct work w;
	int r = choose_accel(d->boot_accel, &s.accel, e);

	if (r == 0)
		r = work_open(&w, p->x, "boot", e);
	if (r < 0)
		return r;
	s.work_dir = w.dir;
	strvec_split(&s.modules, b->built->modules, " ");
	r = boot_run(&s, out, e);
	strvec_free(&s.modules);
	work_close(&w);
	if (r < 0 && e && !e->exit_code && r != -EINTR)
		e->exit_code = EXIT_BOOT_FAILED;
	return r;
}

static int status_of(const struct boot_result *r)
{
	return !r->loaded ? EXIT_NOT_LOADED : r->test == BOOT_TEST_FAILED ? EXIT_TEST_FAILED : 0;
}

static int boot(struct plan *p, const struct cell_result *built, const struct options *o,
	int *status, struct err *e)
{
	struct progress *pr = &p->x->progress;
	_cleanup_free_ char *cell = xasprintf("%s/cells/%s", p->x->state, p->cell);
	_cleanup_free_ char *log = path_join(cell, "boot.log");
	struct run b = {p, built, log, false};
	struct boot_root root = {0};
	struct boot_result result = {0};
	int r;

	progress_stage(
		pr, "assemble", "boot root: %s and %s", p->target.kernel.name, built->package);
	r = boot_root_make(&root, p, built, e);
	if (r == 0) {
		progress_done(pr, "boot root with %s", built->package);
		progress_stage(pr, "boot", "%s under qemu-system", built->release);
		r = run_board(&b, &root, o->keep, &result, e);
	}
	if (r == 0) {
		if (!b.printed)
			progress_done(pr, "%s %s", result.uname ? result.uname : built->release,
				result.loaded ? "has loaded the module"
					      : "has not loaded the module");
		print_result(&b, &result);
		*status = status_of(&result);
	} else {
		progress_failed(pr);
		print_trouble(&result.trouble);
	}
	boot_result_free(&result);
	boot_root_free(&root);
	return r;
}

int cmd_boot(struct context *x, const struct options *o, int *status, struct err *e)
{
	/* told before minutes of building */
	if (o->keep && !isatty(STDIN_FILENO))
		return usage_error(e,
			"--keep needs a terminal for its shell, and standard input is "
			"none");
	return after_build(x, o, boot, status, e);
}
