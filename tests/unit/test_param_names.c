// SPDX-License-Identifier: GPL-3.0-or-later
/* Small kernels with parameters: where they lie, by what they are found, whom they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <elf.h>

#include "pmkmod/image/image.h"

#define TEXTS 0x1230
#define PARAMS 0x6000
#define RELA 0x9000
#define SIZE 0xc000
#define BASE64 0xffff800008000000u
#define BASE32 0xc0008000u

/* Of some it is not said in modules.builtin.modinfo that they are there. */
static const struct {
	const char *text;
	unsigned perm;
	bool listed;
} params[] = {
	{"8250.nr_uarts", 0644, true},
	{"printk.time", 0644, true},
	{"printk.always_kmsg_dump", 0644, true},
	{"rcutree.blimit", 0444, true},
	{"rcutree.qhimark", 0444, true},
	{"hidden.boot_only", 0, true},
	{"pcie_aspm.policy", 0644, false},
	{"panic", 0644, false},
	{"suspend.pm_test_delay", 0644, true},
	{"vt.cur_default", 0664, true},
	{"vt.italic", 0664, true},
	{"xz.a", 0600, true},
	{"xz.b", 0600, true},
	{"xz.c", 0600, true},
};

static void put(char *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (char)(v >> (8 * i));
}

enum layout { WORDS, RELOCATED, NO_POINTERS };

static void make_image(struct kernel_image *im, uint16_t machine, unsigned word, enum layout how)
{
	uint64_t base = word == 8 ? BASE64 : BASE32;
	size_t text = TEXTS, rela = RELA;

	*im = (struct kernel_image){.bytes = xcalloc(SIZE + 1, 1), .len = SIZE, .machine = machine};
	/* named in a sentence, which is not where a parameter is */
	strcpy(im->bytes + 0x100, "say quiet.time");
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		char *p = im->bytes + PARAMS + i * 5 * word;

		strcpy(im->bytes + text, params[i].text);
		if (how == WORDS) {
			put(p, base + text, word);
			put(p + 2 * (size_t)word, base + 0x2000, word);
		} else if (how == RELOCATED) {
			put(im->bytes + rela, base + (uint64_t)(p - im->bytes), 8);
			put(im->bytes + rela + 8, R_AARCH64_RELATIVE, 8);
			put(im->bytes + rela + 16, base + text, 8);
			put(im->bytes + rela + 24, base + (uint64_t)(p - im->bytes) + 16, 8);
			put(im->bytes + rela + 32, R_AARCH64_RELATIVE, 8);
			put(im->bytes + rela + 40, base + 0x2000, 8);
			rela += 48;
		}
		put(p + 3 * (size_t)word, params[i].perm, 2);
		text += strlen(params[i].text) + 1;
	}
}

static void list_params(struct strvec *out)
{
	/* by the file they are in, which is not what it calls itself */
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (params[i].listed)
			strvec_addf(out, "tree%s", strchr(params[i].text, '.'));
	strvec_add(out, "ipv6");
}

static void every_layout(void **state)
{
	static const struct {
		const char *what;
		uint16_t machine;
		unsigned word;
		enum layout how;
		const char *names;
	} cases[] = {
		{"arm64, addresses in place", EM_AARCH64, 8, WORDS,
			"8250 kernel pcie_aspm printk rcutree suspend vt xz"},
		{"arm64, addresses in relocations", EM_AARCH64, 8, RELOCATED,
			"8250 kernel pcie_aspm printk rcutree suspend vt xz"},
		{"arm", EM_ARM, 4, WORDS, "8250 kernel pcie_aspm printk rcutree suspend vt xz"},
		{"a machine that is not known", 0, 4, WORDS,
			"8250 kernel pcie_aspm printk rcutree suspend vt xz"},
		{"texts, but nobody points to them", EM_AARCH64, 8, NO_POINTERS, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strvec_ struct strvec attributes = {0}, names = {0};
		_cleanup_free_ char *found = NULL;
		struct kernel_image im;

		list_params(&attributes);
		make_image(&im, cases[i].machine, cases[i].word, cases[i].how);
		image_param_names(&im, &attributes, &names);
		found = strvec_join(&names, " ");
		if (!streq(found, cases[i].names))
			fail_msg("%s: '%s'", cases[i].what, found);
		kernel_image_free(&im);
	}
}

/* What ends anywhere, or is anything, is read without harm. */
static void cut_off(void **state)
{
	_cleanup_strvec_ struct strvec attributes = {0};

	(void)state;
	list_params(&attributes);
	for (size_t len = 0; len < SIZE; len += 97) {
		_cleanup_strvec_ struct strvec names = {0};
		struct kernel_image im, cut;

		make_image(&im, EM_AARCH64, 8, len % 2 ? WORDS : RELOCATED);
		cut = (struct kernel_image){
			.bytes = xcalloc(len + 1, 1), .len = len, .machine = EM_AARCH64};
		memcpy(cut.bytes, im.bytes, len);
		image_param_names(&cut, &attributes, &names);
		assert_true(names.n <= 8);
		kernel_image_free(&cut);
		kernel_image_free(&im);
	}
}

static void nothing_listed(void **state)
{
	_cleanup_strvec_ struct strvec attributes = {0}, names = {0};
	struct kernel_image im;

	(void)state;
	strvec_add(&attributes, "ipv6");
	make_image(&im, EM_AARCH64, 8, WORDS);
	image_param_names(&im, &attributes, &names);
	assert_int_equal(names.n, 0);
	kernel_image_free(&im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_layout),
		cmocka_unit_test(cut_off), cmocka_unit_test(nothing_listed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
