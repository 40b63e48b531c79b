// SPDX-License-Identifier: GPL-3.0-or-later
/* A worker: cells of a plan, one after another. */
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm.h"
#include "pmkmod/matrix/report.h"
#include "pmkmod/util/json.h"

/* "I/N": the part I of N, each of about as many neighbours as the others. */
static int take_part(
	const struct farm_plan *p, const char *task, struct strvec *hashes, struct err *e)
{
	unsigned long i, n;
	size_t at, end_at;
	char end;

	if (sscanf(task, "%lu/%lu%c", &i, &n, &end) != 2 || n == 0 || i >= n || n > 1000000)
		return usage_error(
			e, "--task must be I/N, the part I (from 0) of N, and not '%s'", task);
	farm_plan_share(p, i, n, &at, &end_at);
	for (; at < end_at; at++)
		strvec_add(hashes, p->cells[at].hash);
	return 0;
}

static int which(
	const struct farm_plan *p, const struct options *o, struct strvec *hashes, struct err *e)
{
	for (size_t i = 1; i < o->args.n; i++) {
		const struct farm_cell *c = farm_plan_find(p, o->args.v[i]);

		/* of one that is not there the error comes when it is its turn */
		strvec_add(hashes, c ? c->hash : o->args.v[i]);
	}
	if (o->task)
		return take_part(p, o->task, hashes, e);
	return hashes->n ? 0 : usage_error(e, "which cells? Name their hashes, or --task I/N");
}

static void tell(bool json, const char *hash, const char *state, const struct err *e)
{
	if (json) {
		struct json_object *o = json_object_new_object();

		json_add_text(o, "event", "cell-end");
		json_add_text(o, "cell", hash);
		json_add_text(o, "state", state);
		json_add_text(o, "error", e ? e->text : NULL);
		json_write(o);
		putchar('\n');
		fflush(stdout);
		return;
	}
	printf("%.12s  %s", hash, state);
	if (e) {
		_cleanup_free_ char *first = text_first_line(e->text);

		printf(": %s", first);
	}
	putchar('\n');
	fflush(stdout);
}

/* All of them are tried; the exit code is that of the last one that came to nothing. */
static int run_all(struct context *x, const struct farm_plan *p, const struct strvec *hashes,
	const struct options *o, int *status, struct err *e)
{
	bool alone = hashes->n == 1 && !o->task, json = o->json;

	for (size_t i = 0; i < hashes->n; i++) {
		struct err failure = ERR_INIT;
		bool done;
		int code, r = farm_run_cell(x, p, hashes->v[i], &done, &failure);

		if (interrupted()) {
			*e = failure;
			return r < 0 ? r : err_set(e, -EINTR, "interrupted");
		}
		if (r >= 0) {
			tell(json, hashes->v[i], r ? "has a result" : "built", NULL);
			continue;
		}
		code = failure_exit_code(r, &failure);
		tell(json, hashes->v[i],
			done ? cell_state_names[matrix_state_of_failure(code)] : "no result",
			&failure);
		if (!done)
			fprintf(stderr, "pmkmod: %s\n", failure.text);
		/* a result is a result; who asks for one cell alone wants to know which */
		if (!done || alone)
			*status = code;
	}
	return 0;
}

int cmd_run_cell(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_strvec_ struct strvec hashes = {0};
	struct farm_plan p;
	int r = farm_plan_read(&p, o->plan, e);

	if (r < 0)
		return r;
	r = which(&p, o, &hashes, e);
	if (r == 0 && !hashes.n)
		progress_note(
			&x->progress, "there are fewer parts than that: this one has no cells");
	if (r == 0)
		r = run_all(x, &p, &hashes, o, status, e);
	farm_plan_free(&p);
	return r;
}
