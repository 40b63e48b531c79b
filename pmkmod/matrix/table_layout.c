// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What of a grid fits on a terminal. Columns are as wide as the longest name while they fit; then
 * narrow; then one sign each, below their numbers, with a legend.
 */
#include "pmkmod/matrix/view.h"

#define WORD_WIDTH 8 /* "assemble", "excluded" */
#define NAME_WIDTH_MAX 16
#define COLUMNS_MIN 20
#define LINES_MIN 5

size_t table_digits(size_t n)
{
	size_t digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

static size_t clamp(size_t n, size_t least, size_t most)
{
	return n < least ? least : n > most ? most : n;
}

static void choose_width(struct table_layout *l, const struct matrix_view *v)
{
	size_t n = v->m->n_modules, room, wide;

	l->name_width = clamp(v->device_width, 6, l->columns / 3);
	room = l->columns - l->name_width;
	l->n_modules = n;
	wide = clamp(v->module_width, WORD_WIDTH, NAME_WIDTH_MAX);
	l->words = true;
	l->blanks = true;
	for (l->cell_width = wide; l->cell_width >= WORD_WIDTH; l->cell_width--)
		if (n * (l->cell_width + 1) <= room)
			return;
	l->words = false;
	l->cell_width = 1;
	if (2 * n <= room)
		return;
	l->blanks = false;
	/* a blank behind the names */
	l->n_modules = n < room - 1 ? n : room - 1;
}

/* Lines that the numbers and names of the modules take, a few columns apart. */
static size_t legend_lines(const struct table_layout *l, const struct matrix_view *v)
{
	size_t lines = 1, at = 0;

	for (size_t i = 0; i < l->n_modules; i++) {
		size_t n = table_digits(i + 1) + 1 + strlen(v->modules[i]) + 2;

		if (at && at + n > l->columns) {
			lines++;
			at = 0;
		}
		at += n;
	}
	return lines;
}

bool table_lay_out(struct table_layout *l, const struct matrix_view *v, size_t columns,
	size_t lines, bool last)
{
	size_t used, n = v->m->n_devices;

	/* a character in the last column makes some terminals wrap */
	*l = (struct table_layout){.columns = columns ? columns - 1 : 0, .lines = lines};
	if (columns < COLUMNS_MIN || lines < LINES_MIN || !n || !v->m->n_modules)
		return false;
	choose_width(l, v);
	/* the line of counts, and one for the cursor */
	used = 2 + (l->words ? 1 : table_digits(l->n_modules));
	if (!l->words) {
		l->legend = clamp(legend_lines(l, v), 0, lines / 4);
		l->running = last ? 0 : clamp(v->most_running, 0, lines / 4);
		used += l->legend + l->running;
	}
	if (used >= lines)
		return false;
	l->n_rows = lines - used;
	/* one of them says how many there are beyond */
	if (n > l->n_rows)
		l->n_rows--;
	else
		l->n_rows = n;
	return l->n_rows > 0;
}

/* ---- rows ---- */

struct rank {
	uint32_t serial, device;
};

static int by_serial(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->serial != y->serial)
		return x->serial < y->serial ? 1 : -1;
	return x->device < y->device ? -1 : x->device > y->device;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Running before all others; what is still to be built before what was known before. */
static void rank_devices(const struct matrix_view *v, struct rank *ranks)
{
	const struct matrix *m = v->m;

	for (uint32_t i = 0; i < m->n_devices; i++)
		ranks[i] =
			(struct rank){.serial = v->changed[i] ? v->changed[i] + 1 : 0, .device = i};
	for (size_t i = 0; i < m->n_cells; i++)
		for (size_t k = v->members.first[i]; k < v->members.first[i + 1]; k++) {
			struct rank *r = &ranks[v->members.slots[k] / m->n_modules];

			if (v->seen[i] == CELL_RUNNING)
				r->serial = UINT32_MAX;
			else if (v->seen[i] == CELL_WAITING && r->serial == 0)
				r->serial = 1;
		}
}

size_t table_choose_rows(const struct matrix_view *v, const struct table_layout *l)
{
	size_t n = v->m->n_devices;
	_cleanup_free_ struct rank *ranks = NULL;

	if (l->n_rows < n) {
		ranks = xcalloc(n, sizeof(*ranks));
		rank_devices(v, ranks);
		qsort(ranks, n, sizeof(*ranks), by_serial);
	}
	for (uint32_t i = 0; i < l->n_rows; i++)
		v->row_order[i] = ranks ? ranks[i].device : i;
	qsort(v->row_order, l->n_rows, sizeof(*v->row_order), by_number);
	return l->n_rows;
}
