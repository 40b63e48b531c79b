// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The report for programs. Written piece by piece, since tens of thousands of cells as one tree of
 * json-c's would need more memory than anything else here; a device, module or cell a line, so that
 * two reports can be compared by diff.
 */
#include "pmkmod/matrix/report.h"

/* One value; `take` is freed. */
static void write_value(FILE *f, struct json_object *take)
{
	size_t len;
	const char *s = json_object_to_json_string_length(
		take, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	fwrite(s, 1, len, f);
	json_object_put(take);
}

static struct json_object *device_json(const struct matrix_device *d)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "name", d->name);
	json_add_text(o, "device", d->device);
	json_add_text(o, "choice", d->choice);
	json_add_text(o, "title", d->title);
	json_add_text(o, "arch", d->arch);
	json_add_text(o, "channel", d->channel);
	json_add_text(o, "kernel", d->kernel);
	json_add_text(o, "kernel_version", d->kernel_version);
	json_add_text(o, "verdict", d->verdict);
	return o;
}

static struct json_object *module_json(const struct matrix_module *m)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "asked", m->asked);
	json_add_text(o, "name", m->name);
	json_add_text(o, "title", m->title);
	return o;
}

static void write_head(FILE *f, const struct matrix *m)
{
	struct matrix_counts counts;
	struct json_object *o = json_object_new_object();

	matrix_count(m, &counts);
	json_object_object_add(o, "cells", counts_json(counts.cells));
	json_object_object_add(o, "slots", counts_json(counts.slots));
	fprintf(f, "{\"format\":%d,\n\"pmkmod\":\"%s\",\n\"seconds\":%.3f,\n\"interrupted\":%s,\n",
		MATRIX_FORMAT, PMKMOD_VERSION, m->seconds, m->interrupted ? "true" : "false");
	fputs("\"counts\":", f);
	write_value(f, o);
}

static void begin_list(FILE *f, const char *key)
{
	fprintf(f, ",\n\"%s\":[", key);
}

static void write_slots(FILE *f, const struct matrix *m)
{
	begin_list(f, "slots");
	for (size_t i = 0; i < m->n_devices; i++) {
		fputs(i ? ",\n[" : "\n[", f);
		for (size_t k = 0; k < m->n_modules; k++)
			fprintf(f, "%s%u", k ? "," : "", m->slots[i * m->n_modules + k]);
		fputc(']', f);
	}
	fputs("]}\n", f);
}

int matrix_report_json(
	const struct matrix *m, const struct context *x, const char *path, struct err *e)
{
	struct report_file out;
	int r = report_begin(&out, path, e);

	if (r < 0)
		return r;
	write_head(out.f, m);
	begin_list(out.f, "devices");
	for (size_t i = 0; i < m->n_devices; i++) {
		fputs(i ? ",\n" : "\n", out.f);
		write_value(out.f, device_json(&m->devices[i]));
	}
	fputc(']', out.f);
	begin_list(out.f, "modules");
	for (size_t i = 0; i < m->n_modules; i++) {
		fputs(i ? ",\n" : "\n", out.f);
		write_value(out.f, module_json(&m->modules[i]));
	}
	fputc(']', out.f);
	begin_list(out.f, "cells");
	for (size_t i = 0; i < m->n_cells; i++) {
		fputs(i ? ",\n" : "\n", out.f);
		write_value(out.f, cell_json(m, x, &m->cells[i]));
	}
	fputc(']', out.f);
	write_slots(out.f, m);
	return report_end(&out, 0, e);
}
