// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Aliases are patterns: "usb:v0BDAp8179d*dc*dsc*dp*ic*isc*ip*in*". Two clash when one of them
 * matches the other's text. Whoever matches a text has the letters before its first wildcard at
 * the beginning of it; so those that match an alias are found by the beginnings of the alias, and
 * those it matches stand in one row of the sorted table. Ten thousand begin with "of:N*T*C",
 * though: of those one can be told apart by the threes of letters that it needs and the other has,
 * of which a set is kept as 64 bits.
 */
#include "pmkmod/kernel/modules.h"

#define FNV_START 2166136261u
#define FNV_PRIME 16777619u
#define NONE UINT32_MAX
#define LITERAL_MAX 1024 /* longer ones are not kept, see modules_text.c */

char *alias_normal(const char *alias)
{
	char *out = xstrdup(alias);
	bool inside = false;

	for (char *p = out; *p; p++) {
		if (*p == '[')
			inside = true;
		else if (*p == ']')
			inside = false;
		else if (*p == '-' && !inside)
			*p = '_';
	}
	return out;
}

/*
 * One bracket expression at `p`, which is behind '['. Returns what is behind its end, NULL: it has
 * none, so that '[' stands for itself.
 */
static const char *match_bracket(const char *p, unsigned char c, bool *yes)
{
	bool negated = *p == '!' || *p == '^', found = false;
	const char *first;

	if (negated)
		p++;
	for (first = p; *p && (*p != ']' || p == first); p++) {
		unsigned char low, high;

		if (*p == '\\' && p[1])
			p++;
		low = high = (unsigned char)*p;
		if (p[1] == '-' && p[2] && p[2] != ']') {
			p += 2;
			if (*p == '\\' && p[1])
				p++;
			high = (unsigned char)*p;
		}
		found |= low <= c && c <= high;
	}
	*yes = found != negated;
	return *p ? p + 1 : NULL;
}

/* One character of the pattern against one of the text; what is behind it, NULL: no match. */
static const char *match_one(const char *p, char c)
{
	const char *end;
	bool yes;

	if (*p == '?')
		return p + 1;
	if (*p == '[') {
		end = match_bracket(p + 1, (unsigned char)c, &yes);
		if (end)
			return yes ? end : NULL;
	}
	if (*p == '\\' && p[1])
		p++;
	return *p == c ? p + 1 : NULL;
}

bool alias_matches(const char *pattern, const char *text, int64_t *budget)
{
	const char *star = NULL, *back = NULL, *next;
	int64_t steps = 0;

	while (*text) {
		steps++;
		if (*pattern == '*') {
			star = ++pattern;
			back = text;
		} else if (*pattern && (next = match_one(pattern, *text))) {
			pattern = next;
			text++;
		} else if (star) {
			/* the last star takes one more; those before it never need to */
			pattern = star;
			text = ++back;
		} else {
			break;
		}
	}
	if (budget)
		*budget -= steps;
	while (!*text && *pattern == '*')
		pattern++;
	return !*text && !*pattern;
}

static uint32_t literal_of(const char *pattern)
{
	return (uint32_t)strcspn(pattern, "*?[\\");
}

static uint32_t hash_on(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * FNV_PRIME;
}

static uint64_t gram(const char *p)
{
	uint32_t three = (uint32_t)(unsigned char)p[0] << 16 | (uint32_t)(unsigned char)p[1] << 8 |
			 (unsigned char)p[2];

	return 1ull << ((three * 2654435761u) >> 26);
}

/* Letters in a row from `p`, `n` of them. */
static uint64_t grams_of(const char *p, size_t n)
{
	uint64_t set = 0;

	for (; n >= 3; n--)
		set |= gram(p++);
	return set;
}

/* Of all that must stand in a text for the pattern to match it. */
static uint64_t runs_of(const char *pattern)
{
	uint64_t set = 0;

	while (*pattern) {
		size_t n = literal_of(pattern);

		set |= grams_of(pattern, n);
		pattern += n;
		/* behind a bracket or an escape nothing is certain, and hardly any has one */
		if (*pattern != '*' && *pattern != '?')
			break;
		pattern++;
	}
	return set;
}

static void look_at(struct kernel_alias *a)
{
	if (a->looked_at)
		return;
	a->looked_at = true;
	a->runs = runs_of(a->pattern);
	a->grams = grams_of(a->pattern, strlen(a->pattern));
}

static void index_aliases(struct kernel_modules *m)
{
	for (m->cap = 64; m->cap < 2 * m->n_aliases;)
		m->cap *= 2;
	m->heads = xcalloc(m->cap, sizeof(*m->heads));
	m->lengths = xcalloc(LITERAL_MAX + 1, sizeof(*m->lengths));
	memset(m->heads, 0xff, m->cap * sizeof(*m->heads));
	for (size_t i = 0; i < m->n_aliases; i++) {
		struct kernel_alias *a = &m->aliases[i];

		a->literal = literal_of(a->pattern);
		a->hash = FNV_START;
		for (uint32_t k = 0; k < a->literal; k++)
			a->hash = hash_on(a->hash, a->pattern[k]);
		if (a->literal <= LITERAL_MAX)
			m->lengths[a->literal]++;
		a->next = m->heads[a->hash & (m->cap - 1)];
		m->heads[a->hash & (m->cap - 1)] = (uint32_t)i;
	}
}

struct search {
	struct kernel_modules *m;
	const char *alias;
	uint64_t runs, grams; /* of the alias */
	int64_t *budget;
	bool (*use)(void *ctx, const struct kernel_alias *a);
	void *ctx;
	bool ended;
};

/* Those that begin with the `len` first letters of the alias, a wildcard next. */
static void ask_chain(struct search *s, uint32_t hash, size_t len)
{
	struct kernel_modules *m = s->m;

	for (uint32_t i = m->heads[hash & (m->cap - 1)]; i != NONE && !s->ended;
		i = m->aliases[i].next) {
		struct kernel_alias *a = &m->aliases[i];

		if (--*s->budget < 0)
			return;
		if (a->hash != hash || a->literal != len)
			continue;
		look_at(a);
		if ((a->runs & ~s->grams) ||
			!alias_matches(a->pattern + len, s->alias + len, s->budget))
			continue;
		s->ended = !s->use(s->ctx, a);
	}
}

static void who_matches(struct search *s)
{
	uint32_t hash = FNV_START;
	size_t len = 0;

	for (;; len++) {
		if (len > LITERAL_MAX || s->ended || --*s->budget < 0)
			return;
		if (s->m->lengths[len])
			ask_chain(s, hash, len);
		if (!s->alias[len])
			return;
		hash = hash_on(hash, s->alias[len]);
	}
}

/* The first that begins with `n` bytes of `text`, or comes behind such. */
static size_t first_at(const struct kernel_modules *m, const char *text, size_t n)
{
	size_t low = 0, high = m->n_aliases;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strncmp(m->aliases[mid].pattern, text, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct kernel_alias *kernel_modules_alias(const struct kernel_modules *m, const char *alias)
{
	size_t at = first_at(m, alias, strlen(alias) + 1);

	return at < m->n_aliases && streq(m->aliases[at].pattern, alias) ? &m->aliases[at] : NULL;
}

static void whom_it_matches(struct search *s)
{
	struct kernel_modules *m = s->m;
	size_t literal = literal_of(s->alias), low;

	if (!s->alias[literal]) /* it stands for itself alone, who_matches() has seen that */
		return;
	low = first_at(m, s->alias, literal);
	for (; low < m->n_aliases && !s->ended; low++) {
		struct kernel_alias *a = &m->aliases[low];

		if (--*s->budget < 0 || strncmp(a->pattern, s->alias, literal) != 0)
			return;
		look_at(a);
		if (s->runs & ~a->grams)
			continue;
		/* told before, when each matches the other */
		if (alias_matches(s->alias, a->pattern, s->budget) &&
			!alias_matches(a->pattern, s->alias, s->budget))
			s->ended = !s->use(s->ctx, a);
	}
}

bool kernel_modules_claims(struct kernel_modules *m, const char *alias, int64_t *budget,
	bool (*use)(void *ctx, const struct kernel_alias *a), void *ctx)
{
	struct search s = {.m = m,
		.alias = alias,
		.runs = runs_of(alias),
		.grams = grams_of(alias, strlen(alias)),
		.budget = budget,
		.use = use,
		.ctx = ctx};

	if (!m->cap)
		index_aliases(m);
	who_matches(&s);
	if (!s.ended)
		whom_it_matches(&s);
	return *budget >= 0;
}
