// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From words to what they point to. A flat image does not say at which address it is linked. It is
 * a multiple of a page, so a word and the string it points to have the low bits in common, and the
 * address on which the most pairs agree is the one.
 */
#include <elf.h>

#include "pmkmod/image/exports.h"

#define PAGE 4096
#define VOTERS 8192
#define VOTES_MAX (1u << 18)
#define VOTES_LEAST 3
#define RELA_VOTERS 32768
#define RELA_MIN 8
/* An entry of three words of 8 bytes, its CRC, and as much again for names whose tails were merged
 */
#define BYTES_A_STRING 64
#define R_RISCV_RELATIVE_TYPE 3
#define R_AARCH64_RELATIVE_TYPE 1027

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Beginnings of the pool's strings by their place in a page. */
struct by_page {
	uint32_t first[PAGE + 1];
	uint64_t *strings;
};

static void sort_strings(struct by_page *b, const struct image_memory *m, const struct pool *p)
{
	uint32_t next[PAGE];

	memset(b->first, 0, sizeof(b->first));
	b->strings = xcalloc(p->strings + 1, sizeof(*b->strings));
	for (int pass = 0; pass < 2; pass++) {
		for (size_t at = p->start; at < p->end; at++) {
			if (!m->p[at] || (at > p->start && m->p[at - 1]))
				continue;
			if (pass == 0)
				b->first[at % PAGE + 1]++;
			else
				b->strings[next[at % PAGE]++] = at;
		}
		for (size_t i = 0; pass == 0 && i < PAGE; i++) {
			b->first[i + 1] += b->first[i];
			next[i] = b->first[i];
		}
	}
}

size_t most_frequent(uint64_t *v, size_t n, size_t least, uint64_t *out, size_t max)
{
	size_t counts[FREQUENT_MAX] = {0}, found = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_value);
	for (size_t i = 0, next; i < n; i = next) {
		size_t k;

		for (next = i + 1; next < n && v[next] == v[i]; next++)
			;
		if (next - i < least)
			continue;
		for (k = found; k && counts[k - 1] < next - i; k--)
			;
		if (k >= max)
			continue;
		if (found < max)
			found++;
		memmove(out + k + 1, out + k, (found - k - 1) * sizeof(*out));
		memmove(counts + k + 1, counts + k, (found - k - 1) * sizeof(*counts));
		out[k] = v[i];
		counts[k] = next - i;
	}
	return found;
}

bool can_point(uint64_t value, unsigned word)
{
	return word == 8 ? value >> 63 != 0 : value >= PAGE;
}

void ballot_add(struct ballot *b, uint64_t value)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 4096;
		b->v = xrealloc(b->v, b->cap, sizeof(*b->v));
	}
	b->v[b->n++] = value;
}

/*
 * A word speaks for each address that would make it point to a string. The same word has one voice,
 * however often it occurs: all entries without a namespace point to one and the same "".
 */
static size_t count_votes(struct ballot *words, const struct image_memory *m, const struct pool *p,
	unsigned word, uint64_t *out, size_t max)
{
	struct ballot b = {0};
	struct by_page s;
	size_t n;

	sort_strings(&s, m, p);
	if (words->n)
		qsort(words->v, words->n, sizeof(*words->v), by_value);
	for (size_t i = 0; i < words->n; i++) {
		uint64_t value = words->v[i];

		if ((i && value == words->v[i - 1]) || !can_point(value, word))
			continue;
		for (uint32_t k = s.first[value % PAGE]; k < s.first[value % PAGE + 1]; k++)
			if (value >= s.strings[k])
				ballot_add(&b, value - s.strings[k]);
	}
	n = most_frequent(b.v, b.n, VOTES_LEAST, out, max < FREQUENT_MAX ? max : FREQUENT_MAX);
	free(b.v);
	free(s.strings);
	free(words->v);
	return n;
}

/* Prime to 2 and 3, so that every word of an entry is met equally often. */
static size_t sample_step(size_t n)
{
	return n / 6 * 6 + (n % 6 > 1 ? 5 : 1);
}

size_t bases_vote(const struct image_memory *m, const struct pool *p, unsigned word, uint64_t *out,
	size_t max)
{
	size_t window = p->strings * BYTES_A_STRING + PAGE;
	size_t from = p->start > window ? p->start - window : 0, step;
	size_t voters = VOTES_MAX / (p->strings / PAGE + 1);
	struct ballot words = {0};

	from -= from % word;
	step = sample_step((p->start - from) / word / (voters < VOTERS ? voters : VOTERS)) * word;
	for (size_t at = from; at + word <= p->start; at += step)
		ballot_add(&words, memory_word(m, at, word));
	return count_votes(&words, m, p, word, out, max);
}

/* ---- relocations ---- */

static uint32_t relative_type(uint64_t info)
{
	return info == R_AARCH64_RELATIVE_TYPE || info == R_RISCV_RELATIVE_TYPE ? (uint32_t)info
										: 0;
}

enum { RELA_NONE, RELA_SOME, RELA_NOT }; /* R_*_NONE: all zeros, ld leaves them behind */

/* What stands at `at`: a relocation that can be part of a run, an empty one, or something else. */
static int rela_kind(const struct image_memory *m, size_t at)
{
	uint64_t place, info;

	if (at + sizeof(Elf64_Rela) > m->len)
		return RELA_NOT;
	place = memory_word(m, at, 8);
	info = memory_word(m, at + 8, 8);
	if (!place && !info && !memory_word(m, at + 16, 8))
		return RELA_NONE;
	return place >> 63 && (info & UINT32_MAX) && (info & UINT32_MAX) < 2048 ? RELA_SOME
										: RELA_NOT;
}

bool rela_find(const struct image_memory *m, struct rela_run *run)
{
	*run = (struct rela_run){0};
	for (size_t at = 0; at + sizeof(Elf64_Rela) <= m->len;) {
		uint32_t type = relative_type(memory_word(m, at + 8, 8));
		size_t end = at, next = at;
		int kind;

		if (!type || rela_kind(m, at) != RELA_SOME) {
			at += 8;
			continue;
		}
		while ((kind = rela_kind(m, next)) != RELA_NOT) {
			next += sizeof(Elf64_Rela);
			if (kind == RELA_SOME)
				end = next;
		}
		if ((end - at) / sizeof(Elf64_Rela) > run->n)
			*run = (struct rela_run){at, (end - at) / sizeof(Elf64_Rela), type};
		/* not back to zeros that were just passed */
		at = next;
	}
	return run->n >= RELA_MIN;
}

size_t rela_vote(const struct image_memory *m, const struct rela_run *run, const struct pool *p,
	uint64_t *out, size_t max)
{
	size_t voters = VOTES_MAX / (p->strings / PAGE + 1);
	size_t step = sample_step(run->n / (voters < RELA_VOTERS ? voters : RELA_VOTERS));
	struct ballot words = {0};

	for (size_t i = 0; i < run->n; i += step)
		ballot_add(&words, memory_word(m, run->at + i * sizeof(Elf64_Rela) + 16, 8));
	return count_votes(&words, m, p, 8, out, max);
}

/*
 * The value of a dynamic symbol. In arm64 kernels that need one (4.6 to 4.9, for absolute symbols
 * like __crc_*), .dynsym lies directly behind .rela.
 */
static uint64_t symbol_value(
	const struct image_memory *m, const struct rela_run *run, uint64_t index)
{
	size_t table = (run->at + run->n * sizeof(Elf64_Rela) + 7) & ~(size_t)7;
	size_t at = table + index * sizeof(Elf64_Sym);

	if (!index || index > m->len / sizeof(Elf64_Sym) || at + sizeof(Elf64_Sym) > m->len)
		return 0;
	return memory_word(m, at + offsetof(Elf64_Sym, st_value), 8);
}

/* Types whose result is an address: the relative one, and that of a symbol (R_*_64, R_*_ABS64). */
static bool is_address(const struct rela_run *run, uint64_t type)
{
	return type == run->relative ||
	       type == (run->relative == R_RISCV_RELATIVE_TYPE ? 2 /* R_RISCV_64 */
							       : R_AARCH64_ABS64);
}

void rela_apply(struct image_memory *m, const struct rela_run *run, uint64_t base)
{
	const struct image_memory from = *m;

	m->p = xcalloc(m->len + 1, 1);
	m->copied = true;
	memcpy(m->p, from.p, from.len);
	for (size_t i = 0; i < run->n; i++) {
		size_t at = run->at + i * sizeof(Elf64_Rela);
		uint64_t place = memory_word(&from, at, 8) - base;
		uint64_t info = memory_word(&from, at + 8, 8), v = memory_word(&from, at + 16, 8);

		if (place > m->len - 8 || !is_address(run, info & UINT32_MAX))
			continue;
		if (info >> 32)
			v += symbol_value(&from, run, info >> 32);
		for (int k = 0; k < 8; k++)
			m->p[place + (size_t)k] = (unsigned char)(v >> (8 * k));
	}
	m->base = base;
	m->base_known = true;
	if (from.copied)
		free(from.p);
}
