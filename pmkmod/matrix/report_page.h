/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the HTML page; for report_html.c, report_why.c and report_data.c. */
#ifndef PMKMOD_MATRIX_REPORT_PAGE_H
#define PMKMOD_MATRIX_REPORT_PAGE_H

#include "pmkmod/matrix/report.h"

struct page {
	const struct matrix *m;
	const struct context *x;
	FILE *f;
	char *logs; /* URL of the folder that has a folder with a log for each hash */
	uint32_t *rows; /* numbers of the devices, in the grid's order */
	struct matrix_counts counts;
	struct reasons failed, excluded, refused;
};

/* How a state is marked: the class of page.css, what its cells say, and its name. */
struct page_state {
	const char *class, *sign;
};
extern const struct page_state page_states[N_CELL_STATES];

/*
 * Where the page says why: the id of an element ("c12": of a failed cell, "e3", "x3": of a reason),
 * "" for a cell that needs no explanation.
 */
#define WHY_MAX 16
void page_why(const struct page *p, size_t cell, char out[WHY_MAX]);
/* Text between tags or within "". */
void page_text(const struct page *p, const char *s);

/* report_why.c: what failed, was refused and was excluded, readable without a script. */
void page_write_why(struct page *p);
/* report_data.c: what the script shows of each cell. */
void page_write_data(struct page *p);

#endif
