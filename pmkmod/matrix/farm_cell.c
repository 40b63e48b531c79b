// SPDX-License-Identifier: GPL-3.0-or-later
/* A worker: one cell, built as anywhere, and what came of it put into the plan's folder. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/run.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

/* ---- what is seen here ---- */

static size_t line_length(const char *s)
{
	return strcspn(s, "\n");
}

/* The first input that is another one here than for whoever made the plan. */
static int differs(const struct farm_cell *c, const struct plan *p, struct err *e)
{
	const char *theirs = c->text, *ours = p->text;

	while (*theirs && line_length(theirs) == line_length(ours) &&
		strncmp(theirs, ours, line_length(theirs)) == 0) {
		theirs += line_length(theirs) + (theirs[line_length(theirs)] == '\n');
		ours += line_length(ours) + (ours[line_length(ours)] == '\n');
	}
	err_exit(e, EXIT_UNTRUSTED, -ESTALE,
		"cell %.12s cannot be built here: the inputs that this machine sees are other ones\n"
		"  in the plan  %.*s\n  here         %.*s",
		c->hash, (int)line_length(theirs), theirs, (int)line_length(ours), ours);
	return err_hint(e,
		"sources, profiles and repositories must be the same on all machines; if they have "
		"changed since the plan was made, make it anew");
}

/* ---- the result ---- */

/* A package and the report beside it; *slot becomes its name in the folder. */
static int pack_package(struct parcel *k, char **slot)
{
	_cleanup_free_ char *from = steal_ptr(*slot), *report = NULL;
	int r;

	if (!from)
		return 0;
	*slot = xstrdup(path_base(from));
	report = publish_report_path(from);
	r = parcel_add(k, from, *slot);
	return r < 0 ? r : parcel_add_if_there(k, report, path_base(report));
}

static int pack_parts(struct parcel *k)
{
	_cleanup_strvec_ struct strvec paths = {0}, names = {0};
	int r = 0;

	cell_parts(&k->r.cell, &paths);
	for (size_t i = 0; r == 0 && i < paths.n; i++) {
		char *one = xstrdup(paths.v[i]);

		r = pack_package(k, &one);
		strvec_take(&names, one);
	}
	free(k->r.cell.parts);
	k->r.cell.parts = names.n ? strvec_join(&names, "\n") : NULL;
	return r;
}

static int pack_all(struct parcel *k, const struct plan *p)
{
	_cleanup_free_ char *log = cell_log_path(p), *symvers = cell_symvers_path(p);
	int r = pack_package(k, &k->r.cell.apk);

	if (r == 0)
		r = pack_package(k, &k->r.cell.meta);
	if (r == 0)
		r = pack_parts(k);
	if (r == 0)
		r = parcel_add_if_there(k, log, "log");
	if (r == 0 && k->r.cell.built)
		r = parcel_add_if_there(k, symvers, "symvers");
	return r;
}

static int deliver(const struct farm_plan *f, const struct plan *p, struct cell_result *take,
	bool replace, struct err *e)
{
	_cleanup_free_ char *log = cell_log_path(p);
	struct parcel k = {.r = {.cell = *take}};
	int r;

	*take = (struct cell_result){0};
	farm_result_move_log(&k.r.cell, log, false);
	r = parcel_open(&k, f, p->cell, e);
	if (r == 0)
		r = pack_all(&k, p);
	if (r == 0)
		r = parcel_send(&k, p->x, f, replace);
	parcel_close(&k, r);
	return r;
}

/* ---- one cell ---- */

/* Two workers that made headers at the same time are one change. */
#define CHANGES_MAX 3

struct errand {
	struct context *x;
	const struct farm_plan *f;
	const struct farm_cell *c;
	char hash[HASH_HEX_MAX]; /* that it has turned out to have */
	bool rebuild; /* the user's own --rebuild: what is there does not count */
	unsigned changes; /* how often other headers took the place of ours */
	bool *done;
	struct err *e;
};

/* It is called otherwise in the plan: where its result is. */
static int note_moved(const struct errand *w, const char *to)
{
	return streq(to, w->c->hash) ? 0 : farm_moved_note(w->f, w->c->hash, to, w->e);
}

/*
 * May its hash be another one than in the plan? Those of headers made meanwhile are in no plan;
 * what came along with it was known when it was made.
 */
static bool may_move(const struct errand *w, const struct plan *p)
{
	return w->c->open ||
	       (made_headers_are_repaired(&p->made) && !farm_seed_has(w->f, w->c->headers));
}

/* Headers that are used here, for whoever builds upon them. 1: others were sent before. */
static int share_headers(struct errand *w, struct plan *p)
{
	int r;

	if (!p->made.dev.name || farm_seed_has(w->f, w->c->headers))
		return 0;
	r = farm_headers_send(p, w->f, w->e);
	if (r == 1 && ++w->changes > CHANGES_MAX)
		return err_set(w->e, -ESTALE, "the headers in '%s' for %s change all the time",
			w->f->dir, p->device.kernel);
	return r;
}

static int plan_here(struct errand *w, struct plan *p, const char *module, bool make)
{
	bool makes = w->x->make_headers, quiet = w->x->progress.quiet;
	int r;

	w->x->make_headers = make;
	/* what is odd about the device is told by the build */
	w->x->progress.quiet = quiet || !make;
	r = plan_make(p, w->x, w->c->device, module, w->e);
	w->x->progress.quiet = quiet;
	w->x->make_headers = makes;
	return r;
}

/* Nobody has made them yet. That they cannot be made is a result, too: others need not try. */
static int make_headers(struct errand *w, struct plan *p)
{
	int r = plan_here(w, p, NULL, true);

	if (r < 0)
		progress_failed(&w->x->progress);
	if (r == 0 || !farm_headers_fail_again(w->e->exit_code))
		return r;
	if (farm_headers_send_failure(w->x, w->f, w->c, w->e) == 0 &&
		farm_headers_moved_note(w->f, w->c, NULL) == 0)
		*w->done = true;
	return r;
}

/* Whether they were repaired elsewhere shows in what was sent alone. */
static bool may_take(const struct errand *w, const struct plan *p)
{
	return p->headers_todo || (!p->made.dev.name && farm_headers_were_sent(w->f, w->c));
}

/* 1: they are ours now. -ECANCELED: they cannot be made, as another worker found. */
static int take_headers(struct errand *w, struct plan *p)
{
	int r = may_take(w, p) && !w->rebuild ? farm_headers_take(p, w->f, w->e) : 0;

	/* what is none, or has just been there, is replaced by what is made here */
	if (r == -EBADMSG || r == -ENOENT) {
		err_clear(w->e);
		r = 0;
	}
	return r;
}

/* What a cell is built upon: headers of its kernel, sent by another worker or made here. */
static int get_headers(struct errand *w)
{
	struct plan p;
	int r = plan_here(w, &p, NULL, false);

	if (r < 0)
		return r;
	r = take_headers(w, &p);
	if (r == -ECANCELED) {
		if (farm_headers_moved_note(w->f, w->c, NULL) == 0)
			*w->done = true;
	} else if (r == 0 && p.headers_todo) {
		plan_free(&p);
		r = make_headers(w, &p);
	}
	if (r == 0)
		r = share_headers(w, &p);
	plan_free(&p);
	return r < 0 ? r : 0;
}

/* The plan as it comes out here must be the one that was asked for. */
static int check_plan(struct errand *w)
{
	const struct farm_cell *c = w->c;
	struct plan p;
	int r = plan_here(w, &p, c->module, false);

	if (r < 0)
		return r;
	if (p.headers_todo)
		r = err_exit(w->e, EXIT_UNTRUSTED, -ESTALE,
			"cell %.12s cannot be built here: the headers that came with the plan do not fit "
			"the kernel that this machine sees",
			c->hash);
	else if (!streq(p.cell, c->hash) && !may_move(w, &p))
		r = differs(c, &p, w->e);
	else if (!streq(p.cell, c->hash))
		r = share_headers(w, &p);
	if (r > 0) {
		/* with the headers of another worker it is another cell */
		plan_free(&p);
		return check_plan(w);
	}
	if (r == 0) {
		snprintf(w->hash, sizeof(w->hash), "%s", p.cell);
		r = note_moved(w, p.cell);
	}
	plan_free(&p);
	return r;
}

/* While it was built the headers of the repositories may have been repaired. 1: once more. */
static int moved_meanwhile(struct errand *w, struct plan *p)
{
	int r;

	if (streq(p->cell, w->hash))
		return 0;
	if (!may_move(w, p))
		return differs(w->c, p, w->e);
	r = share_headers(w, p);
	return r ? r : note_moved(w, p->cell);
}

static int build(struct errand *w)
{
	struct cell_result result = {0};
	struct plan p = {0};
	struct err failure = ERR_INIT;
	bool unchanged, again;
	int built = build_run(&p, w->x, w->c->device, w->c->module, &result, &unchanged, &failure);
	int r = 0;

	again = built < 0 && p.cell[0] && farm_comes_again(failure.exit_code);
	if (again) {
		free(result.error);
		result.error = xstrdup(failure.text);
		result.built = false;
		result.exit_code = failure.exit_code;
	}
	if (built == 0 || again) {
		r = moved_meanwhile(w, &p);
		if (r == 0)
			r = deliver(w->f, &p, &result, w->rebuild, w->e);
		*w->done = r == 0;
	}
	if (r == 0 && built < 0) {
		*w->e = failure;
		r = built;
	}
	cell_result_free(&result);
	plan_free(&p);
	return r > 0 ? build(w) : r;
}

static bool has_result(const struct errand *w, const char *hash)
{
	struct farm_result have;

	if (w->rebuild || farm_result_take(&have, w->f, hash, NULL, NULL) < 0)
		return false;
	progress_note(&w->x->progress, "cell %.12s: its result is there already, made on %s",
		w->c->hash, have.host);
	farm_result_free(&have);
	*w->done = true;
	return true;
}

/* What a module depends on, and has failed: its result says what is known of this one, too. */
static bool note_failed_depend(struct errand *w)
{
	const struct farm_cell *c = w->c;
	struct module m;
	bool noted = false;

	if (module_load(&m, w->x->config, c->module, NULL) < 0)
		return false;
	for (size_t i = 0; !noted && i < m.depends.n; i++) {
		const struct farm_cell *below =
			farm_plan_at(w->f, c->device, c->choice, m.depends.v[i]);
		_cleanup_free_ char *moved = below ? farm_moved(w->f, below->hash) : NULL;
		const char *at = moved ? moved : below ? below->hash : NULL;
		struct farm_result r;

		if (!at || farm_result_take(&r, w->f, at, NULL, NULL) < 0)
			continue;
		noted = !r.cell.built && farm_moved_note(w->f, c->hash, at, NULL) == 0;
		farm_result_free(&r);
	}
	module_free(&m);
	return noted;
}

static int build_below(struct errand *w)
{
	int r = build_needed(w->x, w->c->device, w->c->module, w->e);

	if (r < 0 && farm_comes_again(w->e->exit_code))
		*w->done = note_failed_depend(w);
	return r;
}

static int run_cell(struct errand *w)
{
	struct device d = {0};
	int r = device_load(&d, w->x->config, w->c->device, w->e);

	if (r == 0)
		r = farm_seed_use(w->x, w->f, &d, w->e);
	device_free(&d);
	if (r == 0 && (w->c->open || farm_headers_were_sent(w->f, w->c)))
		r = get_headers(w);
	if (r == 0)
		r = build_below(w);
	if (r == 0)
		r = check_plan(w);
	if (r == 0 && has_result(w, w->hash))
		return 1;
	if (r == 0) {
		/* as the plan has it: what this machine built before does not count either */
		w->x->rebuild = w->rebuild || w->c->again;
		r = build(w);
		w->x->rebuild = w->rebuild;
	}
	return r;
}

/* Why there is no result; that of an earlier attempt is over with one. */
static void note_trouble(const struct errand *w, int r)
{
	_cleanup_free_ char *path = xasprintf("%s/trouble/%s", w->f->dir, w->c->hash);
	_cleanup_free_ char *host = farm_host();
	_cleanup_free_ char *text = xasprintf("%s: %s\n", host, w->e->text);

	/* a worker that is told to end is started again */
	if (*w->done)
		unlink(path);
	else if (r < 0 && r != -EINTR)
		fs_write_atomic(path, text, strlen(text), 0644, NULL);
}

int farm_run_cell(
	struct context *x, const struct farm_plan *p, const char *hash, bool *done, struct err *e)
{
	struct err own = ERR_INIT;
	struct errand w = {.x = x, .f = p, .rebuild = x->rebuild, .done = done, .e = e ? e : &own};
	int r;

	*done = false;
	w.c = farm_plan_find(p, hash);
	if (!w.c)
		return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
			"the plan in '%s' has no cell %s; its file `cells` has them all", p->dir,
			hash);
	/* that of an open one is of use only with the headers it was built with: see run_cell() */
	if (!farm_is_open(p, w.c) && has_result(&w, w.c->hash))
		return 1;
	x->force = x->force || p->force;
	config_set(x->config, "kernel", "name", w.c->choice ? w.c->choice : "");
	r = run_cell(&w);
	note_trouble(&w, r);
	return r;
}
