// SPDX-License-Identifier: GPL-3.0-or-later
/* Headers that workers have made become ours, before it is surveyed what there is to merge. */
#include <sys/stat.h>
#include <time.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

void farm_put_aside(const struct farm_plan *p, const char *hash, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/results/%s", p->dir, hash);
	_cleanup_free_ char *to =
		xasprintf("%s/results/.%.12s.rejected.%lld", p->dir, hash, (long long)time(NULL));

	if (rename(from, to) == 0)
		err_hint(e, "it is now '%s'", to);
	else
		err_hint(e, "remove '%s' before the cell is run again (%s)", from, strerror(errno));
}

static void add_problem(
	struct farm_problems *l, const char *headers, bool failed, int exit_code, const char *text)
{
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct farm_problem){.headers = xstrdup(headers),
		.failed = failed,
		.exit_code = exit_code,
		.text = xstrdup(text)};
}

const struct farm_problem *farm_problem_with(const struct farm_problems *l, const char *headers)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].headers, headers))
			return &l->v[i];
	return NULL;
}

void farm_problems_free(struct farm_problems *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].headers);
		free(l->v[i].text);
	}
	free(l->v);
	*l = (struct farm_problems){0};
}

/* Of the kernel of the cell; `id`: the result's. */
static int merge_one(struct context *x, const struct farm_plan *f, const struct farm_cell *c,
	const char *id, struct farm_problems *problems, struct err *e)
{
	struct err why = ERR_INIT;
	struct plan p;
	int r;

	config_set(x->config, "kernel", "name", c->choice ? c->choice : "");
	/* what is wrong with the device is told by the survey */
	if (plan_make(&p, x, c->device, NULL, &why) < 0)
		return 0;
	r = farm_headers_take(&p, f, &why);
	if (r == 1)
		progress_detail(&x->progress, "%s", p.device.headers);
	plan_free(&p);
	if (r >= 0)
		return 0;
	if (r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EINTR) {
		if (e)
			*e = why;
		return r;
	}
	/* what is only our own trouble is no reason to have them made anew */
	if (r == -EBADMSG || why.exit_code == EXIT_UNTRUSTED)
		farm_put_aside(f, id, &why);
	if (r != -ECANCELED)
		err_prefix(&why, "headers that a worker has made are not taken");
	add_problem(problems, c->headers, r == -ECANCELED, failure_exit_code(r, &why), why.text);
	return 0;
}

int farm_merge_headers(
	struct context *x, const struct farm_plan *f, struct farm_problems *problems, struct err *e)
{
	_cleanup_strvec_ struct strvec seen = {0};
	bool makes = x->make_headers, quiet = x->progress.quiet;
	const char *before = "";
	int r = 0;

	x->make_headers = false;
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		const struct farm_cell *c = &f->cells[i];
		char id[HASH_HEX_MAX];

		if (streq(c->headers, before))
			continue;
		before = c->headers;
		farm_headers_id(c->headers, id);
		if (!farm_has_result(f, id) || strvec_has(&seen, c->headers))
			continue;
		if (!seen.n)
			progress_stage(&x->progress, "headers", "that workers have made");
		strvec_add(&seen, c->headers);
		/* what is odd about the device is told when one builds for it alone */
		x->progress.quiet = true;
		r = interrupted() ? err_set(e, -EINTR, "interrupted")
				  : merge_one(x, f, c, id, problems, e);
		x->progress.quiet = quiet;
	}
	x->make_headers = makes;
	config_set(x->config, "kernel", "name", "");
	if (seen.n && r < 0)
		progress_failed(&x->progress);
	else if (seen.n)
		progress_done(&x->progress, "of %zu kernel%s", seen.n, seen.n == 1 ? "" : "s");
	return r;
}
