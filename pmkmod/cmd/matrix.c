// SPDX-License-Identifier: GPL-3.0-or-later
/* Many devices, many modules: survey, build what is waiting, report. */
#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/matrix/attempts.h"
#include "pmkmod/matrix/engine.h"

struct run {
	struct matrix m;
	struct context *x;
};

static void ended(void *ctx, const struct matrix_cell *c)
{
	struct run *r = ctx;

	attempts_note(&r->m, r->x, c);
	printf("%-9s %s %s %s%.*s (%.1f s)\n", cell_state_names[c->state],
		r->m.devices[c->device].name, r->m.modules[c->module].name,
		c->package ? c->package : "", c->error ? (int)strcspn(c->error, "\n") : 0,
		c->error ? c->error : "", c->seconds);
	fflush(stdout);
}

/* With --only-failed: what failed is built again, and nothing else. */
static void choose_failed(struct matrix *m)
{
	for (size_t i = 0; i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];

		if (c->state == CELL_FAILED) {
			c->again = c->remembered;
			c->remembered = false;
			c->state = CELL_WAITING;
		} else if (c->state == CELL_WAITING && !c->tried) {
			c->state = CELL_NOT_RUN;
		}
	}
}

int cmd_matrix(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct run run = {.x = x};
	struct engine_watch w = {.ended = ended, .ctx = &run};
	struct engine_options options = {.keep_going = o->keep_going, .watch = &w};
	struct matrix_counts counts;
	int r = matrix_survey(&run.m, x, o->args.v[1], o->args.v[2], e);

	if (r == 0) {
		attempts_load(&run.m, x);
		if (o->only_failed)
			choose_failed(&run.m);
		if (!o->dry_run)
			r = engine_local(&run.m, x, &options, e);
	}
	matrix_count(&run.m, &counts);
	for (int i = 0; i < N_CELL_STATES; i++)
		if (counts.cells[i])
			printf("%s %zu\n", cell_state_names[i], counts.cells[i]);
	if (r == 0 && counts.cells[CELL_FAILED])
		*status = EXIT_CELLS_FAILED;
	matrix_free(&run.m);
	return r;
}
