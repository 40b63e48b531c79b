// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What follows from what: one dependency's consequences (impose), and one word's (look_again).
 */
#include "chroot/apk/solve_priv.h"

bool satisfies(
	const struct solver *s, uint32_t owner, const struct apk_dep *d, const struct offer *o)
{
	bool ok;

	if (o->cand == NONE)
		return d->conflict;
	if (d->conflict && owner == o->cand) /* a package never conflicts with itself */
		return true;
	if (d->op & APK_VER_CHECKSUM) {
		struct hash want;

		ok = apk_identity_parse(&want, d->version) == 0 &&
		     hash_eq(&want, &s->cands[o->cand].p->identity);
	} else {
		ok = apk_version_match(o->version, d->op, d->version);
	}
	return ok != d->conflict;
}

/* ---- what follows from what ---- */

void recheck_users(struct solver *s, uint32_t word)
{
	struct span users = s->words[word].users;

	for (uint32_t i = 0; i < users.n; i++) {
		uint32_t u = link_at(s, users, i);

		if (!explored(s, u))
			continue;
		ws(s, u)->recheck_needs = true;
		mark_dirty(s, u);
	}
}

void recheck_followers(struct solver *s, uint32_t word)
{
	struct span followers = s->words[word].followers;

	for (uint32_t i = 0; i < followers.n; i++) {
		uint32_t f = link_at(s, followers, i);

		if (!explored(s, f) || ws(s, f)->no_if)
			continue;
		ws(s, f)->recheck_if = true;
		mark_dirty(s, f);
	}
}

void recheck_followers_of(struct solver *s, const struct cand *c)
{
	recheck_followers(s, c->name);
	for (uint32_t i = 0; i < c->provides.n; i++)
		recheck_followers(s, need_at(s, c->provides, i)->word);
}

void rule_out(struct solver *s, uint32_t cand, struct why why)
{
	struct cand *c = &s->cands[cand];

	/* The last reason would often be a consequence: the first is the one to tell. */
	if (c->st.why.kind == WHY_NOT)
		c->st.why = why;
	c->st.possible = false;
	recheck_users(s, c->name);
	for (uint32_t i = 0; i < c->provides.n; i++)
		recheck_users(s, need_at(s, c->provides, i)->word);
	recheck_followers_of(s, c);
}

static void now_wanted(struct solver *s, uint32_t word, uint32_t by, const struct apk_dep *dep)
{
	struct word_state *st = ws(s, word);

	if (st->wants++)
		return;
	st->asked = (struct why){WHY_REFUSED, by, dep};
	enqueue(s, word, false);
	recheck_followers(s, word);
	mark_dirty(s, word);
}

/* Pass on from `by` (a cand or WORLD, then with `tag`) what it allows to those it asks for. */
static void inherit(struct solver *s, uint32_t cand, uint32_t by, uint32_t tag)
{
	struct cand *c = &s->cands[cand];
	/* apk counts what is installed as part of the repositories without a tag */
	uint64_t repos = c->repos | (c->installed ? s->tag_repos[0] : 0);

	if (by == WORLD) {
		c->st.upgrade |= (s->flags & APK_SOLVE_UPGRADE) != 0;
		c->st.tags |= 1ull << tag;
		c->st.tag_preferred = (repos & s->tag_repos[tag]) != 0;
	} else {
		c->st.upgrade |= s->cands[by].st.upgrade;
		c->st.tags |= s->cands[by].st.tags;
	}
	for (uint32_t t = 0; t < s->n_tags; t++)
		c->st.tag_ok |= (c->st.tags & 1ull << t) && (repos & s->tag_repos[t]);
}

static uint32_t tag_of(const struct solver *s, const struct apk_dep *d)
{
	for (uint32_t t = 1; d->tag && t < s->n_tags; t++)
		if (streq(s->tags[t], d->tag))
			return t;
	return 0;
}

void impose(struct solver *s, uint32_t by, const struct need *need)
{
	uint32_t tag = by == WORLD ? tag_of(s, need->dep) : 0;

	if (!need->dep->conflict)
		now_wanted(s, need->word, by, need->dep);
	for (uint32_t i = 0; i < s->words[need->word].offers.n; i++) {
		const struct offer *o = offer_at(s, need->word, i);

		if (satisfies(s, by, need->dep, o)) {
			inherit(s, o->cand, by, tag);
			continue;
		}
		if (s->cands[o->cand].st.possible)
			rule_out(s, o->cand, (struct why){WHY_REFUSED, by, need->dep});
	}
}

/* Could `dep` of `owner` still be fulfilled? */
static bool satisfiable(const struct solver *s, uint32_t owner, const struct need *need)
{
	static const struct offer nothing = {NONE, ""};
	const struct word_state *st = ws(s, need->word);

	if (st->locked)
		return satisfies(s, owner, need->dep, &st->chosen);
	if (!st->wants && satisfies(s, owner, need->dep, &nothing))
		return true;
	for (uint32_t i = 0; i < s->words[need->word].offers.n; i++) {
		const struct offer *o = offer_at(s, need->word, i);

		if (s->cands[o->cand].st.possible && satisfies(s, owner, need->dep, o))
			return true;
	}
	return false;
}

/* ---- looking at a word again ---- */

static void check_needs(struct solver *s, uint32_t cand)
{
	const struct cand *c = &s->cands[cand];

	for (uint32_t i = 0; i < c->needs.n; i++) {
		const struct need *n = need_at(s, c->needs, i);

		if (!satisfiable(s, cand, n)) {
			rule_out(s, cand, (struct why){WHY_NEED, cand, n->dep});
			return;
		}
	}
}

static void check_install_if(struct solver *s, uint32_t cand)
{
	struct cand *c = &s->cands[cand];
	bool all = true;

	if (c->st.if_true || c->st.if_failed)
		return;
	for (uint32_t i = 0; i < c->ifs.n && all; i++) {
		const struct need *n = need_at(s, c->ifs, i);
		struct word_state *st = ws(s, n->word);

		if (!st->locked) {
			all = false;
			/* That it stays away must be decided as well, though nobody wants it. */
			if (n->dep->conflict) {
				st->if_needed = true;
				enqueue(s, n->word, false);
			}
		} else if (!satisfies(s, cand, n->dep, &st->chosen)) {
			all = false;
			c->st.if_failed = true;
		}
	}
	c->st.if_true = all;
}

static void inherit_from_triggers(struct solver *s, uint32_t cand)
{
	struct span ifs = s->cands[cand].ifs;

	for (uint32_t i = 0; i < ifs.n; i++) {
		uint32_t by = ws(s, need_at(s, ifs, i)->word)->chosen.cand;

		if (by != NONE)
			inherit(s, cand, by, 0);
	}
}

bool is_auto(const struct solver *s, const struct offer *o)
{
	const struct cand *c = &s->cands[o->cand];

	return !unversioned(o) || c->p->provider_priority || ws(s, c->name)->wants;
}

/* Count up for the k-th option; a word that all n options share ends up with n. */
static bool share(uint32_t *count, uint32_t k)
{
	if (*count != k)
		return false;
	*count = k + 1;
	return true;
}

static bool shared_by_all(uint32_t *count, uint32_t n)
{
	bool all = *count == n;

	*count = 0;
	return all;
}

static void share_provides(struct solver *s, uint32_t word, uint32_t k, bool no_version)
{
	struct word_state *st = ws(s, word);

	if (share(&st->shared_provides, k))
		st->shared_unversioned |= no_version;
}

static void share_all(struct solver *s, const struct offer *o, uint32_t k)
{
	const struct cand *c = &s->cands[o->cand];

	for (uint32_t i = 0; i < c->needs.n; i++) {
		const struct need *n = need_at(s, c->needs, i);

		if (!n->dep->conflict)
			share(&ws(s, n->word)->shared_needs, k);
	}
	share_provides(s, c->name, k, unversioned(o));
	for (uint32_t i = 0; i < c->provides.n; i++) {
		const struct need *n = need_at(s, c->provides, i);

		share_provides(s, n->word, k, !n->dep->version);
	}
}

/* What all options need is needed, whichever will be chosen. */
static void impose_shared(struct solver *s, uint32_t cand, uint32_t options)
{
	struct span needs = s->cands[cand].needs;

	for (uint32_t i = 0; i < needs.n; i++) {
		const struct need *n = need_at(s, needs, i);
		struct word_state *st = ws(s, n->word);

		if (!shared_by_all(&st->shared_needs, options))
			continue;
		if (options == 1) {
			impose(s, cand, n);
		} else if (!st->wants) { /* only the word: each option may want another version */
			now_wanted(s, n->word, cand, n->dep);
			for (uint32_t k = 0; k < s->words[n->word].offers.n; k++)
				inherit(s, offer_at(s, n->word, k)->cand, cand, 0);
		}
	}
}

static bool answers_to(const struct solver *s, const struct cand *c, uint32_t word, bool lenient)
{
	if (c->name == word)
		return true;
	for (uint32_t i = 0; i < c->provides.n; i++) {
		const struct need *n = need_at(s, c->provides, i);

		if (n->word == word || (lenient && !n->dep->version))
			return true;
	}
	return false;
}

/*
 * Whatever becomes `must` will also be `word`, and two packages cannot both be `word`. So those
 * that are `word` without being `must` are out, except where sharing is allowed (no versions).
 */
static void exclude_others(struct solver *s, uint32_t word, uint32_t must)
{
	bool lenient = ws(s, word)->shared_unversioned;

	if (word == must)
		return;
	for (uint32_t i = 0; i < s->words[word].offers.n; i++) {
		const struct offer *o = offer_at(s, word, i);
		const struct cand *c = &s->cands[o->cand];

		if (!c->st.possible || (lenient && unversioned(o)) ||
			answers_to(s, c, must, lenient))
			continue;
		rule_out(s, o->cand, (struct why){WHY_TRANSIT, must, NULL});
	}
}

static void exclude_by_shared(struct solver *s, uint32_t cand, uint32_t word, uint32_t options)
{
	const struct cand *c = &s->cands[cand];

	if (shared_by_all(&ws(s, c->name)->shared_provides, options))
		exclude_others(s, c->name, word);
	for (uint32_t i = 0; i < c->provides.n; i++) {
		uint32_t p = need_at(s, c->provides, i)->word;

		if (shared_by_all(&ws(s, p)->shared_provides, options))
			exclude_others(s, p, word);
	}
	ws(s, c->name)->shared_unversioned = false;
	for (uint32_t i = 0; i < c->provides.n; i++)
		ws(s, need_at(s, c->provides, i)->word)->shared_unversioned = false;
}

static bool users_done(const struct solver *s, uint32_t word)
{
	struct span users = s->words[word].users;

	for (uint32_t i = 0; i < users.n; i++) {
		uint32_t u = link_at(s, users, i);

		if (explored(s, u) && !ws(s, u)->locked)
			return false;
	}
	return true;
}

/* What look_again() finds: the ways that are left for one word. */
struct options {
	uint32_t first, n, tags_missing;
	bool has_auto, has_if, no_if;
};

static void look_at_offer(struct solver *s, uint32_t word, const struct offer *o, bool needs,
	bool ifs, struct options *opt)
{
	struct word_state *st = ws(s, word);
	struct cand *c = &s->cands[o->cand];

	if (needs && c->st.possible)
		check_needs(s, o->cand);
	if (!c->st.possible)
		return;
	if (ifs)
		check_install_if(s, o->cand);
	if (ifs && c->st.if_true)
		inherit_from_triggers(s, o->cand);
	opt->has_if |= c->st.if_true;
	opt->no_if &= c->st.if_failed;
	opt->has_auto |= c->st.if_true;
	if (!st->wants)
		return;
	if (opt->n == 0)
		opt->first = o->cand;
	share_all(s, o, opt->n++);
	opt->tags_missing += !c->st.tag_ok;
	opt->has_auto |= is_auto(s, o);
}

void look_again(struct solver *s, uint32_t word)
{
	struct word_state *st = ws(s, word);
	struct options opt = {.first = NONE, .no_if = true};
	bool needs = st->recheck_needs, ifs = st->recheck_if, moved;

	st->recheck_needs = st->recheck_if = false;
	for (uint32_t i = 0; i < s->words[word].offers.n; i++)
		look_at_offer(s, word, offer_at(s, word, i), needs, ifs, &opt);
	st->has_if = opt.has_if;
	st->no_if = opt.no_if;
	st->has_options = opt.n > 1 || opt.tags_missing;
	moved = opt.has_auto != st->has_auto;
	st->has_auto = opt.has_auto;
	if (opt.first != NONE) {
		impose_shared(s, opt.first, opt.n);
		exclude_by_shared(s, opt.first, word, opt.n);
	}
	st->users_done = users_done(s, word);
	enqueue(s, word, moved);
}
