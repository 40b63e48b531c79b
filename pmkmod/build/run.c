// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/run.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/jobserver.h"

/* ---- fetch and assemble ---- */

/* The newest package of that name, to be fetched; NULL in *pkg if there is no name. */
static int list_one(struct plan *p, const char *name, struct fetch_list *list,
	const struct apk_pkg **pkg, struct err *e)
{
	int r = name ? repos_parse(&p->target_repos, e) : 0;

	*pkg = NULL;
	if (r < 0 || !name)
		return r;
	*pkg = repos_newest(&p->target_repos, name);
	if (!*pkg)
		return err_set(e, -ENOENT, "package %s has vanished from the index", name);
	fetch_list_add(list, *pkg);
	return 0;
}

static void fetched(struct plan *p, const struct download_stats *s)
{
	_cleanup_strbuf_ struct strbuf text = {0};

	if (s->bytes) {
		strbuf_addf(&text, ": %zu package%s, ", s->files, s->files == 1 ? "" : "s");
		download_show_bytes(&text, s->bytes, 0);
		strbuf_adds(&text, " at ");
		download_show_bytes(&text,
			(uint64_t)((double)s->bytes / (s->seconds > 0.001 ? s->seconds : 0.001)),
			0);
		strbuf_adds(&text, "/s");
	}
	progress_done(&p->x->progress, "%s%s", p->device.channel.title, text.s ? text.s : "");
}

static int stage_fetch(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	struct fetch_list list = {0};
	struct download_stats stats = {0};
	const struct apk_pkg *kernel, *source;
	int r;

	progress_stage(&p->x->progress, "fetch", "packages of %s", p->device.channel.title);
	r = assemble_list(p, &list, e);
	if (r == 0)
		r = list_one(p, p->target.kernel.name, &list, &kernel, e);
	if (r == 0)
		r = list_one(p, p->target.source.name, &list, &source, e);
	if (r == 0)
		r = repos_fetch_all(p->x, &list, &stats, e);
	if (r == 0)
		j->kernel_apk = repos_cached(p->x, kernel);
	if (r == 0 && !j->kernel_apk)
		r = err_set(e, -ENOENT, "the file of package %s has vanished", kernel->name);
	if (r == 0)
		fetched(p, &stats);
	fetch_list_free(&list);
	return r;
}

static int stage_assemble(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	int r;

	progress_stage(&p->x->progress, "assemble", "toolchain and kernel layers");
	r = assemble(p, &j->layers, e);
	if (r == 0)
		progress_done(&p->x->progress, "toolchain %.12s, headers %.12s%s%.12s",
			p->toolchain_id, p->kernel_id, p->native.n ? ", native " : "",
			p->native.n ? p->native_id : "");
	return r;
}

/* ---- what is known of the kernel ---- */

static int release_differs(struct job *j, struct err *e)
{
	return err_exit(e, EXIT_NO_HEADERS, -EINVAL,
		"the kernel package %s-%s is release %s, but its headers are those of %s: a module "
		"built with them would not load",
		j->plan->target.kernel.name, j->plan->target.kernel.version, j->facts.release,
		j->headers.release);
}

static int learn_kernel(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *cache = path_join(p->x->cache, "kernels");
	int r = fs_mkdirs(cache, 0700, e);

	if (r == 0)
		r = kernel_headers_find(&j->headers, &j->layers.target, NULL, e);
	if (r == 0)
		r = kconfig_read(&j->kconfig, j->headers.config_path, e);
	if (r == 0)
		r = kernel_headers_check_programs(
			&j->headers, &j->layers.target, p->device.arch, j->kconfig, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_NO_HEADERS;
	if (r == 0)
		r = kernel_facts_read(&j->facts, j->kernel_apk, &p->target.kernel.identity,
			p->device.flavor, cache, e);
	if (r == 0 && j->facts.release && !streq(j->facts.release, j->headers.release))
		r = release_differs(j, e);
	return r;
}

static int open_log(struct job *j, struct err *e)
{
	_cleanup_free_ char *dir = NULL;
	int r = cell_folder(j->plan, &dir, e);

	if (r < 0)
		return r;
	j->log_path = cell_log_path(j->plan);
	j->log_fd = open(j->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (j->log_fd < 0)
		return err_errno(e, -errno, "cannot open the log '%s'", j->log_path);
	dprintf(j->log_fd, "# plan\n%s", j->plan->text);
	return 0;
}

static int stage_prepare(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	int r;

	progress_stage(&p->x->progress, "prepare", "%s", p->source);
	r = open_log(j, e);
	if (r == 0)
		r = learn_kernel(j, e);
	if (r == 0)
		r = job_preflight(j, e);
	if (r == 0)
		r = job_recipe_limits(j, e);
	if (r == 0)
		r = job_prepare(j, e);
	if (r == 0)
		r = job_match_compiler(j, e);
	if (r == 0)
		progress_done(&p->x->progress, "%s %s for %s", p->module.name,
			p->version ? p->version : "(version unknown)", j->headers.release);
	return r;
}

/* Beside other builds: a make counts as one job, which is its starter's. */
static int wait_for_processor(struct context *x, struct err *e)
{
	if (!x->jobserver)
		return 0;
	progress_stage(&x->progress, "wait", "for a processor");
	return jobserver_take(x->jobserver, 0, e);
}

static int stage_build(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	int r;

	r = wait_for_processor(p->x, e);
	progress_stage(&p->x->progress, "build", "make");
	if (r == 0)
		r = job_build(j, e);
	if (r == 0)
		r = job_overlays(j, e);
	if (p->x->jobserver)
		jobserver_give(p->x->jobserver);
	if (r == 0)
		progress_done(&p->x->progress, "%zu module%s (%s)", j->ko.n,
			j->ko.n == 1 ? "" : "s",
			p->emulate == EMULATE_FULL   ? "fully emulated"
			: p->emulate == EMULATE_NONE ? "native"
			: j->native_helpers	     ? "native tools and kernel helpers"
			: j->layers.helpers	     ? "native tools, some kernel helpers emulated"
						     : "native tools, kernel helpers emulated");
	return r;
}

static int stage_check(struct job *j, struct err *e)
{
	struct context *x = j->plan->x;
	int r;

	progress_stage(&x->progress, "check", "against %s", j->headers.release);
	r = job_check(j, e);
	if (r < 0)
		return r;
	progress_done(&x->progress, "%s", fit_verdict(&j->report));
	for (size_t i = 0; i < j->report.n_points; i++)
		if (j->report.points[i].result == FIT_FAIL)
			progress_note(&x->progress, "packaged because of --force: %s: %s",
				j->report.points[i].module, j->report.points[i].text);
	return 0;
}

/* ---- the whole ---- */

/* Failures that come from the inputs themselves come again; those of the machine may not. */
static bool repeats(const struct err *e)
{
	return e && (e->exit_code == EXIT_BUILD_FAILED || e->exit_code == EXIT_NO_MODULE ||
			    e->exit_code == EXIT_NO_FIT || e->exit_code == EXIT_EXCLUDED);
}

/* What is told of it now, and again if it is remembered. */
static void record_failure(struct job *j, struct cell_result *result, struct err *e)
{
	job_diagnose_failure(j, e);
	*result = (struct cell_result){.exit_code = e->exit_code,
		.error = xstrdup(e->text),
		.stage = xstrdup(j->plan->x->progress.stage),
		.companions = companions_text(&j->plan->companions),
		.diagnosis = diagnosis_text(&j->diagnosis)};
}

/* Packages that are read, not installed: which of them a disk has damaged is not read again. */
static void drop_damaged(struct plan *p)
{
	const char *const names[] = {p->target.kernel.name, p->target.source.name};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct apk_change c = {.new_pkg = names[i] && p->target_repos.repos
							  ? repos_newest(&p->target_repos, names[i])
							  : NULL};
		const struct apk_solution one = {.changes = &c, .n_changes = 1};

		repos_drop_damaged(p->x, &one);
	}
}

static int build_cell(struct plan *p, struct cell_result *result, struct err *e)
{
	struct job j = {.plan = p, .work = WORK_INIT, .log_fd = -1};
	int (*const stages[])(struct job *, struct err *) = {
		stage_fetch, stage_assemble, stage_prepare, stage_build, stage_check};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(stages); i++) {
		if (interrupted())
			r = err_set(e, -EINTR, "interrupted");
		else
			r = stages[i](&j, e);
	}
	if (r == 0)
		r = job_export(&j, result, e);
	if (r == -EBADMSG && e && !e->exit_code)
		e->exit_code = EXIT_UNTRUSTED;
	if (r == -EBADMSG)
		drop_damaged(p);
	if (r < 0) {
		if (e)
			record_failure(&j, result, e);
		progress_failed(&p->x->progress);
		if (j.log_fd >= 0 && e)
			dprintf(j.log_fd, "# failed\n%s\n", e->text);
		if (r != -EINTR && repeats(e))
			cell_store(p, result, NULL);
	}
	job_free(&j);
	p->x->cache_grew = true;
	return r;
}

/*
 * Use what is remembered of the cell, with --rebuild only what is `fresh`. 1: it was built, 0:
 * build it, negative: failed before.
 */
static int remembered(struct plan *p, bool fresh, struct cell_result *result, struct err *e)
{
	int r = p->x->rebuild && !fresh ? 0 : cell_recall(p, result);

	if (r >= 0)
		return r;
	err_set(e, -ECANCELED, "%s", result->error);
	if (e)
		e->exit_code = result->exit_code;
	return err_hint(
		e, "(this is from an earlier build of the same inputs; --rebuild tries again)");
}

static int run_once(struct plan *p, struct context *x, const char *device, const char *module,
	struct cell_result *result, bool *unchanged, struct err *e)
{
	_cleanup_close_ int lock = -1;
	uint64_t stamp;
	int r;

	*result = (struct cell_result){0};
	*unchanged = false;
	progress_stage(&x->progress, "resolve", "%s for %s", module, device);
	r = plan_make(p, x, device, module, e);
	if (r < 0) {
		progress_failed(&x->progress);
		return r;
	}
	progress_done(&x->progress, "%s for %s, kernel %s-%s, cell %.12s", p->module.name, device,
		p->target.kernel.name, p->target.kernel.version, p->cell);
	progress_cell(&x->progress, p->cell);
	r = cell_set_latest(p, device, e);
	stamp = cell_stamp(p);
	if (r == 0)
		r = remembered(p, false, result, e);
	if (r == 0) {
		lock = cell_lock(p, e);
		r = lock < 0 ? lock : 0;
		/* whoever had the lock may have built it meanwhile */
		if (r == 0) {
			free(p->key);
			p->key = plan_describe_key(x);
			r = remembered(p, cell_stamp(p) != stamp, result, e);
		}
	}
	if (r == 0)
		return build_cell(p, result, e);
	*unchanged = r > 0;
	return r < 0 ? r : 0;
}

/* A headers package with foreign or missing programs, from the repositories: it can be mended. */
static bool can_be_repaired(const struct plan *p, int r, const struct err *e)
{
	return r == -ENOEXEC && e && e->exit_code == EXIT_NO_HEADERS && p->device.name &&
	       !p->made.dev.name;
}

/* Once more, with the packages that the source has asked for. */
static int run_with_packages(struct plan *p, struct context *x, const char *device,
	const char *module, struct cell_result *result, bool *unchanged, struct err *e)
{
	_cleanup_free_ char *names = strvec_join(&p->asks_for, " ");
	int r;

	progress_note(&x->progress, "the AKMBUILD asks for %s", names);
	strvec_add_all(&x->more_packages, &p->asks_for);
	err_clear(e);
	cell_result_free(result);
	plan_free(p);
	r = run_once(p, x, device, module, result, unchanged, e);
	strvec_reset(&x->more_packages);
	return r;
}

static int build_one(struct plan *p, struct context *x, const char *device, const char *module,
	struct cell_result *result, bool *unchanged, struct err *e)
{
	struct err why = ERR_INIT, *first = e ? e : &why;
	int r = run_once(p, x, device, module, result, unchanged, first);

	if (r < 0 && p->emulator_crashed && p->emulate == EMULATE_FULL &&
		channel_cross_prefix(&p->device.channel, p->device.arch)) {
		progress_note(&x->progress,
			"a program crashed under qemu-user; trying once more with native tools");
		err_clear(first);
		cell_result_free(result);
		plan_free(p);
		x->emulate = EMULATE_TOOLS;
		r = run_once(p, x, device, module, result, unchanged, first);
		x->emulate = EMULATE_FULL;
	}
	if (r == -EAGAIN && p->asks_for.n)
		r = run_with_packages(p, x, device, module, result, unchanged, first);
	if (!can_be_repaired(p, r, first))
		return r;
	progress_note(
		&x->progress, "%.*s; making it anew", (int)strcspn(first->text, "\n"), first->text);
	err_clear(first);
	r = made_headers_repair(p, first);
	if (r < 0) {
		progress_failed(&x->progress);
		return r;
	}
	cell_result_free(result);
	plan_free(p);
	return run_once(p, x, device, module, result, unchanged, first);
}

static int in_a_circle(const struct strvec *chain, const char *module, struct err *e)
{
	_cleanup_free_ char *way = strvec_join(chain, " needs ");

	return err_exit(e, EXIT_MISSING_DEPEND, -ELOOP,
		"the recipes need each other in a circle: %s needs %s", way, module);
}

static int build_after(struct context *x, const char *device, const char *module,
	struct strvec *chain, struct err *e);

/* What a recipe's `depends` names is built before it, as anything else: only if it has changed. */
static int build_depends(struct context *x, const char *device, const char *module,
	struct strvec *chain, struct err *e)
{
	struct module m;
	int r;

	if (strvec_has(chain, module))
		return in_a_circle(chain, module, e);
	/* what is wrong with its name is told by the build itself */
	if (module_load(&m, x->config, module, NULL) < 0)
		return 0;
	strvec_add(chain, module);
	r = 0;
	for (size_t i = 0; r == 0 && i < m.depends.n; i++)
		r = build_after(x, device, m.depends.v[i], chain, e);
	free(chain->v[--chain->n]);
	chain->v[chain->n] = NULL;
	module_free(&m);
	return r;
}

static int build_after(struct context *x, const char *device, const char *module,
	struct strvec *chain, struct err *e)
{
	struct cell_result result = {0};
	struct plan p = {0};
	bool unchanged, rebuild = x->rebuild;
	int r = build_depends(x, device, module, chain, e);

	if (r < 0)
		return r;
	/* what was asked for is something else */
	x->rebuild = false;
	r = build_one(&p, x, device, module, &result, &unchanged, e);
	x->rebuild = rebuild;
	if (r < 0)
		err_prefix(e, "%s needs %s", chain->v[chain->n - 1], module);
	cell_result_free(&result);
	plan_free(&p);
	return r;
}

int build_needed(struct context *x, const char *device, const char *module, struct err *e)
{
	_cleanup_strvec_ struct strvec chain = {0};

	return build_depends(x, device, module, &chain, e);
}

int build_run(struct plan *p, struct context *x, const char *device, const char *module,
	struct cell_result *result, bool *unchanged, struct err *e)
{
	_cleanup_strvec_ struct strvec chain = {0};
	int r;

	*p = (struct plan){0};
	*result = (struct cell_result){0};
	r = build_depends(x, device, module, &chain, e);
	return r < 0 ? r : build_one(p, x, device, module, result, unchanged, e);
}

void job_free(struct job *j)
{
	work_close(&j->work);
	layers_free(&j->layers);
	kernel_headers_free(&j->headers);
	kconfig_free(j->kconfig);
	kernel_facts_free(&j->facts);
	preflight_free(&j->preflight);
	free(j->banner);
	fit_report_free(&j->report);
	steps_free(&j->steps);
	free(j->extra_symbols);
	diagnosis_free(&j->diagnosis);
	strvec_free(&j->ko);
	job_extras_free(&j->extras);
	free(j->kernel_apk);
	free(j->source_dir);
	free(j->kbuild_dir);
	free(j->out_dir);
	free(j->log_path);
	if (j->log_fd >= 0)
		close(j->log_fd);
	*j = (struct job){.log_fd = -1};
}
