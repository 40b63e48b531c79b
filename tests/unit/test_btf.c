// SPDX-License-Identifier: GPL-3.0-or-later
/* Each row: one type of a module, and whether a kernel with bb_base()'s types takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/fit/btf.h"
#include "pmkmod/kernel/kernel.h"
#include "tests/unit/btf_builder.h"

#define V KERNEL_VERSION_CODE
#define OWN BB_BASE_STRINGS /* where the module's own names begin: "own", then "own two" */
#define TWO (OWN + 4)
#define BEHIND (OWN + 12)
#define SELF (BB_BASE_TYPES + 1)
#define WORDS(...)                                                                                 \
	{                                                                                          \
		__VA_ARGS__, BB_END                                                                \
	}
#define FLAG 0x80000000u

enum { INT = 1, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC };
enum { FUNC_PROTO = FUNC + 1, VAR, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 };

static const struct row {
	const char *what;
	uint32_t name, kind, n, size, words[8];
	uint32_t version;
	const char *wrong; /* NULL: it is taken */
} rows[] = {
	{"int", 1, INT, 0, 4, WORDS(0x01000020), 0, NULL},
	{"int, any name will do", 16, INT, 0, 4, WORDS(0x01000020), 0, NULL},
	{"int, name behind all", BEHIND, INT, 0, 4, WORDS(0x01000020), 0, "the name"},
	{"int of more bits than bytes", 1, INT, 0, 4, WORDS(0x21), 0, "parts"},
	{"int of two kinds", 1, INT, 0, 4, WORDS(0x03000020), 0, "parts"},
	{"int with more", 1, INT, 1, 4, WORDS(0x20), 0, "parts"},
	{"int cut off", 1, INT, 0, 4, WORDS(BB_END), 0, "end within one"},
	{"pointer", 0, PTR, 0, 3, WORDS(BB_END), 0, NULL},
	{"pointer to nothing", 0, PTR, 0, 0, WORDS(BB_END), 0, NULL},
	{"pointer with a name", 1, PTR, 0, 3, WORDS(BB_END), 0, "the name"},
	{"pointer to no number", 0, PTR, 0, 0x100000, WORDS(BB_END), 0, "parts"},
	{"array", 0, ARRAY, 0, 0, WORDS(1, 1, 4), 0, NULL},
	{"array of nothing", 0, ARRAY, 0, 0, WORDS(0, 1, 4), 0, "parts"},
	{"struct", OWN, STRUCT, 2, 8, WORDS(10, 1, 0, OWN, 1, 32), 0, NULL},
	{"struct, not in order", OWN, STRUCT, 2, 8, WORDS(10, 1, 32, OWN, 1, 0), 0, "parts"},
	{"struct, too small", OWN, STRUCT, 1, 8, WORDS(10, 1, 65), 0, "parts"},
	{"struct with bits", OWN, STRUCT | FLAG, 1, 8, WORDS(10, 1, 0x03000010), 0, NULL},
	{"struct, name of two words", TWO, STRUCT, 0, 8, WORDS(BB_END), 0, "the name"},
	{"struct, name in the middle of another", 7, STRUCT, 0, 8, WORDS(BB_END), 0, NULL},
	{"struct, name that begins with a digit", 15, STRUCT, 0, 8, WORDS(BB_END), 0, "the name"},
	{"struct, member behind all", OWN, STRUCT, 1, 8, WORDS(BEHIND, 1, 0), 0, "parts"},
	{"struct cut off", OWN, STRUCT, 2, 8, WORDS(10, 1, 0), 0, "end within one"},
	{"union", OWN, UNION, 2, 8, WORDS(10, 1, 0, OWN, 1, 0), 0, NULL},
	{"union, one behind the other", OWN, UNION, 2, 8, WORDS(10, 1, 0, OWN, 1, 8), 0, "parts"},
	{"enum", 0, ENUM, 1, 4, WORDS(OWN, 7), 0, NULL},
	{"enum, no name", 0, ENUM, 1, 4, WORDS(0, 7), 0, "parts"},
	{"enum of three bytes", 0, ENUM, 1, 3, WORDS(OWN, 7), 0, "parts"},
	{"forward", 5, FWD | FLAG, 0, 0, WORDS(BB_END), 0, NULL},
	{"forward without a name", 0, FWD, 0, 0, WORDS(BB_END), 0, "the name"},
	{"typedef", OWN, TYPEDEF, 0, 1, WORDS(BB_END), 0, NULL},
	{"const of what there is not", 0, CONST, 0, 99, WORDS(BB_END), 0, "refers to type 99"},
	{"volatile of itself", 0, VOLATILE, 0, SELF, WORDS(BB_END), 0, "has no end"},
	{"volatile of itself, before that was looked at", 0, VOLATILE, 0, SELF, WORDS(BB_END),
		V(5, 16), NULL},
	{"function", OWN, FUNC, 1, 3, WORDS(BB_END), 0, NULL},
	{"function of no linkage", OWN, FUNC, 3, 3, WORDS(BB_END), 0, "parts"},
	{"prototype", 0, FUNC_PROTO, 1, 1, WORDS(OWN, 1), 0, NULL},
	{"variable", OWN, VAR, 0, 1, WORDS(1), 0, NULL},
	{"variable elsewhere", OWN, VAR, 0, 1, WORDS(2), 0, "parts"},
	{"section", OWN, DATASEC, 1, 8, WORDS(1, 0, 8), 0, NULL},
	{"section, overlapping", OWN, DATASEC, 2, 8, WORDS(1, 0, 8, 1, 4, 4), 0, "parts"},
	{"section, too small", OWN, DATASEC, 1, 8, WORDS(1, 4, 8), 0, "parts"},
	{"float", 1, FLOAT, 0, 8, WORDS(BB_END), 0, NULL},
	{"float, too new", 1, FLOAT, 0, 8, WORDS(BB_END), V(5, 12), "newer than the kernel"},
	{"tag", TWO, DECL_TAG, 0, 3, WORDS(0xffffffff), 0, NULL},
	{"tag of member -2", TWO, DECL_TAG, 0, 3, WORDS(0xfffffffe), 0, "parts"},
	{"type tag", TWO, TYPE_TAG, 0, 1, WORDS(BB_END), 0, NULL},
	{"large enum", 0, ENUM64, 1, 8, WORDS(OWN, 1, 2), 0, NULL},
	{"large enum, too new", 0, ENUM64, 1, 8, WORDS(OWN, 1, 2), V(5, 15), "newer"},
	{"nothing", 0, 0, 0, 0, WORDS(BB_END), 0, "kind of type"},
	{"the future", 0, 20, 0, 0, WORDS(BB_END), 0, "kind of type"},
};

static char *own(const struct row *r, size_t *len)
{
	struct bb b = {0};

	bb_string(&b, "own");
	bb_string(&b, "own two");
	bb_type(&b, r->name, r->kind, r->n, r->size, r->words);
	return bb_finish(&b, len);
}

static void every_row(void **state)
{
	size_t base_len, len;
	char *base_bytes = bb_base(&base_len);
	struct err e = ERR_INIT;
	struct btf base, b;

	(void)state;
	if (btf_open(&base, base_bytes, base_len, NULL, 0, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(base.n_types, BB_BASE_TYPES);
	assert_int_equal(base.strings_len, BB_BASE_STRINGS);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *bytes = own(&rows[i], &len);
		int r = btf_open(&b, bytes, len, &base, rows[i].version, &e);

		if (rows[i].wrong ? r != -EBADMSG || !strstr(e.text, rows[i].wrong) : r != 0)
			fail_msg("%s: %d, '%s'", rows[i].what, r, e.text);
		btf_close(&b);
		free(bytes);
	}
	btf_close(&base);
	free(base_bytes);
}

static void headers(void **state)
{
	static const struct {
		size_t at;
		char value;
		const char *wrong;
	} cases[] = {
		{0, 0, "begin like"},
		{2, 2, "another version"},
		{3, 1, "another version"},
		{4, 25, "do not fill"},
		{8, 1, "do not fill"},
		{12, 1, "do not fill"},
		{20, 1, "do not fill"},
	};
	size_t len;
	char *bytes = bb_base(&len);
	struct err e = ERR_INIT;
	struct btf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char before = bytes[cases[i].at];

		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(btf_open(&b, bytes, len, NULL, 0, &e), -EBADMSG);
		assert_non_null(strstr(e.text, cases[i].wrong));
		btf_close(&b);
		bytes[cases[i].at] = before;
	}
	for (size_t n = 0; n < len; n++)
		assert_int_equal(btf_check_header(bytes, n, false, &e), -EBADMSG);
	bytes[len - 1] = 'x'; /* names without an end */
	assert_int_equal(btf_check_header(bytes, len, false, &e), -EBADMSG);
	free(bytes);
}

/* The kernel's own is the largest of what looks like one. */
static void found(void **state)
{
	struct strbuf image = {0};
	size_t base_len, small_len, len;
	char *base = bb_base(&base_len), *small;
	struct bb b = {0};
	const char *at;

	(void)state;
	bb_string(&b, "");
	bb_string(&b, "x");
	small = bb_finish(&b, &small_len);
	strbuf_adds(&image, "MZ kernel");
	strbuf_add(&image, small, small_len);
	strbuf_add(&image, "\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f", 20);
	strbuf_add(&image, base, base_len);
	strbuf_add(&image, small, small_len);
	at = btf_find(image.s, image.len, &len);
	assert_non_null(at);
	assert_int_equal(len, base_len);
	assert_memory_equal(at, base, base_len);
	assert_null(btf_find(base, base_len - 1, &len));
	strbuf_free(&image);
	free(small);
	free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(headers),
		cmocka_unit_test(found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
