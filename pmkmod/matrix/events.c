// SPDX-License-Identifier: GPL-3.0-or-later
/* What happens, for programs: one object a line, flushed, so that a reader of a pipe is not late.
 */
#include <stdio.h>

#include "pmkmod/matrix/view.h"

static struct json_object *event(const struct matrix_view *v, const char *what)
{
	struct json_object *o = json_object_new_object();
	char at[64];

	snprintf(at, sizeof(at), "%.3f", monotonic_seconds() - v->began);
	json_add_text(o, "event", what);
	json_object_object_add(o, "at", json_object_new_double_s(strtod(at, NULL), at));
	return o;
}

static void write_event(struct json_object *take)
{
	json_write(take);
	putchar('\n');
	fflush(stdout);
}

static void add_count(struct json_object *o, const char *key, size_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

static void add_counts(struct json_object *o, const struct matrix *m)
{
	struct json_object *both = json_object_new_object();
	struct matrix_counts counts;

	matrix_count(m, &counts);
	json_object_object_add(both, "cells", counts_json(counts.cells));
	json_object_object_add(both, "slots", counts_json(counts.slots));
	json_object_object_add(o, "counts", both);
}

/* Of which cell an event is; its number is its place in the report's list of cells. */
static void add_cell(struct json_object *o, const struct matrix_view *v, size_t cell)
{
	const struct matrix_cell *c = &v->m->cells[cell];

	add_count(o, "number", cell);
	json_add_text(o, "cell", c->hash);
	json_add_text(o, "device", v->m->devices[c->device].name);
	json_add_text(o, "module", v->m->modules[c->module].asked);
}

static void add_devices(struct json_object *o, const struct matrix_view *v, size_t cell)
{
	struct json_object *all = json_object_new_array();
	size_t last = SIZE_MAX;

	for (size_t i = v->members.first[cell]; i < v->members.first[cell + 1]; i++) {
		size_t device = v->members.slots[i] / v->m->n_modules;

		if (device != last)
			json_object_array_add(all, json_text(v->m->devices[device].name));
		last = device;
	}
	json_object_object_add(o, "devices", all);
}

void event_plan(const struct matrix_view *v)
{
	struct json_object *o = event(v, "plan");

	add_count(o, "format", MATRIX_FORMAT);
	json_add_text(o, "pmkmod", PMKMOD_VERSION);
	add_count(o, "devices", v->m->n_devices);
	add_count(o, "modules", v->m->n_modules);
	add_counts(o, v->m);
	write_event(o);
}

void event_start(const struct matrix_view *v, size_t cell)
{
	struct json_object *o = event(v, "cell-start");

	add_cell(o, v, cell);
	add_devices(o, v, cell);
	write_event(o);
}

void event_stage(const struct matrix_view *v, size_t cell)
{
	struct json_object *o = event(v, "stage");

	add_cell(o, v, cell);
	json_add_text(o, "stage", v->m->cells[cell].stage);
	write_event(o);
}

/* All that is known of it. */
static void whole_cell(const struct matrix_view *v, const char *what, size_t cell)
{
	struct json_object *o = event(v, what), *all = cell_json(v->m, v->x, &v->m->cells[cell]);

	add_count(o, "number", cell);
	add_devices(o, v, cell);
	json_object_object_foreach(all, key, value)
		json_object_object_add(o, key, json_object_get(value));
	json_object_put(all);
	write_event(o);
}

void event_end_cell(const struct matrix_view *v, size_t cell)
{
	whole_cell(v, "cell-end", cell);
}

void event_cells(const struct matrix_view *v)
{
	for (size_t i = 0; i < v->m->n_cells; i++)
		whole_cell(v, "cell", i);
}

void event_end(const struct matrix_view *v, int exit_code, const struct strvec *reports)
{
	static const struct strvec none;
	struct json_object *o = event(v, "end");

	json_object_object_add(o, "exit_code", json_object_new_int(exit_code));
	json_object_object_add(o, "interrupted", json_object_new_boolean(v->m->interrupted));
	add_counts(o, v->m);
	json_object_object_add(o, "reports", json_texts(reports ? reports : &none));
	write_event(o);
}
