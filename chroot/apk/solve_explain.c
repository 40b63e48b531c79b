// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Why there is no solution, in sentences: which dependency fails, who asked for it and on whose
 * behalf, and what there is instead.
 */
#include "chroot/apk/solve_priv.h"

#define SENTENCES_MAX 4
#define CHAIN_MAX 8
#define OFFERS_MAX 6
#define NESTING_MAX 3

struct explainer {
	const struct solver *s;
	struct strbuf text;
	unsigned sentences;
	bool missing; /* the first sentence is about something that does not exist */
};

static void add_dep(struct strbuf *b, const struct apk_dep *d)
{
	_cleanup_free_ char *s = apk_dep_print(d);

	strbuf_adds(b, s);
}

static void add_cand(const struct explainer *x, struct strbuf *b, uint32_t c)
{
	if (c == WORLD)
		strbuf_adds(b, "world");
	else if (c == NONE)
		strbuf_adds(b, "nothing");
	else
		strbuf_addf(b, "%s-%s", x->s->cands[c].p->name, x->s->cands[c].p->version);
}

/* On whose behalf a package is there; NONE: install_if, or nobody. */
static uint32_t asker(const struct solver *s, uint32_t cand)
{
	const struct cand *c = &s->cands[cand];
	const struct why *w = &ws(s, c->name)->asked;

	for (uint32_t i = 0; i < c->provides.n && w->kind == WHY_NOT; i++)
		w = &ws(s, need_at(s, c->provides, i)->word)->asked;
	return w->kind == WHY_NOT ? NONE : w->by;
}

/* "a-1 (for b-2, for world)" */
static void add_chain(const struct explainer *x, struct strbuf *b, uint32_t owner)
{
	uint32_t up = owner;
	bool open = false;

	add_cand(x, b, owner);
	for (int i = 0; up != WORLD && up != NONE && i < CHAIN_MAX; i++) {
		uint32_t from = up;

		up = asker(x->s, from);
		strbuf_adds(b, open ? ", " : " (");
		open = true;
		if (up == NONE && x->s->cands[from].ifs.n)
			strbuf_adds(b, "by its install_if");
		else if (up == NONE)
			strbuf_adds(b, "for an unknown reason");
		else
			strbuf_adds(b, "for ");
		if (up != NONE)
			add_cand(x, b, up);
	}
	if (open)
		strbuf_addc(b, ')');
}

static void add_source(const struct explainer *x, struct strbuf *b, const struct cand *c)
{
	if (c->repos)
		strbuf_addf(b, " (%s)", x->s->u->repos[__builtin_ctzll(c->repos)]->url);
	else if (c->installed)
		strbuf_adds(b, " (installed)");
}

/* "6.1.176-r1 (http://...)" under its own name, else "which-1 provides it as 2". */
static void add_offer(
	const struct explainer *x, struct strbuf *b, uint32_t word, const struct offer *o)
{
	const struct cand *c = &x->s->cands[o->cand];

	if (c->name == word) {
		strbuf_adds(b, c->p->version);
	} else {
		add_cand(x, b, o->cand);
		strbuf_addf(b, ", which provides it %s%s",
			unversioned(o) ? "without a version" : "as ", o->version);
	}
	add_source(x, b, c);
}

static void add_offers(const struct explainer *x, struct strbuf *b, uint32_t word)
{
	uint32_t n = x->s->words[word].offers.n;

	for (uint32_t i = 0; i < n && i < OFFERS_MAX; i++) {
		if (i)
			strbuf_adds(b, i + 1 == n ? " and " : ", ");
		add_offer(x, b, word, offer_at(x->s, word, i));
	}
	if (n > OFFERS_MAX)
		strbuf_addf(b, " and %u more", n - OFFERS_MAX);
}

static bool any_satisfies(const struct solver *s, uint32_t owner, const struct need *n)
{
	for (uint32_t i = 0; i < s->words[n->word].offers.n; i++)
		if (satisfies(s, owner, n->dep, offer_at(s, n->word, i)))
			return true;
	return n->dep->conflict;
}

/* The dependency of a cand that is written `d`, with its word. */
static const struct need *find_need(const struct solver *s, uint32_t cand, const struct apk_dep *d)
{
	struct span needs = s->cands[cand].needs;

	for (uint32_t i = 0; i < needs.n; i++)
		if (need_at(s, needs, i)->dep == d)
			return need_at(s, needs, i);
	return NULL;
}

static void add_what_there_is(const struct explainer *x, struct strbuf *b, const struct need *n);

static void add_why(const struct explainer *x, struct strbuf *b, uint32_t cand, unsigned depth);

/* "it wants ..." and what is in the way of that. */
static void add_why_need(const struct explainer *x, struct strbuf *b, uint32_t cand, unsigned depth)
{
	const struct apk_dep *d = x->s->cands[cand].st.why.dep;
	const struct need *n = find_need(x->s, cand, d);

	strbuf_adds(b, "it wants ");
	add_dep(b, d);
	if (!n || depth >= NESTING_MAX)
		return;
	if (!any_satisfies(x->s, cand, n)) {
		strbuf_adds(b, ", but ");
		add_what_there_is(x, b, n);
		return;
	}
	for (uint32_t i = 0; i < x->s->words[n->word].offers.n; i++) {
		const struct offer *o = offer_at(x->s, n->word, i);

		if (o->cand == cand || x->s->cands[o->cand].st.why.kind == WHY_NOT ||
			!satisfies(x->s, cand, n->dep, o))
			continue;
		strbuf_adds(b, "; ");
		add_cand(x, b, o->cand);
		strbuf_adds(b, " cannot be chosen: ");
		add_why(x, b, o->cand, depth + 1);
		return;
	}
}

/* Apk refuses a package that is the same thing twice over. */
static bool doubles_itself(const struct solver *s, uint32_t cand)
{
	const struct cand *c = &s->cands[cand];

	for (uint32_t i = 0; i < c->provides.n; i++) {
		uint32_t w = need_at(s, c->provides, i)->word;

		if (w == c->name)
			return true;
		for (uint32_t k = 0; k < i; k++)
			if (need_at(s, c->provides, k)->word == w)
				return true;
	}
	return false;
}

static void add_why_rival(const struct explainer *x, struct strbuf *b, uint32_t cand, uint32_t by)
{
	if (doubles_itself(x->s, cand)) {
		strbuf_adds(b, "it provides its own name, or one name twice");
	} else if (by == NONE || by == cand) {
		strbuf_adds(b, "what it provides was decided otherwise");
	} else {
		strbuf_adds(b, "it would take the place of ");
		add_chain(x, b, by);
	}
}

/* The end of "a-1 cannot be chosen: ". */
static void add_why(const struct explainer *x, struct strbuf *b, uint32_t cand, unsigned depth)
{
	const struct why *w = &x->s->cands[cand].st.why;

	switch (w->kind) {
	case WHY_REFUSED:
		add_chain(x, b, w->by);
		strbuf_adds(b, " wants ");
		add_dep(b, w->dep);
		return;
	case WHY_NEED:
		add_why_need(x, b, cand, depth);
		return;
	case WHY_RIVAL:
		add_why_rival(x, b, cand, w->by);
		return;
	case WHY_TRANSIT:
		strbuf_addf(b, "it would keep '%s', which is needed, from being installed",
			x->s->words[w->by].text);
		return;
	case WHY_BROKEN:
		strbuf_adds(b, "it is of a newer format or for another architecture");
		return;
	default:
		strbuf_adds(b, "no reason was found");
	}
}

static void add_what_there_is(const struct explainer *x, struct strbuf *b, const struct need *n)
{
	if (!x->s->words[n->word].offers.n) {
		strbuf_adds(b, "no repository has it");
		return;
	}
	strbuf_adds(b, "the repositories have only ");
	add_offers(x, b, n->word);
}

static void end_sentence(struct explainer *x, struct strbuf *b)
{
	/* Many packages may fail for one cause: the same words need not be said again. */
	if (!x->text.s || !strstr(x->text.s, b->s)) {
		strbuf_addf(&x->text, "%s%s", x->text.len ? "\n" : "", b->s);
		x->sentences++;
	}
}

static void add_impossible_offers(
	const struct explainer *x, struct strbuf *b, uint32_t owner, const struct need *n)
{
	const struct solver *s = x->s;
	unsigned told = 0;

	for (uint32_t i = 0; i < s->words[n->word].offers.n && told < OFFERS_MAX; i++) {
		const struct offer *o = offer_at(s, n->word, i);
		const struct cand *c = &s->cands[o->cand];

		if (!satisfies(s, owner, n->dep, o))
			continue;
		strbuf_adds(b, told++ ? "; " : "");
		add_cand(x, b, o->cand);
		if (c->st.why.kind != WHY_NOT) {
			strbuf_adds(b, " cannot be chosen: ");
			add_why(x, b, o->cand, 0);
		} else if (!c->st.tag_ok) {
			strbuf_adds(
				b, " is only in a repository with a tag, which world must name");
			add_source(x, b, c);
		} else if (unversioned(o) && !c->p->provider_priority) {
			strbuf_adds(b,
				" provides it without a version, so that it must be named in world");
		} else {
			strbuf_adds(b, " was not chosen");
		}
	}
}

static void tell_need(struct explainer *x, uint32_t owner, const struct need *n)
{
	const struct offer *now = &ws(x->s, n->word)->chosen;
	_cleanup_strbuf_ struct strbuf b = {0};

	add_dep(&b, n->dep);
	strbuf_adds(&b, " is wanted by ");
	add_chain(x, &b, owner);
	strbuf_adds(&b, ", but ");
	if (n->dep->conflict) {
		add_chain(x, &b, now->cand);
		strbuf_adds(&b, " is needed");
	} else if (!any_satisfies(x->s, owner, n)) {
		x->missing |= x->sentences == 0;
		add_what_there_is(x, &b, n);
	} else {
		if (now->cand != NONE) {
			add_chain(x, &b, now->cand);
			strbuf_adds(&b, " was chosen; ");
		}
		add_impossible_offers(x, &b, owner, n);
	}
	end_sentence(x, &b);
}

static void tell_cand(struct explainer *x, uint32_t cand)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	add_chain(x, &b, cand);
	if (x->s->cands[cand].st.why.kind == WHY_NOT) {
		strbuf_adds(&b, " is only in a repository with a tag, which world must name");
		add_source(x, &b, &x->s->cands[cand]);
	} else {
		strbuf_adds(&b, " is needed, but cannot be chosen: ");
		add_why(x, &b, cand, 0);
	}
	end_sentence(x, &b);
}

static void tell_needs(struct explainer *x, uint32_t owner, const struct need *v, uint32_t n)
{
	for (uint32_t i = 0; i < n && x->sentences < SENTENCES_MAX; i++)
		if (!satisfies(x->s, owner, v[i].dep, &ws(x->s, v[i].word)->chosen))
			tell_need(x, owner, &v[i]);
}

int explain(const struct solver *s, struct err *e)
{
	struct explainer x = {.s = s};
	int r;

	tell_needs(&x, WORLD, s->world, s->n_world);
	for (uint32_t i = 0; i < s->picked.n; i++) {
		struct span needs = s->cands[s->picked.v[i]].needs;

		tell_needs(&x, s->picked.v[i], &s->needs[needs.first], needs.n);
	}
	/* Mostly consequences of the above, hence only if there was nothing. */
	for (uint32_t i = 0; i < s->picked.n && x.sentences == 0; i++) {
		const struct cand_state *st = &s->cands[s->picked.v[i]].st;

		if (st->why.kind != WHY_NOT || !st->tag_ok)
			tell_cand(&x, s->picked.v[i]);
	}
	r = err_set(e, x.missing ? -ENOENT : -EINVAL, "%s",
		x.text.len ? x.text.s : "the wanted packages exclude each other");
	strbuf_free(&x.text);
	return r;
}
