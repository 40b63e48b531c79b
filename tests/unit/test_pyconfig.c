// SPDX-License-Identifier: GPL-3.0-or-later
/* Files of Python's configparser, by cases as data: pmbootstrap/pyconfig.test says what its lines
 * mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chroot/base/fs.h"
#include "pmkmod/pmbootstrap/pyconfig.h"
#include "pmkmod/util/exit_codes.h"

#define CASES "tests/unit/pmbootstrap/pyconfig.test"

/* One line of a case's file with its escapes replaced. */
static void add_line(struct strbuf *file, const char *line)
{
	size_t n = strlen(line);

	if (n && line[n - 1] == '$')
		n--;
	for (size_t i = 0; i < n; i++) {
		unsigned c;

		if (line[i] != '\\' || i + 1 == n) {
			strbuf_addc(file, line[i]);
		} else if (line[i + 1] == 'x' && sscanf(line + i + 2, "%2x", &c) == 1) {
			strbuf_addc(file, (char)c);
			i += 3;
		} else {
			i++;
			strbuf_addc(file, line[i] == 't' ? '\t' : line[i] == 'r' ? '\r' : line[i]);
		}
	}
	strbuf_addc(file, '\n');
}

static char *with_line_ends(const char *text)
{
	struct strbuf b = {0};

	for (const char *s = text; *s; s++)
		if (s[0] == '\\' && s[1] == 'n') {
			strbuf_addc(&b, '\n');
			s++;
		} else {
			strbuf_addc(&b, *s);
		}
	return strbuf_steal(&b);
}

/* "[section] key=value" */
static void check_value(const struct pyconfig *c, char *line, bool fails, const char *title)
{
	char *close = strstr(line, "] "), *key = close + 2, *is = strchr(key, '=');
	_cleanup_free_ char *got = NULL, *want = NULL;
	struct err e = ERR_INIT;
	int r;

	assert_non_null(close);
	*close = '\0';
	if (is) {
		*is = '\0';
		want = with_line_ends(is + 1);
	}
	r = pyconfig_get(c, line + 1, key, &got, &e);
	if (fails ? r == -EINVAL && e.exit_code == EXIT_USAGE && strstr(e.text, key)
		  : r == 0 && (want ? got && streq(got, want) : !got))
		return;
	fail_msg("%s: [%s] %s is '%s' (%s), not '%s'", title, line + 1, key, got ? got : "(none)",
		e.text, want ? want : "(none)");
}

struct one {
	char *title;
	struct strbuf file;
	struct strvec expected;
};

static void check(struct one *o)
{
	struct pyconfig *c = NULL;
	struct err e = ERR_INIT;
	int r;

	if (!o->title)
		return;
	r = pyconfig_parse(&c, o->file.s ? o->file.s : "", o->file.len, "a.cfg", &e);
	assert_int_not_equal(o->expected.n, 0);
	for (size_t i = 0; i < o->expected.n; i++) {
		char *line = o->expected.v[i] + 2;

		if (starts_with(line, "refused ")) {
			if (r != -EINVAL || e.exit_code != EXIT_USAGE ||
				!strstr(e.text, line + strlen("refused ")) ||
				!starts_with(e.text, "a.cfg: "))
				fail_msg("%s: %d, '%s'", o->title, r, e.text);
			continue;
		}
		if (r < 0)
			fail_msg("%s: %s", o->title, e.text);
		if (starts_with(line, "! "))
			check_value(c, line + 2, true, o->title);
		else
			check_value(c, line, false, o->title);
	}
	pyconfig_free(c);
	free(o->title);
	strbuf_free(&o->file);
	strvec_free(&o->expected);
	*o = (struct one){0};
}

static void cases(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct one o = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(fs_read(CASES, 1 << 20, &text, NULL, NULL), 0);
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (starts_with(line, "== ")) {
			check(&o);
			o.title = xstrdup(line + 3);
			n++;
		} else if (o.title && starts_with(line, "> ")) {
			strvec_add(&o.expected, line);
		} else if (o.title && !o.expected.n) {
			add_line(&o.file, line);
		}
	}
	check(&o);
	assert_true(n >= 30);
}

/* References that grow without end are an error, not memory. */
static void growth(void **state)
{
	struct strbuf b = {0};
	struct pyconfig *c = NULL;
	struct err e = ERR_INIT;
	char *v;

	(void)state;
	strbuf_adds(&b, "[a]\nk0 = ");
	for (int i = 0; i < 100; i++)
		strbuf_adds(&b, "xxxxxxxxxx");
	for (int i = 1; i < 10; i++) {
		strbuf_addf(&b, "\nk%d = ", i);
		for (int k = 0; k < 50; k++)
			strbuf_addf(&b, "%%(k%d)s", i - 1);
	}
	assert_int_equal(pyconfig_parse(&c, b.s, b.len, "grown", &e), 0);
	assert_int_equal(pyconfig_get(c, "a", "k9", &v, &e), -EINVAL);
	assert_non_null(strstr(e.text, "too long"));
	assert_null(v);
	pyconfig_free(c);
	strbuf_free(&b);
}

static void sections_and_keys(void **state)
{
	static const char text[] = "[DEFAULT]\nd=1\n[b]\nY=1\nx=2\n[a]\n";
	_cleanup_strvec_ struct strvec names = {0}, keys = {0};
	struct pyconfig *c = NULL;

	(void)state;
	assert_int_equal(pyconfig_parse(&c, text, strlen(text), "t", NULL), 0);
	pyconfig_sections(c, &names);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "b");
	pyconfig_keys(c, "b", &keys);
	assert_int_equal(keys.n, 2);
	assert_string_equal(keys.v[0], "y");
	assert_true(pyconfig_has_section(c, "a"));
	assert_false(pyconfig_has_section(c, "DEFAULT"));
	pyconfig_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(growth),
		cmocka_unit_test(sections_and_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
