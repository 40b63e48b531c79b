// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Decide. The rules are those observed of apk-tools 3: what is known of the words still undecided
 * is brought up to date (look_again) until nothing changes, then one word is decided for good, and
 * so on. There is no way back; solve.c starts again without what led into a dead end.
 */
#include "chroot/apk/solve_priv.h"

struct duel {
	const struct cand *a, *b;
	const struct offer *oa, *ob;
	bool upgrade;
};

static int version_order(const char *a, const char *b)
{
	int r = apk_version_compare(a, b, false);

	return (r == APK_VER_GT) - (r == APK_VER_LT);
}

static int by_possible(const struct duel *d)
{
	return d->a->st.possible - d->b->st.possible;
}

static int by_tag_ok(const struct duel *d)
{
	return d->a->st.tag_ok - d->b->st.tag_ok;
}

static int by_tag_preferred(const struct duel *d)
{
	return d->a->st.tag_preferred - d->b->st.tag_preferred;
}

static int by_installed(const struct duel *d)
{
	return d->a->installed - d->b->installed;
}

/* Between different packages without a version priorities have the first say. */
static int by_keeping_installed(const struct duel *d)
{
	if (d->upgrade || (d->a->name != d->b->name && unversioned(d->oa) && unversioned(d->ob)))
		return 0;
	return by_installed(d);
}

static int by_offered_version(const struct duel *d)
{
	return version_order(d->oa->version, d->ob->version);
}

static int by_own_version(const struct duel *d)
{
	return d->a->name == d->b->name ? version_order(d->a->p->version, d->b->p->version) : 0;
}

static int by_priority(const struct duel *d)
{
	return (d->a->p->provider_priority > d->b->p->provider_priority) -
	       (d->a->p->provider_priority < d->b->p->provider_priority);
}

/* The first repository that has it; 0: none has. */
static int repo_rank(const struct cand *c)
{
	return c->repos ? __builtin_ctzll(c->repos) + 1 : 0;
}

static int by_repository(const struct duel *d)
{
	return repo_rank(d->b) - repo_rank(d->a);
}

/* > 0: rather `a` than `b`. */
static int prefer(const struct solver *s, const struct offer *a, const struct offer *b)
{
	static int (*const criteria[])(const struct duel *) = {by_possible, by_tag_ok,
		by_tag_preferred, by_keeping_installed, by_offered_version, by_own_version,
		by_priority, by_installed, by_repository};
	struct duel d = {&s->cands[a->cand], &s->cands[b->cand], a, b, false};

	d.upgrade = d.a->st.upgrade || d.b->st.upgrade;
	for (size_t i = 0; i < ARRAY_SIZE(criteria); i++) {
		int r = criteria[i](&d);

		if (r)
			return r;
	}
	return 0;
}

static void problem(struct solver *s, uint32_t cand)
{
	if (s->cands[cand].st.faulty)
		return;
	s->cands[cand].st.faulty = true;
	s->problems++;
}

/* Whether it was open until now; if a package took it, who follows that one is to look again. */
static bool lock(struct solver *s, uint32_t word, struct offer o)
{
	struct word_state *st = ws(s, word);

	if (st->locked) {
		if (unversioned(&o) && unversioned(&st->chosen))
			return false;
		/* Two packages that were both decided upon cannot be the same thing. */
		if (s->cands[o.cand].st.why.kind == WHY_NOT)
			s->cands[o.cand].st.why = (struct why){WHY_RIVAL, st->chosen.cand, NULL};
		problem(s, o.cand);
		if (st->chosen.cand != NONE)
			problem(s, st->chosen.cand);
		return false;
	}
	st->locked = true;
	st->chosen = o;
	st->queue = Q_NONE;
	st->dirty = false;
	if (o.cand != NONE && !st->wants && s->cands[o.cand].st.if_true) {
		struct span ifs = s->cands[o.cand].ifs;

		for (uint32_t i = 0; i < ifs.n; i++)
			if (!ws(s, need_at(s, ifs, i)->word)->locked)
				impose(s, o.cand, need_at(s, ifs, i));
	}
	for (uint32_t i = 0; i < s->words[word].offers.n; i++) {
		const struct offer *other = offer_at(s, word, i);

		if (other->cand == o.cand || (unversioned(&o) && unversioned(other)))
			continue;
		rule_out(s, other->cand, (struct why){WHY_RIVAL, o.cand, NULL});
	}
	recheck_users(s, word);
	return true;
}

static void pick(struct solver *s, uint32_t cand)
{
	const struct cand *c = &s->cands[cand];
	bool told = false;

	u32vec_add(&s->picked, cand);
	if (!c->st.possible || !c->st.tag_ok)
		problem(s, cand);
	for (uint32_t i = 0; i <= c->provides.n; i++) {
		const struct need *n = i ? need_at(s, c->provides, i - 1) : NULL;
		const char *version = !n ? c->p->version : n->dep->version ? n->dep->version : "";
		bool new = lock(s, n ? n->word : c->name, (struct offer){cand, version});

		/* once is enough, and a million times a million would be too much */
		if (new && !told)
			recheck_followers_of(s, c);
		told |= new;
	}
	for (uint32_t i = 0; i < c->needs.n; i++)
		impose(s, cand, need_at(s, c->needs, i));
}

static void decide(struct solver *s, uint32_t word)
{
	const struct word_state *st = ws(s, word);
	const struct offer *best = NULL;

	for (uint32_t i = 0; i < s->words[word].offers.n; i++) {
		const struct offer *o = offer_at(s, word, i);
		const struct cand_state *c = &s->cands[o->cand].st;

		if (!st->wants && !(st->has_if && c->if_true && c->tag_ok && c->possible))
			continue;
		if (is_auto(s, o) && (!best || prefer(s, o, best) > 0))
			best = o;
	}
	if (best) {
		pick(s, best->cand);
		return;
	}
	if (lock(s, word, (struct offer){NONE, ""}))
		recheck_followers(s, word);
	s->problems += st->wants > 0;
}

static void prepare_cand(const struct solver *s, struct cand *c)
{
	uint64_t repos = c->repos | (c->installed ? s->tag_repos[0] : 0);

	c->st = (struct cand_state){.possible = !c->unfit && !c->banned, .tags = 1};
	if (!c->st.possible)
		c->st.why.kind = c->unfit ? WHY_BROKEN : WHY_BANNED;
	c->st.if_failed = c->ifs.n == 0;
	c->st.tag_preferred = c->p->installed_size == 0 || (repos & s->tag_repos[0]) != 0;
	c->st.tag_ok = c->st.tag_preferred || c->installed;
}

static void prepare(struct solver *s)
{
	for (uint32_t i = 0; i < s->n_states; i++)
		s->states[i] = (struct word_state){.chosen = {NONE, ""}, .no_if = true};
	for (uint32_t i = 0; i < s->explored.n; i++) {
		uint32_t w = s->explored.v[i];

		for (uint32_t k = 0; k < s->words[w].offers.n; k++) {
			struct cand *c = &s->cands[offer_at(s, w, k)->cand];

			prepare_cand(s, c);
			ws(s, w)->no_if &= c->st.if_failed;
		}
	}
	s->dirty.n = s->ready.n = s->heap[0].n = s->heap[1].n = s->picked.n = 0;
	s->dirty_head = s->ready_head = 0;
	s->problems = 0;
}

void choose_all(struct solver *s)
{
	uint32_t word;

	prepare(s);
	for (uint32_t i = 0; i < s->n_world; i++)
		impose(s, WORLD, &s->world[i]);
	do {
		while (s->dirty_head < s->dirty.n) {
			uint32_t w = s->dirty.v[s->dirty_head++];

			if (ws(s, w)->dirty) {
				ws(s, w)->dirty = false;
				look_again(s, w);
			}
		}
		word = next_undecided(s);
		if (word != NONE)
			decide(s, word);
	} while (word != NONE);
}
