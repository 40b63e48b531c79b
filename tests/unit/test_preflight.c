// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Preflight, by cases as data: tests/unit/preflight/points.test says what its lines mean. And the
 * compilers: what they say of themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/base/fs.h"
#include "pmkmod/preflight/preflight.h"

#define CASES "tests/unit/preflight/points.test"

struct one {
	const char *title;
	struct strbuf config;
	struct strvec known, expected; /* lines as they stand */
};

static enum preflight_known yes_no(const char *v)
{
	return streq(v, "yes") ? PREFLIGHT_YES : streq(v, "no") ? PREFLIGHT_NO : PREFLIGHT_UNKNOWN;
}

/* "gcc 12.2.0" */
static void read_ours(struct compiler *c, const char *v)
{
	char family[16];

	assert_int_equal(sscanf(v, "%15s %u.%u.%u", family, &c->major, &c->minor, &c->patch), 4);
	c->family = streq(family, "clang") ? COMPILER_CLANG : COMPILER_GCC;
}

static void read_known(struct preflight_input *in, char *line)
{
	char *v = strchr(line, ' ');
	const struct {
		const char *word;
		const char **text;
		enum preflight_known *known;
	} keys[] = {
		{"release", &in->release, NULL},
		{"banner", &in->banner, NULL},
		{"cross", &in->cross, NULL},
		{"symvers", NULL, &in->symvers},
		{"seed", NULL, &in->seed},
		{"plugins", NULL, &in->plugins},
	};

	assert_non_null(v);
	*v++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!streq(line, keys[i].word))
			continue;
		if (keys[i].text)
			*keys[i].text = v;
		else
			*keys[i].known = yes_no(v);
		return;
	}
	if (streq(line, "arch")) {
		in->arch = arch_by_name(v);
		assert_non_null(in->arch);
	} else if (streq(line, "ours")) {
		read_ours(&in->ours, v);
	} else if (streq(line, "key")) {
		in->have_sign_key = true;
		in->sign_key_is_ec = streq(v, "ec");
	} else {
		fail_msg("unknown word '%s'", line);
	}
}

/* NULL, or what is wrong (the caller frees). */
static char *about_point(const struct preflight *p, const char *name, const char *rest)
{
	size_t n = strcspn(rest, " ");
	const char *words = rest + n + (rest[n] == ' ');
	const struct preflight_point *point = preflight_find(p, name);

	if (!point)
		return xasprintf("there is no point '%s'", name);
	if (strlen(preflight_result_names[point->result]) != n ||
		strncmp(preflight_result_names[point->result], rest, n) != 0 ||
		!strstr(point->text, words))
		return xasprintf("%s: expected '%s', got '%s: %s'", name, rest,
			preflight_result_names[point->result], point->text);
	return NULL;
}

static char *different(const char *what, const char *want, const char *got)
{
	return streq(want, got) ? NULL : xasprintf("%s: expected '%s', got '%s'", what, want, got);
}

static char *look(const struct preflight *p, const char *line)
{
	static const char *const compressions[] = {"none", "gzip", "xz", "zstd"};
	_cleanup_free_ char *name = xstrndup(line, strcspn(line, " "));
	const char *rest = line + strlen(name) + 1;

	/* "compression none" is the algorithm, "compression ok" the point */
	for (size_t i = 0; streq(name, "compression") && i < ARRAY_SIZE(compressions); i++)
		if (streq(rest, compressions[i]))
			return different(name, rest, compressions[p->compression]);
	if (streq(name, "args")) {
		_cleanup_free_ char *args = strvec_join(&p->make_args, " ");

		return different(name, rest, *args ? args : "none");
	}
	if (streq(name, "refused")) {
		_cleanup_free_ char *n = xasprintf("%zu", p->n_refused);

		return different(name, rest, n);
	}
	if (streq(name, "hash"))
		return different(name, rest, p->sign.hash);
	if (streq(name, "format"))
		return different(name, rest, p->sign.format == SIGN_X509 ? "x509" : "pkcs7");
	return about_point(p, name, rest);
}

static size_t run_case(struct one *c)
{
	struct preflight_input in = {0};
	struct kconfig *config = NULL;
	struct err e = ERR_INIT;
	struct preflight p;
	size_t failed = 0;

	assert_int_equal(kconfig_parse(&config, c->config.s, c->config.len, &e), 0);
	in.config = config;
	for (size_t i = 0; i < c->known.n; i++)
		read_known(&in, c->known.v[i]);
	preflight_check(&p, &in);
	assert_true(c->expected.n > 0);
	for (size_t i = 0; i < c->expected.n; i++) {
		_cleanup_free_ char *wrong = look(&p, c->expected.v[i]);

		if (wrong) {
			print_error("%s: %s\n", c->title, wrong);
			failed++;
		}
	}
	/* each point once, with something to say */
	for (size_t i = 0; i < p.n_points; i++) {
		assert_true(preflight_find(&p, p.points[i].name) == &p.points[i]);
		assert_true(*p.points[i].text);
	}
	preflight_free(&p);
	kconfig_free(config);
	strbuf_free(&c->config);
	strvec_free(&c->known);
	strvec_free(&c->expected);
	return failed;
}

static void add_line(struct one *c, const char *line)
{
	if (starts_with(line, "CONFIG_") || starts_with(line, "# CONFIG_"))
		strbuf_addf(&c->config, "%s\n", line);
	else if (starts_with(line, "> "))
		strvec_add(&c->expected, line + strlen("> "));
	else if (*line != '#')
		strvec_add(&c->known, line);
}

static void points(void **state)
{
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_free_ char *text = NULL;
	struct one c = {0};
	size_t n = 0, failed = 0;

	(void)state;
	assert_int_equal(fs_read(CASES, 1 << 20, &text, NULL, NULL), 0);
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		if (!starts_with(lines.v[i], "== ")) {
			add_line(&c, lines.v[i]);
			continue;
		}
		if (c.title)
			failed += run_case(&c);
		c = (struct one){.title = lines.v[i] + strlen("== ")};
		n++;
	}
	failed += run_case(&c);
	assert_int_equal(failed, 0);
	assert_true(n >= 70);
}

static void compiler_texts(void **state)
{
	static const struct {
		const char *text;
		struct compiler want;
	} rows[] = {
		{"gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0", {COMPILER_GCC, 12, 2, 0}},
		{"aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0", {COMPILER_GCC, 12, 2, 0}},
		{"gcc (Alpine 13.2.1_git20240309) 13.2.1 20240309", {COMPILER_GCC, 13, 2, 1}},
		{"cc (GCC) 4.9.4", {COMPILER_GCC, 4, 9, 4}},
		{"gcc (GCC) 10.2.1 20210110\nCopyright (C) 2020", {COMPILER_GCC, 10, 2, 1}},
		{"arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", {COMPILER_GCC, 12, 2, 1}},
		{"arm-linux-gnueabihf-gcc-8 (Ubuntu/Linaro 8.4.0-3ubuntu1) 8.4.0",
			{COMPILER_GCC, 8, 4, 0}},
		{"gcc6-armv7-alpine-linux-musleabihf-gcc (Alpine 6.4.0) 6.4.0",
			{COMPILER_GCC, 6, 4, 0}},
		{"gcc version 4.6.x-google 20120106 (prerelease) (GCC) ", {COMPILER_GCC, 4, 6, 0}},
		{"Alpine clang version 17.0.6", {COMPILER_CLANG, 17, 0, 6}},
		{"Debian clang version 16.0.6 (15~deb12u1)", {COMPILER_CLANG, 16, 0, 6}},
		{"clang version 21.1.0", {COMPILER_CLANG, 21, 1, 0}},
		{"Android (8508608, based on r450784e) clang version 14.0.7 "
		 "(https://android.googlesource.com/toolchain/llvm-project 4c603efb0cca)",
			{COMPILER_CLANG, 14, 0, 7}},
		{"Android (6443078 based on r383902) clang version 11.0.1",
			{COMPILER_CLANG, 11, 0, 1}},
		{"Snapdragon LLVM ARM Compiler 6.0 (based on clang version 6.0.3)",
			{COMPILER_CLANG, 6, 0, 3}},
		{"Linux version 6.1.0-50-arm64 (debian-kernel@lists.debian.org) (gcc-12 (Debian "
		 "12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP Debian",
			{COMPILER_GCC, 12, 2, 0}},
		{"Linux version 6.16.0 (pmos@clang-gcc-box) (Alpine clang version 20.1.8, LLD "
		 "20.1.8) #1-postmarketos SMP PREEMPT",
			{COMPILER_CLANG, 20, 1, 8}},
		{"Linux version 3.0.31 (se.infra@SEP-119) (gcc version 4.4.3 (GCC) ) #1 SMP "
		 "PREEMPT",
			{COMPILER_GCC, 4, 4, 3}},
		{"Linux version 3.4.0 cut off", {COMPILER_UNKNOWN, 0, 0, 0}},
		{"tcc 0.9.27", {COMPILER_UNKNOWN, 0, 0, 0}},
		{"gcc", {COMPILER_GCC, 0, 0, 0}},
		{" (gcc", {COMPILER_GCC, 0, 0, 0}},
		{"((((gcc 99999999999999999999.1", {COMPILER_GCC, 0, 0, 0}},
		{"", {COMPILER_UNKNOWN, 0, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct compiler *w = &rows[i].want;
		struct compiler c;

		if (compiler_from_text(&c, rows[i].text) != (w->family != COMPILER_UNKNOWN) ||
			c.family != w->family || c.major != w->major || c.minor != w->minor ||
			c.patch != w->patch) {
			_cleanup_free_ char *got = compiler_show(&c);

			fail_msg("'%s' is read as %s", rows[i].text, got);
		}
	}
}

static void compiler_macros(void **state)
{
	struct compiler gcc, clang, none;

	(void)state;
	assert_true(compiler_from_macros(&gcc,
		"#define __GNUC_MINOR__ 2\n#define __GNUC__ 12\n#define __GNUC_PATCHLEVEL__ 0\n"));
	assert_int_equal(gcc.family, COMPILER_GCC);
	assert_int_equal(gcc.major, 12);
	assert_int_equal(gcc.minor, 2);
	assert_true(compiler_from_macros(&clang,
		"#define __GNUC__ 4\n#define __GNUC_MINOR__ 2\n#define __clang__ 1\n"
		"#define __clang_major__ 16\n#define __clang_minor__ 0\n"
		"#define __clang_patchlevel__ 6\n"));
	assert_int_equal(clang.family, COMPILER_CLANG);
	assert_int_equal(clang.major, 16);
	assert_int_equal(clang.patch, 6);
	assert_false(compiler_from_macros(&none, "#define __TINYC__ 927\n"));
	assert_false(compiler_matches(&gcc, &clang));
}

static void compiler_pairs(void **state)
{
	static const struct {
		struct compiler a, b;
		bool want;
	} rows[] = {
		{{COMPILER_GCC, 12, 2, 0}, {COMPILER_GCC, 12, 4, 1}, true},
		{{COMPILER_GCC, 12, 2, 0}, {COMPILER_GCC, 13, 2, 0}, false},
		{{COMPILER_GCC, 4, 9, 4}, {COMPILER_GCC, 4, 8, 4}, false},
		{{COMPILER_GCC, 4, 9, 0}, {COMPILER_GCC, 4, 9, 4}, true},
		{{COMPILER_CLANG, 16, 0, 6}, {COMPILER_CLANG, 16, 1, 0}, true},
		{{COMPILER_CLANG, 4, 0, 1}, {COMPILER_CLANG, 4, 1, 0}, true},
		{{COMPILER_CLANG, 12, 0, 0}, {COMPILER_GCC, 12, 0, 0}, false},
		{{COMPILER_CLANG, 0, 0, 0}, {COMPILER_CLANG, 16, 0, 0}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(compiler_matches(&rows[i].a, &rows[i].b), rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points),
		cmocka_unit_test(compiler_texts),
		cmocka_unit_test(compiler_macros),
		cmocka_unit_test(compiler_pairs),
	};

	return cmocka_run_group_tests_name("preflight", tests, NULL, NULL);
}
