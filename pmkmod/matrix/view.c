// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include "pmkmod/matrix/view.h"

#define REDRAW_INTERVAL 0.1
#define NAMES_SHOWN 3 /* of devices that share a cell */

enum view_mode view_choose(const struct context *x, bool json)
{
	if (json)
		return VIEW_EVENTS;
	if (x->progress.quiet)
		return VIEW_NOTHING;
	return x->progress.terminal ? VIEW_TABLE : VIEW_LINES;
}

static bool is_final(enum cell_state s)
{
	return s != CELL_WAITING && s != CELL_RUNNING;
}

/* ---- lines ---- */

static void add_clean(struct strbuf *b, const char *s)
{
	if (s)
		text_add(b, s, strlen(s), TEXT_PLAIN, false);
}

static void add_package(struct strbuf *b, const struct matrix_cell *c)
{
	add_clean(b, c->package);
	if (c->version) {
		strbuf_addc(b, '-');
		add_clean(b, c->version);
	}
	if (c->verdict) {
		strbuf_adds(b, ", ");
		add_clean(b, c->verdict);
	}
}

static void add_error(struct strbuf *b, const struct matrix_cell *c)
{
	_cleanup_free_ char *first = text_first_line(c->error);

	if (c->state == CELL_FAILED && c->stage) {
		add_clean(b, c->stage);
		strbuf_adds(b, ": ");
	}
	strbuf_adds(b, *first ? first : "no reason was given");
}

char *view_line(const struct matrix_view *v, size_t cell)
{
	const struct matrix_cell *c = &v->m->cells[cell];
	_cleanup_free_ char *devices = members_devices(&v->members, v->m, cell, NAMES_SHOWN);
	struct strbuf b = {0};

	strbuf_addf(&b, "%-9s %-*s  ", cell_state_names[c->state], (int)v->device_width, devices);
	add_clean(&b, v->m->modules[c->module].asked);
	strbuf_adds(&b, "  ");
	if (c->state == CELL_BUILT || c->state == CELL_REUSED)
		add_package(&b, c);
	else
		add_error(&b, c);
	if (c->seconds > 0)
		strbuf_addf(&b, " (%.1f s)", c->seconds);
	return strbuf_steal(&b);
}

static void print_plan(const struct matrix_view *v)
{
	const struct matrix *m = v->m;

	printf("matrix    %zu device%s, %zu module%s: %zu cell%s, %zu to build\n", m->n_devices,
		m->n_devices == 1 ? "" : "s", m->n_modules, m->n_modules == 1 ? "" : "s",
		m->n_cells, m->n_cells == 1 ? "" : "s", v->counts[CELL_WAITING]);
	fflush(stdout);
}

/* ---- the table's notes ---- */

static void print_above(struct matrix_view *v, const char *text)
{
	if (v->mode == VIEW_TABLE) {
		strbuf_addf(&v->above, "%s\n", text);
		return;
	}
	fprintf(stderr, "%s\n", text);
	fflush(stderr);
}

void view_note(struct matrix_view *v, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0}, clean = {0};
	va_list ap;

	if (v->x->progress.quiet)
		return;
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	strbuf_adds(&clean, "note: ");
	text_add(&clean, b.s ? b.s : "", b.len, TEXT_PLAIN, true);
	print_above(v, clean.s);
}

/* ---- life ---- */

static void take_names(struct matrix_view *v)
{
	const struct matrix *m = v->m;

	v->devices = xcalloc(m->n_devices, sizeof(*v->devices));
	v->modules = xcalloc(m->n_modules, sizeof(*v->modules));
	for (size_t i = 0; i < m->n_devices; i++) {
		size_t n;

		v->devices[i] = text_columns(m->devices[i].name);
		n = strlen(v->devices[i]);
		v->device_width = n > v->device_width ? n : v->device_width;
	}
	for (size_t i = 0; i < m->n_modules; i++) {
		size_t n;

		v->modules[i] = text_columns(m->modules[i].asked);
		n = strlen(v->modules[i]);
		v->module_width = n > v->module_width ? n : v->module_width;
	}
	v->device_width = v->device_width > 24 ? 24 : v->device_width;
}

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */

	return !no || !*no;
}

struct matrix_view *view_open(const struct matrix *m, const struct context *x, enum view_mode mode)
{
	struct matrix_view *v = xcalloc(1, sizeof(*v));

	v->m = m;
	v->x = x;
	v->mode = mode;
	v->colour = wants_colour();
	v->began = monotonic_seconds();
	v->seen = xcalloc(m->n_cells, sizeof(*v->seen));
	v->stages = xcalloc(m->n_cells, sizeof(*v->stages));
	v->changed = xcalloc(m->n_devices, sizeof(*v->changed));
	v->row_order = xcalloc(m->n_devices, sizeof(*v->row_order));
	for (size_t i = 0; i < m->n_cells; i++) {
		v->seen[i] = (uint8_t)m->cells[i].state;
		v->counts[m->cells[i].state]++;
	}
	members_find(&v->members, m);
	take_names(v);
	if (mode == VIEW_EVENTS)
		event_plan(v);
	else if (mode == VIEW_LINES)
		print_plan(v);
	return v;
}

static void view_free(struct matrix_view *v)
{
	for (size_t i = 0; i < v->m->n_cells; i++)
		free(v->stages[i]);
	for (size_t i = 0; i < v->m->n_devices; i++)
		free(v->devices[i]);
	for (size_t i = 0; i < v->m->n_modules; i++)
		free(v->modules[i]);
	members_free(&v->members);
	free(v->seen);
	free(v->stages);
	free(v->changed);
	free(v->row_order);
	free(v->devices);
	free(v->modules);
	free(v->lengths);
	strbuf_free(&v->above);
	free(v);
}

/* ---- what happens ---- */

static void mark_changed(struct matrix_view *v, size_t cell)
{
	v->serial++;
	for (size_t i = v->members.first[cell]; i < v->members.first[cell + 1]; i++)
		v->changed[v->members.slots[i] / v->m->n_modules] = v->serial;
}

static void cell_ended(struct matrix_view *v, size_t cell)
{
	enum cell_state s = v->m->cells[cell].state;
	_cleanup_free_ char *line = NULL;

	v->finished++;
	if (v->mode == VIEW_EVENTS)
		event_end_cell(v, cell);
	/* thousands may not be run: they are counted at the end */
	if (s == CELL_NOT_RUN || (v->mode != VIEW_LINES && v->mode != VIEW_TABLE))
		return;
	line = view_line(v, cell);
	if (v->mode == VIEW_LINES) {
		puts(line);
		fflush(stdout);
	} else if (s == CELL_FAILED) {
		print_above(v, line);
	}
}

static bool take_stage(struct matrix_view *v, size_t cell)
{
	const char *stage = v->m->cells[cell].stage;

	if (!stage || (v->stages[cell] && streq(stage, v->stages[cell])))
		return false;
	free(v->stages[cell]);
	v->stages[cell] = xstrdup(stage);
	return true;
}

void view_cells(struct matrix_view *v)
{
	if (v->mode == VIEW_EVENTS)
		event_cells(v);
}

void view_event(struct matrix_view *v, size_t cell)
{
	enum cell_state s = v->m->cells[cell].state, before = v->seen[cell];
	bool changed = s != before, staged;

	if (changed) {
		v->counts[before]--;
		v->counts[s]++;
		v->seen[cell] = (uint8_t)s;
		if (v->counts[CELL_RUNNING] > v->most_running)
			v->most_running = v->counts[CELL_RUNNING];
	}
	staged = s == CELL_RUNNING && take_stage(v, cell);
	if (!changed && !staged)
		return;
	mark_changed(v, cell);
	if (changed && s == CELL_RUNNING && v->mode == VIEW_EVENTS)
		event_start(v, cell);
	if (staged && v->mode == VIEW_EVENTS)
		event_stage(v, cell);
	if (changed && is_final(s))
		cell_ended(v, cell);
}

void view_tick(struct matrix_view *v)
{
	if (v->mode == VIEW_TABLE && monotonic_seconds() - v->drawn >= REDRAW_INTERVAL)
		table_draw(v, false);
}

/* An interrupted run leaves cells in other states without saying so of each. */
static void catch_up(struct matrix_view *v)
{
	for (size_t i = 0; i < v->m->n_cells; i++) {
		v->counts[v->seen[i]]--;
		v->seen[i] = (uint8_t)v->m->cells[i].state;
		v->counts[v->seen[i]]++;
	}
}

void view_close(struct matrix_view *v, int exit_code, const struct strvec *reports)
{
	if (!v)
		return;
	catch_up(v);
	if (v->mode == VIEW_TABLE)
		table_draw(v, true);
	else if (v->mode == VIEW_EVENTS)
		event_end(v, exit_code, reports);
	view_free(v);
}
