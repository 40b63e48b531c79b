// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Entries of __ksymtab* in a row: struct kernel_symbol of include/linux/export.h (linux/module.h
 * before 3.0's end), written by arch-independent assembly or C since always in the same order:
 * value, name, and since 5.4 the namespace.
 */
#include "pmkmod/image/exports.h"

/* Fewer may be any other array that has its texts behind it. */
#define ENTRIES_MIN 8
#define BYTES_A_STRING 64
#define WINDOW_MORE 4096
#define SLACK 64
/* Alignment of a table's section may leave zeros between two tables. */
#define PADDING_MAX 64

unsigned reference_size(enum reference ref)
{
	return ref == REF_ABS64 ? 8 : 4;
}

size_t table_target(const struct image_memory *m, const struct table *t, size_t at)
{
	uint64_t v;

	if (t->ref == REF_PLACE) {
		int64_t to = (int64_t)at + (int32_t)memory_u32(m, at);

		return to >= 0 && (uint64_t)to < m->len ? (size_t)to : SIZE_MAX;
	}
	v = memory_word(m, at, reference_size(t->ref)) - t->base;
	return v < m->len ? (size_t)v : SIZE_MAX;
}

const char *table_name(const struct image_memory *m, const struct table *t, size_t i)
{
	return (const char *)m->p + table_target(m, t, t->at[i] + reference_size(t->ref));
}

static bool is_null(const struct image_memory *m, const struct table *t, size_t at)
{
	return memory_word(m, at, reference_size(t->ref)) == 0;
}

const char *table_namespace(const struct image_memory *m, const struct table *t, size_t i)
{
	size_t at = t->at[i] + 2 * reference_size(t->ref);

	return t->words < 3 || is_null(m, t, at) ? "" : (const char *)m->p + table_target(m, t, at);
}

/* The window before a pool while it is searched. */
struct search {
	struct table t;
	const struct image_memory *m;
	const struct pool *p;
	size_t from, to, entry; /* entries lie between */
};

static bool in_pool(const struct search *s, size_t to)
{
	return to >= s->p->start && to < s->p->end;
}

static bool is_entry(const struct search *s, size_t at)
{
	unsigned word = reference_size(s->t.ref);
	size_t to;

	if (at + s->entry > s->to)
		return false;
	to = table_target(s->m, &s->t, at + word);
	if (!in_pool(s, to) || !s->p->is_name[to - s->p->start])
		return false;
	if (s->t.words < 3 || is_null(s->m, &s->t, at + 2 * word))
		return true;
	return in_pool(s, table_target(s->m, &s->t, at + 2 * word));
}

struct row {
	size_t at, n;
};

static struct row row_at(const struct search *s, size_t at)
{
	struct row r = {at, 0};

	while (is_entry(s, at + r.n * s->entry))
		r.n++;
	return r;
}

/*
 * The longest row that begins anywhere in the window. An entry inside a row that was seen belongs
 * to it, whatever else the words might be: rows are looked at once.
 */
static struct row longest_row(const struct search *s)
{
	unsigned word = reference_size(s->t.ref);
	struct row best = {0, 0};

	for (size_t at = s->from; at + s->entry <= s->to; at += word) {
		struct row r = row_at(s, at);

		if (r.n > best.n)
			best = r;
		if (r.n > 1)
			at += (r.n - 1) * s->entry;
	}
	return best;
}

static bool all_zero(const struct image_memory *m, size_t from, size_t to)
{
	for (; from < to; from++)
		if (m->p[from])
			return false;
	return true;
}

static void add_row(struct table *t, const struct row *r, size_t entry, bool before)
{
	t->at = xrealloc(t->at, t->n + r->n, sizeof(*t->at));
	if (before)
		memmove(t->at + r->n, t->at, t->n * sizeof(*t->at));
	for (size_t i = 0; i < r->n; i++)
		t->at[(before ? 0 : t->n) + i] = r->at + i * entry;
	t->n += r->n;
}

/* Rows behind zeros that only fill up: the tables of other classes. */
static void add_following(struct search *s)
{
	unsigned word = reference_size(s->t.ref);
	bool more = true;

	while (more) {
		size_t end = s->t.at[s->t.n - 1] + s->entry;

		more = false;
		for (size_t at = end; !more && at <= end + PADDING_MAX; at += word) {
			struct row r = row_at(s, at);

			if (!r.n || !all_zero(s->m, end, at))
				continue;
			add_row(&s->t, &r, s->entry, false);
			more = true;
		}
	}
}

static void add_preceding(struct search *s)
{
	unsigned word = reference_size(s->t.ref);
	bool more = true;

	while (more) {
		size_t first = s->t.at[0];

		more = false;
		for (size_t gap = word; !more && gap <= PADDING_MAX; gap += word) {
			struct row r = {0, 0};

			if (gap > first || !all_zero(s->m, first - gap, first))
				break;
			for (size_t at = first - gap; at >= s->entry && is_entry(s, at - s->entry);
				at -= s->entry)
				r = (struct row){at - s->entry, r.n + 1};
			if (!r.n)
				continue;
			add_row(&s->t, &r, s->entry, true);
			more = true;
		}
	}
}

/* First and last byte of the pool that an entry really uses. */
static void find_bounds(struct search *s)
{
	struct table *t = &s->t;

	t->lowest = SIZE_MAX;
	for (size_t i = 0; i < t->n; i++) {
		const char *const texts[] = {table_name(s->m, t, i), table_namespace(s->m, t, i)};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
			size_t at = (size_t)((const unsigned char *)texts[k] - s->m->p);

			if (!in_pool(s, at)) /* "" of a namespace that is NULL */
				continue;
			if (at < t->lowest)
				t->lowest = at;
			at += strlen(texts[k]) + 1;
			if (at > t->highest)
				t->highest = at;
		}
	}
	t->end = t->at[t->n - 1] + s->entry;
}

bool table_find(struct table *t, const struct image_memory *m, const struct pool *p,
	enum reference ref, unsigned words, uint64_t base)
{
	size_t window = p->strings * BYTES_A_STRING + WINDOW_MORE;
	struct search s = {.t = {.ref = ref, .words = words, .base = base}, .m = m, .p = p};
	struct row best;

	s.entry = (size_t)words * reference_size(ref);
	s.from = p->start > window ? p->start - window : 0;
	s.from -= s.from % reference_size(ref);
	/* the last bytes before the names may look like one */
	s.to = p->start + SLACK < p->end ? p->start + SLACK : p->end;
	best = longest_row(&s);
	if (best.n >= ENTRIES_MIN) {
		add_row(&s.t, &best, s.entry, false);
		add_following(&s);
		add_preceding(&s);
		find_bounds(&s);
	}
	*t = s.t;
	return t->n >= ENTRIES_MIN;
}

void table_free(struct table *t)
{
	free(t->at);
	*t = (struct table){0};
}
