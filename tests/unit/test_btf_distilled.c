// SPDX-License-Identifier: GPL-3.0-or-later
/* Each row: types of a kernel, those a module brings along, its own, and whether that goes
 * together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pmkmod/fit/btf.h"
#include "tests/unit/btf_builder.h"

#define FLAG 0x80000000u
#define ENCODING_SIGNED 1u << 24
#define MAX 8

/* A type without members, or with one that is of type `member`. */
struct line {
	uint32_t kind;
	const char *name;
	uint32_t size;
	uint32_t member;
	bool signed_int, name_is_brought;
};
struct row {
	const char *what, *wrong;
	struct line kernel[MAX], brought[MAX], own[MAX];
};

static const struct row rows[] = {
	{"an int", NULL, {{BTF_INT, "int", .size = 4}}, {{BTF_INT, "int", .size = 4}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"an int of another size", "no type like the 'int'", {{BTF_INT, "int", .size = 8}},
		{{BTF_INT, "int", .size = 4}}, {{BTF_PTR, NULL, .size = 1}}},
	{"an int with another sign", "no type like the 'int'",
		{{BTF_INT, "int", .size = 4, .signed_int = true}}, {{BTF_INT, "int", .size = 4}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"not there", "no type like the 'long'", {{BTF_INT, "int", .size = 4}},
		{{BTF_INT, "long", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"two ints", "more than one", {{BTF_INT, "int", .size = 4}, {BTF_INT, "int", .size = 4}},
		{{BTF_INT, "int", .size = 4}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a float", NULL, {{BTF_FLOAT, "double", .size = 8}}, {{BTF_FLOAT, "double", .size = 8}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"a pointer to a structure of another size", NULL, {{BTF_STRUCT, "dev", .size = 16}},
		{{BTF_STRUCT, "dev", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a structure of another size inside", "no type like the 'dev'",
		{{BTF_STRUCT, "dev", .size = 16}}, {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "own", .size = 32, .member = 1}}},
	{"a structure of the same size inside", NULL, {{BTF_STRUCT, "dev", .size = 16}},
		{{BTF_STRUCT, "dev", .size = 16}}, {{BTF_STRUCT, "own", .size = 32, .member = 1}}},
	{"inside, behind const and typedef", "no type like the 'dev'",
		{{BTF_STRUCT, "dev", .size = 16}}, {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "own", .size = 32, .member = 3}, {BTF_CONST, NULL, .size = 4},
			{BTF_TYPEDEF, "t", .size = 1}}},
	{"inside, but a pointer to it", NULL, {{BTF_STRUCT, "dev", .size = 16}},
		{{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "own", .size = 32, .member = 3}, {BTF_PTR, NULL, .size = 1}}},
	{"two structures told apart by size", NULL,
		{{BTF_STRUCT, "dev", .size = 16}, {BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "dev", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"two structures that are not", "more than one",
		{{BTF_STRUCT, "dev", .size = 8}, {BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "dev", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a structure and a declaration of it", "more than one",
		{{BTF_STRUCT, "dev", .size = 8}, {BTF_FWD, .name = "dev"}},
		{{BTF_STRUCT, "dev", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a declaration", NULL, {{BTF_STRUCT, "dev", .size = 8}}, {{BTF_FWD, .name = "dev"}},
		{{BTF_PTR, NULL, .size = 1}}},
	/* the kernel asks its own type whether it has bit fields, not what is declared */
	{"a declaration of a union", NULL, {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_FWD | FLAG, .name = "dev"}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a declaration of a union without bit fields", "no type like the 'u'",
		{{BTF_UNION, "u", .size = 8}}, {{BTF_FWD | FLAG, .name = "u"}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"a union that is declared", NULL, {{BTF_UNION | FLAG, "u", .size = 8}},
		{{BTF_FWD | FLAG, .name = "u"}}, {{BTF_PTR, NULL, .size = 1}}},
	{"two declarations", NULL, {{BTF_FWD, .name = "dev"}, {BTF_FWD | FLAG, .name = "dev"}},
		{{BTF_FWD, .name = "dev"}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a declaration of one of two", "no type like the 'dev'",
		{{BTF_STRUCT, "dev", .size = 16}, {BTF_STRUCT, "dev", .size = 8}},
		{{BTF_FWD, .name = "dev"}}, {{BTF_PTR, NULL, .size = 1}}},
	{"an enum for one of 64 bits", NULL, {{BTF_ENUM64, "e", .size = 8}},
		{{BTF_ENUM, "e", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"an enum of 64 bits", "may not be there", {{BTF_ENUM64, "e", .size = 8}},
		{{BTF_ENUM64, "e", .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a pointer brought along", "may not be there", {{BTF_INT, "int", .size = 4}},
		{{.kind = BTF_PTR}}, {{BTF_PTR, NULL, .size = 1}}},
	{"without a name", "no name", {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, NULL, .size = 8}}, {{BTF_PTR, NULL, .size = 1}}},
	{"a name that is that of a type", NULL, {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "dev", .size = 8, .name_is_brought = true}}},
	{"a name that is not", "no type it brings along has", {{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "dev", .size = 8}},
		{{BTF_STRUCT, "ev", .size = 8, .name_is_brought = true}}},
	{"an array without end", "has no end", {{BTF_INT, "int", .size = 4}},
		{{BTF_INT, "int", .size = 4}},
		{{BTF_STRUCT, "own", .size = 32, .member = 3},
			{BTF_ARRAY, NULL, .size = 0, .member = 3}}},
	{"a member of a type that there is not", "which there is not",
		{{BTF_INT, "int", .size = 4}}, {{BTF_INT, "int", .size = 4}},
		{{BTF_STRUCT, "own", .size = 32, .member = 99}}},
	{"several, one missing", "no type like the 'c'",
		{{BTF_INT, "a", .size = 4}, {BTF_INT, "b", .size = 4},
			{BTF_TYPEDEF, "c", .size = 1}},
		{{BTF_INT, "b", .size = 4}, {BTF_INT, "a", .size = 4}, {BTF_INT, "c", .size = 4}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"two of one name brought along", NULL,
		{{BTF_INT, "a", .size = 4}, {BTF_INT, "a", .size = 8}},
		{{BTF_INT, "a", .size = 8}, {BTF_INT, "a", .size = 4}},
		{{BTF_PTR, NULL, .size = 1}}},
	{"nothing", NULL, {{BTF_INT, "a", .size = 4}}, {{0}}, {{BTF_STRUCT, "own", .size = 4}}},
};

static void add_line(struct bb *b, const struct line *l, uint32_t name)
{
	bool composite = (l->kind & 0x1f) == BTF_STRUCT || (l->kind & 0x1f) == BTF_UNION;
	uint32_t words[4] = {BB_END, BB_END, BB_END, BB_END};

	if (l->kind == BTF_INT) {
		words[0] = l->size * 8 | (l->signed_int ? ENCODING_SIGNED : 0);
	} else if (l->kind == BTF_ARRAY) {
		words[0] = l->member;
		words[1] = 1;
		words[2] = 1;
	} else if (composite && l->member) {
		words[0] = 0;
		words[1] = l->member;
		words[2] = 0;
	}
	bb_type(b, name, l->kind, composite && l->member, l->size, words);
}

/* Place of `name` in the strings; 0: it is not there. */
static uint32_t place_of(const struct strbuf *strings, const char *name)
{
	const char *at = strings && strings->s
				 ? memmem(strings->s, strings->len, name, strlen(name) + 1)
				 : NULL;

	return at ? (uint32_t)(at - strings->s) : 0;
}

/* Each name is there once, as in a kernel. */
static uint32_t add_name(struct bb *b, const char *name, uint32_t below)
{
	uint32_t at = b->strings.len ? place_of(&b->strings, name) : 0;

	return (at ? at : bb_string(b, name)) + below;
}

static char *build(
	const struct line *lines, const struct strbuf *below, struct strbuf *strings, size_t *len)
{
	struct bb b = {0};

	if (!below)
		bb_string(&b, "");
	for (size_t i = 0; i < MAX && lines[i].kind; i++) {
		uint32_t name = 0;

		if (lines[i].name_is_brought)
			name = place_of(below, lines[i].name);
		else if (lines[i].name)
			name = add_name(&b, lines[i].name, below ? (uint32_t)below->len : 0);
		add_line(&b, &lines[i], name);
	}
	if (strings)
		strbuf_add(strings, b.strings.s, b.strings.len);
	return bb_finish(&b, len);
}

static void open_types(
	struct btf *b, const char *bytes, size_t len, const struct btf *base, const char *what)
{
	struct err e = ERR_INIT;

	if (btf_open(b, bytes, len, base, 0, &e) < 0)
		fail_msg("%s: %s", what, e.text);
}

static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		_cleanup_strbuf_ struct strbuf names = {0};
		size_t kernel_len, base_len, own_len;
		_cleanup_free_ char *kernel_bytes = build(row->kernel, NULL, NULL, &kernel_len);
		_cleanup_free_ char *base_bytes = build(row->brought, NULL, &names, &base_len);
		_cleanup_free_ char *own_bytes = build(row->own, &names, NULL, &own_len);
		struct btf kernel, base, own;
		struct err e = ERR_INIT;
		int r;

		open_types(&kernel, kernel_bytes, kernel_len, NULL, row->what);
		open_types(&base, base_bytes, base_len, NULL, row->what);
		open_types(&own, own_bytes, own_len, &base, row->what);
		r = btf_find_base(&own, &kernel, &e);
		if (row->wrong ? r != -EBADMSG || !strstr(e.text, row->wrong) : r != 0)
			fail_msg("%s: %d, '%s'", row->what, r, e.text);
		btf_close(&own);
		btf_close(&base);
		btf_close(&kernel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
