// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/build/run.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/util/json.h"
#include "pmkmod/util/progress_json.h"

/* What is known when it is over. */
struct outcome {
	struct plan p;
	struct cell_result result;
	bool unchanged; /* nothing was built: it was before */
	bool ran; /* p and result are set */
	struct strvec aports; /* written by --emit-aport */
};

/* ---- for people ---- */

static void print_result(struct context *x, const struct options *o, const struct outcome *out)
{
	const struct cell_result *r = &out->result;
	_cleanup_free_ char *log = cell_log_path(&out->p);
	_cleanup_free_ char *sideload = sideload_command(x, o->args.v[1], o->args.v[2], r->package);

	_cleanup_strvec_ struct strvec parts = {0};

	cell_parts(r, &parts);

	if (out->unchanged)
		progress_note(&x->progress, "nothing has changed since this was built");
	printf("apk       %s\n", r->apk);
	for (size_t i = 0; i < parts.n; i++)
		printf("part      %s\n", parts.v[i]);
	if (r->meta)
		printf("meta      %s\n", r->meta);
	printf("fit       %s (%s)\n", r->verdict, r->release);
	if (r->notes)
		printf("%s\n", r->notes);
	printf("log       %s\n", log);
	printf("sideload  %s\n", sideload);
}

static int emit(struct outcome *out, const char *to, struct err *e)
{
	int r = emit_module_aport(&out->p, &out->result, to, &out->aports, e);

	for (size_t i = 0; r == 0 && i < out->aports.n; i++)
		printf("aport     %s\n", out->aports.v[i]);
	return r;
}

/* ---- for programs ---- */

static struct json_object *words(const char *text)
{
	_cleanup_strvec_ struct strvec all = {0};

	if (text)
		strvec_split(&all, text, " ");
	return json_texts(&all);
}

static void add_success(
	struct json_object *o, struct context *x, const struct options *opts, struct outcome *out)
{
	const struct cell_result *r = &out->result;
	_cleanup_strvec_ struct strvec paths = {0};
	_cleanup_free_ char *sideload =
		sideload_command(x, opts->args.v[1], opts->args.v[2], r->package);

	json_object_object_add(o, "unchanged", json_object_new_boolean(out->unchanged));
	json_add_text(o, "apk", r->apk);
	json_add_text(o, "meta", r->meta);
	json_add_text(o, "sha256", r->apk_sha256);
	json_add_text(o, "package", r->package);
	json_add_text(o, "version", r->version);
	json_add_text(o, "release", r->release);
	json_object_object_add(o, "modules", words(r->modules));
	json_add_text(o, "fit", r->verdict);
	json_add_text(o, "sideload", sideload);
	json_object_object_add(o, "aports", json_texts(&out->aports));
	cell_parts(r, &paths);
	json_object_object_add(o, "parts", json_texts(&paths));
	json_object_object_add(o, "notes", json_lines(r->notes));
}

static void add_failure(
	struct json_object *o, struct context *x, struct outcome *out, int r, const struct err *e)
{
	const char *stage = out->ran && out->result.stage ? out->result.stage : x->progress.failed;

	json_object_object_add(o, "exit_code", json_object_new_int(failure_exit_code(r, e)));
	json_add_text(o, "stage", stage);
	json_add_text(o, "error", e->text);
	/* of a stage before there is anything to build in, the sentence says all */
	json_object_object_add(o, "diagnosis",
		out->ran && out->result.diagnosis ? json_tokener_parse(out->result.diagnosis)
						  : NULL);
}

static struct json_object *seconds(double s)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", s);
	return json_object_new_double_s(s, text);
}

static struct json_object *stage_json(const struct timing_stage *s)
{
	struct json_object *o = json_object_new_object(), *programs = json_object_new_array();

	json_add_text(o, "stage", s->name);
	json_object_object_add(o, "seconds", seconds(s->seconds));
	for (size_t i = 0; i < s->n_programs; i++) {
		struct json_object *p = json_object_new_object();

		json_add_text(p, "name", s->programs[i].name);
		json_object_object_add(p, "runs", json_object_new_int64(s->programs[i].runs));
		json_object_object_add(p, "seconds", seconds(s->programs[i].seconds));
		json_object_array_add(programs, p);
	}
	json_object_object_add(o, "programs", programs);
	json_object_object_add(o, "sandboxes", json_object_new_int64(s->sandboxes));
	json_object_object_add(o, "sandbox_seconds", seconds(s->sandbox));
	json_object_object_add(o, "own_seconds", seconds(timing_own(s)));
	return o;
}

static struct json_object *timing_json(const struct timing *t)
{
	struct json_object *o = json_object_new_object(), *stages = json_object_new_array();

	json_object_object_add(o, "seconds", seconds(monotonic_seconds() - t->began));
	for (size_t i = 0; i < t->n_stages; i++)
		json_object_array_add(stages, stage_json(&t->stages[i]));
	json_object_object_add(o, "stages", stages);
	return o;
}

static void print_timing(const struct timing *t)
{
	_cleanup_free_ char *table = timing_table(t, monotonic_seconds() - t->began);

	fputs(table, stdout);
}

static void print_json(
	struct context *x, const struct options *opts, struct outcome *out, int r, struct err *e)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *log = out->ran && out->p.cell[0] ? cell_log_path(&out->p) : NULL;

	if (opts->events)
		json_add_text(o, "event", "end");
	json_object_object_add(o, "ok", json_object_new_boolean(r == 0));
	json_add_text(o, "device", opts->args.v[1]);
	json_add_text(o, "module", opts->args.v[2]);
	if (r == 0)
		add_success(o, x, opts, out);
	else
		add_failure(o, x, out, r, e);
	json_add_text(o, "log", log && fs_exists(log) ? log : NULL);
	if (opts->timing)
		json_object_object_add(o, "timing", timing_json(&x->progress.timing));
	json_write(o);
	putchar('\n');
}

/* A line of its own for each, while it happens. */
static void tell_event(void *ctx, const struct progress_event *ev)
{
	json_write_line(*(const int *)ctx, progress_json(ev));
}

/* ---- the command ---- */

static int build_and_publish(
	struct context *x, const struct options *o, struct outcome *out, struct err *e)
{
	/* what is wrong with what comes after the build is told before it */
	int r = publish_wish_check(x, e);

	if (r == 0 && o->emit_aport)
		r = fs_check_new_folder(o->emit_aport, e);
	if (r < 0) {
		e->exit_code = EXIT_USAGE;
		return r;
	}
	out->ran = true;
	r = build_run(&out->p, x, o->args.v[1], o->args.v[2], &out->result, &out->unchanged, e);
	if (r < 0)
		return r;
	print_result(x, o, out);
	r = publish_to_pmbootstrap(x, &out->p, &out->result, e);
	if (r == 0 && o->emit_aport)
		r = emit(out, o->emit_aport, e);
	return r;
}

int cmd_build(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct outcome out = {0};
	struct err why = ERR_INIT, *told = e ? e : &why;
	int kept = -1, r = 0;

	(void)status;
	if (o->json)
		r = stdout_aside(&kept, told);
	if (o->events && r == 0) {
		x->progress.tell = tell_event;
		x->progress.tell_ctx = &kept;
	}
	if (r == 0)
		r = build_and_publish(x, o, &out, told);
	x->progress.tell = NULL;
	if (kept >= 0) {
		int back = stdout_back(&kept, r < 0 ? NULL : told);

		r = r == 0 ? back : r;
		if (back == 0)
			print_json(x, o, &out, r, told);
	} else if (o->timing) {
		print_timing(&x->progress.timing);
	}
	if (out.ran) {
		cell_result_free(&out.result);
		plan_free(&out.p);
	}
	strvec_free(&out.aports);
	return r;
}
