// SPDX-License-Identifier: GPL-3.0-or-later
/* $x and ${x...}: one function an operator. */
#include "pmkmod/aport/shell.h"

static char at(const struct shell *sh, size_t ahead)
{
	return sh->pos + ahead < sh->n ? sh->s[sh->pos + ahead] : '\0';
}

/* What a parameter is worth. */
struct value {
	char *text; /* never NULL */
	char *unknown;
	bool set;
};

static void value_free(struct value *v)
{
	free(v->text);
	free(v->unknown);
}
#define _cleanup_value_ _cleanup_(value_free)

static struct value look_up(struct shell *sh, const char *name)
{
	struct value v = {.set = true};
	const struct shell_var *var;
	size_t n = sh->args ? sh->args->n : 0;

	if (name[0] >= '1' && name[0] <= '9') {
		size_t i = (size_t)strtoul(name, NULL, 10);

		v.set = sh->args && i <= n;
		v.text = v.set ? xstrdup(sh->args->v[i - 1]) : xstrdup("");
	} else if (streq(name, "@") || streq(name, "*")) {
		v.text = n ? strvec_join(sh->args, " ") : xstrdup("");
		v.set = n > 0;
	} else if (streq(name, "#")) {
		v.text = xasprintf("%zu", n);
	} else if (streq(name, "?") && sh->status != STATUS_UNKNOWN) {
		v.text = xasprintf("%d", sh->status);
	} else if (!shell_is_name(name[0], true)) {
		v.text = xstrdup("");
		v.unknown = xasprintf("line %u: $%s has no value here", shell_line(sh), name);
	} else {
		var = shell_var(sh->b, name);
		shell_work(sh, sh->b->n_vars);
		v.set = var && var->value;
		v.text = xstrdup(v.set ? var->value : "");
		shell_work(sh, strlen(v.text));
		if (var)
			v.unknown = xstrdup(var->unknown);
		else if (shell_from_outside(name))
			v.unknown = xasprintf("line %u: $%s comes from abuild or its surroundings",
				shell_line(sh), name);
	}
	return v;
}

void shell_value(struct shell *sh, struct word *w, const char *name, bool quoted)
{
	_cleanup_value_ struct value v = {0};

	if (sh->live == LIVE_NO)
		return;
	v = look_up(sh, name);
	if (v.unknown)
		word_set_unknown(w, v.unknown);
	word_add(sh, w, v.text, strlen(v.text), quoted ? 'q' : 'x');
}

/* ---- ${x OP word} ---- */

struct param {
	const char *name;
	struct value *v;
	struct word *w;
	bool quoted;
};

static void add(struct shell *sh, const struct param *p, const char *text)
{
	word_add(sh, p->w, text, strlen(text), p->quoted ? 'q' : 'x');
}

static void append_word(struct shell *sh, const struct param *p, const struct word *operand)
{
	for (size_t i = 0; i < operand->text.len; i++) {
		char from = operand->from.s[i];

		word_add(sh, p->w, operand->text.s + i, 1,
			p->quoted     ? 'q'
			: from == 'l' ? 'x'
				      : from);
	}
	p->w->quotes |= operand->quotes;
}

/* :- - := = :+ + :? ? ; the operand has effects only if it is taken */
static void choose(struct shell *sh, const struct param *p)
{
	bool colon = at(sh, 0) == ':', there = p->v->set && !(colon && !*p->v->text), take;
	_cleanup_word_ struct word operand = {0};
	enum live before = sh->live;
	char op;

	sh->pos += colon;
	op = at(sh, 0);
	sh->pos++;
	take = op == '+' ? there : !there;
	if (!take && !p->v->unknown)
		sh->live = LIVE_NO;
	shell_operand(sh, &operand, "}", p->quoted, false);
	sh->live = before;
	if (sh->live == LIVE_NO)
		return;
	if (p->v->unknown)
		word_set_unknown(p->w, p->v->unknown);
	else if (take && operand.unknown)
		word_set_unknown(p->w, operand.unknown);
	if (take && op == '?') {
		_cleanup_free_ char *why = xasprintf(
			"line %u: ${%s?} of a variable that is not set", shell_line(sh), p->name);

		word_set_unknown(p->w, why);
	} else if (take) {
		append_word(sh, p, &operand);
	} else if (op != '+') {
		add(sh, p, p->v->text);
	}
	if (take && op == '=')
		shell_set(sh, p->name, operand.text.s ? operand.text.s : "",
			p->v->unknown ? p->v->unknown : operand.unknown);
}

/* # ## % %% */
static void trim(struct shell *sh, const struct param *p)
{
	char op = at(sh, 0);
	bool longest = at(sh, 1) == op;
	_cleanup_word_ struct word operand = {0};
	_cleanup_free_ char *pattern = NULL, *result = NULL;

	sh->pos += longest ? 2 : 1;
	shell_operand(sh, &operand, "}", p->quoted, true);
	if (sh->live == LIVE_NO)
		return;
	if (p->v->unknown || operand.unknown)
		word_set_unknown(p->w, p->v->unknown ? p->v->unknown : operand.unknown);
	pattern = word_pattern(&operand);
	result = shell_trim(sh, p->v->text, pattern, op == '%', longest);
	add(sh, p, result);
}

/* / // */
static void replace(struct shell *sh, const struct param *p)
{
	_cleanup_word_ struct word what = {0}, with = {0};
	_cleanup_free_ char *pattern = NULL, *result = NULL;
	bool all = at(sh, 1) == '/';

	sh->pos += all ? 2 : 1;
	shell_operand(sh, &what, "/}", p->quoted, true);
	if (at(sh, 0) == '/') {
		sh->pos++;
		shell_operand(sh, &with, "}", p->quoted, true);
	}
	if (sh->live == LIVE_NO)
		return;
	if (p->v->unknown || what.unknown || with.unknown)
		word_set_unknown(p->w, p->v->unknown  ? p->v->unknown
				       : what.unknown ? what.unknown
						      : with.unknown);
	pattern = word_pattern(&what);
	result = shell_replace(sh, p->v->text, pattern, with.text.s ? with.text.s : "", all);
	add(sh, p, result);
}

static bool number(struct shell *sh, const struct param *p, const struct word *w, long long *n)
{
	const char *why = NULL;

	if (!w->unknown && shell_arith(sh, w->text.s ? w->text.s : "", n, &why))
		return true;
	word_set_unknown(p->w, w->unknown ? w->unknown : why ? why : "no number");
	return false;
}

/* :offset :offset:length */
static void slice(struct shell *sh, const struct param *p)
{
	_cleanup_word_ struct word offset = {0}, length = {0};
	long long size = (long long)strlen(p->v->text), from = 0, n = size;
	bool limited;

	sh->pos++;
	shell_operand(sh, &offset, ":}", p->quoted, false);
	limited = at(sh, 0) == ':';
	if (limited) {
		sh->pos++;
		shell_operand(sh, &length, "}", p->quoted, false);
	}
	if (sh->live == LIVE_NO)
		return;
	if (p->v->unknown)
		word_set_unknown(p->w, p->v->unknown);
	if (!number(sh, p, &offset, &from) || (limited && !number(sh, p, &length, &n)))
		return;
	if (from < 0)
		from = -from > size ? size : size + from;
	if (from > size)
		from = size;
	if (n < 0)
		n = size - from + n;
	if (n > size - from)
		n = size - from;
	if (n > 0)
		word_add(sh, p->w, p->v->text + from, (size_t)n, p->quoted ? 'q' : 'x');
}

static void unknown_operator(struct shell *sh, const struct param *p)
{
	_cleanup_word_ struct word rest = {0};
	_cleanup_free_ char *why = xasprintf(
		"line %u: ${%s%c...} is not understood here", shell_line(sh), p->name, at(sh, 0));

	shell_operand(sh, &rest, "}", p->quoted, false);
	if (sh->live != LIVE_NO)
		word_set_unknown(p->w, why);
}

static void operator(struct shell *sh, const struct param *p)
{
	char c = at(sh, 0), next = at(sh, 1);

	if (c == '}') {
		if (sh->live == LIVE_NO)
			return;
		if (p->v->unknown)
			word_set_unknown(p->w, p->v->unknown);
		add(sh, p, p->v->text);
	} else if ((c && strchr("-=+?", c)) || (c == ':' && next && strchr("-=+?", next))) {
		choose(sh, p);
	} else if (c == '#' || c == '%') {
		trim(sh, p);
	} else if (c == '/') {
		replace(sh, p);
	} else if (c == ':') {
		slice(sh, p);
	} else {
		unknown_operator(sh, p);
	}
}

/* The name of a parameter at the position; NULL: none. Caller frees. */
static char *parameter_name(struct shell *sh)
{
	size_t start = sh->pos;

	if (shell_is_name(at(sh, 0), true))
		while (shell_is_name(at(sh, 0), false))
			sh->pos++;
	else if (at(sh, 0) >= '0' && at(sh, 0) <= '9')
		while (at(sh, 0) >= '0' && at(sh, 0) <= '9')
			sh->pos++;
	else if (at(sh, 0) && strchr("@*#?$!-", at(sh, 0)))
		sh->pos++;
	return sh->pos > start ? xstrndup(sh->s + start, sh->pos - start) : NULL;
}

void shell_parameter(struct shell *sh, struct word *w, bool quoted)
{
	bool length = at(sh, 0) == '#' && at(sh, 1) != '}' &&
		      (shell_is_name(at(sh, 1), false) || at(sh, 1) == '@');
	_cleanup_free_ char *name = NULL;
	_cleanup_value_ struct value v = {0};
	struct param p;
	char digits[24];

	sh->pos += length;
	name = parameter_name(sh);
	if (!name) {
		shell_fail(sh, "${ is followed by no name");
		return;
	}
	v = sh->live == LIVE_NO ? (struct value){.text = xstrdup("")} : look_up(sh, name);
	p = (struct param){name, &v, w, quoted};
	if (length && sh->live != LIVE_NO) {
		if (v.unknown)
			word_set_unknown(w, v.unknown);
		snprintf(digits, sizeof(digits), "%zu", strlen(v.text));
		add(sh, &p, digits);
	} else if (!length) {
		operator(sh, &p);
	}
	if (at(sh, 0) == '}')
		sh->pos++;
	else if (!sh->b->error)
		shell_fail(sh, "the } of ${%s is missing", name);
}
