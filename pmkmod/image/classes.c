// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/image/exports.h"

#define PAGE 4096
#define LARGE_SHARE 20
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

/*
 * Rows of the array that begins at `at`; 0 if they do not cover the table, but for zeros between
 * its parts and a few entries that are in no table (see by_list()).
 */
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
		r.start -= base;
		r.stop -= base;
		rows[n] = r;
	}
	return n >= 2 && covered <= end - first && covered + (end - first) / 8 >= end - first ? n
											      : 0;
}

static size_t find_list(struct list_row *rows, const struct image_memory *m, const struct table *t)
{
	size_t entry = (size_t)t->words * reference_size(t->ref), size = t->end - t->at[0];
	bool known = m->base_known || t->ref != REF_PLACE;
	uint64_t known_base = m->base_known ? m->base : t->base;

	for (unsigned word = 4; word <= 8; word += 4) {
		if (m->word && m->word != word)
			continue;
		for (size_t at = 0; at + 32 <= m->len; at += word) {
			uint64_t start = memory_word(m, at, word);
			uint64_t length = memory_word(m, at + word, word) - start;
			/* unknown: the first table is taken to begin where the entries do */
			uint64_t base = known ? known_base : start - t->at[0];
			size_t n;

			if (!start || length > size || length % entry || base % PAGE ||
				start - base - t->at[0] >= size)
				continue;
			n = read_list(rows, m, t, at, word, word == 8 ? 32 : 20, base);
			if (!n && word == 4)
				n = read_list(rows, m, t, at, word, 16, base);
			if (n)
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

/*
 * Objects that a maker of phones has without their source may have entries of their own section,
 * for another kernel version. The linker puts them before the tables, where the kernel never finds
 * them.
 */
static bool by_list(struct image_exports *x, const struct image_memory *m, const struct table *t)
{
	struct list_row rows[ROWS_MAX];
	size_t n = find_list(rows, m, t), kept = 0;

	for (size_t i = 0; n && i < t->n; i++) {
		size_t k = 0;

		while (k < n && (t->at[i] < rows[k].start || t->at[i] >= rows[k].stop))
			k++;
		if (k == n)
			continue;
		x->v[kept] = x->v[i];
		x->v[kept++].class = class_of_row(&rows[k]);
	}
	if (!n)
		return false;
	if (kept < x->n)
		strvec_addf(&x->doubts,
			"%zu entries lie outside of the kernel's own tables, where it does not find "
			"them; they are left out",
			x->n - kept);
	x->n = kept;
	return true;
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

/*
 * More than two rows of sorted names, and nothing says which is what. Two are large in every
 * kernel, EXPORT_SYMBOL and EXPORT_SYMBOL_GPL: what is before the first of them belongs to it or to
 * nothing, what follows the second is of the old kinds.
 */
static void guess_classes(struct image_exports *x, size_t tables)
{
	size_t large = 0, after = 0;

	for (size_t i = 0, next; i < x->n; i = next) {
		uint8_t class;
		bool is_large;

		for (next = i + 1; next < x->n; next++)
			if (strcmp(x->v[next - 1].name, x->v[next].name) > 0)
				break;
		is_large = (next - i) * LARGE_SHARE >= x->n;
		large += is_large && large < 2;
		after += large == 2 && !is_large;
		class = large < 2 ? EXPORT_PLAIN : EXPORT_GPL;
		if (large == 2 && after)
			class = (uint8_t)(after > 3 ? EXPORT_GPL_FUTURE : EXPORT_GPL + after);
		for (size_t k = i; k < next; k++)
			x->v[k].class = class;
	}
	strvec_addf(&x->doubts,
		"there are %zu rows of sorted names instead of two; the large ones are taken as "
		"EXPORT_SYMBOL and EXPORT_SYMBOL_GPL, the class of the others is a guess",
		tables);
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
	guess_classes(x, tables);
}
