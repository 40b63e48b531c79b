// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The table on a terminal. A redraw is one write: up to where the table began, each line anew, the
 * rest cleared. The cursor is never hidden and no colour is left on, so that a program that is
 * killed, or stopped by ctrl-z, leaves nothing to mend.
 */
#include <sys/ioctl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/view.h"

struct look {
	char sign; /* one column */
	const char *word, *colour; /* SGR */
};
static const struct look looks[N_CELL_STATES] = {
	[CELL_WAITING] = {'.', ".", "2"},
	[CELL_RUNNING] = {'>', "running", "36"},
	[CELL_BUILT] = {'B', "built", "32"},
	[CELL_REUSED] = {'r', "reused", "2;32"},
	[CELL_FAILED] = {'F', "FAILED", "1;31"},
	[CELL_EXCLUDED] = {'e', "excluded", "33"},
	[CELL_REFUSED] = {'x', "refused", "35"},
	[CELL_NOT_RUN] = {'-', "not run", "2"},
};
/* The order of the line of counts. */
static const enum cell_state counted[] = {
	CELL_FAILED, CELL_BUILT, CELL_REUSED, CELL_EXCLUDED, CELL_REFUSED, CELL_NOT_RUN};

/* A frame being made: its text, and how many columns each of its lines has. */
struct frame {
	struct matrix_view *v;
	struct strbuf text;
	size_t width; /* no line is longer */
	size_t at; /* columns of the line that is being made */
	size_t n; /* lines that are complete */
};

/* ---- lines that cannot be too long ---- */

/* Printable ASCII, as much as there is room for. */
static void put(struct frame *f, const char *colour, const char *s, size_t len)
{
	size_t n = len < f->width - f->at ? len : f->width - f->at;
	bool coloured = colour && f->v->colour && n;

	if (coloured)
		strbuf_addf(&f->text, "\033[%sm", colour);
	strbuf_add(&f->text, s, n);
	if (coloured)
		strbuf_adds(&f->text, "\033[0m");
	f->at += n;
}

static void puts_to(struct frame *f, const char *colour, const char *s)
{
	put(f, colour, s, strlen(s));
}

/* Whole or not at all: half a number would be another one. */
static void put_whole(struct frame *f, const char *between, const char *colour, const char *s)
{
	if (!*s || f->at + strlen(between) + strlen(s) > f->width)
		return;
	puts_to(f, NULL, between);
	puts_to(f, colour, s);
}

/* Exactly `width` columns: cut, or with blanks behind. */
static void put_cell(struct frame *f, const char *colour, const char *s, size_t width)
{
	size_t n = strlen(s);

	put(f, colour, s, n < width ? n : width);
	for (; n < width; n++)
		put(f, NULL, " ", 1);
}

static void end_line(struct frame *f)
{
	struct matrix_view *v = f->v;

	strbuf_adds(&f->text, "\033[K\n");
	if (f->n == v->lengths_cap) {
		v->lengths_cap = v->lengths_cap ? 2 * v->lengths_cap : 32;
		v->lengths = xrealloc(v->lengths, v->lengths_cap, sizeof(*v->lengths));
	}
	v->lengths[f->n++] = f->at;
	f->at = 0;
}

/* ---- the parts ---- */

static void put_names(struct frame *f, const struct table_layout *l)
{
	put_cell(f, NULL, "", l->name_width);
	for (size_t i = 0; i < l->n_modules; i++) {
		put(f, NULL, " ", 1);
		put_cell(f, "1", f->v->modules[i], l->cell_width);
	}
	end_line(f);
}

/* Numbers of columns, a digit below the other. */
static void put_numbers(struct frame *f, const struct table_layout *l)
{
	size_t digits = table_digits(l->n_modules);

	for (size_t line = 0; line < digits; line++) {
		put_cell(f, NULL, "", l->name_width + !l->blanks);
		for (size_t i = 1; i <= l->n_modules; i++) {
			size_t n = i;
			char digit;

			for (size_t k = line + 1; k < digits; k++)
				n /= 10;
			digit = (char)(n ? '0' + n % 10 : ' ');
			if (l->blanks)
				put(f, NULL, " ", 1);
			put(f, "1", &digit, 1);
		}
		end_line(f);
	}
}

static void put_slot(struct frame *f, const struct table_layout *l, size_t device, size_t module)
{
	const struct matrix_view *v = f->v;
	uint32_t cell = v->m->slots[device * v->m->n_modules + module];
	const struct look *look = &looks[v->seen[cell]];
	_cleanup_free_ char *stage = NULL;

	if (l->blanks)
		put(f, NULL, " ", 1);
	if (!l->words) {
		put(f, look->colour, &look->sign, 1);
		return;
	}
	if (v->seen[cell] == CELL_RUNNING && v->stages[cell])
		stage = text_columns(v->stages[cell]);
	put_cell(f, look->colour, stage ? stage : look->word, l->cell_width);
}

static void put_rows(struct frame *f, const struct table_layout *l)
{
	const struct matrix_view *v = f->v;
	size_t n = table_choose_rows(v, l);

	for (size_t i = 0; i < n; i++) {
		size_t device = v->row_order[i];

		put_cell(f, NULL, v->devices[device], l->name_width);
		if (!l->blanks)
			put(f, NULL, " ", 1);
		for (size_t k = 0; k < l->n_modules; k++)
			put_slot(f, l, device, k);
		end_line(f);
	}
	if (n < v->m->n_devices) {
		char text[64];

		snprintf(text, sizeof(text), "... and %zu more devices", v->m->n_devices - n);
		puts_to(f, "2", text);
		end_line(f);
	}
}

static void put_legend(struct frame *f, const struct table_layout *l)
{
	size_t lines = 0;

	for (size_t i = 0; i < l->n_modules && lines < l->legend; i++) {
		_cleanup_free_ char *text = xasprintf("%zu %s  ", i + 1, f->v->modules[i]);

		if (f->at && f->at + strlen(text) > f->width) {
			end_line(f);
			if (++lines == l->legend)
				break;
		}
		puts_to(f, "2", text);
	}
	if (f->at)
		end_line(f);
}

/* Where cells are signs, what runs is told in words. */
static void put_running(struct frame *f, const struct table_layout *l)
{
	const struct matrix_view *v = f->v;
	double now = monotonic_seconds();
	size_t n = 0;

	for (size_t i = 0; i < v->m->n_cells && n < l->running; i++) {
		const struct matrix_cell *c = &v->m->cells[i];
		_cleanup_free_ char *stage = NULL, *text = NULL, *time = NULL;

		if (v->seen[i] != CELL_RUNNING)
			continue;
		stage = text_columns(v->stages[i] ? v->stages[i] : "running");
		time = c->started > 0 ? text_duration(now - c->started) : NULL;
		text = xasprintf("%-8s %s  %s  %s", stage, v->devices[c->device],
			v->modules[c->module], time ? time : "");
		puts_to(f, looks[CELL_RUNNING].colour, text);
		end_line(f);
		n++;
	}
	/* so that what is below stays where it is */
	for (; n < l->running; n++)
		end_line(f);
}

/* "", or how long the rest takes if it goes on as it did: cells under way count as half done. */
static char *time_left(const struct matrix_view *v, double elapsed)
{
	double left = (double)v->counts[CELL_WAITING] + (double)v->counts[CELL_RUNNING] / 2;
	_cleanup_free_ char *text = NULL;

	if (!v->finished || left <= 0)
		return xstrdup("");
	text = text_duration(left * elapsed / (double)v->finished);
	return xasprintf("about %s left", text);
}

static void put_counts(struct frame *f, bool last)
{
	const struct matrix_view *v = f->v;
	double elapsed = monotonic_seconds() - v->began;
	_cleanup_free_ char *time = text_duration(elapsed), *left = time_left(v, elapsed);
	char text[96];

	put_whole(f, "", "1", time);
	if (!last) {
		put_whole(f, ", ", NULL, left);
		snprintf(text, sizeof(text), "%zu running", v->counts[CELL_RUNNING]);
		put_whole(f, "; ", NULL, text);
		snprintf(text, sizeof(text), "%zu waiting", v->counts[CELL_WAITING]);
		put_whole(f, ", ", NULL, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		enum cell_state s = counted[i];

		if (!v->counts[s])
			continue;
		snprintf(text, sizeof(text), "%zu %s", v->counts[s], cell_state_names[s]);
		put_whole(f, ", ", looks[s].colour, text);
	}
	end_line(f);
}

/* ---- drawing ---- */

static void terminal_size(size_t *columns, size_t *lines)
{
	struct winsize w;
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row;

	*columns = known ? w.ws_col : 80;
	*lines = known ? w.ws_row : 24;
}

/*
 * To the table's first line. A terminal that became narrower has wrapped its lines; one that
 * became lower shows only the last of them, and the cursor stops at the top.
 */
static void add_way_up(struct strbuf *b, const struct matrix_view *v, size_t columns)
{
	size_t up = 0;

	for (size_t i = 0; i < v->n_lines; i++)
		up += v->lengths[i] > columns ? (v->lengths[i] + columns - 1) / columns : 1;
	if (up)
		strbuf_addf(b, "\033[%zuA", up);
	strbuf_adds(b, "\r");
}

static void flush_frame(struct frame *f)
{
	fflush(stderr);
	/* a terminal that is gone is no reason to stop building */
	(void)!fs_write_all(STDERR_FILENO, f->text.s, f->text.len);
	strbuf_free(&f->text);
}

static void put_table(struct frame *f, const struct table_layout *l)
{
	if (l->words)
		put_names(f, l);
	else
		put_numbers(f, l);
	put_rows(f, l);
	put_legend(f, l);
	put_running(f, l);
}

void table_draw(struct matrix_view *v, bool last)
{
	struct frame f = {.v = v};
	struct table_layout l;
	size_t columns, lines;
	bool room;

	terminal_size(&columns, &lines);
	room = table_lay_out(&l, v, columns, lines, last);
	f.width = columns > 1 ? columns - 1 : 1;
	add_way_up(&f.text, v, columns);
	if (v->above.len) {
		/* they may wrap */
		strbuf_adds(&f.text, "\033[J");
		strbuf_add(&f.text, v->above.s, v->above.len);
		strbuf_reset(&v->above);
	}
	/* what is not all of it is no result: the summary follows */
	if (!last || (room && l.n_rows == v->m->n_devices && l.n_modules == v->m->n_modules)) {
		if (room)
			put_table(&f, &l);
		put_counts(&f, last);
	}
	strbuf_adds(&f.text, "\033[J");
	v->n_lines = f.n;
	v->drawn = monotonic_seconds();
	flush_frame(&f);
}
