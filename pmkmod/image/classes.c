// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/image/exports.h"

#define PAGE 4096
#define FLAG_GPL_ONLY 1 /* KSYM_FLAG_GPL_ONLY, include/linux/module_symbol.h */

/*
 * struct symsearch (include/linux/module.h): begin and end of a table, its CRCs, licence, and until
 * 5.11 whether its symbols are "unused". find_symbol() has an array of them, in which each table
 * begins where the one before ends or, if that is empty, at its place.
 */
struct list_row {
	uint64_t start, stop;
	unsigned licence; /* 0 any, 1 GPL only, 2 GPL only in future */
	bool unused;
};
#define ROWS_MAX 5

static struct list_row read_row(const struct image_memory *m, size_t at, unsigned word, bool unused)
{
	struct list_row r = {
		.start = memory_word(m, at, word),
		.stop = memory_word(m, at + word, word),
		.licence = memory_u32(m, at + 3 * (size_t)word),
	};

	if (unused)
		r.unused = m->p[at + 3 * (size_t)word + 4] != 0;
	return r;
}

/* Rows of the array that begins at `at`; 0 if they do not cover the table exactly. */
static size_t read_list(struct list_row *rows, const struct image_memory *m, const struct table *t,
	size_t at, unsigned word, size_t stride, uint64_t base)
{
	bool unused = word == 8 || stride == 20;
	uint64_t first = base + t->at[0], end = base + t->end, covered = 0;
	size_t n = 0;

	for (; n < ROWS_MAX && at + stride <= m->len; n++, at += stride) {
		struct list_row r = read_row(m, at, word, unused);

		if (r.start < first || r.stop > end || r.start > r.stop || r.licence > 2)
			break;
		covered += r.stop - r.start;
		rows[n] = r;
	}
	/* zeros between tables are not in the list */
	return n >= 2 && covered <= end - first && covered + (uint64_t)ROWS_MAX * 64 >= end - first
		       ? n
		       : 0;
}

static size_t find_list(
	struct list_row *rows, const struct image_memory *m, const struct table *t, bool base_known)
{
	size_t entry = (size_t)t->words * reference_size(t->ref), size = t->end - t->at[0];

	for (unsigned word = 4; word <= 8; word += 4) {
		if (m->word && m->word != word)
			continue;
		for (size_t at = 0; at + 32 <= m->len; at += word) {
			uint64_t start = memory_word(m, at, word);
			uint64_t length = memory_word(m, at + word, word) - start;
			uint64_t base = start - t->at[0];
			size_t n = 0;

			if (!start || length > size || length % entry || base % PAGE ||
				(base_known && base != m->base))
				continue;
			n = read_list(rows, m, t, at, word, word == 8 ? 32 : 20, base);
			if (!n && word == 4)
				n = read_list(rows, m, t, at, word, 16, base);
			if (!n)
				continue;
			for (size_t i = 0; i < n; i++) {
				rows[i].start -= base;
				rows[i].stop -= base;
			}
			return n;
		}
	}
	return 0;
}

static uint8_t class_of_row(const struct list_row *r)
{
	if (r->unused)
		return r->licence ? EXPORT_UNUSED_GPL : EXPORT_UNUSED;
	return r->licence == 2 ? EXPORT_GPL_FUTURE : r->licence ? EXPORT_GPL : EXPORT_PLAIN;
}

static bool by_list(struct image_exports *x, const struct image_memory *m, const struct table *t)
{
	struct list_row rows[ROWS_MAX];
	size_t n = find_list(rows, m, t, m->base_known);

	for (size_t i = 0; n && i < t->n; i++) {
		size_t k = 0;

		while (k < n && (t->at[i] < rows[k].start || t->at[i] >= rows[k].stop))
			k++;
		if (k == n)
			return false;
		x->v[i].class = class_of_row(&rows[k]);
	}
	return n > 0;
}

/*
 * Names are sorted within a table: a name that is before the one before it begins the next. Twice
 * the same occurs (arm64 until 5.11 exported memcpy under two sections).
 */
static size_t by_order(struct image_exports *x)
{
	size_t tables = 1;

	for (size_t i = 0; i < x->n; i++) {
		if (i && strcmp(x->v[i - 1].name, x->v[i].name) > 0)
			tables++;
		x->v[i].class =
			(uint8_t)(tables - 1 < EXPORT_CLASSES ? tables - 1 : EXPORT_CLASSES - 1);
	}
	return tables;
}

static void by_flags(struct image_exports *x, const struct image_memory *m, size_t at)
{
	for (size_t i = 0; i < x->n; i++)
		x->v[i].class = m->p[at + i] & FLAG_GPL_ONLY ? EXPORT_GPL : EXPORT_PLAIN;
}

void classes_find(struct image_exports *x, const struct image_memory *m, const struct table *t,
	const struct crc_table *c)
{
	size_t tables = by_order(x);

	if (c->flags_at) {
		by_flags(x, m, c->flags_at);
		if (tables != 1)
			strvec_add(&x->doubts,
				"the kernel has flags for each symbol, but its table is "
				"not in one order");
		return;
	}
	x->confirmed = by_list(x, m, t);
	if (x->confirmed || tables == 2)
		return;
	if (tables == 1) {
		for (size_t i = 0; i < x->n; i++)
			x->v[i].class = EXPORT_GPL;
		strvec_add(&x->doubts,
			"there is one table only, and whether it is that of EXPORT_SYMBOL or of "
			"EXPORT_SYMBOL_GPL is not to be seen; all are taken as the latter");
		return;
	}
	strvec_addf(&x->doubts,
		"there are %zu tables; the first two are taken as EXPORT_SYMBOL and "
		"EXPORT_SYMBOL_GPL, which of the old kinds the others are is a guess",
		tables);
}
