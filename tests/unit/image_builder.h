/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes small kernel images in memory: banner, vermagic, and a table of exports of any layout. */
#ifndef PMKMOD_IMAGE_BUILDER_H
#define PMKMOD_IMAGE_BUILDER_H

#include "chroot/base/str.h"

enum ib_ref { IB_PLACE, IB_ABS32, IB_ABS64 };
enum { IB_PLAIN, IB_GPL, IB_UNUSED, IB_UNUSED_GPL, IB_FUTURE, IB_CLASSES };

struct ib_spec {
	enum ib_ref ref;
	unsigned words; /* 2 or 3 */
	unsigned crc; /* bytes a CRC; 0: none */
	bool distances; /* the CRCs lie elsewhere, the table has the distances */
	bool flags; /* one table of everything, a byte of flags each */
	bool merged; /* strings as a linker leaves them that merges tails */
	bool null_ns; /* no namespace is NULL, not "" */
	unsigned rela; /* type of relocation; the words are in .rela only */
	bool list; /* struct symsearch is there, too */
	uint64_t base;
	size_t n[IB_CLASSES];
	const char *vermagic; /* NULL: a usual one */
	size_t gap; /* bytes that do not belong there, between the table and the rest */
	size_t hole; /* a name that no entry has, before the name of this entry (from 1) */
};

struct ib_symbol {
	char name[64];
	const char *ns;
	uint32_t crc;
	int class;
	size_t name_at, ns_at, crc_at; /* places in the image */
};
struct ib_rela {
	uint64_t place, value;
};

struct ib {
	const struct ib_spec *s;
	struct strbuf b;
	struct ib_symbol *v;
	size_t n;
	size_t start[IB_CLASSES], stop[IB_CLASSES], crcs[IB_CLASSES];
	struct ib_rela *relas;
	size_t n_relas;
};

#define IB_BANNER                                                                                  \
	"Linux version 4.9.1-test (me@here) (gcc version 4.9.x (GCC) ) #7 SMP PREEMPT Mon\n"
#define IB_VERMAGIC "4.9.1-test SMP preempt mod_unload modversions aarch64"

static inline uint32_t ib_noise(uint32_t i)
{
	i = (i + 1) * 2654435761u;
	i ^= i >> 15;
	i *= 2246822519u;
	return i ^ i >> 13;
}

static inline void ib_num(struct strbuf *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		strbuf_addc(b, (char)(v >> (8 * i)));
}

static inline void ib_put(struct ib *k, size_t at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		k->b.s[at + i] = (char)(v >> (8 * i));
}

static inline void ib_align(struct ib *k, size_t to)
{
	while (k->b.len % to)
		strbuf_addc(&k->b, 0);
}

static inline void ib_fill(struct ib *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addc(&k->b, (char)ib_noise((uint32_t)(k->b.len + i)));
}

/* Sorted within a class; every third name is the tail of its neighbour's. */
static inline void ib_names(struct ib *k)
{
	static const char *const stems[IB_CLASSES] = {"dev", "gpl", "old", "odd", "soon"};
	size_t n = 0;

	for (int c = 0; c < IB_CLASSES; c++)
		n += k->s->n[c];
	k->v = xcalloc(n, sizeof(*k->v));
	for (int c = 0; c < IB_CLASSES; c++) {
		for (size_t i = 0; i < k->s->n[c]; i++) {
			struct ib_symbol *y = &k->v[k->n];
			const char *front = i < k->s->n[c] / 3	 ? "__"
					    : i < k->s->n[c] / 2 ? "_"
								 : "";
			size_t number = *front == '_' && front[1] == '_' ? i
					: *front == '_'			 ? i - k->s->n[c] / 3
									 : i;

			snprintf(y->name, sizeof(y->name), "%s%s_%05zu_register", front, stems[c],
				number);
			y->ns = i % 17 == 5 ? "CRYPTO_INTERNAL" : i % 29 == 7 ? "module:a-b,c" : "";
			y->crc = ib_noise((uint32_t)k->n);
			y->class = c;
			k->n++;
		}
	}
}

static inline int ib_by_name(const void *a, const void *b)
{
	return strcmp(((const struct ib_symbol *)a)->name, ((const struct ib_symbol *)b)->name);
}

/* A word that points to `to`, as the layout has it. */
static inline void ib_point(struct ib *k, size_t at, size_t to)
{
	unsigned word = k->s->ref == IB_ABS64 ? 8 : 4;

	if (k->s->ref == IB_PLACE) {
		ib_put(k, at, (uint64_t)to - at, 4);
	} else if (k->s->rela) {
		k->relas = xrealloc(k->relas, k->n_relas + 1, sizeof(*k->relas));
		k->relas[k->n_relas++] = (struct ib_rela){k->s->base + at, k->s->base + to};
	} else {
		ib_put(k, at, k->s->base + to, word);
	}
}

static inline size_t ib_string(struct ib *k, const char *s, size_t pool)
{
	size_t n = strlen(s) + 1;
	char *found = k->s->merged && k->b.len > pool ? memmem(k->b.s + pool, k->b.len - pool, s, n)
						      : NULL;

	if (found)
		return (size_t)(found - k->b.s);
	strbuf_add(&k->b, s, n);
	return k->b.len - n;
}

/* Entries, CRCs, flags, names: one behind the other. */
static inline void ib_tables(struct ib *k)
{
	unsigned word = k->s->ref == IB_ABS64 ? 8 : 4;
	size_t entry = (size_t)k->s->words * word, table, i = 0, pool;

	ib_align(k, word);
	table = k->b.len;
	for (int c = 0; c < IB_CLASSES; c++) {
		k->start[c] = table + i * entry;
		while (i < k->n && k->v[i].class == c)
			i++;
		k->stop[c] = table + i * entry;
	}
	for (i = 0; i < k->n * entry + k->s->gap; i++)
		strbuf_addc(&k->b, 0);
	ib_align(k, k->s->crc == 8 ? 8 : 4);
	for (i = 0; i < k->n; i++) {
		size_t at = k->b.len;

		if (i == 0 || k->v[i].class != k->v[i - 1].class)
			k->crcs[k->v[i].class] = at;
		if (k->s->distances)
			ib_num(&k->b, (uint64_t)k->v[i].crc_at - at, 4);
		else if (k->s->crc == 8 && k->s->rela)
			ib_num(&k->b, 0, 8);
		else
			ib_num(&k->b, k->v[i].crc, k->s->crc);
		if (k->s->crc == 8 && k->s->rela) {
			k->relas = xrealloc(k->relas, k->n_relas + 1, sizeof(*k->relas));
			k->relas[k->n_relas++] = (struct ib_rela){k->s->base + at, k->v[i].crc};
		}
	}
	for (i = 0; i < k->n && k->s->flags; i++)
		strbuf_addc(&k->b, k->v[i].class == IB_GPL);
	pool = k->b.len;
	for (i = 0; i < k->n; i++) { /* longest first, so that tails find what holds them */
		struct ib_symbol *y = &k->v[i];

		if (k->s->hole == i + 1)
			strbuf_add(&k->b, "nobody_has_this_name", 21);
		y->name_at = ib_string(k, y->name, pool);
		y->ns_at = k->s->words == 3 && (!k->s->null_ns || *y->ns)
				   ? ib_string(k, y->ns, pool)
				   : 0;
	}
	for (i = 0; i < k->n; i++) {
		size_t at = table + i * entry;

		ib_point(k, at, 4096 + i * 16);
		ib_point(k, at + word, k->v[i].name_at);
		if (k->s->words == 3 && k->v[i].ns_at)
			ib_point(k, at + 2 * (size_t)word, k->v[i].ns_at);
	}
}

/* find_symbol()'s array, in a place reserved before. */
static inline void ib_list(struct ib *k, size_t at, unsigned word)
{
	static const int order[] = {IB_PLAIN, IB_GPL, IB_FUTURE, IB_UNUSED, IB_UNUSED_GPL};
	static const unsigned licence[IB_CLASSES] = {0, 1, 0, 1, 2};

	for (size_t i = 0; i < IB_CLASSES; i++) {
		int c = order[i];

		ib_put(k, at, k->s->base + k->start[c], word);
		ib_put(k, at + word, k->s->base + k->stop[c], word);
		ib_put(k, at + 2 * (size_t)word, k->s->base + k->crcs[c], word);
		ib_put(k, at + 3 * (size_t)word, licence[c], 4);
		ib_put(k, at + 3 * (size_t)word + 4, c == IB_UNUSED || c == IB_UNUSED_GPL, 1);
		at += 3 * (size_t)word + 8;
	}
}

static inline void ib_build(struct ib *k, const struct ib_spec *s)
{
	unsigned word = s->ref == IB_ABS32 ? 4 : 8;
	size_t list = 0;

	*k = (struct ib){.s = s};
	ib_names(k);
	if (s->flags)
		qsort(k->v, k->n, sizeof(*k->v), ib_by_name);
	ib_fill(k, 512);
	strbuf_add(&k->b, "", 1);
	strbuf_add(&k->b, IB_BANNER, sizeof(IB_BANNER));
	strbuf_adds(&k->b, s->vermagic ? s->vermagic : IB_VERMAGIC);
	strbuf_addc(&k->b, 0);
	ib_fill(k, 9000);
	ib_align(k, 8);
	if (s->list) {
		list = k->b.len;
		for (size_t i = 0; i < IB_CLASSES * (3 * (size_t)word + 8); i++)
			strbuf_addc(&k->b, 0);
		ib_fill(k, 40);
	}
	ib_align(k, 4);
	for (size_t i = 0; i < k->n && s->distances; i++) {
		k->v[i].crc_at = k->b.len;
		ib_num(&k->b, k->v[i].crc, 4);
	}
	ib_fill(k, 100);
	ib_tables(k);
	if (s->list)
		ib_list(k, list, word);
	strbuf_add(&k->b, "\0\0\0\0\0\x80", 6);
	ib_align(k, 8);
	for (size_t i = 0; i < k->n_relas; i++) {
		ib_num(&k->b, k->relas[i].place, 8);
		ib_num(&k->b, s->rela, 8);
		ib_num(&k->b, k->relas[i].value, 8);
	}
	ib_fill(k, 5000);
	strbuf_addc(&k->b, 0);
}

static inline void ib_free(struct ib *k)
{
	strbuf_free(&k->b);
	free(k->v);
	free(k->relas);
}

#endif
