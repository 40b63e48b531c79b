// SPDX-License-Identifier: GPL-3.0-or-later
/* Words: quotes, escapes, and what `$` and backquotes stand for. */
#include "pmkmod/aport/shell.h"

bool shell_is_name(char c, bool first)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && c >= '0' && c <= '9');
}

static char at(const struct shell *sh, size_t ahead)
{
	return sh->pos + ahead < sh->n ? sh->s[sh->pos + ahead] : '\0';
}

void word_free(struct word *w)
{
	strbuf_free(&w->text);
	strbuf_free(&w->from);
	free(w->unknown);
	*w = (struct word){0};
}

void word_set_unknown(struct word *w, const char *why)
{
	if (!w->unknown)
		w->unknown = xstrdup(why);
}

void word_add(struct shell *sh, struct word *w, const char *text, size_t len, char from)
{
	if (sh->live == LIVE_NO || !shell_work(sh, len + 1))
		return;
	if (len > SHELL_VALUE_MAX - w->text.len) {
		shell_fail(sh, "a value is longer than %u KiB", SHELL_VALUE_MAX >> 10);
		return;
	}
	strbuf_add(&w->text, text, len);
	for (size_t i = 0; i < len; i++)
		strbuf_addc(&w->from, from);
}

void shell_skip_blanks(struct shell *sh)
{
	for (;;) {
		char c = at(sh, 0);

		if (c == ' ' || c == '\t' || c == '\r')
			sh->pos++;
		else if (c == '\\' && at(sh, 1) == '\n')
			sh->pos += 2;
		else
			break;
	}
	if (at(sh, 0) == '#')
		while (sh->pos < sh->n && at(sh, 0) != '\n')
			sh->pos++;
}

/* ---- command substitution ---- */

/* The output of what is to be run: $( up to its parenthesis, or a text of its own. */
static void substitute(struct shell *sh, struct word *w, bool quoted, const char *text)
{
	struct strbuf out = {0};
	struct strbuf *outer_out = sh->out;
	char **outer_unknown = sh->unknown_out;
	char *unknown = NULL;
	struct shell_var *saved = NULL;
	size_t n = 0;
	bool live = sh->live != LIVE_NO;
	int nest = (int)sh->nest;

	if (live)
		saved = shell_save(sh, &n);
	sh->out = &out;
	sh->unknown_out = &unknown;
	sh->status = 0;
	if (text) {
		shell_run_text(sh, text, strlen(text), sh->args);
	} else {
		shell_list(sh);
		if (at(sh, 0) == ')')
			sh->pos++;
		else
			shell_fail(sh, "the ) of a $( is missing");
	}
	sh->nest = (unsigned)nest;
	sh->out = outer_out;
	sh->unknown_out = outer_unknown;
	if (live)
		shell_restore(sh, saved, n);
	while (out.len && out.s[out.len - 1] == '\n')
		out.len--;
	if (out.len)
		word_add(sh, w, out.s, out.len, quoted ? 'q' : 'x');
	if (unknown)
		word_set_unknown(w, unknown);
	strbuf_free(&out);
	free(unknown);
}

static void backquotes(struct shell *sh, struct word *w, bool quoted)
{
	struct strbuf b = {0};

	sh->pos++;
	while (sh->pos < sh->n && at(sh, 0) != '`') {
		if (at(sh, 0) == '\\' &&
			(at(sh, 1) == '`' || at(sh, 1) == '\\' || at(sh, 1) == '$'))
			sh->pos++;
		strbuf_addc(&b, sh->pos < sh->n ? sh->s[sh->pos++] : '\0');
	}
	if (sh->pos >= sh->n)
		shell_fail(sh, "a closing ` is missing");
	sh->pos++;
	if (sh->live != LIVE_NO && !sh->b->error)
		substitute(sh, w, quoted, b.s ? b.s : "");
	strbuf_free(&b);
}

/* Is the text at "$((" arithmetic, i.e. closed by "))"? Gives the length within. */
static bool arithmetic_length(const struct shell *sh, size_t *len)
{
	size_t depth = 0, i = sh->pos + 3;

	for (; i < sh->n; i++) {
		if (sh->s[i] == '(')
			depth++;
		else if (sh->s[i] == ')' && depth)
			depth--;
		else if (sh->s[i] == ')')
			break;
	}
	*len = i - sh->pos - 3;
	return i + 1 < sh->n && sh->s[i + 1] == ')';
}

static void arithmetic(struct shell *sh, struct word *w, size_t len)
{
	struct shell part = *sh;
	_cleanup_word_ struct word inner = {0};
	const char *why = NULL;
	long long n;
	char digits[24];

	/* $x within it is expanded first; it shares everything but the end of the text */
	part.pos = sh->pos + 3;
	part.n = part.pos + len;
	part.main = false;
	part.n_heredocs = 0;
	shell_operand(&part, &inner, "", true, false);
	shell_end(&part);
	sh->pos += 3 + len + 2;
	if (sh->live == LIVE_NO || sh->b->error)
		return;
	if (inner.unknown) {
		word_set_unknown(w, inner.unknown);
	} else if (shell_arith(sh, inner.text.s ? inner.text.s : "", &n, &why)) {
		snprintf(digits, sizeof(digits), "%lld", n);
		word_add(sh, w, digits, strlen(digits), 'q');
	} else if (why) {
		_cleanup_free_ char *text =
			xasprintf("line %u: $((...)) cannot be computed: %s", shell_line(sh), why);

		word_set_unknown(w, text);
	}
}

/* At a '$'. */
static void dollar(struct shell *sh, struct word *w, bool quoted)
{
	char c = at(sh, 1);
	size_t len;

	if (sh->nest >= SHELL_DEPTH_MAX) {
		shell_fail(sh, "words nested too deeply");
		return;
	}
	sh->nest++;
	if (c == '{') {
		sh->pos += 2;
		shell_parameter(sh, w, quoted);
	} else if (c == '(' && at(sh, 2) == '(' && arithmetic_length(sh, &len)) {
		arithmetic(sh, w, len);
	} else if (c == '(') {
		sh->pos += 2;
		substitute(sh, w, quoted, NULL);
	} else if (shell_is_name(c, true)) {
		size_t start = ++sh->pos;
		_cleanup_free_ char *name = NULL;

		while (shell_is_name(at(sh, 0), false))
			sh->pos++;
		name = xstrndup(sh->s + start, sh->pos - start);
		shell_value(sh, w, name, quoted);
	} else if (c && strchr("0123456789@*#?$!-", c)) {
		char name[2] = {c, '\0'};

		sh->pos += 2;
		shell_value(sh, w, name, quoted);
	} else {
		word_add(sh, w, "$", 1, quoted ? 'q' : 'l');
		sh->pos++;
	}
	if (sh->nest)
		sh->nest--;
}

/* ---- quotes ---- */

static void single_quotes(struct shell *sh, struct word *w)
{
	size_t start = ++sh->pos;
	const char *end = sh->pos < sh->n ? memchr(sh->s + start, '\'', sh->n - start) : NULL;

	w->quotes = true;
	if (!end) {
		sh->pos = start - 1;
		shell_fail(sh, "a closing ' is missing");
		return;
	}
	word_add(sh, w, sh->s + start, (size_t)(end - sh->s) - start, 'q');
	sh->pos = (size_t)(end - sh->s) + 1;
}

static void double_quotes(struct shell *sh, struct word *w)
{
	unsigned line = shell_line(sh);

	sh->pos++;
	w->quotes = true;
	shell_operand(sh, w, "\"", true, false);
	if (at(sh, 0) == '"')
		sh->pos++;
	else if (!sh->b->error)
		shell_fail(sh, "the \" of line %u is never closed", line);
}

static void escape(struct shell *sh, struct word *w, bool quoted, const char *stops)
{
	char c = at(sh, 1);

	if (c == '\n') {
		sh->pos += 2;
		return;
	}
	/* within "" a backslash only stands before these; before the end of ${...} too */
	if (!c || (quoted && !strchr("$`\"\\", c) && !(c == '}' && strchr(stops, '}')))) {
		word_add(sh, w, "\\", 1, 'q');
		sh->pos++;
		return;
	}
	word_add(sh, w, &c, 1, 'q');
	w->quotes = true;
	sh->pos += 2;
}

/* One element of a word that is not a plain byte; false: it is one. */
static bool special(struct shell *sh, struct word *w, bool quoted, bool pattern, const char *stops)
{
	switch (at(sh, 0)) {
	case '\\':
		escape(sh, w, quoted, stops);
		return true;
	case '$':
		dollar(sh, w, quoted && !pattern);
		return true;
	case '`':
		backquotes(sh, w, quoted);
		return true;
	case '\'':
		if (quoted && !pattern)
			return false;
		single_quotes(sh, w);
		return true;
	case '"':
		if (quoted && !*stops) /* arithmetic: they only stand there */
			sh->pos++;
		else
			double_quotes(sh, w);
		return true;
	default:
		return false;
	}
}

void shell_operand(struct shell *sh, struct word *w, const char *stops, bool quoted, bool pattern)
{
	if (sh->nest++ >= SHELL_DEPTH_MAX)
		shell_fail(sh, "words nested too deeply");
	while (sh->pos < sh->n && !strchr(stops, sh->s[sh->pos])) {
		if (special(sh, w, quoted, pattern, stops))
			continue;
		word_add(sh, w, sh->s + sh->pos, 1, quoted && !pattern ? 'q' : 'l');
		sh->pos++;
	}
	if (sh->nest)
		sh->nest--;
}

static bool is_meta(char c)
{
	return !c || strchr(" \t\r\n;&|()<>", c);
}

bool shell_word(struct shell *sh, struct word *w)
{
	size_t start = sh->pos;

	if (!shell_work(sh, 1) || at(sh, 0) == '#')
		return false;
	while (sh->pos < sh->n && !is_meta(at(sh, 0))) {
		if (special(sh, w, false, false, ""))
			continue;
		word_add(sh, w, sh->s + sh->pos, 1, 'l');
		sh->pos++;
	}
	return sh->pos > start && !sh->b->error;
}

void word_fields(const struct word *w, struct strvec *out)
{
	struct strbuf b = {0};
	bool any = w->quotes && !w->text.len;

	for (size_t i = 0; i < w->text.len; i++) {
		char c = w->text.s[i];

		if (w->from.s[i] != 'x' || !strchr(" \t\n", c)) {
			strbuf_addc(&b, c);
			any = true;
			continue;
		}
		if (any)
			strvec_add(out, b.s ? b.s : "");
		strbuf_reset(&b);
		any = false;
	}
	if (any)
		strvec_add(out, b.s ? b.s : "");
	strbuf_free(&b);
}

char *word_pattern(const struct word *w)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < w->text.len; i++) {
		if (w->from.s[i] == 'q' && strchr("*?[]\\!-^", w->text.s[i]))
			strbuf_addc(&b, '\\');
		strbuf_addc(&b, w->text.s[i]);
	}
	return strbuf_steal(&b);
}
