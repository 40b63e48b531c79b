// SPDX-License-Identifier: GPL-3.0-or-later
/* Oopses and panics in the words of each architecture, by cases as data: trouble/trouble.test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/base/fs.h"
#include "pmkmod/fit/trouble.h"

#define CASES "tests/unit/trouble/trouble.test"

static char *last_line(const struct trouble *t)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (t->lines.s)
		strvec_split(&lines, t->lines.s, "\n");
	return xstrdup(lines.n ? lines.v[lines.n - 1] : "");
}

static void expect(const char *title, const struct trouble *t, const char *line)
{
	_cleanup_free_ char *lines = xasprintf("%zu", t->n), *last = last_line(t);
	const char *kind = t->kind == TROUBLE_NONE ? "none" : trouble_word(t->kind);
	const struct {
		const char *word, *is;
	} values[] = {{"kind", kind}, {"first", t->first}, {"function", t->function},
		{"caller", t->caller}, {"last", last}, {"lines", lines}};
	size_t n = strcspn(line, " ");
	const char *want = line[n] ? line + n + 1 : "";

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const char *is = values[i].is ? values[i].is : "";

		if (strlen(values[i].word) != n || strncmp(line, values[i].word, n) != 0)
			continue;
		if (!streq(is, want))
			fail_msg("%s: %s is '%s', not '%s'", title, values[i].word, is, want);
		return;
	}
	fail_msg("%s: no such word: %s", title, line);
}

static void run_case(const char *title, const struct strvec *lines, const struct strvec *wants)
{
	struct trouble t = {0};

	assert_true(wants->n > 0);
	for (size_t i = 0; i < lines->n; i++)
		trouble_line(&t, lines->v[i]);
	for (size_t i = 0; i < wants->n; i++)
		expect(title, &t, wants->v[i]);
	trouble_free(&t);
}

static void cases(void **state)
{
	_cleanup_strvec_ struct strvec all = {0}, lines = {0}, wants = {0};
	_cleanup_free_ char *text = NULL;
	const char *title = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(fs_read(CASES, 1 << 20, &text, NULL, NULL), 0);
	strvec_split(&all, text, "\n");
	for (size_t i = 0; i <= all.n; i++) {
		const char *line = i < all.n ? all.v[i] : "== end";

		if (starts_with(line, "== ")) {
			if (title)
				run_case(title, &lines, &wants);
			n += title != NULL;
			title = line + 3;
			strvec_reset(&lines);
			strvec_reset(&wants);
		} else if (starts_with(line, "> ")) {
			strvec_add(&wants, line + 2);
		} else if (title) {
			strvec_add(&lines, line);
		}
	}
	assert_true(n > 20);
}

static void bounded(void **state)
{
	_cleanup_free_ char *where = NULL;
	struct trouble t = {0};
	char name[5000];

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name + sizeof(name) - 9, "+0x1/0x2", 9);
	trouble_text(&t, "Internal error: Oops: 5 [#1]\r\nCall trace:\n");
	trouble_line(&t, name);
	assert_null(t.function);
	for (int i = 0; i < 1000; i++)
		trouble_line(&t, " again+0x1/0x2");
	assert_false(t.open);
	assert_true(t.n < 200);
	/* what comes then is not kept, but how it ended is */
	trouble_line(&t, "Kernel panic - not syncing: Fatal exception");
	assert_int_equal(t.kind, TROUBLE_PANIC);
	assert_true(t.n < 200);
	where = trouble_where(&t);
	assert_string_equal(where, "again+0x1/0x2");
	trouble_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
