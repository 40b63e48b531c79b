// SPDX-License-Identifier: GPL-3.0-or-later
/* `[ ... ]` and `[[ ... ]]` over words already expanded; the answer may be "not known". */
#include "pmkmod/aport/shell.h"

struct test {
	struct shell *sh;
	char **v, **patterns;
	size_t i, n;
	bool brackets; /* [[ */
	unsigned depth;
	bool bad;
};

static int any_of(struct test *t);

static const char *look(const struct test *t, size_t ahead)
{
	return t->i + ahead < t->n ? t->v[t->i + ahead] : NULL;
}

static bool is(const struct test *t, size_t ahead, const char *word)
{
	const char *s = look(t, ahead);

	return s && streq(s, word);
}

/* What combines: 0 true, 1 false, STATUS_UNKNOWN. */
static int both(int a, int b)
{
	return a == 1 || b == 1				    ? 1
	       : a == STATUS_UNKNOWN || b == STATUS_UNKNOWN ? STATUS_UNKNOWN
							    : 0;
}

static int either(int a, int b)
{
	return a == 0 || b == 0				    ? 0
	       : a == STATUS_UNKNOWN || b == STATUS_UNKNOWN ? STATUS_UNKNOWN
							    : 1;
}

static int compare_numbers(struct test *t, const char *op)
{
	static const char *const ops[] = {"-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
	char *end_a, *end_b;
	long long a = strtoll(look(t, 0), &end_a, 10), b = strtoll(look(t, 2), &end_b, 10);
	bool results[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (streq(op, ops[i]))
			return *end_a || *end_b ? STATUS_UNKNOWN : !results[i];
	return STATUS_UNKNOWN;
}

static bool is_binary(const char *op)
{
	static const char *const ops[] = {"=", "==", "!=", "<", ">", "=~", "-eq", "-ne", "-lt",
		"-le", "-gt", "-ge", "-nt", "-ot", "-ef"};

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++)
		if (streq(op, ops[i]))
			return true;
	return false;
}

static int binary(struct test *t)
{
	const char *a = look(t, 0), *op = look(t, 1), *b = look(t, 2);
	int status;

	if (streq(op, "=") || streq(op, "==") || streq(op, "!=")) {
		bool same = t->brackets ? shell_match(t->sh, t->patterns[t->i + 2], a, strlen(a))
					: streq(a, b);

		status = same == (op[0] != '=');
	} else if (streq(op, "<") || streq(op, ">")) {
		int order = strcmp(a, b);

		status = !(op[0] == '<' ? order < 0 : order > 0);
	} else {
		status = compare_numbers(t, op);
	}
	t->i += 3;
	return status;
}

static int primary(struct test *t)
{
	const char *s = look(t, 0);
	int status;

	if (!s || ++t->depth > SHELL_DEPTH_MAX) {
		t->bad = true;
		return STATUS_UNKNOWN;
	}
	if (look(t, 2) && is_binary(look(t, 1)))
		return binary(t);
	if (streq(s, "!") && look(t, 1)) {
		t->i++;
		status = primary(t);
		return status == STATUS_UNKNOWN ? status : !status;
	}
	if (streq(s, "(") && look(t, 1)) {
		t->i++;
		status = any_of(t);
		t->bad |= !is(t, 0, ")");
		t->i++;
		return status;
	}
	if (look(t, 1) && (streq(s, "-n") || streq(s, "-z"))) {
		status = !*look(t, 1) == (s[1] == 'z') ? 0 : 1;
		t->i += 2;
		return status;
	}
	if (look(t, 1) && s[0] == '-' && s[1] && !s[2] && !is_binary(look(t, 1))) {
		t->i += 2; /* of files: what is in the build's folders is not known */
		return STATUS_UNKNOWN;
	}
	t->i++;
	return !*s;
}

static int all_of(struct test *t)
{
	int status = primary(t);

	while (!t->bad && is(t, 0, t->brackets ? "&&" : "-a")) {
		t->i++;
		status = both(status, primary(t));
	}
	return status;
}

static int any_of(struct test *t)
{
	int status = all_of(t);

	while (!t->bad && is(t, 0, t->brackets ? "||" : "-o")) {
		t->i++;
		status = either(status, all_of(t));
	}
	return status;
}

int shell_test(struct shell *sh, const struct strvec *argv, const struct strvec *patterns)
{
	struct test t = {
		.sh = sh, .v = argv->v, .i = 1, .n = argv->n, .brackets = patterns != NULL};
	int status;

	if (patterns)
		t.patterns = patterns->v;
	else if (streq(argv->v[0], "[") && (t.n < 2 || !streq(argv->v[--t.n], "]")))
		return STATUS_UNKNOWN;
	if (t.n == 1)
		return 1;
	status = any_of(&t);
	return t.bad || t.i != t.n ? STATUS_UNKNOWN : status;
}
