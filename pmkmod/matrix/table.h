/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown of a matrix while it runs, and when it is over. */
#ifndef PMKMOD_MATRIX_TABLE_H
#define PMKMOD_MATRIX_TABLE_H

#include "pmkmod/matrix/matrix.h"

enum view_mode {
	VIEW_NOTHING, /* --quiet: errors and results alone */
	VIEW_LINES, /* a line a finished cell, to standard output */
	VIEW_TABLE, /* devices down, modules across, redrawn in place on standard error */
	VIEW_EVENTS, /* --json: an object a line, to standard output; see pmkmod(1) */
};
/* What fits the options and the terminal: a table if standard error is one and no dumb one. */
enum view_mode view_choose(const struct context *x, bool json);

struct matrix_view;
/*
 * Begin to show `m`, in which the survey's states are. `m` and `x` are borrowed until view_close();
 * the states of cells may change, their number and the slots may not. The terminal is left in no
 * special state between two calls: whatever ends the program leaves it usable.
 */
struct matrix_view *view_open(const struct matrix *m, const struct context *x, enum view_mode mode);
/*
 * Call when a cell's state or stage in `m` has changed: it began (CELL_RUNNING), has another stage,
 * or ended. What is the same as before is passed over.
 */
void view_event(struct matrix_view *v, size_t cell);
/* Where nothing is to be built: tell all that is known of each cell (VIEW_EVENTS; else nothing). */
void view_cells(struct matrix_view *v);
/* Call about ten times a second, and after events: redraws if it is time to. */
void view_tick(struct matrix_view *v);
/* A sentence that is no cell's: above the table, to standard error. */
void view_note(struct matrix_view *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * The end, also after an error or a signal; frees `v`, which may be NULL. A table that is all on
 * the terminal stays there. `reports` (may be NULL) are paths of reports, for the last event.
 */
void view_close(struct matrix_view *v, int exit_code, const struct strvec *reports);

/*
 * summary.c, to standard output: how many of each state, the failed cells and why, excluded and
 * refused ones by reason, logs, and the reports (may be NULL).
 */
void matrix_print_summary(
	const struct matrix *m, const struct context *x, const struct strvec *reports);

#endif
