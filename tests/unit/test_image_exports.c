// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Exports of images of every layout there was, made here since no kernel at hand has them. What is
 * recovered must be exactly what was put in; what contradicts itself must not be taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>

#include "pmkmod/image/image.h"
#include "pmkmod/kernel/kernel.h"
#include "tests/unit/image_builder.h"

#define ARM_BASE 0xc0008000
#define ARM64_BASE 0xffffff8008080000
#define RISCV_BASE 0xffffffff80000000
#define R_RISCV_RELATIVE_TYPE 3

static void open_image(struct kernel_image *im, const struct ib *k)
{
	char *copy = xcalloc(k->b.len + 1, 1);
	struct err e = ERR_INIT;

	memcpy(copy, k->b.s, k->b.len);
	if (kernel_image_unwrap(im, copy, k->b.len, &e) < 0)
		fail_msg("%s", e.text);
}

static int find(struct image_exports *x, const struct ib *k, struct err *e)
{
	struct kernel_image im;
	int r;

	open_image(&im, k);
	r = image_exports_find(x, &im, e);
	kernel_image_free(&im);
	return r;
}

/* Everything recovered, nothing invented. */
static void expect_same(const struct image_exports *x, const struct ib *k, const char *label)
{
	if (x->n != k->n)
		fail_msg("%s: %zu of %zu symbols (%s)", label, x->n, k->n, x->layout);
	assert_int_equal(x->has_crcs, k->s->crc != 0);
	for (size_t i = 0; i < x->n; i++) {
		const struct image_export *a = &x->v[i];
		const struct ib_symbol *b = &k->v[i];

		if (!streq(a->name, b->name) || (k->s->words == 3 && !streq(a->ns, b->ns)) ||
			(k->s->crc && a->crc != b->crc) || a->class != b->class)
			fail_msg("%s, %zu: %s '%s' %08x %d, not %s '%s' %08x %d", label, i, a->name,
				a->ns, a->crc, a->class, b->name, b->ns, b->crc, b->class);
	}
}

#define TWO                                                                                        \
	{                                                                                          \
		200, 300                                                                           \
	}
static const struct {
	const char *label;
	struct ib_spec s;
	bool confirmed;
} layouts[] = {
	{"place-relative, 6.x", {IB_PLACE, 3, 4, .merged = true, .n = TWO}, false},
	{"place-relative, own list",
		{IB_PLACE, 3, 4, .merged = true, .base = ARM64_BASE, .list = true, .n = TWO}, true},
	{"place-relative, 5.4: NULL", {IB_PLACE, 3, 4, .null_ns = true, .n = TWO}, false},
	{"place-relative, 4.19", {IB_PLACE, 2, 4, .n = TWO}, false},
	{"place-relative, distances to CRCs", {IB_PLACE, 3, 4, .distances = true, .n = TWO}, false},
	{"4.19, distances to CRCs", {IB_PLACE, 2, 4, .distances = true, .n = TWO}, false},
	{"place-relative, no CRCs",
		{IB_PLACE, 3, 0, .merged = true, .n = TWO, .vermagic = "4.9.1-test SMP "}, false},
	{"flags, 7.1", {IB_PLACE, 3, 4, .flags = true, .merged = true, .n = TWO}, false},
	{"flags without CRCs", {IB_PLACE, 3, 0, .flags = true, .merged = true, .n = TWO}, false},
	{"32 bits, 3.x", {IB_ABS32, 2, 4, .base = ARM_BASE, .n = TWO}, false},
	{"32 bits, 3.x, own list", {IB_ABS32, 2, 4, .base = ARM_BASE, .list = true, .n = TWO},
		true},
	{"32 bits, other base", {IB_ABS32, 2, 4, .base = 0x80c08000, .n = TWO}, false},
	{"32 bits, all old tables",
		{IB_ABS32, 2, 4, .base = ARM_BASE, .list = true, .n = {150, 170, 20, 5, 4}}, true},
	{"32 bits, empty table between",
		{IB_ABS32, 2, 4, .base = ARM_BASE, .list = true, .n = {150, 170, 0, 0, 4}}, true},
	{"32 bits, only unused besides",
		{IB_ABS32, 2, 4, .base = ARM_BASE, .list = true, .n = {150, 170, 3, 0, 0}}, true},
	{"32 bits, merged tails", {IB_ABS32, 3, 4, .base = ARM_BASE, .merged = true, .n = TWO},
		false},
	{"32 bits, no CRCs", {IB_ABS32, 3, 0, .base = ARM_BASE, .n = TWO}, false},
	{"64 bits, 3.x", {IB_ABS64, 2, 8, .base = ARM64_BASE, .n = TWO}, false},
	{"64 bits, 4.10 to 4.18", {IB_ABS64, 2, 4, .base = ARM64_BASE, .n = TWO}, false},
	{"64 bits, distances", {IB_ABS64, 2, 4, .distances = true, .base = ARM64_BASE, .n = TWO},
		false},
	{"riscv64", {IB_ABS64, 3, 4, .base = RISCV_BASE, .merged = true, .n = TWO}, false},
	{"riscv64, own list",
		{IB_ABS64, 3, 4, .base = RISCV_BASE, .merged = true, .list = true, .n = TWO}, true},
	{"riscv64, NULL", {IB_ABS64, 3, 4, .base = RISCV_BASE, .null_ns = true, .n = TWO}, false},
	{"arm64, only .rela, CRCs moved too",
		{IB_ABS64, 2, 8, .rela = R_AARCH64_RELATIVE, .base = ARM64_BASE, .n = TWO}, false},
	{"arm64, only .rela, 32-bit CRCs",
		{IB_ABS64, 2, 4, .rela = R_AARCH64_RELATIVE, .base = ARM64_BASE, .n = TWO}, false},
	{"arm64, only .rela, distances",
		{IB_ABS64, 2, 4, .distances = true, .rela = R_AARCH64_RELATIVE, .base = ARM64_BASE,
			.n = TWO},
		false},
	{"riscv64, only .rela",
		{IB_ABS64, 3, 4, .rela = R_RISCV_RELATIVE_TYPE, .base = RISCV_BASE, .merged = true,
			.n = TWO},
		false},
	{"few symbols (TRIM_UNUSED_KSYMS)", {IB_PLACE, 3, 4, .merged = true, .n = {9, 11}}, false},
	{"few symbols, 32 bits", {IB_ABS32, 3, 4, .base = ARM_BASE, .n = {12, 12}}, false},
	{"many symbols", {IB_ABS32, 2, 4, .base = ARM_BASE, .n = {6000, 7000}}, false},
};

static void every_layout(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct err e = ERR_INIT;
		struct image_exports x;
		struct ib k;

		ib_build(&k, &layouts[i].s);
		if (find(&x, &k, &e) < 0)
			fail_msg("%s: %s", layouts[i].label, e.text);
		expect_same(&x, &k, layouts[i].label);
		if (x.doubts.n)
			fail_msg("%s: %s", layouts[i].label, x.doubts.v[0]);
		if (x.confirmed != layouts[i].confirmed)
			fail_msg("%s: confirmed %d", layouts[i].label, x.confirmed);
		image_exports_free(&x);
		ib_free(&k);
	}
}

/* The lines are what our own reader of Module.symvers takes. */
static void printed(void **state)
{
	static const struct ib_spec s = {IB_PLACE, 3, 4, .merged = true, .n = TWO};
	_cleanup_strbuf_ struct strbuf out = {0};
	struct image_exports x;
	struct symvers *v;
	struct ib k;

	(void)state;
	ib_build(&k, &s);
	assert_int_equal(find(&x, &k, NULL), 0);
	image_exports_print(&x, &out);
	symvers_new(&v);
	assert_int_equal(symvers_parse(v, "test", out.s, out.len, NULL), 0);
	assert_int_equal(symvers_count(v), k.n);
	for (size_t i = 0; i < k.n; i++) {
		const struct symvers_entry *en = symvers_find(v, k.v[i].name);

		assert_non_null(en);
		assert_int_equal(en->crc, k.v[i].crc);
		assert_string_equal(en->owner, "vmlinux");
		assert_string_equal(en->ns, k.v[i].ns);
		assert_string_equal(
			en->export, k.v[i].class == IB_GPL ? "EXPORT_SYMBOL_GPL" : "EXPORT_SYMBOL");
	}
	symvers_free(v);
	image_exports_free(&x);
	ib_free(&k);
}

/* What cannot be known is said, and nothing better is claimed. */
static void doubts(void **state)
{
	static const struct {
		struct ib_spec s;
		const char *doubt;
	} t[] = {
		{{IB_ABS32, 2, 4, .base = ARM_BASE, .n = {100, 100, 5, 0, 4}}, "is a guess"},
		{{IB_PLACE, 3, 4, .n = {100}}, "one table only"},
		{{IB_PLACE, 3, 4, .hole = 30, .n = TWO}, "1 names beside"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct err e = ERR_INIT;
		struct image_exports x;
		struct ib k;

		ib_build(&k, &t[i].s);
		if (find(&x, &k, &e) < 0)
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(x.n, k.n);
		assert_true(x.doubts.n > 0);
		if (!strstr(x.doubts.v[0], t[i].doubt))
			fail_msg("%zu: %s", i, x.doubts.v[0]);
		image_exports_free(&x);
		ib_free(&k);
	}
}

static void contradictions(void **state)
{
	static const struct ib_spec specs[] = {
		{IB_PLACE, 3, 4, .gap = 64, .n = TWO},
		{IB_PLACE, 3, 4, .gap = 1200, .n = TWO},
		{IB_ABS32, 2, 4, .gap = 40, .base = ARM_BASE, .n = TWO},
		{IB_ABS64, 2, 8, .gap = 4000 - 8, .base = ARM64_BASE, .n = TWO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct err e = ERR_INIT;
		struct image_exports x;
		struct ib k;

		ib_build(&k, &specs[i]);
		assert_int_equal(find(&x, &k, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "contradicts itself"));
		assert_int_equal(x.n, 0);
		image_exports_free(&x);
		ib_free(&k);
	}
}

/* An entry in the middle that points nowhere: the rest is not taken for the whole. */
static void broken_entry(void **state)
{
	static const struct ib_spec s = {IB_PLACE, 3, 4, .n = TWO};
	struct err e = ERR_INIT;
	struct image_exports x;
	struct ib k;

	(void)state;
	ib_build(&k, &s);
	ib_put(&k, k.start[0] + 120 * 12 + 4, 0x7f000000, 4);
	assert_int_equal(find(&x, &k, &e), -EBADMSG);
	image_exports_free(&x);
	ib_free(&k);
}

static void no_table(void **state)
{
	static const struct ib_spec s = {IB_PLACE, 3, 4, .n = TWO};
	struct err e = ERR_INIT;
	struct image_exports x;
	struct ib k;

	(void)state;
	ib_build(&k, &s);
	memset(k.b.s + k.start[0], 0x5a, k.stop[IB_GPL] - k.start[0]);
	assert_int_equal(find(&x, &k, &e), -ENOENT);
	assert_non_null(strstr(e.text, "CONFIG_MODULES"));
	image_exports_free(&x);
	ib_free(&k);
}

/* ---- ELF ---- */

static char *make_elf(const struct ib *k, bool is64, bool big, size_t *len)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	unsigned word = is64 ? 8 : 4;
	size_t head = is64 ? 64 + 2 * 56 : 52 + 2 * 32;

	strbuf_add(&b, ELFMAG, SELFMAG);
	ib_num(&b, is64 ? ELFCLASS64 : ELFCLASS32, 1);
	ib_num(&b, big ? ELFDATA2MSB : ELFDATA2LSB, 1);
	ib_num(&b, 1, 10);
	ib_num(&b, ET_EXEC, 2);
	ib_num(&b, is64 ? EM_AARCH64 : EM_ARM, 2);
	ib_num(&b, 1, 4);
	ib_num(&b, 0, word);
	ib_num(&b, is64 ? 64 : 52, word);
	ib_num(&b, 0, word);
	ib_num(&b, 0, 4);
	ib_num(&b, is64 ? 64 : 52, 2);
	ib_num(&b, is64 ? 56 : 32, 2);
	ib_num(&b, 2, 2);
	ib_num(&b, 0, 6);
	for (int i = 0; i < 2; i++) { /* the second: an area of each processor, far away */
		ib_num(&b, PT_LOAD, 4);
		if (is64)
			ib_num(&b, 7, 4);
		ib_num(&b, head, word);
		ib_num(&b, i ? 0 : k->s->base, word);
		ib_num(&b, 0, word);
		ib_num(&b, i ? 64 : k->b.len, word);
		ib_num(&b, i ? 64 : k->b.len, word);
		if (!is64)
			ib_num(&b, 7, 4);
		ib_num(&b, 4096, word);
	}
	assert_int_equal(b.len, head);
	strbuf_add(&b, k->b.s, k->b.len);
	*len = b.len;
	return strbuf_steal(&b);
}

static void elf(void **state)
{
	static const struct ib_spec specs[] = {
		{IB_ABS32, 2, 4, .base = ARM_BASE, .n = TWO},
		{IB_ABS64, 3, 4, .base = ARM64_BASE + 0x123000, .n = TWO},
		{IB_PLACE, 3, 4, .base = ARM64_BASE, .n = TWO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct err e = ERR_INIT;
		struct kernel_image im;
		struct image_exports x;
		size_t len;
		char *bytes;
		struct ib k;

		ib_build(&k, &specs[i]);
		bytes = make_elf(&k, specs[i].ref != IB_ABS32, false, &len);
		assert_int_equal(kernel_image_unwrap(&im, bytes, len, &e), 0);
		assert_int_equal(im.machine, specs[i].ref == IB_ABS32 ? EM_ARM : EM_AARCH64);
		if (image_exports_find(&x, &im, &e) < 0)
			fail_msg("%s", e.text);
		expect_same(&x, &k, "ELF");
		assert_true(x.base_known);
		assert_true(x.base == specs[i].base);
		image_exports_free(&x);
		kernel_image_free(&im);
		ib_free(&k);
	}
}

static void odd_elf(void **state)
{
	static const struct ib_spec s = {IB_ABS64, 3, 4, .base = ARM64_BASE, .n = TWO};
	struct err e = ERR_INIT;
	struct kernel_image im;
	struct image_exports x;
	size_t len;
	char *bytes;
	struct ib k;

	(void)state;
	ib_build(&k, &s);
	bytes = make_elf(&k, true, true, &len);
	assert_int_equal(kernel_image_unwrap(&im, bytes, len, &e), 0);
	assert_int_equal(image_exports_find(&x, &im, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "big endian"));
	image_exports_free(&x);
	kernel_image_free(&im);
	bytes = make_elf(&k, true, false, &len);
	assert_int_equal(kernel_image_unwrap(&im, bytes, len - 100, &e), 0);
	assert_int_equal(image_exports_find(&x, &im, &e), -EBADMSG);
	image_exports_free(&x);
	kernel_image_free(&im);
	ib_free(&k);
}

/* ---- what costs time ---- */

static void fill_names(char *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = ib_noise((uint32_t)i + seed) % 9 ? (char)('a' + ib_noise((uint32_t)i) % 26)
							: 0;
}

/* Large images made of nothing but what the search looks for. */
static void hostile(void **state)
{
	const size_t len = 24u << 20;

	(void)state;
	for (int kind = 0; kind < 5; kind++) {
		struct kernel_image im = {.bytes = xcalloc(len + 1, 1), .len = len};
		struct image_exports x;

		if (kind == 1)
			memset(im.bytes, 'a', len);
		if (kind == 2)
			fill_names(im.bytes, len, 1);
		for (size_t i = 0; kind == 3 && i + 24 <= len; i += 24) {
			ib_num(&(struct strbuf){im.bytes + i, 0, 64}, 0xffffff8000000000 + i, 8);
			im.bytes[i + 8] = 3;
			im.bytes[i + 9] = 4;
		}
		/* short pools, and words before each that all point into them */
		for (size_t i = 0; kind == 4 && i + 256 <= len; i += 256) {
			for (size_t j = 0; j < 128; j += 4)
				im.bytes[i + j] = (char)(192 - j);
			fill_names(im.bytes + i + 136, 100, (uint32_t)i);
		}
		assert_true(image_exports_find(&x, &im, NULL) < 0);
		image_exports_free(&x);
		kernel_image_free(&im);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout),
		cmocka_unit_test(printed),
		cmocka_unit_test(doubts),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(broken_entry),
		cmocka_unit_test(no_table),
		cmocka_unit_test(elf),
		cmocka_unit_test(odd_elf),
		cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
