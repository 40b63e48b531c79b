// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Walk everything that world can reach, depth first, and give each word its rank. The ranks decide
 * which of several undecided words goes first, so the walk takes apk's way exactly. It is deep (a
 * large repository is one big tangle), hence the stack of its own.
 */
#include "chroot/apk/solve_priv.h"

/* The stages of one word's visit; each yields words to visit before the next one begins. */
enum stage { NEEDS, FOLLOWERS, NAMES_FOLLOWERS, PROVIDES, IFS, DONE };

struct frame {
	uint32_t word;
	enum stage stage;
	uint32_t offer, item;
	bool mine; /* NEEDS: this visit was the first to see the present offer's cand */
};

static bool arch_fits(const struct cand *c, const struct apk_repo *r)
{
	return !r->arch || !c->p->arch || streq(c->p->arch, "noarch") || streq(c->p->arch, r->arch);
}

static void need_state(struct solver *s, uint32_t word)
{
	if (!s->words[word].state)
		s->words[word].state = s->n_states++;
}

/* Its own name may never be visited, if all ask for what it provides, but can be decided. */
static void cand_first_seen(struct solver *s, uint32_t c)
{
	cand_load(s, c);
	need_state(s, s->cands[c].name);
	s->cands[c].explored = true;
}

static void rank_word(struct solver *s, uint32_t word)
{
	struct word *w = &s->words[word];
	bool real = false; /* a package of this very name exists */

	for (uint32_t i = 0; i < w->offers.n; i++)
		real |= s->cands[offer_at(s, word, i)->cand].name == word;
	w->rank = (real ? 1u << 30 : 0) | ++s->next_rank;
}

/*
 * The items of the present stage and offer, and how far they were walked. All visits to the words
 * of one package come along the same lists, and need not look again at what another one has seen:
 * it is explored since. Otherwise a package with a million provides would take a million times
 * that.
 */
static struct span stage_items(struct solver *s, struct frame *f, uint32_t **walked)
{
	struct word *w = &s->words[f->word];
	struct cand *c = NULL;

	if (f->stage != FOLLOWERS)
		c = &s->cands[offer_at(s, f->word, f->offer)->cand];
	if (f->stage == NAMES_FOLLOWERS)
		w = &s->words[c->name];
	switch (f->stage) {
	case NEEDS:
		*walked = &f->item;
		return f->mine ? c->needs : (struct span){0, 0};
	case FOLLOWERS:
	case NAMES_FOLLOWERS:
		*walked = &w->followers_walked;
		return w->followers;
	case PROVIDES:
		*walked = &c->provides_walked;
		return c->provides;
	default:
		*walked = &c->ifs_walked;
		return c->ifs;
	}
}

/* NAMES_FOLLOWERS and PROVIDES alternate from offer to offer; the others take all offers. */
static void next_offer(struct solver *s, struct frame *f)
{
	f->item = 0;
	if (f->stage == NAMES_FOLLOWERS) {
		f->stage = PROVIDES;
		return;
	}
	f->offer++;
	if (f->stage == PROVIDES)
		f->stage = NAMES_FOLLOWERS;
	if (f->stage != FOLLOWERS && f->offer < s->words[f->word].offers.n)
		return;
	f->offer = 0;
	if (f->stage == NAMES_FOLLOWERS) {
		rank_word(s, f->word);
		f->stage = IFS;
	} else {
		f->stage = f->stage == NEEDS	   ? FOLLOWERS
			   : f->stage == FOLLOWERS ? NAMES_FOLLOWERS
						   : DONE;
	}
}

/* The next word to visit from here, NONE when the visit is over. */
static uint32_t next_word(struct solver *s, struct frame *f)
{
	while (f->stage != DONE) {
		struct span items;
		uint32_t *walked;

		if (f->stage != FOLLOWERS && !s->words[f->word].offers.n) {
			next_offer(s, f);
			if (f->stage == PROVIDES)
				next_offer(s, f);
			continue;
		}
		if (f->stage == NEEDS && f->item == 0) {
			uint32_t c = offer_at(s, f->word, f->offer)->cand;

			f->mine = !s->cands[c].explored;
			if (f->mine)
				cand_first_seen(s, c);
		}
		items = stage_items(s, f, &walked);
		if (*walked < items.n) {
			uint32_t i = (*walked)++;

			return f->stage == FOLLOWERS || f->stage == NAMES_FOLLOWERS
				       ? link_at(s, items, i)
				       : need_at(s, items, i)->word;
		}
		next_offer(s, f);
	}
	return NONE;
}

static void visit(struct solver *s, uint32_t start)
{
	struct frame *stack = NULL;
	size_t n = 0, cap = 0;
	uint32_t word = start;

	for (;;) {
		if (word != NONE && !explored(s, word)) {
			s->words[word].explored = true;
			need_state(s, word);
			u32vec_add(&s->explored, word);
			if (n == cap) {
				cap = cap ? 2 * cap : 256;
				stack = xrealloc(stack, cap, sizeof(*stack));
			}
			stack[n++] = (struct frame){.word = word};
		} else if (word == NONE && --n == 0) {
			break;
		}
		if (!stack || n == 0)
			break;
		word = next_word(s, &stack[n - 1]);
	}
	free(stack);
}

/* Also for the words of what is installed: order_changes() asks who uses what is removed. */
static struct u32vec words_with_needs(struct solver *s)
{
	struct u32vec l = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->explored.n; i++)
		u32vec_add(&l, s->explored.v[i]);
	for (uint32_t c = 0; c < s->n_installed; c++) {
		cand_load(s, c);
		u32vec_add(&l, s->cands[c].name);
		for (uint32_t i = 0; i < s->cands[c].provides.n; i++)
			u32vec_add(&l, need_at(s, s->cands[c].provides, i)->word);
	}
	words_sort(s, l.v, l.n);
	for (uint32_t i = 0; i < l.n; i++)
		if (n == 0 || l.v[n - 1] != l.v[i])
			l.v[n++] = l.v[i];
	l.n = n;
	return l;
}

static void build_users(struct solver *s)
{
	struct u32vec l = words_with_needs(s);
	uint32_t *last = xcalloc(s->n_words, sizeof(*last));

	for (int fill = 0; fill < 2; fill++) {
		memset(last, 0, s->n_words * sizeof(*last));
		for (uint32_t i = 0; i < l.n; i++) {
			for (uint32_t o = 0; o < s->words[l.v[i]].offers.n; o++) {
				struct span needs = s->cands[offer_at(s, l.v[i], o)->cand].needs;

				for (uint32_t k = 0; k < needs.n; k++) {
					uint32_t w = need_at(s, needs, k)->word;
					struct span *sp = &s->words[w].users;

					if (last[w] == l.v[i] + 1)
						continue;
					last[w] = l.v[i] + 1;
					if (fill)
						s->links.v[sp->first + sp->n] = l.v[i];
					sp->n++;
				}
			}
		}
		for (uint32_t w = 0; w < s->n_words && !fill; w++) {
			struct span *sp = &s->words[w].users;
			uint32_t n = sp->n;

			*sp = (struct span){s->links.n, 0};
			while (n--)
				u32vec_add(&s->links, NONE);
		}
	}
	free(last);
	free(l.v);
}

static bool fits_its_repos(const struct solver *s, const struct cand *c)
{
	if (c->installed)
		return true;
	for (size_t r = 0; r < s->u->n_repos; r++)
		if ((c->repos & 1ull << r) && !arch_fits(c, s->u->repos[r]))
			return false;
	return true;
}

/* A package's own dependencies cannot pin a repository; apk 3 then refuses the package. */
static bool has_tagged_need(const struct apk_pkg *p)
{
	for (size_t i = 0; i < p->depends.n; i++)
		if (p->depends.v[i].tag)
			return true;
	return false;
}

static void mark_unfit(struct solver *s)
{
	for (uint32_t i = 0; i < s->n_cands; i++) {
		struct cand *c = &s->cands[i];

		if (c->explored)
			c->unfit = c->p->uninstallable || has_tagged_need(c->p) ||
				   !fits_its_repos(s, c);
	}
}

void explore(struct solver *s)
{
	s->n_states = 1;
	for (uint32_t i = 0; i < s->n_world; i++)
		visit(s, s->world[i].word);
	s->states = xcalloc(s->n_states, sizeof(*s->states));
	build_users(s);
	mark_unfit(s);
}
