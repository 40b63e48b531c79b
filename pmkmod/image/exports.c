// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The exports of an image without symbols or sections. RO_DATA of include/asm-generic/vmlinux.lds.h
 * has put the tables, their CRCs and their names one behind the other in every version since 3.0.
 * So: where names stand close together, look for entries before them that point to them, all
 * layouts in turn; then everything has to agree, or it is not taken.
 */
#include "pmkmod/image/exports.h"

#define POOLS_MAX 512
#define RELA_POOLS_MAX 32
#define BASES_MAX 4

const char *const export_class_names[EXPORT_CLASSES] = {"EXPORT_SYMBOL", "EXPORT_SYMBOL_GPL",
	"EXPORT_UNUSED_SYMBOL", "EXPORT_UNUSED_SYMBOL_GPL", "EXPORT_SYMBOL_GPL_FUTURE"};

static const char *reference_words(enum reference ref)
{
	static const char *const words[] = {
		"place-relative", "absolute, 32 bits", "absolute, 64 bits"};

	return words[ref];
}

/*
 * Each string between the first and the last name must be some entry's name or namespace, from its
 * beginning: only then is no table missing.
 */
static size_t unused_strings(const struct image_memory *m, const struct table *t, size_t *total)
{
	size_t len = t->highest - t->lowest, unused = 0;
	_cleanup_free_ bool *used = xcalloc(len + 1, sizeof(bool));

	for (size_t i = 0; i < t->n; i++) {
		size_t name = (size_t)(table_name(m, t, i) - (const char *)m->p);
		size_t ns = (size_t)(table_namespace(m, t, i) - (const char *)m->p);

		used[name - t->lowest] = true;
		if (ns >= t->lowest && ns < t->highest)
			used[ns - t->lowest] = true;
	}
	*total = 0;
	for (size_t at = 0; at < len; at++) {
		const unsigned char *p = m->p + t->lowest + at;

		if (!*p || (at && p[-1]))
			continue;
		(*total)++;
		unused += !used[at];
	}
	return unused;
}

static void copy_entries(struct image_exports *x, const struct image_memory *m,
	const struct table *t, const struct crc_table *c)
{
	size_t len = t->highest - t->lowest;

	x->memory = xcalloc(len + 1, 1);
	memcpy(x->memory, m->p + t->lowest, len);
	x->n = t->n;
	x->v = xcalloc(t->n, sizeof(*x->v));
	for (size_t i = 0; i < t->n; i++) {
		const char *name = table_name(m, t, i), *ns = table_namespace(m, t, i);

		x->v[i] = (struct image_export){
			.name = (const char *)x->memory + (name - (const char *)m->p) - t->lowest,
			.ns = *ns ? (const char *)x->memory + (ns - (const char *)m->p) - t->lowest
				  : "",
			.crc = crc_table_get(c, m, i),
		};
	}
}

static size_t twins(const struct image_memory *m, const struct table *t)
{
	size_t n = 0;

	for (size_t i = 1; i < t->n; i++)
		n += streq(table_name(m, t, i - 1), table_name(m, t, i));
	return n;
}

/* modpost names a symbol once, however often it is in the table. */
static void drop_twins(struct image_exports *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++) {
		const struct image_export *last = n ? &x->v[n - 1] : NULL;

		if (!last || !streq(last->name, x->v[i].name) || last->class != x->v[i].class)
			x->v[n++] = x->v[i];
		else if (last->crc != x->v[i].crc)
			strvec_addf(&x->doubts,
				"'%s' is there twice, with different CRCs; the first is taken",
				last->name);
	}
	x->n = n;
}

static void count(struct image_exports *x)
{
	for (size_t i = 0; i < x->n; i++) {
		x->count[x->v[i].class]++;
		x->with_ns += *x->v[i].ns != '\0';
		x->without_crc += !x->v[i].crc;
	}
	/* a table of zeros is none: weak references to CRCs that nobody made */
	if (x->without_crc == x->n)
		x->has_crcs = false;
	else if (x->has_crcs && x->without_crc)
		strvec_addf(&x->doubts, "%zu of %zu symbols have no CRC in the image",
			x->without_crc, x->n);
}

static char *describe(const struct table *t, const struct crc_table *c, bool from_rela)
{
	return xasprintf("%s%s, {value, name%s}%s%s%s", reference_words(t->ref),
		from_rela ? " (from relocations)" : "", t->words == 3 ? ", namespace" : "",
		!c->size       ? ", no CRCs"
		: c->relative  ? ", distances to CRCs"
		: c->size == 8 ? ", CRCs of 64 bits"
			       : ", CRCs of 32 bits",
		c->flags_at ? ", flags" : "", "");
}

/* The table agrees with itself, or a sentence says where not. */
static int accept(struct image_exports *x, const struct image_memory *m, const struct table *t,
	bool from_rela, struct err *e)
{
	struct crc_table c;
	size_t strings, unused = unused_strings(m, t, &strings);
	int r;

	/* what belongs to none of most names is some other array that happens to point to them */
	if (unused * 2 > strings)
		return -ENOENT;
	if (unused * 50 > strings)
		return err_set(e, -EBADMSG,
			"%zu of the %zu names beside it belong to none of its %zu entries", unused,
			strings, t->n);
	r = crc_table_find(&c, m, t, e);
	if (r < 0)
		return r;
	if (twins(m, t) * 8 > t->n)
		return -ENOENT;
	copy_entries(x, m, t, &c);
	x->has_crcs = c.size != 0;
	x->base_known = m->base_known || t->ref != REF_PLACE;
	x->base = m->base_known ? m->base : t->base;
	x->layout = describe(t, &c, from_rela);
	if (unused)
		strvec_addf(&x->doubts, "%zu names beside the table belong to none of its entries",
			unused);
	classes_find(x, m, t, &c);
	drop_twins(x);
	if (x->n + x->n / 8 < t->n) {
		image_exports_free(x);
		return err_set(
			e, -EBADMSG, "its %zu entries have hardly any different names", t->n);
	}
	count(x);
	return 0;
}

/* What was tried, and the best of what failed. */
struct attempt {
	struct image_exports *x;
	const struct image_memory *m;
	bool from_rela;
	struct err why;
	size_t largest; /* entries of the table that `why` is about */
};

static bool try_layout(struct attempt *a, const struct pool *p, enum reference ref, uint64_t base)
{
	for (unsigned words = 3; words >= 2; words--) {
		struct table t;
		struct err why = ERR_INIT;
		bool found = table_find(&t, a->m, p, ref, words, base) &&
			     accept(a->x, a->m, &t, a->from_rela, &why) == 0;

		if (!found && why.code && t.n > a->largest) {
			a->largest = t.n;
			a->why = why;
		}
		table_free(&t);
		if (found)
			return true;
	}
	return false;
}

static bool try_absolute(struct attempt *a, const struct pool *p, unsigned word)
{
	enum reference ref = word == 8 ? REF_ABS64 : REF_ABS32;
	uint64_t bases[BASES_MAX];
	size_t n;

	if (a->m->word && a->m->word != word)
		return false;
	if (a->m->base_known)
		return try_layout(a, p, ref, a->m->base);
	n = bases_vote(a->m, p, word, bases, BASES_MAX);
	for (size_t i = 0; i < n; i++)
		if (try_layout(a, p, ref, bases[i]))
			return true;
	return false;
}

static bool try_pool(struct attempt *a, struct pool *p)
{
	bool found;

	pool_mark_names(p, a->m);
	found = try_layout(a, p, REF_PLACE, 0) || try_absolute(a, p, 4) || try_absolute(a, p, 8);
	pool_free(p);
	return found;
}

/* The words of the table may stand in relocations only (arm64: -z --no-apply-dynamic-relocs). */
static bool try_relocated(struct attempt *a, struct image_memory *m, struct pool *pools, size_t n)
{
	struct rela_run run;

	if (m->word == 4 || !rela_find(m, &run))
		return false;
	for (size_t i = 0; i < n && i < RELA_POOLS_MAX; i++) {
		uint64_t bases[BASES_MAX];
		size_t k = 1;

		if (m->base_known)
			bases[0] = m->base;
		else
			k = rela_vote(m, &run, &pools[i], bases, BASES_MAX);
		bool found = false;

		pool_mark_names(&pools[i], m);
		for (size_t j = 0; j < k && !found; j++) {
			struct image_memory moved = *m;

			moved.copied = false;
			rela_apply(&moved, &run, bases[j]);
			a->m = &moved;
			a->from_rela = true;
			found = try_layout(a, &pools[i], REF_ABS64, bases[j]);
			image_memory_close(&moved);
		}
		pool_free(&pools[i]);
		if (found)
			return true;
	}
	return false;
}

static int search(struct image_exports *x, struct image_memory *m, struct err *e)
{
	struct attempt a = {.x = x, .m = m, .why = ERR_INIT};
	_cleanup_free_ struct pool *pools = xcalloc(POOLS_MAX, sizeof(*pools));
	size_t n = pools_find(m, pools, POOLS_MAX);

	for (size_t i = 0; i < n; i++)
		if (try_pool(&a, &pools[i]))
			return 0;
	if (try_relocated(&a, m, pools, n))
		return 0;
	if (a.why.code)
		return err_set(e, a.why.code,
			"the image's table of exports contradicts itself, so nothing is taken from "
			"it: %s",
			a.why.text);
	return err_set(e, -ENOENT,
		"no table of exported symbols is in the image: the kernel has no CONFIG_MODULES, or a "
		"layout that is not known");
}

int image_exports_find(struct image_exports *x, const struct kernel_image *im, struct err *e)
{
	struct image_memory m;
	int r = image_memory_open(&m, im, e);

	*x = (struct image_exports){0};
	if (r == 0)
		r = search(x, &m, e);
	image_memory_close(&m);
	return r;
}

void image_exports_print(const struct image_exports *x, struct strbuf *out)
{
	for (size_t i = 0; i < x->n; i++)
		strbuf_addf(out, "0x%08x\t%s\tvmlinux\t%s\t%s\n", x->has_crcs ? x->v[i].crc : 0,
			x->v[i].name, export_class_names[x->v[i].class], x->v[i].ns);
}

void image_exports_free(struct image_exports *x)
{
	free(x->v);
	free(x->layout);
	free(x->memory);
	strvec_free(&x->doubts);
	*x = (struct image_exports){0};
}
