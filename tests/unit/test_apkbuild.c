// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The reader of APKBUILDs, by cases as data: tests/unit/apkbuild/<name>.test. A recipe, then
 *
 *	@expect		"name=value" (\n and \t are such bytes), "!name" (no value), "name?words"
 *			(unknown, and why), "function=name", "note=words"
 *	@error <words>	instead: reading fails with these words
 *
 * `@env NAME=VALUE...` at the beginning is what abuild would set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"

/* Which sections a case has: text up to the line that begins with '@'. */
static char *section(char *text, const char *name)
{
	char *at = starts_with(text, name) ? text : NULL;
	_cleanup_free_ char *line = xasprintf("\n%s", name);

	if (!at) {
		at = strstr(text, line);
		if (at)
			at++;
	}
	return at ? at + strlen(name) : NULL;
}

static char *decode(const char *s)
{
	struct strbuf b = {0};

	for (; *s; s++) {
		if (*s == '\\' && (s[1] == 'n' || s[1] == 't' || s[1] == '\\')) {
			s++;
			strbuf_addc(&b, *s == 'n' ? '\n' : *s == 't' ? '\t' : '\\');
		} else {
			strbuf_addc(&b, *s);
		}
	}
	return strbuf_steal(&b);
}

static void expect_note(const struct apkbuild *b, const char *words, const char *file)
{
	const struct strvec *notes = apkbuild_notes(b);

	for (size_t i = 0; i < notes->n; i++)
		if (strstr(notes->v[i], words))
			return;
	fail_msg("%s: no note with '%s'", file, words);
}

static void expect_line(const struct apkbuild *b, const char *line, const char *file)
{
	size_t n = strcspn(line, "=?");
	_cleanup_free_ char *name = xstrndup(line + (*line == '!'), n - (*line == '!'));
	_cleanup_free_ char *want = decode(line[n] ? line + n + 1 : "");
	const char *have = apkbuild_get(b, name), *why = apkbuild_unknown(b, name);

	if (*line == '!') {
		if (have || why)
			fail_msg("%s: %s is '%s'", file, name, have ? have : why);
	} else if (line[n] == '?') {
		if (!why || !strstr(why, want))
			fail_msg("%s: %s is %s, not unknown by '%s'", file, name,
				why    ? why
				: have ? have
				       : "unset",
				want);
	} else if (streq(name, "function")) {
		if (!apkbuild_function(b, want, NULL))
			fail_msg("%s: no function %s", file, want);
	} else if (streq(name, "note")) {
		expect_note(b, want, file);
	} else if (!have || !streq(have, want)) {
		fail_msg("%s: %s is '%s', not '%s' (%s)", file, name, have ? have : "(nothing)",
			want, why ? why : "");
	}
}

#define ENV_MAX 8

static size_t read_env(char *text, struct apkbuild_env *env)
{
	char *line = starts_with(text, "@env ") ? text + strlen("@env ") : NULL, *save, *word;
	size_t n = 0;

	if (!line)
		return 0;
	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(word, '=');

		assert_true(eq && n < ENV_MAX);
		*eq = '\0';
		env[n++] = (struct apkbuild_env){word, eq + 1};
	}
	return n;
}

static void one_case(const char *file)
{
	_cleanup_free_ char *text = NULL, *env_line = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	struct apkbuild_env env[ENV_MAX];
	struct apkbuild *b = NULL;
	struct err e = ERR_INIT;
	char *recipe, *expect, *error;
	size_t n_env, len;
	int r;

	assert_int_equal(fs_read(file, 1 << 20, &text, NULL, &e), 0);
	env_line = xstrndup(text, strcspn(text, "\n"));
	n_env = read_env(env_line, env);
	recipe = n_env ? strchr(text, '\n') + 1 : text;
	expect = section(recipe, "@expect\n");
	error = section(recipe, "@error ");
	assert_true(!expect != !error);
	len = (size_t)((expect ? expect - strlen("@expect\n") : error - strlen("@error ")) -
		       recipe);
	r = apkbuild_parse(&b, file, recipe, len, env, n_env, &e);
	if (error) {
		assert_true(r < 0);
		if (!strstr(e.text, str_strip(error)))
			fail_msg("%s: '%s' is not '%s'", file, e.text, error);
		assert_null(b);
		return;
	}
	if (r < 0)
		fail_msg("%s", e.text);
	strvec_split(&lines, expect, "\n");
	assert_true(lines.n > 0);
	for (size_t i = 0; i < lines.n; i++)
		expect_line(b, lines.v[i], file);
	apkbuild_free(b);
}

static void cases(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob("tests/unit/apkbuild/*.test", 0, NULL, &g), 0);
	assert_true(g.gl_pathc > 15);
	for (size_t i = 0; i < g.gl_pathc; i++)
		one_case(g.gl_pathv[i]);
	globfree(&g);
}

static void places(void **state)
{
	static const char text[] = "pkgrel=3\nsource=\"a\n\tb\"\nif true; then source=c; fi\n"
				   "prepare() {\n\tx\n}\nfor i in 1 2; do v+=$i; done\n";
	const struct apkbuild_assignment *v;
	struct apkbuild *b;
	size_t n, start, end;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(apkbuild_parse(&b, "x", text, strlen(text), NULL, 0, &e), 0);
	v = apkbuild_assignments(b, &n);
	assert_int_equal(n, 4); /* the loop's counts once */
	assert_string_equal(v[0].name, "pkgrel");
	assert_int_equal(v[0].value, 7);
	assert_int_equal(v[0].end, 8);
	assert_memory_equal(text + v[1].value, "\"a\n\tb\"", v[1].end - v[1].value);
	assert_false(v[1].nested);
	assert_true(v[2].nested);
	assert_int_equal(v[2].line, 4);
	assert_string_equal(v[3].name, "v");
	assert_true(v[3].append);
	assert_true(apkbuild_function_span(b, "prepare", &start, &end));
	assert_int_equal(end - start, strlen("\n\tx\n"));
	assert_memory_equal(text + start, "\n\tx\n", end - start);
	assert_false(apkbuild_function_span(b, "build", &start, &end));
	apkbuild_free(b);
}

static void refused(void **state)
{
	char *big = xcalloc((2 << 20) + 1, 1);
	struct apkbuild *b;
	struct err e = ERR_INIT;

	(void)state;
	memset(big, 'a', 2 << 20);
	assert_int_equal(apkbuild_parse(&b, "big", big, 2 << 20, NULL, 0, &e), -EFBIG);
	assert_int_equal(apkbuild_parse(&b, "nul", "a=\0b", 4, NULL, 0, &e), -EINVAL);
	assert_int_equal(apkbuild_read(&b, "/nonexistent/APKBUILD", NULL, 0, &e), -ENOENT);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(places),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
