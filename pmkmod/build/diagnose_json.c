// SPDX-License-Identifier: GPL-3.0-or-later
/* A diagnosis for programs. */
#include "pmkmod/build/diagnose.h"
#include "pmkmod/util/json.h"

static void add_number(struct json_object *o, const char *key, unsigned n)
{
	json_object_object_add(o, key, n ? json_object_new_int64(n) : NULL);
}

static struct json_object *place(const struct diagnosis *d)
{
	struct json_object *o;

	if (!d->file)
		return NULL;
	o = json_object_new_object();
	json_add_text(o, "file", d->file);
	add_number(o, "line", d->line);
	add_number(o, "column", d->column);
	json_add_text(o, "source", d->source);
	return o;
}

static struct json_object *own_place(const struct diagnosis *d)
{
	struct json_object *o;

	if (!d->own_file)
		return NULL;
	o = json_object_new_object();
	json_add_text(o, "file", d->own_file);
	add_number(o, "line", d->own_line);
	return o;
}

struct json_object *diagnosis_json(const struct diagnosis *d)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "cause", d->cause ? d->cause->id : NULL);
	json_add_text(o, "title", d->cause ? d->cause->title : NULL);
	json_add_text(o, "detail", d->detail);
	json_object_object_add(o, "also", json_texts(&d->also));
	json_object_object_add(o, "where", place(d));
	json_object_object_add(o, "own", own_place(d));
	json_add_text(o, "first_error", d->error);
	json_object_object_add(o, "more_errors", json_object_new_int64((int64_t)d->more));
	json_add_text(o, "step", d->step);
	json_add_text(o, "remedy", d->remedy);
	json_add_text(o, "log", d->log);
	return o;
}

char *diagnosis_text(const struct diagnosis *d)
{
	struct json_object *o = diagnosis_json(d);
	char *text = xstrdup(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(o);
	return text;
}
