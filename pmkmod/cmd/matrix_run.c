// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cmd/matrix_run.h"

#include "chroot/base/fs.h"
#include "pmkmod/matrix/attempts.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/matrix/table.h"

struct run {
	struct matrix *m;
	struct context *x;
	struct matrix_view *view;
};

/* ---- while it runs ---- */

static void changed(void *ctx, const struct matrix_cell *c)
{
	struct run *r = ctx;

	view_event(r->view, (size_t)(c - r->m->cells));
}

static void note(void *ctx, const struct matrix_cell *c, const char *text)
{
	struct run *r = ctx;

	view_note(r->view, "%s, %s: %s", r->m->devices[c->device].name,
		r->m->modules[c->module].name, text);
}

static void ended(void *ctx, const struct matrix_cell *c)
{
	struct run *r = ctx;

	attempts_note(r->m, r->x, c);
	matrix_remember_latest(r->m, r->x, c);
	changed(ctx, c);
}

static void tick(void *ctx)
{
	struct run *r = ctx;

	view_tick(r->view);
}

/* ---- when it is over ---- */

static bool any(const struct matrix *m, enum cell_state state)
{
	struct matrix_counts counts;

	matrix_count(m, &counts);
	return counts.cells[state] > 0;
}

static int write_reports(const struct matrix *m, const struct context *x, const char *dir,
	struct strvec *paths, struct err *e)
{
	const struct {
		const char *name;
		int (*write)(const struct matrix *m, const struct context *x, const char *path,
			struct err *e);
	} all[] = {{"index.html", matrix_report_html}, {"junit.xml", matrix_report_junit},
		{"report.json", matrix_report_json}};
	int r = fs_mkdirs(dir, 0755, e);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++) {
		_cleanup_free_ char *path = path_join(dir, all[i].name);

		r = all[i].write(m, x, path, e);
		if (r == 0)
			strvec_add(paths, path);
	}
	return r < 0 ? err_prefix(e, "cannot write the reports") : 0;
}

static int exit_code_of(const struct matrix *m, int r, const struct err *e)
{
	struct matrix_counts counts;

	if (r < 0)
		return failure_exit_code(r, e);
	matrix_count(m, &counts);
	return counts.cells[CELL_FAILED] || counts.cells[CELL_WAITING] || m->again
		       ? EXIT_CELLS_FAILED
		       : 0;
}

int matrix_build_here(struct matrix *m, struct context *x, const struct options *o,
	const char *report_dir, int *status, struct err *e)
{
	_cleanup_strvec_ struct strvec reports = {0};
	struct run run = {.m = m, .x = x};
	struct engine_watch w = {.started = changed,
		.stage = changed,
		.note = note,
		.ended = ended,
		.tick = tick,
		.ctx = &run};
	struct engine_options options = {.keep_going = o->keep_going, .watch = &w};
	struct err own = ERR_INIT, *told = e ? e : &own;
	double began = monotonic_seconds();
	int r, written;

	run.view = view_open(m, x, view_choose(x, o->json));
	r = engine_local(m, x, &options, told);
	m->seconds = monotonic_seconds() - began;
	/* each cell has grown it in a process of its own */
	x->cache_grew = x->cache_grew || any(m, CELL_BUILT);
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i].state == CELL_WAITING && r == 0)
			m->cells[i].state = CELL_NOT_RUN;
	written = write_reports(
		m, x, o->report ? o->report : report_dir, &reports, r < 0 ? NULL : told);
	if (r == 0)
		r = written;
	*status = exit_code_of(m, r, told);
	view_close(run.view, *status, &reports);
	if (!o->json)
		matrix_print_summary(m, x, &reports);
	return r;
}
