// SPDX-License-Identifier: GPL-3.0-or-later
/* One cell in a process of its own, and what it tells of itself. */
#include "pmkmod/build/run.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/progress_json.h"

static void tell_event(void *ctx, const struct progress_event *ev)
{
	json_write_line(*(const int *)ctx, progress_json(ev));
}

static int tell_end(int events, const struct plan *p, const struct cell_result *result,
	bool unchanged, const char *stage, int r, const struct err *e)
{
	struct json_object *o = json_object_new_object();
	int code = r < 0 ? failure_exit_code(r, e) : 0;
	_cleanup_strbuf_ struct strbuf text = {0};

	json_add_text(o, "event", "end");
	json_object_object_add(o, "exit_code", json_object_new_int(code));
	json_object_object_add(o, "unchanged", json_object_new_boolean(unchanged));
	if (r < 0) {
		json_add_text(o, "error", e->text);
		json_add_text(o, "stage", result->stage ? result->stage : stage);
	}
	if (p->cell[0])
		json_add_text(o, "cell", p->cell);
	cell_result_print(result, &text);
	json_add_text(o, "result", text.s);
	json_write_line(events, o);
	return code;
}

int cell_child(struct context *x, const char *device, const char *module, int events)
{
	struct cell_result result = {0};
	struct plan p = {0};
	struct err e = ERR_INIT;
	bool unchanged = false;
	int r, code;

	x->progress.tell = tell_event;
	x->progress.tell_ctx = &events;
	r = build_run(&p, x, device, module, &result, &unchanged, &e);
	code = tell_end(events, &p, &result, unchanged, x->progress.failed, r, &e);
	x->progress.tell = NULL;
	cell_result_free(&result);
	plan_free(&p);
	return code;
}

/* ---- the other end ---- */

static void set(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

static void take_end(struct matrix_cell *c, struct json_object *o)
{
	struct json_object *v;
	struct cell_result r = {0};
	const char *text = json_get_text(o, "result");
	bool unchanged =
		json_object_object_get_ex(o, "unchanged", &v) && json_object_get_boolean(v);
	int code = json_object_object_get_ex(o, "exit_code", &v) ? json_object_get_int(v) : 1;

	if (text)
		cell_result_parse(text, &r);
	/* a success has a result, else the process did not say what it is about */
	if (code == 0 && !r.built)
		code = EXIT_GENERAL;
	if (code)
		r.built = false;
	r.exit_code = code;
	if (code) {
		set(&r.error, json_get_text(o, "error"));
		set(&r.stage, json_get_text(o, "stage"));
	}
	if (json_get_text(o, "cell"))
		set(&c->hash, json_get_text(o, "cell"));
	matrix_cell_take(c, &r, unchanged);
	c->remembered = false;
}

bool cell_take_event(
	struct matrix_cell *c, const char *line, const struct engine_watch *w, bool *ended)
{
	struct json_object *o = json_tokener_parse(line);
	const char *event = o ? json_get_text(o, "event") : NULL;
	bool known = true;

	*ended = false;
	if (!event) {
		known = false;
	} else if (streq(event, "stage")) {
		set(&c->stage, json_get_text(o, "stage"));
		if (w && w->stage)
			w->stage(w->ctx, c);
	} else if (streq(event, "cell")) {
		set(&c->hash, json_get_text(o, "cell"));
	} else if (streq(event, "note") && json_get_text(o, "text")) {
		if (w && w->note)
			w->note(w->ctx, c, json_get_text(o, "text"));
	} else if (streq(event, "end")) {
		take_end(c, o);
		*ended = true;
	}
	json_object_put(o);
	return known;
}
