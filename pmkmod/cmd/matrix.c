// SPDX-License-Identifier: GPL-3.0-or-later
/* Many devices, many modules: survey, then build here, or hand over to those who build elsewhere.
 */
#include "chroot/base/fs.h"
#include "pmkmod/cmd/matrix_run.h"
#include "pmkmod/matrix/attempts.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/matrix/farm.h"
#include "pmkmod/matrix/table.h"
#include "pmkmod/util/json.h"

/* ---- --dry-run ---- */

static void print_waiting(const struct matrix *m)
{
	for (size_t i = 0; i < m->n_devices; i++)
		for (size_t k = 0; k < m->n_modules; k++) {
			const struct matrix_cell *c = matrix_slot(m, i, k);

			if (c->state != CELL_WAITING)
				continue;
			printf("would build %s %s", m->devices[i].name, m->modules[k].name);
			if (c->device != i)
				printf(" (with %s)", m->devices[c->device].name);
			else if (c->hash)
				printf(" (cell %.12s)", c->hash);
			else
				printf(" (%s)", c->headers_first
							? "once its kernel's headers are made"
							: "after what it depends on");
			putchar('\n');
		}
}

static int dry_run(const struct matrix *m, struct context *x, const struct options *o)
{
	if (o->json) {
		struct matrix_view *v = view_open(m, x, VIEW_EVENTS);

		view_cells(v);
		view_close(v, 0, NULL);
		return 0;
	}
	print_waiting(m);
	matrix_print_summary(m, x, NULL);
	return 0;
}

/* ---- elsewhere ---- */

static int emit(struct context *x, const char *kind, const char *dir, const struct farm_size *size,
	struct strvec *files, struct err *e)
{
	bool gitlab = streq(kind, "gitlab");
	unsigned long tasks;
	int r = farm_tasks(x, size->parts, &tasks, e);

	if (r == 0)
		r = gitlab ? gitlab_write(x, dir, size->cells, tasks, e)
			   : slurm_write(x, dir, tasks, e);
	if (r < 0)
		return r;
	if (!gitlab && tasks)
		strvec_take(files, path_join(dir, "slurm/cells.sh"));
	strvec_take(files, path_join(dir, gitlab ? "gitlab-ci.yml" : "slurm/merge.sh"));
	return 0;
}

static int submit(struct context *x, const struct options *o, const struct farm_size *size,
	struct strvec *jobs, struct err *e)
{
	unsigned long tasks;
	int r = farm_tasks(x, size->parts, &tasks, e);

	if (r == 0)
		r = slurm_write(x, o->shared, tasks, e);
	return r < 0 ? r : slurm_submit(x, o->shared, tasks, o->wait, jobs, e);
}

struct handed_over {
	struct farm_size size; /* for other machines */
	size_t here; /* left for merge-cells */
	struct strvec files, jobs;
};

static void count_left(struct handed_over *h, const struct matrix *m)
{
	for (size_t i = 0; i < m->n_cells; i++)
		h->here += m->cells[i].state == CELL_WAITING && m->cells[i].here;
}

static void tell_commands(const char *shared, const struct handed_over *h)
{
	_cleanup_free_ char *dir = farm_absolute(shared);
	_cleanup_strbuf_ struct strbuf plan = {0};

	strbuf_add_quoted(&plan, dir);
	if (h->size.cells)
		printf("build  pmkmod run-cell --plan %s --task I/N, I from 0, N at most %zu\n",
			plan.s, h->size.parts);
	printf("merge  pmkmod merge-cells --plan %s\n", plan.s);
}

static void tell_handed_over(const struct options *o, const struct handed_over *h)
{
	const struct strvec *files = &h->files, *jobs = &h->jobs;
	size_t cells = h->size.cells;

	if (o->json) {
		struct json_object *out = json_object_new_object();

		json_add_text(out, "event", "handed-over");
		json_add_text(out, "plan", o->shared);
		json_object_object_add(out, "cells", json_object_new_int64((int64_t)cells));
		json_object_object_add(out, "here", json_object_new_int64((int64_t)h->here));
		json_object_object_add(out, "files", json_texts(files));
		json_object_object_add(out, "jobs", json_texts(jobs));
		json_write(out);
		putchar('\n');
		return;
	}
	printf("plan   %s, %zu cell%s for other machines\n", o->shared, cells,
		cells == 1 ? "" : "s");
	if (h->here)
		printf("here   %zu by merge-cells: signed, of modules that depend on others outside the "
		       "matrix, or with headers made of files beside a profile\n",
			h->here);
	for (size_t i = 0; i < files->n; i++)
		printf("file   %s\n", files->v[i]);
	for (size_t i = 0; i < jobs->n; i++)
		printf("%s  job %s\n", i + 1 < jobs->n ? "cells" : "merge", jobs->v[i]);
	if (jobs->n)
		printf("logs   %s/logs\n", o->shared);
	else if (files->n == 2)
		printf("submit sbatch --parsable cells.sh, then sbatch --dependency=afterany:<its number> "
		       "merge.sh\n");
	else if (!files->n)
		tell_commands(o->shared, h);
}

static int hand_over(
	struct matrix *m, struct context *x, const struct options *o, int *status, struct err *e)
{
	struct handed_over h = {0};
	bool slurm = o->engine && streq(o->engine, "slurm") && !o->emit;
	int r = farm_plan_write(m, x, o->only_failed, o->shared, &h.size, e);

	if (r == 0 && o->emit)
		r = emit(x, o->emit, o->shared, &h.size, &h.files, e);
	else if (r == 0 && slurm)
		r = submit(x, o, &h.size, &h.jobs, e);
	if (r == 0) {
		count_left(&h, m);
		tell_handed_over(o, &h);
	}
	strvec_free(&h.files);
	strvec_free(&h.jobs);
	if (r < 0)
		return r;
	return slurm && o->wait ? farm_wait_end(o->shared, status, e) : 0;
}

static int check_words(const struct options *o, struct err *e)
{
	if (o->engine && !streq(o->engine, "local") && !streq(o->engine, "slurm"))
		return usage_error(e, "--engine knows local and slurm, not '%s'", o->engine);
	if (o->emit && !streq(o->emit, "gitlab") && !streq(o->emit, "slurm"))
		return usage_error(e, "--emit knows gitlab and slurm, not '%s'", o->emit);
	if ((o->emit || (o->engine && streq(o->engine, "slurm"))) && !o->shared)
		return usage_error(e, "--shared DIR names the folder that all machines see");
	if (o->shared && o->engine && streq(o->engine, "local"))
		return usage_error(e, "--engine local needs no --shared");
	if (o->wait && !(o->engine && streq(o->engine, "slurm")))
		return usage_error(e, "--wait is for --engine slurm");
	return o->emit && streq(o->emit, "gitlab") ? gitlab_check_folder(o->shared, e) : 0;
}

int cmd_matrix(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_free_ char *report = path_join(x->state, "matrix/report");
	struct matrix m = {.keep_plans = o->shared != NULL};
	int r = check_words(o, e);

	if (r == 0)
		r = engine_check(x, e);
	if (r == 0)
		r = matrix_survey(&m, x, o->args.v[1], o->args.v[2], e);
	if (r == 0) {
		attempts_load(&m, x);
		if (o->only_failed)
			attempts_choose_failed(&m);
		if (o->dry_run)
			r = dry_run(&m, x, o);
		else if (o->shared)
			r = hand_over(&m, x, o, status, e);
		else
			r = matrix_build_here(&m, x, o, report, status, e);
	}
	matrix_free(&m);
	return r;
}
