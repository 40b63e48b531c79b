// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The types that a module brings along for its own to build on stand for the kernel's of the same
 * name. Which of them the kernel takes for which decides whether it takes the module at all; so its
 * rules are followed to the letter, also where they are odd.
 */
#include "pmkmod/fit/btf.h"

#include "pmkmod/kernel/name_index.h"

#define NONE UINT32_MAX
#define CHAIN_MAX 1024 /* typedefs of arrays of ... */

/* One of the types that are brought along. */
struct brought {
	struct btf_type t;
	const char *name;
	uint32_t next; /* another one of the same name; NONE: no more */
	bool embedded; /* part of one of the module's own structures: its size counts */
	uint32_t found; /* number of the kernel's; 0: none */
};

struct search {
	const struct btf *own, *kernel;
	struct brought *brought; /* by number; [0] is void */
	uint32_t n;
	struct name_index by_name;
	uint32_t *named; /* of the kernel's structures, how many have the name at that place */
	struct err *e;
};

static bool is_composite(const struct btf_type *t)
{
	return t->kind == BTF_STRUCT || t->kind == BTF_UNION;
}

/* btf_relocate_validate_distilled_base() */
static int read_brought(struct search *s)
{
	for (uint32_t id = 1; id < s->n; id++) {
		struct brought *b = &s->brought[id];
		uint32_t *at;

		btf_type(s->own->base, id, &b->t);
		switch (b->t.kind) {
		case BTF_INT:
		case BTF_FLOAT:
		case BTF_ENUM:
		case BTF_STRUCT:
		case BTF_UNION:
		case BTF_FWD:
			break;
		default:
			return err_set(s->e, -EBADMSG,
				"type %u that it brings along is of a kind that may not be there",
				id);
		}
		b->name = b->t.name ? btf_string(s->own->base, b->t.name) : NULL;
		if (!b->name)
			return err_set(s->e, -EBADMSG,
				"type %u that it brings along has no name to look for", id);
		at = name_index_get(&s->by_name, b->name);
		b->next = at ? *at : NONE;
		*name_index_add(&s->by_name, b->name, id) = id;
	}
	return 0;
}

/* What a member of a structure is in the end, if it is a structure that is brought along. */
static int mark_member(struct search *s, uint32_t id)
{
	struct btf_type t;

	for (uint32_t steps = 0; btf_type(s->own, id, &t); steps++) {
		if (steps == CHAIN_MAX)
			return err_set(s->e, -EBADMSG, "type %u has no end", id);
		if (t.kind == BTF_ARRAY)
			id = btf_word(t.rest);
		else if (btf_is_modifier(t.kind))
			id = t.size;
		else
			break;
	}
	if (id && is_composite(&t) && id < s->n)
		s->brought[id].embedded = true;
	if (btf_type(s->own, id, &t))
		return 0;
	return err_set(s->e, -EBADMSG, "it refers to type %u, which there is not", id);
}

/*
 * btf_mark_embedded_composite_type_ids(). The first kernels took how many types the module has of
 * its own for the number of the last, and overlooked some; 6.12.117 does not.
 */
static int mark_embedded(struct search *s)
{
	struct btf_type t;
	int r = 0;

	for (uint32_t id = s->n; r == 0 && id < btf_count(s->own); id++) {
		btf_type(s->own, id, &t);
		for (uint32_t i = 0; r == 0 && is_composite(&t) && i < t.n; i++)
			r = mark_member(s, btf_word(t.rest + i * 12 + 4));
	}
	return r;
}

/* Several of the kernel's structures of one name are told apart by their size. */
static void count_names(struct search *s)
{
	struct btf_type t;

	s->named = xcalloc(s->kernel->strings_len + 1, sizeof(*s->named));
	for (uint32_t id = 1; id < btf_count(s->kernel); id++) {
		btf_type(s->kernel, id, &t);
		if (is_composite(&t) && t.name < s->kernel->strings_len)
			s->named[t.name]++;
	}
}

static uint32_t int_encoding(const struct btf_type *t)
{
	return btf_word(t->rest) >> 24 & 0xf;
}

/* Can the kernel's type `k` be what `b` stands for? They have the same name. */
static bool is_like(const struct search *s, const struct btf_type *k, const struct brought *b)
{
	bool sized = k->kind != BTF_FWD && (!is_composite(k) || s->named[k->name] > 1);

	if (sized && k->size != b->t.size)
		return false;
	switch (b->t.kind) {
	case BTF_FWD:
		return k->kind == BTF_FWD      ? k->flag == b->t.flag
		       : k->kind == BTF_STRUCT ? !k->flag
		       : k->kind == BTF_UNION  ? k->flag
					       : false;
	case BTF_INT:
		return k->kind == BTF_INT && int_encoding(k) == int_encoding(&b->t);
	case BTF_FLOAT:
		return k->kind == BTF_FLOAT;
	case BTF_ENUM:
		return k->kind == BTF_ENUM || k->kind == BTF_ENUM64;
	default:
		return !b->embedded || k->size == b->t.size;
	}
}

static bool can_be_meant(enum btf_kind kind)
{
	return kind == BTF_INT || kind == BTF_FLOAT || kind == BTF_ENUM || kind == BTF_ENUM64 ||
	       kind == BTF_FWD || kind == BTF_STRUCT || kind == BTF_UNION;
}

/* btf_relocate_map_distilled_base() */
static int find_all(struct search *s)
{
	struct btf_type k;
	for (uint32_t id = 1; id < btf_count(s->kernel); id++) {
		const uint32_t *at;

		btf_type(s->kernel, id, &k);
		if (!k.name || k.name >= s->kernel->strings_len || !can_be_meant(k.kind))
			continue;
		at = name_index_get(&s->by_name, btf_string(s->kernel, k.name));
		for (uint32_t i = at ? *at : NONE; i != NONE; i = s->brought[i].next) {
			struct brought *b = &s->brought[i];

			if (!is_like(s, &k, b))
				continue;
			if (b->found)
				return err_set(s->e, -EBADMSG,
					"its type '%s' can be more than one of the kernel's",
					b->name);
			b->found = id;
		}
	}
	for (uint32_t id = 1; id < s->n; id++)
		if (!s->brought[id].found)
			return err_set(s->e, -EBADMSG,
				"the kernel has no type like the '%s' that it brings along",
				s->brought[id].name);
	return 0;
}

struct names {
	bool *known; /* by place among the names that are brought along */
	uint32_t n;
};

static bool name_found(const struct names *names, uint32_t at)
{
	return !at || at >= names->n || names->known[at];
}

/* btf_relocate_rewrite_strs(): of the names brought along only those of types have a like. */
static int check_names(const struct search *s)
{
	struct names names = {.n = s->own->base->strings_len};
	struct btf_type t;
	bool good = true;
	uint32_t id;

	names.known = xcalloc(names.n + 1, sizeof(*names.known));
	for (id = 1; id < s->n; id++)
		names.known[s->brought[id].t.name] = true;
	for (id = s->n; good && id < btf_count(s->own); id++) {
		size_t each = 0;

		btf_type(s->own, id, &t);
		if (is_composite(&t) || t.kind == BTF_ENUM64)
			each = 12;
		else if (t.kind == BTF_ENUM || t.kind == BTF_FUNC_PROTO)
			each = 8;
		good = name_found(&names, t.name);
		for (uint32_t i = 0; each && good && i < t.n; i++)
			good = name_found(&names, btf_word(t.rest + i * each));
	}
	free(names.known);
	return good ? 0
		    : err_set(s->e, -EBADMSG, "type %u has a name that no type it brings along has",
			      id - 1);
}

int btf_find_base(const struct btf *b, const struct btf *kernel, struct err *e)
{
	struct search s = {.own = b, .kernel = kernel, .n = btf_count(b->base), .e = e};
	int r;

	s.brought = xcalloc(s.n, sizeof(*s.brought));
	r = read_brought(&s);
	if (r == 0)
		r = mark_embedded(&s);
	if (r == 0) {
		count_names(&s);
		r = find_all(&s);
	}
	if (r == 0)
		r = check_names(&s);
	name_index_free(&s.by_name);
	free(s.named);
	free(s.brought);
	return r;
}
