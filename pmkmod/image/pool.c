// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * __ksymtab_strings without a section table: names (and namespaces) one behind the other, each with
 * a NUL, and a second one where an empty namespace follows. Nothing else in a kernel looks like
 * that for long, but for strings of debug information, which no table stands before.
 */
#include "pmkmod/image/exports.h"

#define POOL_MIN 32
#define STRINGS_MIN 4
/* "" (no namespace) behind a name, and the same once more where strings are not merged */
#define NULS_MAX 3

/* What names and namespaces are made of ("module:kvm-intel,kvm-*" since 6.16). */
static void fill_class(bool of_pool[256])
{
	static const char others[] = "_.$:,-*@/+";

	memset(of_pool, 0, 256);
	for (int c = '0'; c <= '9'; c++)
		of_pool[c] = true;
	for (int c = 'a'; c <= 'z'; c++)
		of_pool[c] = of_pool[c - 'a' + 'A'] = true;
	for (const char *s = others; *s; s++)
		of_pool[(unsigned char)*s] = true;
}

static int larger_first(const void *a, const void *b)
{
	const struct pool *x = a, *y = b;
	size_t n = x->end - x->start, k = y->end - y->start;

	if (n != k)
		return n < k ? 1 : -1;
	return x->start < y->start ? -1 : 1;
}

struct gather {
	struct pool *v;
	size_t n, max;
	bool sorted;
};

/* Keep the largest: when all places are taken, the smallest gives its up. */
static void keep(struct gather *g, const struct pool *p)
{
	if (g->n < g->max) {
		g->v[g->n++] = *p;
		return;
	}
	if (!g->sorted)
		qsort(g->v, g->n, sizeof(*g->v), larger_first);
	g->sorted = true;
	if (larger_first(p, &g->v[g->n - 1]) > 0)
		return;
	g->v[g->n - 1] = *p;
	for (size_t i = g->n - 1; i && larger_first(&g->v[i - 1], &g->v[i]) > 0; i--) {
		struct pool other = g->v[i - 1];

		g->v[i - 1] = g->v[i];
		g->v[i] = other;
	}
}

size_t pools_find(const struct image_memory *m, struct pool *out, size_t max)
{
	struct gather g = {.v = out, .max = max};
	bool of_pool[256];
	size_t at = 0;

	fill_class(of_pool);
	while (at < m->len) {
		struct pool p = {.start = at};
		size_t nuls = 0;

		for (; at < m->len; at++) {
			unsigned char c = m->p[at];

			if (c ? !of_pool[c] : ++nuls > NULS_MAX)
				break;
			if (c) {
				nuls = 0;
				continue;
			}
			p.end = at + 1;
			p.strings += at > p.start && m->p[at - 1];
		}
		if (p.end > p.start && p.end - p.start >= POOL_MIN && p.strings >= STRINGS_MIN)
			keep(&g, &p);
		at++;
	}
	qsort(out, g.n, sizeof(*out), larger_first);
	return g.n;
}

static bool is_identifier(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '.' || c == '$';
}

void pool_mark_names(struct pool *pool, const struct image_memory *m)
{
	const unsigned char *p = m->p;

	pool->is_name = xcalloc(pool->end - pool->start + 1, sizeof(*pool->is_name));
	for (size_t at = pool->end - 1; at-- > pool->start;)
		pool->is_name[at - pool->start] =
			is_identifier(p[at]) && (!p[at + 1] || pool->is_name[at + 1 - pool->start]);
}

void pool_free(struct pool *p)
{
	free(p->is_name);
	p->is_name = NULL;
}
