// SPDX-License-Identifier: GPL-3.0-or-later
/* $(( ... )): integers as the shell has them, precedence climbing over a table. */
#include <ctype.h>

#include "pmkmod/aport/shell.h"

struct arith {
	struct shell *sh;
	const char *s;
	const char *why;
	unsigned depth;
};

static const struct {
	const char *op;
	int level;
} operators[] = {{"||", 1}, {"&&", 2}, {"==", 6}, {"!=", 6}, {"<=", 7}, {">=", 7}, {"<<", 8},
	{">>", 8}, {"|", 3}, {"^", 4}, {"&", 5}, {"<", 7}, {">", 7}, {"+", 9}, {"-", 9}, {"*", 10},
	{"/", 10}, {"%", 10}};

static long long expression(struct arith *a, int level);

static long long give_up(struct arith *a, const char *why)
{
	if (!a->why)
		a->why = why;
	a->s = "";
	return 0;
}

static void blanks(struct arith *a)
{
	while (isspace((unsigned char)*a->s))
		a->s++;
}

static long long variable(struct arith *a)
{
	const char *start = a->s;
	_cleanup_free_ char *name = NULL;
	const struct shell_var *v;
	char *end;
	long long n;

	while (shell_is_name(*a->s, a->s == start))
		a->s++;
	name = xstrndup(start, (size_t)(a->s - start));
	v = shell_var(a->sh->b, name);
	if (v ? v->unknown != NULL : shell_from_outside(name))
		return give_up(a, "it uses a variable that is not known here");
	if (!v || !v->value || !*v->value)
		return 0;
	n = strtoll(v->value, &end, 0);
	return *end ? give_up(a, "a variable in it is no number") : n;
}

static long long operand(struct arith *a)
{
	char *end;
	long long n;

	blanks(a);
	if (a->depth > SHELL_DEPTH_MAX)
		return give_up(a, "it is nested too deeply");
	if (*a->s == '(') {
		a->s++;
		a->depth++;
		n = expression(a, 1);
		a->depth--;
		blanks(a);
		if (*a->s != ')')
			return give_up(a, "a parenthesis is missing");
		a->s++;
		return n;
	}
	if (*a->s == '-' || *a->s == '+' || *a->s == '!' || *a->s == '~') {
		char op = *a->s++;

		a->depth++;
		n = operand(a);
		a->depth--;
		return op == '-'   ? (long long)(0 - (unsigned long long)n)
		       : op == '!' ? !n
		       : op == '~' ? ~n
				   : n;
	}
	if (shell_is_name(*a->s, true))
		return variable(a);
	n = strtoll(a->s, &end, 0);
	if (end == a->s)
		return give_up(a, "it is no arithmetic that is understood here");
	a->s = end;
	return n;
}

static long long apply(struct arith *a, const char *op, long long x, long long y)
{
	/* unsigned: overflow wraps, as in the shells */
	unsigned long long ux = (unsigned long long)x, uy = (unsigned long long)y;

	switch (op[0]) {
	case '+':
		return (long long)(ux + uy);
	case '-':
		return (long long)(ux - uy);
	case '*':
		return (long long)(ux * uy);
	case '/':
	case '%':
		if (y == 0)
			return give_up(a, "it divides by zero");
		if (y == -1)
			return op[0] == '/' ? (long long)(0 - ux) : 0;
		return op[0] == '/' ? x / y : x % y;
	case '|':
		return op[1] ? x || y : x | y;
	case '&':
		return op[1] ? x && y : x & y;
	case '^':
		return x ^ y;
	case '=':
		return x == y;
	case '!':
		return x != y;
	case '<':
		return op[1] == '<' ? (long long)(ux << (uy & 63)) : op[1] ? x <= y : x < y;
	default:
		return op[1] == '>' ? x >> (uy & 63) : op[1] ? x >= y : x > y;
	}
}

static long long expression(struct arith *a, int level)
{
	long long x = operand(a);

	for (;;) {
		size_t i = 0;

		blanks(a);
		while (i < ARRAY_SIZE(operators) && !starts_with(a->s, operators[i].op))
			i++;
		if (i == ARRAY_SIZE(operators) || operators[i].level < level || a->why)
			return x;
		a->s += strlen(operators[i].op);
		a->depth++;
		x = apply(a, operators[i].op, x, expression(a, operators[i].level + 1));
		a->depth--;
	}
}

bool shell_arith(struct shell *sh, const char *text, long long *out, const char **why)
{
	struct arith a = {.sh = sh, .s = text};

	if (!shell_work(sh, strlen(text)))
		return false;
	*out = 0;
	blanks(&a);
	if (*a.s)
		*out = expression(&a, 1);
	blanks(&a);
	if (*a.s)
		give_up(&a, "it is no arithmetic that is understood here");
	*why = a.why;
	return !a.why;
}
