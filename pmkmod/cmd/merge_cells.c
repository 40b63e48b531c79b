// SPDX-License-Identifier: GPL-3.0-or-later
/* What workers have built becomes ours; what only can be built here is; and all of it is reported.
 */
#include "chroot/base/fs.h"
#include "pmkmod/cmd/matrix_run.h"
#include "pmkmod/matrix/attempts.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm.h"

/* Those without a result, for `run-cell`. */
static int list_again(struct matrix *m, const struct farm_plan *p, size_t *n, struct err *e)
{
	_cleanup_free_ char *path = path_join(p->dir, "again");
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_free_ char *text = NULL;

	*n = 0;
	for (size_t i = 0; i < m->n_cells; i++) {
		const struct matrix_cell *c = &m->cells[i];
		const struct farm_cell *planned;
		const char *name;

		/* without a reason it was not asked for */
		if (c->state != CELL_NOT_RUN || !c->error)
			continue;
		m->again = true;
		planned = farm_plan_for(p, m, c);
		name = planned ? planned->hash : c->hash ? c->hash : "";
		if (planned) {
			strvec_addf(&lines, "%s\n", name);
			++*n;
		}
		fprintf(stderr, "has to run again: cell %.12s, %s for %s: %s\n", name,
			m->modules[c->module].name, m->devices[c->device].name, c->error);
	}
	text = strvec_join(&lines, "");
	return fs_write_atomic(path, text, strlen(text), 0644, e);
}

/* What is to be typed then. */
static void tell_again(const struct farm_plan *p, size_t n)
{
	_cleanup_free_ char *list = path_join(p->dir, "again");
	_cleanup_strbuf_ struct strbuf dir = {0}, file = {0};

	strbuf_add_quoted(&dir, p->dir);
	strbuf_add_quoted(&file, list);
	printf("again     %zu cell%s: pmkmod run-cell --plan %s $(cat %s), then merge-cells once more\n",
		n, n == 1 ? "" : "s", dir.s, file.s);
}

/* For whoever waits for the job. */
static void note_end(const struct farm_plan *p, int status)
{
	_cleanup_free_ char *path = path_join(p->dir, "merged"), *text = xasprintf("%d\n", status);

	fs_write_atomic(path, text, strlen(text), 0644, NULL);
}

/* The others that ended in this run have been built here, and are noted by whoever did that. */
static void note_taken(const struct matrix *m, const struct context *x)
{
	for (size_t i = 0; i < m->n_cells; i++) {
		const struct matrix_cell *c = &m->cells[i];

		if (!c->remembered && (c->state == CELL_BUILT || c->state == CELL_FAILED ||
					      c->state == CELL_EXCLUDED)) {
			attempts_note(m, x, c);
			matrix_remember_latest(m, x, c);
		}
	}
}

static int merge(struct matrix *m, struct context *x, const struct farm_plan *p,
	const struct options *o, int *status, struct err *e)
{
	_cleanup_free_ char *report = path_join(p->dir, "report");
	struct farm_problems problems = {0};
	struct options local = *o;
	size_t again = 0;
	int r = farm_merge_headers(x, p, &problems, e), listed;

	if (r == 0)
		r = matrix_survey(m, x, p->devices, p->modules, e);

	if (r == 0 && p->only_failed) {
		attempts_load(m, x);
		attempts_choose_failed(m);
	}
	if (r == 0)
		r = farm_merge(m, x, p, &problems, e);
	farm_problems_free(&problems);
	note_taken(m, x);
	if (r < 0)
		return r;
	listed = list_again(m, p, &again, e);
	/* nobody waits at a terminal to say that again */
	local.keep_going = true;
	r = matrix_build_here(m, x, &local, report, status, e);
	if (again && !o->json)
		tell_again(p, again);
	return r < 0 ? r : listed;
}

int cmd_merge_cells(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct err own = ERR_INIT, *told = e ? e : &own;
	struct matrix m = {0};
	struct farm_plan p;
	int r = farm_plan_read(&p, o->plan, told);

	if (r < 0)
		return r;
	if (o->dry_run) {
		farm_status(&p, o->json);
		farm_plan_free(&p);
		return 0;
	}
	x->force = x->force || p.force;
	r = farm_plan_vouch(x, &p, told);
	if (r == 0)
		r = merge(&m, x, &p, o, status, told);
	farm_sweep(&p);
	note_end(&p, r < 0 ? failure_exit_code(r, told) : *status);
	matrix_free(&m);
	farm_plan_free(&p);
	return r;
}
