// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The table of words. Only names, provides and install_if of all packages are looked up here;
 * depends, by far the most, only for packages that the search reaches (cand_load).
 */
#include "chroot/apk/solve_priv.h"

#include <strings.h>

#define BUCKETS (1u << 16)
/* apk's table of names has this many lists, and its walk over them decides some ties. */
#define APK_BUCKETS 20000
#define APK_SEED 5381

void u32vec_add(struct u32vec *l, uint32_t x)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = x;
}

/* MurmurHash3_x86_32 (Austin Appleby, public domain): apk's hash, so that words_sort() agrees. */
static uint32_t rol(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static uint32_t mix_block(uint32_t k)
{
	return rol(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static uint32_t murmur3(const char *text, size_t len, uint32_t h)
{
	const uint8_t *b = (const uint8_t *)text;
	uint32_t tail = 0;
	size_t i = 0;

	for (; i + 4 <= len; i += 4)
		h = rol(h ^ mix_block((uint32_t)b[i] | (uint32_t)b[i + 1] << 8 |
				      (uint32_t)b[i + 2] << 16 | (uint32_t)b[i + 3] << 24),
			    13) *
			    5 +
		    0xe6546b64u;
	for (size_t k = len; k > i; k--)
		tail = tail << 8 | b[k - 1];
	if (i < len)
		h ^= mix_block(tail);
	h ^= (uint32_t)len;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static uint32_t word_new(struct solver *s, const char *text, uint32_t hash)
{
	struct word *w;

	if (s->n_words == s->cap_words) {
		s->cap_words *= 2;
		s->words = xrealloc(s->words, s->cap_words, sizeof(*s->words));
	}
	w = &s->words[s->n_words];
	*w = (struct word){
		.text = text, .hash = hash, .chain = s->buckets[hash % BUCKETS], .installed = NONE};
	s->buckets[hash % BUCKETS] = s->n_words;
	return s->n_words++;
}

uint32_t word_get(struct solver *s, const char *text)
{
	uint32_t hash = murmur3(text, strlen(text), APK_SEED);

	for (uint32_t i = s->buckets[hash % BUCKETS]; i != NONE; i = s->words[i].chain)
		if (s->words[i].hash == hash && streq(s->words[i].text, text))
			return i;
	return word_new(s, text, hash);
}

static struct span needs_add(struct solver *s, const struct apk_deps *l)
{
	struct span sp = {s->n_needs, (uint32_t)l->n};

	while (s->n_needs + l->n > s->cap_needs) {
		s->cap_needs *= 2;
		s->needs = xrealloc(s->needs, s->cap_needs, sizeof(*s->needs));
	}
	for (size_t i = 0; i < l->n; i++)
		s->needs[s->n_needs++] = (struct need){word_get(s, l->v[i].name), &l->v[i]};
	return sp;
}

void cand_load(struct solver *s, uint32_t c)
{
	if (s->cands[c].loaded)
		return;
	s->cands[c].needs = needs_add(s, &s->cands[c].p->depends);
	s->cands[c].loaded = true;
}

/* ---- cands: one for each identity ---- */

struct id_table {
	uint32_t *slot;
	uint32_t size; /* a power of two */
};

static uint32_t *id_slot(const struct solver *s, const struct id_table *t, const struct hash *id)
{
	/* not the hash's own first bytes: an index can say whatever it likes */
	uint32_t i = murmur3((const char *)id->b, id->len, APK_SEED) & (t->size - 1);

	for (; t->slot[i] != NONE; i = (i + 1) & (t->size - 1))
		if (hash_eq(&s->cands[t->slot[i]].p->identity, id))
			break;
	return &t->slot[i];
}

static uint32_t cand_add(struct solver *s, struct id_table *ids, const struct apk_pkg *p)
{
	uint32_t *slot = p->identity.len ? id_slot(s, ids, &p->identity) : NULL;
	struct cand *c;

	if (slot && *slot != NONE)
		return *slot;
	if (slot)
		*slot = s->n_cands;
	c = &s->cands[s->n_cands];
	c->p = p;
	c->name = word_get(s, p->name);
	c->provides = needs_add(s, &p->provides);
	c->ifs = needs_add(s, &p->install_if);
	return s->n_cands++;
}

/* What is installed comes first, as in apk: where all else is equal the first offer stays. */
static void add_all_cands(struct solver *s, struct id_table *ids)
{
	const struct apk_universe *u = s->u;

	for (size_t i = 0; i < u->n_installed; i++) {
		uint32_t c = cand_add(s, ids, u->installed[i]);

		s->cands[c].installed = true;
		s->words[s->cands[c].name].installed = c;
	}
	s->n_installed = s->n_cands;
	for (size_t r = 0; r < u->n_repos; r++)
		for (size_t i = 0; i < u->repos[r]->n_pkgs; i++)
			s->cands[cand_add(s, ids, &u->repos[r]->pkgs[i])].repos |= 1ull << r;
}

static void count_one(const struct apk_pkg *p, size_t *pkgs, size_t *words)
{
	*pkgs += 1;
	*words += 1 + p->provides.n + p->install_if.n;
}

/* The tables get their size at once: growing would copy megabytes. */
static size_t size_tables(struct solver *s)
{
	const struct apk_universe *u = s->u;
	size_t pkgs = 0, words = s->n_world;

	for (size_t i = 0; i < u->n_installed; i++)
		count_one(u->installed[i], &pkgs, &words);
	for (size_t r = 0; r < u->n_repos; r++)
		for (size_t i = 0; i < u->repos[r]->n_pkgs; i++)
			count_one(&u->repos[r]->pkgs[i], &pkgs, &words);
	s->cap_words = s->cap_needs = (uint32_t)words + 1;
	s->words = xcalloc(s->cap_words, sizeof(*s->words));
	s->needs = xcalloc(s->cap_needs, sizeof(*s->needs));
	s->cands = xcalloc(pkgs, sizeof(*s->cands));
	return pkgs;
}

static void build_cands(struct solver *s, size_t n)
{
	struct id_table ids = {.size = 64};

	while (ids.size < 2 * n)
		ids.size *= 2;
	ids.slot = xcalloc(ids.size, sizeof(*ids.slot));
	memset(ids.slot, 0xff, ids.size * sizeof(*ids.slot));
	add_all_cands(s, &ids);
	free(ids.slot);
}

/* ---- offers: counted, then put in their places, in the order of loading ---- */

static void offer_put(struct solver *s, uint32_t word, uint32_t cand, const char *version)
{
	struct span *sp = &s->words[word].offers;

	/* A package that provides its own name, or a word twice, is still one offer. */
	if (sp->n && s->offers[sp->first + sp->n - 1].cand == cand)
		return;
	s->offers[sp->first + sp->n++] = (struct offer){cand, version};
}

static void build_offers(struct solver *s)
{
	uint32_t total = 0;

	for (uint32_t c = 0; c < s->n_cands; c++) {
		s->words[s->cands[c].name].offers.n++;
		for (uint32_t i = 0; i < s->cands[c].provides.n; i++)
			s->words[need_at(s, s->cands[c].provides, i)->word].offers.n++;
	}
	for (uint32_t w = 0; w < s->n_words; w++) {
		s->words[w].offers.first = total;
		total += s->words[w].offers.n;
		s->words[w].offers.n = 0;
	}
	s->offers = xcalloc(total, sizeof(*s->offers));
	for (uint32_t c = 0; c < s->n_cands; c++) {
		const struct cand *k = &s->cands[c];

		offer_put(s, k->name, c, k->p->version);
		for (uint32_t i = 0; i < k->provides.n; i++) {
			const struct need *n = need_at(s, k->provides, i);

			offer_put(s, n->word, c, n->dep->version ? n->dep->version : "");
		}
	}
}

/* ---- followers: who has a word in install_if ---- */

struct sort_key {
	uint32_t bucket, word;
};

static int by_bucket(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	return x->word > y->word ? -1 : x->word < y->word;
}

void words_sort(const struct solver *s, uint32_t *v, uint32_t n)
{
	struct sort_key *k = xcalloc(n, sizeof(*k));

	for (uint32_t i = 0; i < n; i++)
		k[i] = (struct sort_key){s->words[v[i]].hash % APK_BUCKETS, v[i]};
	qsort(k, n, sizeof(*k), by_bucket);
	for (uint32_t i = 0; i < n; i++)
		v[i] = k[i].word;
	free(k);
}

/* All words a cand with an install_if answers to, each once, in apk's order. */
static struct u32vec conditional_words(const struct solver *s)
{
	struct u32vec l = {0};
	uint32_t n = 0;

	for (uint32_t c = 0; c < s->n_cands; c++) {
		const struct cand *k = &s->cands[c];

		if (!k->ifs.n)
			continue;
		u32vec_add(&l, k->name);
		for (uint32_t i = 0; i < k->provides.n; i++)
			u32vec_add(&l, need_at(s, k->provides, i)->word);
	}
	words_sort(s, l.v, l.n);
	for (uint32_t i = 0; i < l.n; i++)
		if (n == 0 || l.v[n - 1] != l.v[i])
			l.v[n++] = l.v[i];
	l.n = n;
	return l;
}

static void build_followers(struct solver *s)
{
	struct u32vec l = conditional_words(s);
	uint32_t *last = xcalloc(s->n_words, sizeof(*last)); /* word + 1 that was added last */

	for (int fill = 0; fill < 2; fill++) {
		memset(last, 0, s->n_words * sizeof(*last));
		for (uint32_t i = 0; i < l.n; i++) {
			for (uint32_t o = 0; o < s->words[l.v[i]].offers.n; o++) {
				struct span ifs = s->cands[offer_at(s, l.v[i], o)->cand].ifs;

				for (uint32_t k = 0; k < ifs.n; k++) {
					uint32_t w = need_at(s, ifs, k)->word;
					struct span *sp = &s->words[w].followers;

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
			struct span *sp = &s->words[w].followers;
			uint32_t n = sp->n;

			*sp = (struct span){s->links.n, 0};
			while (n--)
				u32vec_add(&s->links, NONE);
		}
	}
	free(last);
	free(l.v);
}

/* ---- world and tags ---- */

static int by_display(const void *a, const void *b)
{
	const struct need *x = a, *y = b;
	int r = strcasecmp(x->dep->name, y->dep->name);

	if (r == 0)
		r = strcmp(x->dep->name, y->dep->name);
	return r ? r : (x->dep > y->dep) - (x->dep < y->dep);
}

static uint32_t tag_get(struct solver *s, const char *tag)
{
	for (uint32_t i = 0; i < s->n_tags; i++)
		if (tag ? s->tags[i] && streq(s->tags[i], tag) : !s->tags[i])
			return i;
	return NONE;
}

static int build_tags(struct solver *s, const struct apk_deps *world, struct err *e)
{
	s->tags = xcalloc(s->u->n_repos + 1, sizeof(*s->tags));
	s->tag_repos = xcalloc(s->u->n_repos + 1, sizeof(*s->tag_repos));
	s->n_tags = 1;
	for (size_t r = 0; r < s->u->n_repos; r++) {
		uint32_t t = tag_get(s, s->u->repos[r]->tag);

		if (t == NONE) {
			t = s->n_tags++;
			s->tags[t] = s->u->repos[r]->tag;
		}
		s->tag_repos[t] |= 1ull << r;
	}
	for (size_t i = 0; i < world->n; i++)
		if (world->v[i].tag && tag_get(s, world->v[i].tag) == NONE)
			return err_set(e, -EINVAL,
				"world wants %s from a repository tagged @%s, but no repository has "
				"that tag",
				world->v[i].name, world->v[i].tag);
	return 0;
}

int names_build(struct solver *s, const struct apk_deps *world, struct err *e)
{
	size_t n;
	int r;

	if (s->u->n_repos > REPOS_MAX)
		return err_set(e, -E2BIG, "more than %d repositories at once", REPOS_MAX);
	r = build_tags(s, world, e);
	if (r < 0)
		return r;
	s->buckets = xcalloc(BUCKETS, sizeof(*s->buckets));
	memset(s->buckets, 0xff, BUCKETS * sizeof(*s->buckets));
	s->world = xcalloc(world->n, sizeof(*s->world));
	s->n_world = (uint32_t)world->n;
	n = size_tables(s);
	for (uint32_t i = 0; i < s->n_world; i++)
		s->world[i] = (struct need){word_get(s, world->v[i].name), &world->v[i]};
	qsort(s->world, s->n_world, sizeof(*s->world), by_display);
	build_cands(s, n);
	build_offers(s);
	build_followers(s);
	return 0;
}

void names_free(struct solver *s)
{
	struct u32vec *lists[] = {&s->links, &s->explored, &s->dirty, &s->ready, &s->heap[0],
		&s->heap[1], &s->picked, &s->present};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		free(lists[i]->v);
	free(s->world);
	free(s->words);
	free(s->states);
	free(s->buckets);
	free(s->cands);
	free(s->offers);
	free(s->needs);
	free(s->tags);
	free(s->tag_repos);
	free(s->changes);
}
