// SPDX-License-Identifier: GPL-3.0-or-later
/* The build stage: the source's steps in the sandbox, and what comes out, stripped and signed. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/diagnose.h"
#include "pmkmod/build/disk_limit.h"
#include "pmkmod/build/job.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/command_output.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/jobserver.h"

char *job_inside(const struct job *j)
{
	return xasprintf(JOB_SOURCE "%s", j->kbuild_dir + strlen(j->source_dir));
}

/* Surroundings have the words in what they tell every make. */
static void share_jobs(struct build_root *b, const struct jobserver *s, bool has_words)
{
	_cleanup_free_ char *flags = jobserver_flags(s);

	b->spec.pass_fds = s->fds;
	b->spec.n_pass_fds = ARRAY_SIZE(s->fds);
	if (has_words)
		return;
	strvec_addf(&b->env, "MAKEFLAGS=%s", flags);
	b->spec.env = (const char *const *)b->env.v;
}

/* What it is called in a table of times: the source's own steps are make, whatever starts it. */
static const char *timed_as(const struct job *j, const struct strvec *argv)
{
	const char *stage = j->plan->x->progress.stage, *name = path_base(argv->v[0]);
	static const char *const shells[] = {"make", "sh", "bash"};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (streq(name, shells[i]))
			return stage && streq(stage, "build") ? "make" : name;
	return starts_with(name, j->plan->cross) ? name + strlen(j->plan->cross) : name;
}

static void note_times(
	const struct job *j, const struct strvec *argv, double took, const struct sandbox_result *r)
{
	struct progress *p = &j->plan->x->progress;
	double around = r->started_s + r->ended_s;

	if (p->stage && r->started_s > 0)
		timing_program(&p->timing, p->stage, timed_as(j, argv), took - around, around);
}

int job_run(struct job *j, const struct strvec *argv, const char *cwd, struct strbuf *kept,
	struct err *e)
{
	_cleanup_free_ char *build = path_join(j->work.dir, "build");
	_cleanup_free_ char *command = strvec_join(argv, " ");
	_cleanup_strvec_ struct strvec started = {0};
	struct context *x = j->plan->x;
	struct command_output o = {.log_fd = j->log_fd,
		.verbose = x->verbose,
		.progress = &x->progress,
		.kept = kept,
		.kept_max = COMMAND_LOG_MAX};
	struct sandbox_result result = {0};
	struct disk_limit limit;
	unsigned long long max_disk;
	unsigned timeout;
	double began;
	struct build_root b;
	int r = build_root_init(&b, j->plan, &j->layers, j->headers.release, e);

	if (r < 0)
		return r;
	r = config_number(x->config, "build", "max_disk", 16ULL << 30, &max_disk, e);
	if (r < 0) {
		build_root_free(&b);
		return r;
	}
	disk_limit_start(&limit, build, max_disk);
	j->native_helpers = b.native_helpers;
	dprintf(j->log_fd, "# command: %s\n", command);
	build_root_bind(&b, build, "/build", true);
	if (j->has_surroundings) {
		_cleanup_strvec_ struct strvec folders = {0};

		surroundings_dkms_folders(j, &folders);
		strvec_add(&started, "/bin/sh");
		strvec_add(&started, JOB_RUN "/start");
		surroundings_env(j, &b.env);
		for (size_t i = 0; i < folders.n; i++)
			build_root_bind(&b, j->kbuild_dir, folders.v[i], true);
		b.spec.env = (const char *const *)b.env.v;
	}
	if (x->jobserver)
		share_jobs(&b, x->jobserver, j->has_surroundings);
	strvec_add_all(&started, argv);
	b.spec.argv = (const char *const *)started.v;
	b.spec.cwd = cwd;
	b.spec.output = command_output;
	b.spec.output_ctx = &o;
	timeout = b.spec.timeout_s;
	b.spec.tick = disk_limit_tick;
	b.spec.tick_ctx = &limit;
	began = monotonic_seconds();
	r = run_in_sandbox(&b.spec, &result, e);
	note_times(j, argv, monotonic_seconds() - began, &result);
	if (r == 0)
		dprintf(j->log_fd, "# exit code: %d\n", result.status);
	command_output_free(&o);
	build_root_free(&b);
	if (r == -EFBIG)
		return err_set(e, r, "the build wrote more than %u MiB of output and was stopped",
			COMMAND_LOG_MAX >> 20);
	if (r == -ETIMEDOUT && e) {
		e->exit_code = EXIT_TIMEOUT;
		err_hint(e, "if it needs longer: -o build.timeout=%u\nthe whole log: %s",
			timeout * 4, j->log_path);
	}
	return r < 0 ? r : result.status;
}

static int build_failed(struct job *j, int status, struct err *e)
{
	_cleanup_free_ char *what = steps_failed(j);

	err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
		"%s does not build for %s (%s ended with status %d)", j->plan->module.name,
		j->headers.release, what ? what : "make", status);
	return job_diagnose(j, e);
}

static int run_kbuild(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_free_ char *inside = job_inside(j);

	strvec_add(&argv, "make");
	if (!p->x->jobserver)
		strvec_addf(&argv, "-j%u", p->x->jobs);
	strvec_add(&argv, "-C");
	strvec_add(&argv, j->headers.build_dir);
	strvec_addf(&argv, "M=%s", inside);
	strvec_addf(&argv, "ARCH=%s", p->device.arch->linux_arch);
	strvec_addf(&argv, "CROSS_COMPILE=%s", p->cross);
	strvec_add_all(&argv, &j->preflight.make_args);
	/* a symbol nobody exports is told by the check stage, with every name and a way out */
	strvec_add(&argv, "KBUILD_MODPOST_WARN=1");
	if (j->extra_symbols)
		strvec_addf(&argv, "KBUILD_EXTRA_SYMBOLS=%s", j->extra_symbols);
	strvec_add_all(&argv, &p->module.make_args);
	strvec_add(&argv, "modules");
	return job_run(j, &argv, JOB_SOURCE, NULL, e);
}

static bool failed_in(const struct job *j, const char *step)
{
	_cleanup_free_ char *what = steps_failed(j);

	return what && streq(what, step);
}

static int run_own_make(struct job *j, struct err *e)
{
	int status = steps_run_make(j, e), again;

	if (status < 0 || (status == 0 && any_module(j)) || !source_has_obj_m(j->kbuild_dir))
		return status;
	/* what its configure would have chosen must not be left out unnoticed */
	if (status > 0 && failed_in(j, "configure"))
		return status;
	/* its settings may be for another machine; what kbuild makes of it alone may do */
	dprintf(j->log_fd, "# the Makefile's own target %s; kbuild's is tried\n",
		status ? "failed" : "made no module");
	again = run_kbuild(j, e);
	if (again == 0 && status) {
		/* without the settings that ask for a module kbuild has nothing to do: no success
		 */
		if (!any_module(j)) {
			dprintf(j->log_fd, LOG_NO_STEP
				"kbuild made no module; what failed is the step before\n");
			return status;
		}
		progress_note(&j->plan->x->progress,
			"the Makefile's own target failed, kbuild alone does build it");
	}
	return again < 0 ? again : again && status ? status : again;
}

static bool emulator_crashed(struct job *j)
{
	bool crashed;

	if (j->plan->emulate == EMULATE_NONE)
		return false;
	job_diagnose(j, NULL);
	crashed = diagnosis_is_emulator_crash(&j->diagnosis);
	diagnosis_free(&j->diagnosis);
	return crashed;
}

static int run_steps(struct job *j, struct err *e)
{
	static int (*const runs[])(struct job *, struct err *) = {[STEPS_KBUILD] = run_kbuild,
		[STEPS_MAKE] = run_own_make,
		[STEPS_DKMS] = steps_run_dkms,
		[STEPS_AKMS] = steps_run_akms};
	int status = runs[j->steps.kind](j, e);

	if (status > 0)
		j->plan->emulator_crashed = emulator_crashed(j);
	/* qemu-user loses a program now and then: once more, and what was made stays made; where a
	 * native compiler can do it, build_run() lets that */
	if (j->plan->emulator_crashed && j->plan->emulate != EMULATE_FULL) {
		progress_note(&j->plan->x->progress,
			"a program crashed under qemu-user; make is run once more");
		status = runs[j->steps.kind](j, e);
	}
	surroundings_notes(j);
	j->has_surroundings = false;
	return status > 0 ? build_failed(j, status, e) : status;
}

/* STRIP=no of a dkms.conf keeps the debugging information. */
static bool keeps_debug(const struct job *j, const char *ko)
{
	const struct dkms_conf *c = &j->steps.dkms;
	size_t n = strlen(ko) - strlen(".ko");

	for (size_t i = 0; j->steps.kind == STEPS_DKMS && i < c->n_modules; i++)
		if (strlen(c->modules[i].dest_name) == n &&
			strncmp(c->modules[i].dest_name, ko, n) == 0)
			return !c->modules[i].strip;
	return false;
}

/* `program` of the compiler's, with what both of them know. */
static void strip_command(const struct job *j, const char *program, struct strvec *argv)
{
	strvec_addf(argv, "%s%s", j->preflight.clang ? "llvm-" : j->plan->cross, program);
	/* type information that goes with another vmlinux makes the kernel refuse the module */
	strvec_add(argv, "--remove-section=.BTF");
	strvec_add(argv, "--remove-section=.BTF.base");
}

static int run_strip(struct job *j, const struct strvec *argv, struct err *e)
{
	int status = job_run(j, argv, JOB_OUT, NULL, e);

	if (status > 0)
		return err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
			"%s failed with status %d\nthe whole log: %s", argv->v[0], status,
			j->log_path);
	return status;
}

static int strip(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec all = {0};
	size_t none;
	int r = 0;

	strip_command(j, "strip", &all);
	strvec_add(&all, "--strip-debug");
	none = all.n;
	for (size_t i = 0; r == 0 && i < j->ko.n; i++) {
		const char *name = path_base(j->ko.v[i]);
		_cleanup_strvec_ struct strvec one = {0};

		if (!keeps_debug(j, name)) {
			strvec_addf(&all, JOB_OUT "/%s", name);
			continue;
		}
		strip_command(j, "objcopy", &one);
		strvec_addf(&one, JOB_OUT "/%s", name);
		r = run_strip(j, &one, e);
	}
	return r < 0 || all.n == none ? r : run_strip(j, &all, e);
}

int job_build(struct job *j, struct err *e)
{
	int r = surroundings_symvers(j, e);

	if (r == 0)
		r = run_steps(j, e);
	if (r == 0)
		r = collect_modules(j, e);
	if (r < 0)
		return r;
	strvec_sort(&j->ko);
	r = strip(j, e);
	return r < 0 ? r : job_sign(j, e);
}
