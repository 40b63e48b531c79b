// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Bring the decisions into the order in which apk would carry them out: depth first from world, a
 * package after what it depends on (a cycle is cut where it closes), a package that install_if
 * brings in right after the last of what it waits for, and removals as soon as nothing that is
 * still there needs the package.
 */
#include "chroot/apk/solve_priv.h"

/* Chains of dependencies in real repositories are below 500; each link costs two stack frames. */
#define DEPTH_MAX 10000
/* Of one that is too long so many are named. */
#define SHOWN_PATH 5

struct word_order {
	uint32_t holder; /* the word of the installed package that is this one, with a version */
	int32_t users; /* dependencies of installed packages that this installed word fulfils */
	bool visited, leaving;
};

struct order {
	struct solver *s;
	struct word_order *w; /* by word */
	bool *listed; /* by cand */
	uint32_t depth;
	bool too_deep;
	uint32_t path[SHOWN_PATH]; /* the first packages of the present chain */
	uint32_t n_path;
};

static void visit_word(struct order *o, uint32_t word);
static void remove_cand(struct order *o, uint32_t cand);

static const struct offer *chosen(const struct order *o, uint32_t word)
{
	return &ws(o->s, word)->chosen;
}

void change_add(struct solver *s, const struct apk_pkg *old, const struct apk_pkg *new_pkg)
{
	if (old == new_pkg)
		return;
	if (s->n_changes == s->cap_changes) {
		s->cap_changes = s->cap_changes ? 2 * s->cap_changes : 64;
		s->changes = xrealloc(s->changes, s->cap_changes, sizeof(*s->changes));
	}
	s->changes[s->n_changes++] = (struct apk_change){old, new_pkg};
}

/* Call `f` for each word that follows one of `cand`'s words. */
static void each_follower(struct order *o, uint32_t cand, void (*f)(struct order *, uint32_t))
{
	const struct solver *s = o->s;
	const struct cand *c = &s->cands[cand];

	for (uint32_t k = 0; k <= c->provides.n; k++) {
		uint32_t word = k ? need_at(s, c->provides, k - 1)->word : c->name;
		struct span fs = s->words[word].followers;

		for (uint32_t i = 0; i < fs.n; i++)
			f(o, link_at(s, fs, i));
	}
}

/* ---- who still needs what is installed ---- */

static void count_users(struct order *o, uint32_t cand)
{
	struct span needs = o->s->cands[cand].needs;

	for (uint32_t i = 0; i < needs.n; i++) {
		const struct need *n = need_at(o->s, needs, i);
		uint32_t holder = o->w[n->word].holder;

		if (!n->dep->conflict && holder != NONE)
			o->w[holder].users++;
	}
}

static void drop_users(struct order *o, uint32_t cand)
{
	struct span needs = o->s->cands[cand].needs;

	for (uint32_t i = 0; i < needs.n; i++) {
		const struct need *n = need_at(o->s, needs, i);
		uint32_t holder = o->w[n->word].holder;

		if (n->dep->conflict || holder == NONE || --o->w[holder].users > 0)
			continue;
		if (o->s->words[n->word].installed != NONE)
			remove_cand(o, o->s->words[n->word].installed);
	}
}

/* If another package takes over its name, the removal belongs to that change. */
static void remove_if_unused(struct order *o, uint32_t cand)
{
	uint32_t name = o->s->cands[cand].name;

	if (o->w[name].users == 0 && chosen(o, name)->cand == NONE)
		remove_cand(o, cand);
}

static void remove_if_trigger_left(struct order *o, uint32_t word)
{
	uint32_t cand = o->s->words[word].installed;
	struct span ifs;

	if (cand == NONE || chosen(o, word)->cand != NONE || o->w[word].visited ||
		o->w[word].leaving)
		return;
	ifs = o->s->cands[cand].ifs;
	for (uint32_t i = 0; i < ifs.n; i++) {
		uint32_t w = need_at(o->s, ifs, i)->word;

		if (o->w[w].leaving && chosen(o, w)->cand == NONE) {
			remove_if_unused(o, cand);
			return;
		}
	}
}

/* ---- removals ---- */

/* Does `user` depend on `cand`, whatever else could fulfil that? Counts once per dependency. */
static void remove_user(struct order *o, uint32_t user, uint32_t cand)
{
	const struct solver *s = o->s;
	const struct cand *c = &s->cands[cand];
	struct span needs = s->cands[user].needs;

	for (uint32_t i = 0; i < needs.n; i++) {
		const struct need *n = need_at(s, needs, i);
		struct offer of = {cand, c->p->version};
		bool relevant = n->word == c->name;

		for (uint32_t k = 0; k < c->provides.n && !relevant; k++) {
			const struct need *p = need_at(s, c->provides, k);

			relevant = p->word == n->word;
			if (relevant)
				of.version = p->dep->version ? p->dep->version : "";
		}
		if (relevant && satisfies(s, user, n->dep, &of))
			remove_cand(o, user);
	}
}

static void remove_users_of_word(struct order *o, uint32_t word, uint32_t cand)
{
	struct span users = o->s->words[word].users;

	for (uint32_t i = 0; i < users.n; i++) {
		uint32_t u = link_at(o->s, users, i);

		for (uint32_t k = 0; k < o->s->words[u].offers.n; k++) {
			uint32_t user = offer_at(o->s, u, k)->cand;

			if (o->s->cands[user].installed)
				remove_user(o, user, cand);
		}
	}
}

static bool enter(struct order *o)
{
	if (o->depth >= DEPTH_MAX)
		o->too_deep = true;
	else
		o->depth++;
	return !o->too_deep;
}

static void remove_cand(struct order *o, uint32_t cand)
{
	const struct cand *c = &o->s->cands[cand];
	uint32_t now = chosen(o, c->name)->cand;

	if (o->listed[cand] || (now != NONE && o->s->cands[now].name == c->name) || !enter(o))
		return;
	o->w[c->name].leaving = true;
	o->listed[cand] = true;
	remove_users_of_word(o, c->name, cand);
	for (uint32_t i = 0; i < c->provides.n; i++)
		remove_users_of_word(o, need_at(o->s, c->provides, i)->word, cand);
	each_follower(o, cand, remove_if_trigger_left);
	change_add(o->s, c->p, NULL);
	drop_users(o, cand);
	o->depth--;
}

/* ---- installations ---- */

static void install_if_triggers_there(struct order *o, uint32_t word)
{
	uint32_t cand = chosen(o, word)->cand;
	struct span ifs;

	if (cand == NONE || !explored(o->s, word) || o->w[word].visited)
		return;
	ifs = o->s->cands[cand].ifs;
	for (uint32_t i = 0; i < ifs.n; i++) {
		const struct need *n = need_at(o->s, ifs, i);

		if ((!n->dep->conflict && !o->w[n->word].visited) ||
			!satisfies(o->s, cand, n->dep, chosen(o, n->word)))
			return;
	}
	visit_word(o, word);
}

/* What was this word before and shall not be any longer has to go first. */
static void clear_word(struct order *o, uint32_t word)
{
	const struct solver *s = o->s;
	uint32_t now = chosen(o, word)->cand, before = s->words[word].installed;

	if (o->w[word].visited)
		return;
	o->w[word].visited = true;
	if (before != NONE && (now == NONE || s->cands[now].name != word))
		remove_cand(o, before);
	for (uint32_t i = 0; i < s->words[word].offers.n; i++) {
		uint32_t c = offer_at(s, word, i)->cand;
		uint32_t name = s->cands[c].name;

		if (s->words[name].installed == c && chosen(o, name)->cand == NONE)
			remove_cand(o, c);
	}
}

static void visit_need(struct order *o, uint32_t owner, const struct need *n)
{
	if (!satisfies(o->s, owner, n->dep, chosen(o, n->word)))
		o->s->problems++;
	visit_word(o, n->word);
}

static void visit_cand(struct order *o, uint32_t cand)
{
	struct solver *s = o->s;
	const struct cand *c = &s->cands[cand];
	uint32_t old = s->words[c->name].installed;

	o->listed[cand] = true;
	if (o->n_path < SHOWN_PATH)
		o->path[o->n_path] = cand;
	o->n_path += !o->too_deep;
	clear_word(o, c->name);
	for (uint32_t i = 0; i < c->provides.n; i++)
		clear_word(o, need_at(s, c->provides, i)->word);
	if (old != NONE)
		each_follower(o, old, remove_if_trigger_left);
	for (uint32_t i = 0; i < c->needs.n; i++)
		visit_need(o, cand, need_at(s, c->needs, i));
	change_add(s, old == NONE ? NULL : s->cands[old].p, c->p);
	u32vec_add(&s->present, cand);
	each_follower(o, cand, install_if_triggers_there);
	count_users(o, cand);
	if (old != NONE)
		drop_users(o, old);
	o->n_path -= !o->too_deep;
}

static void visit_word(struct order *o, uint32_t word)
{
	uint32_t cand;

	if (o->w[word].visited || !enter(o))
		return;
	clear_word(o, word);
	cand = chosen(o, word)->cand;
	if (cand != NONE && !o->listed[cand])
		visit_cand(o, cand);
	o->depth--;
}

static void learn_installed(struct order *o)
{
	const struct solver *s = o->s;

	for (uint32_t w = 0; w < s->n_words; w++)
		o->w[w].holder = NONE;
	for (uint32_t c = 0; c < s->n_installed; c++) {
		const struct cand *k = &s->cands[c];

		o->w[k->name].holder = k->name;
		for (uint32_t i = 0; i < k->provides.n; i++) {
			const struct need *n = need_at(s, k->provides, i);

			if (n->dep->version)
				o->w[n->word].holder = k->name;
		}
	}
	for (uint32_t c = 0; c < s->n_installed; c++)
		count_users(o, c);
}

/* No repository is like that; apk itself crashes at some depth. */
static int too_deep(const struct order *o, struct err *e)
{
	_cleanup_strbuf_ struct strbuf names = {0};

	strbuf_adds(&names, "world");
	for (uint32_t i = 0; i < o->n_path && i < SHOWN_PATH; i++)
		strbuf_addf(&names, ", %s", o->s->cands[o->path[i]].p->name);
	return err_set(e, -ELOOP,
		"there is a chain of more than %d dependencies, each of which waits for the next one: "
		"%s ...; whoever made the repository's index must mend that",
		DEPTH_MAX / 2, names.s);
}

int order_changes(struct solver *s, struct err *e)
{
	struct order o = {.s = s};

	o.w = xcalloc(s->n_words, sizeof(*o.w));
	o.listed = xcalloc(s->n_cands, sizeof(*o.listed));
	s->n_changes = 0;
	s->present.n = 0;
	learn_installed(&o);
	for (uint32_t c = 0; c < s->n_installed; c++)
		remove_if_unused(&o, c);
	for (uint32_t i = 0; i < s->n_world; i++)
		visit_need(&o, WORLD, &s->world[i]);
	for (uint32_t c = 0; c < s->n_installed; c++)
		visit_word(&o, s->cands[c].name);
	free(o.w);
	free(o.listed);
	return o.too_deep ? too_deep(&o, e) : 0;
}
