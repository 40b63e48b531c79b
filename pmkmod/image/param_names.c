// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Under which names the kernel has parameters. modules.builtin.modinfo names them by the file they
 * are in ("tree.blimit"), the image by what that file calls itself (MODULE_PARAM_PREFIX,
 * "rcutree.blimit"); only the latter becomes a folder in /sys/module, and only if somebody may read
 * or write it: struct kernel_param says so. Where the image lies in memory is found as in
 * reference.c: by the address on which the most pointers to such names agree.
 */
#include <ctype.h>

#include "pmkmod/image/exports.h"
#include "pmkmod/kernel/name_index.h"

#define WORD_MAX 64 /* MODULE_NAME_LEN at most */
#define PAGE 4096
#define VOTES_MIN 8
#define BALLOT_MAX (1u << 22)
#define PERM_MAX 07777
#define RELA_SIZE 24

/* Places of "name.parameter" in the image, ascending. */
struct texts {
	size_t *at, n;
};

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* What may stand behind the dot. */
static void index_params(struct name_index *params, const struct strvec *attributes)
{
	for (size_t i = 0; i < attributes->n; i++) {
		const char *dot = strchr(attributes->v[i], '.');

		if (dot)
			name_index_add(params, dot + 1, 0);
	}
}

/* The word that ends at `dot`; its length, 0: there is none. */
static size_t word_before(const char *bytes, const char *dot)
{
	const char *p = dot;

	while (p > bytes && in_name(p[-1]) && dot - p < WORD_MAX)
		p--;
	/* part of something longer, such as a path or a sentence */
	return p == bytes || !p[-1] || !isprint((unsigned char)p[-1]) ? (size_t)(dot - p) : 0;
}

/* A NUL stands behind the image. */
static void find_texts(
	struct texts *t, const struct image_memory *m, const struct name_index *params)
{
	const char *bytes = (const char *)m->p, *dot = bytes, *end = bytes + m->len;

	for (; (dot = memchr(dot, '.', (size_t)(end - dot))); dot++) {
		size_t n = in_name(dot[1]) ? word_before(bytes, dot) : 0;

		if (!n || strnlen(dot + 1, WORD_MAX) == WORD_MAX ||
			!name_index_get(params, dot + 1))
			continue;
		if (!(t->n & (t->n - 1)))
			t->at = xrealloc(t->at, t->n ? 2 * t->n : 1, sizeof(*t->at));
		t->at[t->n++] = (size_t)(dot - bytes) - n;
	}
}

/* Where the text at `place` is among them; SIZE_MAX: there is none. */
static size_t text_number(const struct texts *t, uint64_t place)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->at[mid] < place)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n && t->at[low] == place ? low : SIZE_MAX;
}

/* ---- at which address it lies ---- */

/* By their place in a page, the texts that a pointer could mean. */
static void vote(struct ballot *b, const struct texts *by_page, uint64_t value)
{
	const struct texts *t = &by_page[value % PAGE];

	for (size_t i = 0; i < t->n && b->n < BALLOT_MAX; i++)
		if (value >= t->at[i])
			ballot_add(b, value - t->at[i]);
}

/* Could a struct kernel_param of the kernel itself begin here: { name, mod, ops, perm, ... }? */
static bool param_at(
	const struct image_memory *m, size_t at, unsigned word, uint64_t *name, unsigned *perm)
{
	if (at + 5 * word > m->len || memory_word(m, at + word, word))
		return false;
	*name = memory_word(m, at, word);
	*perm = memory_u32(m, at + 3 * word) & 0xffff;
	return can_point(*name, word) && *perm <= PERM_MAX;
}

/* From the addends of the relocations, or from what lies in the image; `run` NULL: the latter. */
static bool find_base(const struct image_memory *m, const struct texts *t, unsigned word,
	const struct rela_run *run, uint64_t *base)
{
	struct texts *by_page = xcalloc(PAGE, sizeof(*by_page));
	size_t least = t->n / 4 > VOTES_MIN ? t->n / 4 : VOTES_MIN;
	struct ballot b = {0};
	uint64_t name;
	unsigned perm;
	bool elected;

	for (size_t i = 0; i < t->n; i++) {
		struct texts *p = &by_page[t->at[i] % PAGE];

		p->at = xrealloc(p->at, p->n + 1, sizeof(*p->at));
		p->at[p->n++] = t->at[i];
	}
	for (size_t i = 0; run && i + 1 < run->n; i++) {
		size_t at = run->at + i * RELA_SIZE;

		/* name and ops are relocated, mod between them is nothing */
		if (memory_word(m, at + RELA_SIZE, 8) == memory_word(m, at, 8) + 16)
			vote(&b, by_page, memory_word(m, at + 16, 8));
	}
	for (size_t at = 0; !run && at < m->len; at += word)
		if (param_at(m, at, word, &name, &perm))
			vote(&b, by_page, name);
	for (size_t i = 0; i < PAGE; i++)
		free(by_page[i].at);
	free(by_page);
	elected = most_frequent(b.v, b.n, least, base, 1) == 1;
	free(b.v);
	return elected;
}

/* ---- what lies there ---- */

/* The struct kernel_param at `at` as a name, NULL: it is none. */
static const char *param_text(
	const struct image_memory *m, size_t at, unsigned word, uint64_t base, unsigned *perm)
{
	const char *text;
	uint64_t name;

	if (!m->p || !param_at(m, at, word, &name, perm) || name < base || name - base >= m->len)
		return NULL;
	text = (const char *)m->p + (name - base);
	for (size_t i = 0; i < 2 * WORD_MAX; i++) {
		if (!text[i])
			return i ? text : NULL;
		if (!in_name(text[i]) && text[i] != '.')
			return NULL;
	}
	return NULL;
}

static void add_name(struct strvec *out, const char *text)
{
	char *name = strchr(text, '.') ? xstrndup(text, strcspn(text, "."))
				       : xstrdup("kernel"); /* core_param() */

	if (strvec_has(out, name))
		free(name);
	else
		strvec_take(out, name);
}

/* All in a row with the one at `at`, which nobody needs to have named; returns where they end. */
static size_t take_row(
	struct strvec *out, const struct image_memory *m, size_t at, unsigned word, uint64_t base)
{
	size_t size = 5 * (size_t)word;
	const char *text;
	unsigned perm;

	while (at >= size && param_text(m, at - size, word, base, &perm))
		at -= size;
	for (; (text = param_text(m, at, word, base, &perm)); at += size)
		if (perm)
			add_name(out, text);
	return at;
}

static void take_params(struct strvec *out, const struct image_memory *m, const struct texts *t,
	unsigned word, uint64_t base)
{
	uint64_t name;
	unsigned perm;

	for (size_t at = 0; at < m->len; at += word)
		if (param_at(m, at, word, &name, &perm) && name >= base &&
			text_number(t, name - base) != SIZE_MAX)
			at = take_row(out, m, at, word, base);
}

static void read_memory(struct strvec *out, struct image_memory *m, const struct texts *t)
{
	static const unsigned words[] = {8, 4};
	struct rela_run run;
	uint64_t base;

	if (m->base_known && m->word)
		take_params(out, m, t, m->word, m->base);
	if (!out->n && m->word != 4 && rela_find(m, &run) && find_base(m, t, 8, &run, &base)) {
		rela_apply(m, &run, base);
		take_params(out, m, t, 8, base);
	}
	for (size_t i = 0; !out->n && i < ARRAY_SIZE(words); i++)
		if ((!m->word || m->word == words[i]) && find_base(m, t, words[i], NULL, &base))
			take_params(out, m, t, words[i], base);
}

void image_param_names(
	const struct kernel_image *im, const struct strvec *attributes, struct strvec *out)
{
	struct name_index params = {0};
	struct image_memory m = {0};
	struct texts t = {0};

	index_params(&params, attributes);
	if (params.n && image_memory_open(&m, im, NULL) == 0) {
		find_texts(&t, &m, &params);
		if (t.n)
			read_memory(out, &m, &t);
	}
	strvec_sort(out);
	image_memory_close(&m);
	name_index_free(&params);
	free(t.at);
}
