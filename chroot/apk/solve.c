// SPDX-License-Identifier: GPL-3.0-or-later
/* The solver's front: one or more attempts, then the result or the reason. */
#include "chroot/apk/solve_priv.h"

static int attempt(struct solver *s, struct err *e)
{
	choose_all(s);
	return order_changes(s, e);
}

static int by_name(const void *a, const void *b)
{
	const struct apk_pkg *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void fill_solution(struct solver *s, struct apk_solution *out)
{
	*out = (struct apk_solution){.changes = s->changes, .n_changes = s->n_changes};
	s->changes = NULL;
	out->all = xcalloc(s->picked.n, sizeof(*out->all));
	for (uint32_t i = 0; i < s->picked.n; i++)
		out->all[out->n_all++] = s->cands[s->picked.v[i]].p;
	qsort(out->all, out->n_all, sizeof(*out->all), by_name);
}

int apk_solve(const struct apk_universe *u, const struct apk_deps *world, unsigned flags,
	struct apk_solution *out, struct err *e)
{
	struct solver s = {.u = u, .flags = flags};
	int r;

	*out = (struct apk_solution){0};
	r = names_build(&s, world, e);
	if (r == 0) {
		explore(&s);
		r = attempt(&s, e);
	}
	if (r == 0 && s.problems)
		r = explain(&s, e);
	else if (r == 0)
		fill_solution(&s, out);
	names_free(&s);
	return r;
}

void apk_solution_free(struct apk_solution *s)
{
	free(s->changes);
	free(s->all);
	*s = (struct apk_solution){0};
}
