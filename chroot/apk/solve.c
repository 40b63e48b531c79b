// SPDX-License-Identifier: GPL-3.0-or-later
/* The solver's front: one or more attempts, then the result or the reason. */
#include "chroot/apk/solve_priv.h"

/*
 * apk gives up when its first decisions lead into a dead end. Here the search starts again without
 * one of the packages it had chosen, for each in turn, and keeps the ban that left the fewest
 * problems to ban a second one, and so on. The work (decisions made) is bounded, for often there is
 * no solution at all; time would be no bound that gives the same answer everywhere.
 */
#define WORK_MAX 20000
#define BANS_MAX 4

static int attempt(struct solver *s, struct err *e)
{
	choose_all(s);
	return order_changes(s, e);
}

/* Banning only helps what something else can stand in for. */
static bool has_alternative(const struct solver *s, uint32_t cand)
{
	const struct cand *c = &s->cands[cand];
	bool any = s->words[c->name].offers.n > 1;

	for (uint32_t i = 0; i < c->provides.n && !any; i++)
		any = s->words[need_at(s, c->provides, i)->word].offers.n > 1;
	return any || c->ifs.n;
}

/* World wants something that no package is, whichever is chosen. */
static bool hopeless(const struct solver *s)
{
	for (uint32_t i = 0; i < s->n_world; i++) {
		const struct need *n = &s->world[i];
		bool any = n->dep->conflict;

		for (uint32_t k = 0; k < s->words[n->word].offers.n && !any; k++)
			any = satisfies(s, WORLD, n->dep, offer_at(s, n->word, k));
		if (!any)
			return true;
	}
	return false;
}

/* Try each of `suspects` as a further ban; true when a solution was found. */
static bool try_bans(struct solver *s, const struct u32vec *suspects, uint32_t *work,
	uint32_t *best, uint32_t *best_problems)
{
	for (uint32_t i = suspects->n; i-- > 0 && *work < WORK_MAX;) {
		uint32_t c = suspects->v[i];

		if (s->cands[c].banned || !has_alternative(s, c))
			continue;
		s->cands[c].banned = true;
		if (attempt(s, NULL) == 0 && s->problems == 0)
			return true;
		*work += s->picked.n + 1;
		s->cands[c].banned = false;
		if (s->problems < *best_problems) {
			*best_problems = s->problems;
			*best = c;
		}
	}
	return false;
}

/*
 * The choices to take back, the likeliest last. Those that were impossible when they were chosen
 * are the victims: a choice before them is to blame, most likely the latest.
 */
static struct u32vec list_suspects(const struct solver *s)
{
	struct u32vec l = {0};

	for (int faulty = 1; faulty >= 0; faulty--)
		for (uint32_t i = 0; i < s->picked.n; i++)
			if (s->cands[s->picked.v[i]].st.faulty == faulty)
				u32vec_add(&l, s->picked.v[i]);
	return l;
}

static bool search(struct solver *s)
{
	uint32_t work = 0;
	bool found = false;

	for (int bans = 0; bans < BANS_MAX && work < WORK_MAX && !found; bans++) {
		struct u32vec suspects = list_suspects(s);
		uint32_t best = NONE, problems = s->problems;

		found = try_bans(s, &suspects, &work, &best, &problems);
		free(suspects.v);
		if (found || best == NONE)
			break;
		s->cands[best].banned = true;
		if (attempt(s, NULL) < 0)
			break;
	}
	return found;
}

/* What is told is how far the first attempt came: its bans are nobody's wish. */
static int solve(struct solver *s, struct err *e)
{
	int r = attempt(s, e);

	if (r < 0 || s->problems == 0)
		return r;
	s->beyond_apk = !hopeless(s) && search(s);
	if (s->beyond_apk)
		return 0;
	for (uint32_t i = 0; i < s->n_cands; i++)
		s->cands[i].banned = false;
	r = attempt(s, e);
	return r < 0 ? r : explain(s, e);
}

static int by_name(const void *a, const void *b)
{
	const struct apk_pkg *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void fill_solution(struct solver *s, struct apk_solution *out)
{
	*out = (struct apk_solution){
		.changes = s->changes, .n_changes = s->n_changes, .beyond_apk = s->beyond_apk};
	s->changes = NULL;
	out->all = xcalloc(s->present.n, sizeof(*out->all));
	for (uint32_t i = 0; i < s->present.n; i++)
		out->all[out->n_all++] = s->cands[s->present.v[i]].p;
	if (out->n_all)
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
		r = solve(&s, e);
	}
	if (r == 0)
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
