/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of the view; for view.c, events.c, table.c and table_layout.c. */
#ifndef PMKMOD_MATRIX_VIEW_H
#define PMKMOD_MATRIX_VIEW_H

#include "pmkmod/matrix/report.h"
#include "pmkmod/matrix/table.h"

struct matrix_view {
	const struct matrix *m;
	const struct context *x;
	enum view_mode mode;
	bool colour;
	double began, drawn; /* monotonic_seconds(); of the last redraw */
	struct members members;
	uint8_t *seen; /* [cell]: enum cell_state of the last event */
	char **stages; /* [cell]: of a running one */
	size_t counts[N_CELL_STATES]; /* of cells */
	size_t finished; /* cells that ended since view_open() */
	uint32_t *changed; /* [device]: number of its last event, 0: none */
	uint32_t serial;
	/* of a table */
	char **devices, **modules; /* names as text_columns() */
	size_t device_width, module_width; /* of the longest */
	uint32_t *row_order; /* [device]: room to choose rows in */
	size_t *lengths; /* columns of each line that is on the terminal */
	size_t n_lines, lengths_cap;
	struct strbuf above; /* lines for above the table, with the next redraw */
	size_t most_running; /* at once, so far */
};

/* "failed  phone  module  why", without a newline. Caller frees. */
char *view_line(const struct matrix_view *v, size_t cell);

/* ---- events.c ---- */
void event_plan(const struct matrix_view *v);
void event_start(const struct matrix_view *v, size_t cell);
void event_stage(const struct matrix_view *v, size_t cell);
void event_end_cell(const struct matrix_view *v, size_t cell);
/* What is known of each, before anything is built. */
void event_cells(const struct matrix_view *v);
void event_end(const struct matrix_view *v, int exit_code, const struct strvec *reports);

/* ---- table.c ---- */
/* Draw what is now, below the lines of v->above; `last`: it is over. */
void table_draw(struct matrix_view *v, bool last);

/* ---- table_layout.c: what fits on the terminal ---- */
struct table_layout {
	size_t columns, lines; /* of the terminal */
	size_t name_width; /* of the first column */
	size_t cell_width; /* without the blank behind it */
	bool words; /* cells have words and columns their modules' names; else signs and numbers */
	bool blanks; /* there is one between columns */
	size_t n_modules; /* shown: the first ones */
	size_t n_rows; /* shown */
	size_t legend, running; /* lines for them */
};
/*
 * For a terminal of that size. False: it is too small for more than the line of counts.
 * Where cells are mere signs, those under way get lines of their own, unless it is over (`last`).
 */
bool table_lay_out(struct table_layout *l, const struct matrix_view *v, size_t columns,
	size_t lines, bool last);
/* Devices that are shown: running ones, then those that changed last; sorted. */
size_t table_choose_rows(const struct matrix_view *v, const struct table_layout *l);
/* How many digits column numbers have, and so how many lines their heading. */
size_t table_digits(size_t n);

#endif
