// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * All results of a plan, in two rounds: cells whose hash is known, then those that depend on what
 * the first round took over. Headers have come before both.
 */
#include "chroot/base/fs.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/matrix/farm_merging.h"
#include "pmkmod/util/exit_codes.h"

/* What the plan has for the device and the module, under whatever hash. */
static const struct farm_cell *in_plan(const struct merging *g, const struct matrix_cell *c)
{
	const struct matrix_device *d = &g->m->devices[c->device];

	return farm_plan_at(g->plan, d->device, d->choice, g->m->modules[c->module].asked);
}

static int merge_next(struct merging *g, struct matrix_cell *c, const struct farm_cell *planned)
{
	int r = interrupted() ? err_set(g->told, -EINTR, "interrupted") : merge_cell(g, c, planned);

	if (r < 0 && g->told && !g->told->code)
		r = err_set(g->told, r, "%s", c->error);
	return r;
}

/* ---- cells that are open until their headers, or what they depend on, are there ---- */

static bool has_only_headers_missing(const struct farm_plan *p, const struct farm_cell *c)
{
	_cleanup_free_ char *moved = farm_moved(p, c->hash);

	return moved && !farm_is_headers_id(c, moved) && farm_has_result(p, moved);
}

/* Its headers have not come, and why. */
static void without_headers(
	struct merging *g, struct matrix_cell *c, const struct farm_cell *planned)
{
	const struct farm_problem *why = farm_problem_with(g->problems, planned->headers);

	if (!why && has_only_headers_missing(g->plan, planned)) {
		has_to_run_again(c, EXIT_GENERAL,
			xstrdup("its result is there, but the headers that it was built with are not"));
	} else if (!why) {
		has_to_run_again(c, EXIT_GENERAL, trouble_of(g->plan, planned, NULL));
	} else if (!why->failed) {
		has_to_run_again(c, why->exit_code, xstrdup(why->text));
	} else {
		c->state = matrix_state_of_failure(why->exit_code);
		c->exit_code = why->exit_code;
		free(c->error);
		c->error = xstrdup(why->text);
		free(c->stage);
		c->stage = xstrdup("headers");
	}
}

/* Is all there that it is built upon? Else what became of that: one of the states. */
static enum cell_state of_depends(const struct matrix *m, const struct matrix_cell *c)
{
	const struct strvec *depends = &m->modules[c->module].depends;

	for (size_t i = 0; i < depends->n; i++)
		for (size_t k = 0; k < m->n_modules; k++) {
			const struct matrix_cell *other = matrix_slot(m, c->device, k);

			if (streq(m->modules[k].name, depends->v[i]) &&
				other->state != CELL_BUILT && other->state != CELL_REUSED)
				return other->state;
		}
	return CELL_BUILT;
}

/* Its hash, from a plan of our own. False: it has none even now, and is built here, where that is
 * told. 1 in *known: there is no need for a result. */
static bool learn_hash(struct merging *g, struct matrix_cell *c, bool *known)
{
	const struct matrix_device *d = &g->m->devices[c->device];
	struct cell_result r = {0};
	struct err e = ERR_INIT;
	struct plan p;

	matrix_choose_kernel(g->x, d);
	g->x->make_headers = false;
	if (plan_make(&p, g->x, d->device, g->m->modules[c->module].asked, &e) < 0)
		return false;
	if (p.cell[0])
		c->hash = xstrdup(p.cell);
	*known = p.cell[0] && !g->x->rebuild && cell_recall(&p, &r) != 0;
	cell_result_free(&r);
	plan_free(&p);
	return c->hash != NULL;
}

static int merge_open(struct merging *g, struct matrix_cell *c, const struct farm_cell *planned)
{
	enum cell_state depends;
	bool known;

	if (c->headers_first) {
		without_headers(g, c, planned);
		return 0;
	}
	depends = of_depends(g->m, c);
	if (depends == CELL_NOT_RUN)
		has_to_run_again(
			c, EXIT_GENERAL, xstrdup("what it depends on has to run again, too"));
	/* of what failed, building it here says so at once */
	if (depends != CELL_BUILT || !learn_hash(g, c, &known) ||
		(known && !farm_has_result(g->plan, c->hash)))
		return 0;
	return merge_next(g, c, planned);
}

/* What others depend on comes first. */
static int merge_all_open(struct merging *g)
{
	struct cell_order order;
	int r = 0;

	cell_order_make(&order, g->m, 0);
	for (size_t i = 0; r == 0 && i < order.n; i++) {
		struct matrix_cell *c = &g->m->cells[order.v[i]];
		const struct farm_cell *planned = c->hash ? NULL : in_plan(g, c);

		if (planned && planned->open)
			r = merge_open(g, c, planned);
	}
	cell_order_free(&order);
	return r;
}

/* ---- the whole ---- */

/* What the plan asked for is not what would be built now; whether that was meant, nobody knows. */
static void inputs_changed(struct matrix_cell *c, const struct farm_cell *was)
{
	has_to_run_again(c, EXIT_UNTRUSTED,
		xasprintf("its inputs have changed since the plan was made (cell %.12s then): it "
			  "needs a new plan",
			was->hash));
}

/* Of a cell with a hash: what it is in the plan, if a worker's result is wanted. NULL: it is not.
 */
static const struct farm_cell *wanted_as(struct merging *g, struct matrix_cell *c)
{
	const struct farm_cell *planned = c->hash ? farm_plan_find(g->plan, c->hash) : NULL;
	bool known = c->state == CELL_REUSED || c->state == CELL_FAILED;

	if (planned)
		return c->state == CELL_WAITING || (known && planned->again) ? planned : NULL;
	if (!c->hash || c->here || (c->state != CELL_WAITING && !known))
		return NULL;
	planned = in_plan(g, c);
	if (!planned || (known && !planned->again))
		return NULL;
	if (farm_is_open(g->plan, planned) || farm_has_result(g->plan, c->hash))
		return planned;
	if (c->state == CELL_WAITING)
		inputs_changed(c, planned);
	return NULL;
}

static int merge_known(struct merging *g)
{
	struct matrix *m = g->m;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];
		const struct farm_cell *planned = wanted_as(g, c);

		if (!planned)
			continue;
		r = merge_next(g, c, planned);
		progress_detail(&g->x->progress, "%zu cells", i + 1);
	}
	return r;
}

static size_t count_built(const struct matrix *m)
{
	struct matrix_counts counts;

	matrix_count(m, &counts);
	return counts.cells[CELL_BUILT];
}

int farm_merge(struct matrix *m, struct context *x, const struct farm_plan *p,
	const struct farm_problems *problems, struct err *e)
{
	struct merging g = {.m = m, .x = x, .plan = p, .problems = problems, .work = WORK_INIT};
	_cleanup_free_ char *keys = plan_keys_dir(x);
	bool makes = x->make_headers;
	int r = export_key(keys, &g.key, e);

	if (r == 0)
		r = work_open(&g.work, x, "merge", e);
	if (r == 0) {
		g.from = path_join(g.work.dir, "from");
		g.to = path_join(g.work.dir, "to");
	}
	progress_stage(&x->progress, "merge", "%s", p->dir);
	g.told = e;
	if (r == 0)
		r = merge_known(&g);
	if (r == 0)
		r = merge_all_open(&g);
	if (r < 0)
		progress_failed(&x->progress);
	else
		progress_done(&x->progress, "%zu cell%s built by workers", count_built(m),
			count_built(m) == 1 ? "" : "s");
	x->make_headers = makes;
	work_close(&g.work);
	apk_signkey_free(g.key);
	strvec_free(&g.signed_paths);
	free(g.from);
	free(g.to);
	return r;
}
