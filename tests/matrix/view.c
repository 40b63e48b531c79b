// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A made-up run of a made-up matrix, as the user sees it: view DEVICES MODULES MILLISECONDS [json].
 * Three cells at a time go through the stages, one step every so many milliseconds; ctrl-c
 * interrupts it. For tests/cli/test-matrix-view and to look at.
 */
#include <signal.h>

#include "pmkmod/matrix/table.h"
#include "tests/unit/matrix_fixture.h"

#define RUNNING 3

static const char *const stages[] = {"fetch", "assemble", "prepare", "build", "package"};
static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	stop = signal;
}

static void end_cell(const struct matrix *m, struct matrix_cell *c, size_t number)
{
	const char *device = m->devices[c->device].name;

	free(c->stage);
	c->stage = NULL;
	if (number % 5 == 2)
		set_failed(c, "make failed\nremedy: " HOSTILE, "build", "api");
	else if (number % 7 == 3)
		set_error(c, CELL_EXCLUDED, 77, xasprintf("%s is too new", device));
	else if (number % 11 == 4)
		set_error(c, CELL_REFUSED, 21, xasprintf("%s has no headers", device));
	else
		set_built(m, c, CELL_BUILT);
}

/* One step of cell `number`; true: it has ended. */
static bool step(const struct matrix *m, struct matrix_view *v, size_t number, size_t at)
{
	struct matrix_cell *c = &m->cells[number];

	if (at == ARRAY_SIZE(stages)) {
		end_cell(m, c, number);
	} else {
		if (at == 0)
			c->started = monotonic_seconds();
		c->state = CELL_RUNNING;
		free(c->stage);
		c->stage = xstrdup(stages[at]);
	}
	view_event(v, number);
	return at == ARRAY_SIZE(stages);
}

static void run(struct matrix *m, struct matrix_view *v, useconds_t pause)
{
	size_t at[RUNNING] = {0}, cell[RUNNING], next = 0;

	for (size_t i = 0; i < RUNNING; i++)
		cell[i] = next < m->n_cells ? next++ : SIZE_MAX;
	for (size_t left = m->n_cells, round = 0; left && !stop; usleep(pause), round++) {
		/* one after the other, so that they do not all end at once */
		for (size_t i = 0; i < RUNNING && i <= round / 2; i++)
			if (cell[i] != SIZE_MAX && step(m, v, cell[i], at[i]++)) {
				cell[i] = next < m->n_cells ? next++ : SIZE_MAX;
				at[i] = 0;
				left--;
			}
		view_tick(v);
	}
	/* as the engine does */
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i].state == CELL_RUNNING)
			m->cells[i].state = CELL_WAITING;
	m->interrupted = stop != 0;
}

int main(int argc, char **argv)
{
	struct strvec reports = {0};
	struct context x = {0};
	struct matrix_view *v;
	struct matrix m;
	bool json;

	if (argc < 4) {
		fprintf(stderr, "usage: view DEVICES MODULES MILLISECONDS [json]\n");
		return 2;
	}
	json = argc > 4 && streq(argv[4], "json");
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	x.state = xstrdup("/nowhere");
	progress_init(&x.progress, argc > 4 && streq(argv[4], "quiet"));
	matrix_build(&m, strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
	v = view_open(&m, &x, view_choose(&x, json));
	view_note(v, "a sentence with %s", "\x1b]0;a title\x07 in it");
	m.seconds = monotonic_seconds();
	run(&m, v, (useconds_t)(1000 * strtoul(argv[3], NULL, 10)));
	m.seconds = monotonic_seconds() - m.seconds;
	strvec_add(&reports, "/somewhere/report.html");
	view_close(v, stop ? 128 + (int)stop : 0, &reports);
	if (!json)
		matrix_print_summary(&m, &x, &reports);
	strvec_free(&reports);
	matrix_free(&m);
	free(x.state);
	return stop ? 128 + (int)stop : 0;
}
