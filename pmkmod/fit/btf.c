// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/btf.h"

#include <ctype.h>

#include "pmkmod/kernel/kernel.h"

#define V KERNEL_VERSION_CODE
#define HEADER 24
#define MAX_TYPE 0xfffffu
#define MAX_NAME 0xffffffu
#define MODIFIERS_MAX 32 /* chain_limit of btf_check_type_tags() */

/* What the name of a type must be. */
enum name_rule { NAME_FREE, NAME_NONE, NAME_OPTIONAL, NAME_IDENTIFIER, NAME_PRINTABLE, NAME_TEXT };

struct check {
	const struct btf *b;
	uint32_t version;
	struct err *e;
};

static int bad(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "%s", what);
}

/* NULL: there is none, and btf_name_offset_valid() says so. */
const char *btf_string(const struct btf *b, uint32_t at)
{
	if (at > MAX_NAME)
		return NULL;
	while (b && at < b->first_string)
		b = b->base;
	if (!b || at - b->first_string >= b->strings_len)
		return NULL;
	return b->strings + (at - b->first_string);
}

static bool char_ok(char c, bool first)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x80 && (first ? isalpha(u) : isalnum(u))) || c == '_' || c == '.';
}

static size_t name_max(const struct check *c)
{
	return c->version && c->version < V(6, 1) ? 128 : 512; /* KSYM_NAME_LEN */
}

static bool identifier(const struct check *c, const char *s)
{
	size_t max = name_max(c), n = 0;

	while (n < max && s[n] && char_ok(s[n], n == 0))
		n++;
	return n && !s[n];
}

static bool printable(const struct check *c, const char *s)
{
	size_t max = name_max(c), n = 0;

	while (n < max && s[n] && isprint((unsigned char)s[n]))
		n++;
	return n && !s[n];
}

static bool name_fits(const struct check *c, enum name_rule rule, uint32_t at)
{
	const char *s = btf_string(c->b, at);

	if (!s)
		return false;
	switch (rule) {
	case NAME_FREE:
		return true;
	case NAME_NONE:
		return at == 0;
	case NAME_OPTIONAL:
		return at == 0 || identifier(c, s);
	case NAME_IDENTIFIER:
		return at != 0 && identifier(c, s);
	case NAME_PRINTABLE:
		return at != 0 && printable(c, s);
	case NAME_TEXT:
		return *s != '\0';
	}
	return false;
}

static bool int_fits(const struct check *c, const struct btf_type *t)
{
	uint32_t data = btf_word(t->rest), encoding = data >> 24 & 0xf;
	uint32_t bits = (data & 0xff) + (data >> 16 & 0xff);

	(void)c;
	return !(data & 0xf0000000) && bits <= 128 && (bits + 7) / 8 <= t->size &&
	       (encoding == 0 || encoding == 1 || encoding == 2 || encoding == 4);
}

static bool id_fits(uint32_t id)
{
	return id && id <= MAX_TYPE;
}

static bool array_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return !t->size && id_fits(btf_word(t->rest)) && id_fits(btf_word(t->rest + 4));
}

static bool members_fit(const struct check *c, const struct btf_type *t)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		const char *m = t->rest + i * 12;
		uint32_t offset = btf_word(m + 8) & (t->flag ? 0xffffff : 0xffffffff);

		if (!name_fits(c, NAME_OPTIONAL, btf_word(m)) || !id_fits(btf_word(m + 4)) ||
			(t->kind == BTF_UNION && offset) || last > offset ||
			offset / 8 + (offset % 8 != 0) > t->size)
			return false;
		last = offset;
	}
	return true;
}

static bool enum_fits(const struct check *c, const struct btf_type *t)
{
	size_t entry = t->kind == BTF_ENUM ? 8 : 12;

	for (uint32_t i = 0; i < t->n; i++)
		if (!name_fits(c, NAME_IDENTIFIER, btf_word(t->rest + i * entry)))
			return false;
	return t->size && t->size <= 8 && !(t->size & (t->size - 1));
}

static bool fwd_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return t->size == 0;
}

static bool reference_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return t->size <= MAX_TYPE;
}

static bool func_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return t->n <= 2;
}

static bool var_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return id_fits(t->size) && btf_word(t->rest) <= 1;
}

static bool datasec_fits(const struct check *c, const struct btf_type *t)
{
	uint64_t end = 0;

	(void)c;
	for (uint32_t i = 0; i < t->n; i++) {
		const char *v = t->rest + i * 12;
		uint32_t offset = btf_word(v + 4), size = btf_word(v + 8);

		if (!id_fits(btf_word(v)) || offset < end || offset >= t->size || !size ||
			size > t->size)
			return false;
		end = (uint64_t)offset + size;
		if (end > t->size)
			return false;
	}
	return t->size != 0;
}

static bool float_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return t->size == 2 || t->size == 4 || t->size == 8 || t->size == 12 || t->size == 16;
}

static bool decl_tag_fits(const struct check *c, const struct btf_type *t)
{
	(void)c;
	return (int32_t)btf_word(t->rest) >= -1;
}

static const struct rule {
	uint32_t since;
	uint8_t fixed, each; /* bytes behind the type; and for each of its n */
	bool n, flag; /* may they be set? */
	enum name_rule name;
	bool (*fits)(const struct check *c, const struct btf_type *t);
} rules[BTF_KINDS] = {
	[BTF_INT] = {0, 4, 0, false, false, NAME_FREE, int_fits},
	[BTF_PTR] = {0, 0, 0, false, false, NAME_NONE, reference_fits},
	[BTF_ARRAY] = {0, 12, 0, false, false, NAME_NONE, array_fits},
	[BTF_STRUCT] = {0, 0, 12, true, true, NAME_OPTIONAL, members_fit},
	[BTF_UNION] = {0, 0, 12, true, true, NAME_OPTIONAL, members_fit},
	[BTF_ENUM] = {0, 0, 8, true, true, NAME_OPTIONAL, enum_fits},
	[BTF_FWD] = {0, 0, 0, false, true, NAME_IDENTIFIER, fwd_fits},
	[BTF_TYPEDEF] = {0, 0, 0, false, false, NAME_IDENTIFIER, reference_fits},
	[BTF_VOLATILE] = {0, 0, 0, false, false, NAME_NONE, reference_fits},
	[BTF_CONST] = {0, 0, 0, false, false, NAME_NONE, reference_fits},
	[BTF_RESTRICT] = {0, 0, 0, false, false, NAME_NONE, reference_fits},
	[BTF_FUNC] = {0, 0, 0, true, false, NAME_IDENTIFIER, func_fits},
	[BTF_FUNC_PROTO] = {0, 0, 8, true, false, NAME_NONE, NULL},
	[BTF_VAR] = {0, 4, 0, false, false, NAME_IDENTIFIER, var_fits},
	[BTF_DATASEC] = {0, 0, 12, true, false, NAME_PRINTABLE, datasec_fits},
	[BTF_FLOAT] = {V(5, 13), 0, 0, false, false, NAME_FREE, float_fits},
	/* their kind_flag has a meaning since 6.15 */
	[BTF_DECL_TAG] = {V(5, 16), 4, 0, false, true, NAME_TEXT, decl_tag_fits},
	[BTF_TYPE_TAG] = {V(5, 17), 0, 0, false, true, NAME_TEXT, reference_fits},
	[BTF_ENUM64] = {V(6, 0), 0, 12, true, true, NAME_OPTIONAL, enum_fits},
};

static void type_head(struct btf_type *t, const char *p)
{
	*t = (struct btf_type){.name = btf_word(p),
		.info = btf_word(p + 4),
		.size = btf_word(p + 8),
		.rest = p + 12};
	t->kind = t->info >> 24 & 0x1f;
	t->n = t->info & 0xffff;
	t->flag = t->info >> 31;
}

/* The type at `p`, of which `left` bytes are there; *size is how many it takes. */
static int read_type(
	const struct check *c, const char *p, size_t left, struct btf_type *t, size_t *size)
{
	const struct rule *r;

	if (left < 12)
		return bad(c->e, "its types end within one");
	type_head(t, p);
	if ((t->info & 0x60ff0000) || !t->kind || t->kind >= BTF_KINDS)
		return bad(c->e, "it has a kind of type that there is not");
	r = &rules[t->kind];
	if (c->version && c->version < r->since)
		return bad(c->e, "it has a kind of type that is newer than the kernel");
	*size = 12 + r->fixed + (size_t)r->each * t->n;
	if (left < *size)
		return bad(c->e, "its types end within one");
	return 0;
}

static int check_type(const struct check *c, const struct btf_type *t, uint32_t id)
{
	const struct rule *r = &rules[t->kind];
	const char *why = NULL;

	if (!name_fits(c, r->name, t->name))
		why = "the name that it is given is none";
	else if ((t->n && !r->n) || (t->flag && !r->flag) || (r->fits && !r->fits(c, t)))
		why = "its parts do not go together";
	return why ? err_set(c->e, -EBADMSG, "of type %u %s", id, why) : 0;
}

/* btf_check_all_metas() */
static int check_types(struct btf *b, const struct check *c)
{
	size_t cap = 0, size = 0;
	struct btf_type t;

	for (uint32_t at = 0; at < b->types_len; at += (uint32_t)size) {
		uint32_t id = b->first_type + (uint32_t)b->n_types;
		int r = read_type(c, b->types + at, b->types_len - at, &t, &size);

		if (r == 0)
			r = check_type(c, &t, id);
		if (r == 0 && id > MAX_TYPE)
			r = bad(c->e, "it has more types than there are numbers");
		if (r < 0)
			return r;
		if (b->n_types == cap) {
			cap = cap ? 2 * cap : 256;
			b->at = xrealloc(b->at, cap, sizeof(*b->at));
		}
		b->at[b->n_types++] = at;
	}
	return 0;
}

bool btf_type(const struct btf *b, uint32_t id, struct btf_type *t)
{
	*t = (struct btf_type){.kind = BTF_VOID};
	if (!id)
		return true;
	while (b && id < b->first_type)
		b = b->base;
	if (!b || id - b->first_type >= b->n_types)
		return false;
	type_head(t, b->types + b->at[id - b->first_type]);
	return true;
}

uint32_t btf_count(const struct btf *b)
{
	return b->first_type + (uint32_t)b->n_types;
}

bool btf_is_modifier(enum btf_kind k)
{
	return k == BTF_TYPEDEF || k == BTF_VOLATILE || k == BTF_CONST || k == BTF_RESTRICT ||
	       k == BTF_TYPE_TAG;
}

/* btf_check_type_tags() of one type; those up to `good` were looked at before. */
static int follow(const struct check *c, uint32_t id, uint32_t good)
{
	struct btf_type t;
	bool tags;

	btf_type(c->b, id, &t);
	tags = t.kind == BTF_TYPE_TAG;
	for (int i = 0; btf_is_modifier(t.kind); i++) {
		if (i == MODIFIERS_MAX)
			return err_set(c->e, -EBADMSG, "type %u has no end", id);
		if (t.kind == BTF_TYPE_TAG && !tags)
			return err_set(c->e, -EBADMSG, "tags of type %u are in a wrong place", id);
		tags = tags && t.kind == BTF_TYPE_TAG;
		if (id <= good)
			break;
		id = t.size;
		if (!btf_type(c->b, id, &t))
			return err_set(
				c->e, -EBADMSG, "it refers to type %u, which there is not", id);
	}
	return 0;
}

static int check_modifiers(const struct check *c)
{
	int r = 0;

	if (c->version && c->version < V(5, 17))
		return 0;
	for (uint32_t i = 0; r == 0 && i < c->b->n_types; i++)
		r = follow(c, c->b->first_type + i, c->b->first_type + i - 1);
	return r;
}

int btf_check_header(const char *bytes, size_t len, bool split, struct err *e)
{
	uint32_t strings;

	if (len < HEADER || memcmp(bytes, "\x9f\xeb", 2) != 0)
		return bad(e, "it does not begin like type information");
	if (bytes[2] != 1 || bytes[3] != 0)
		return bad(e, "it is of another version");
	/* nobody writes the sections in another order, with room between them or a longer header */
	strings = btf_word(bytes + 20);
	if (btf_word(bytes + 4) != HEADER || btf_word(bytes + 8) != 0 ||
		btf_word(bytes + 12) != btf_word(bytes + 16) ||
		(uint64_t)btf_word(bytes + 16) + strings != len - HEADER)
		return bad(e, "its parts do not fill it");
	if (split && !strings)
		return 0;
	if (!strings || strings - 1 > MAX_NAME || bytes[len - 1] ||
		(!split && bytes[HEADER + btf_word(bytes + 16)]))
		return bad(e, "its names do not begin or end as they must");
	return 0;
}

int btf_open(struct btf *b, const char *bytes, size_t len, const struct btf *base, uint32_t version,
	struct err *e)
{
	struct check c = {b, version, e};
	int r = btf_check_header(bytes, len, base != NULL, e);

	*b = (struct btf){.base = base, .first_type = 1};
	if (r < 0)
		return r;
	if (base) {
		b->first_type = base->first_type + (uint32_t)base->n_types;
		b->first_string = base->first_string + base->strings_len;
	}
	b->types = bytes + HEADER;
	b->types_len = btf_word(bytes + 12);
	b->strings = b->types + b->types_len;
	b->strings_len = btf_word(bytes + 20);
	r = check_types(b, &c);
	return r < 0 ? r : check_modifiers(&c);
}

const char *btf_find(const char *image, size_t len, size_t *btf_len)
{
	static const char start[] = "\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0";
	const char *p = image, *end = image + len, *best = NULL;

	*btf_len = 0;
	for (; (p = memmem(p, (size_t)(end - p), start, sizeof(start) - 1)); p++) {
		uint64_t size;

		if (end - p < HEADER)
			break;
		size = HEADER + (uint64_t)btf_word(p + 12) + btf_word(p + 20);
		if (size <= *btf_len || size > (uint64_t)(end - p) ||
			btf_check_header(p, size, false, NULL) < 0)
			continue;
		best = p;
		*btf_len = size;
	}
	return best;
}

void btf_close(struct btf *b)
{
	free(b->at);
	*b = (struct btf){0};
}
