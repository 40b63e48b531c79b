// SPDX-License-Identifier: GPL-3.0-or-later
/* if, for, while, case, [[ and groups; and the definition of functions. */
#include "pmkmod/aport/shell.h"

static char at(const struct shell *sh, size_t ahead)
{
	return sh->pos + ahead < sh->n ? sh->s[sh->pos + ahead] : '\0';
}

static void if_command(struct shell *sh)
{
	enum live outer = sh->live, left = outer;
	int status = 0;
	bool last = false;

	do {
		enum live then;

		sh->live = left;
		shell_list(sh);
		shell_expect(sh, "then");
		then = shell_reached(left, sh->status, true);
		left = shell_reached(left, sh->status, false);
		sh->live = then;
		sh->status = 0;
		shell_list(sh);
		if (then != LIVE_NO)
			status = then == LIVE_MAYBE ? STATUS_UNKNOWN : sh->status;
		shell_skip_newlines(sh);
		if (shell_accept(sh, "else")) {
			sh->live = left;
			shell_list(sh);
			if (left != LIVE_NO)
				status = left == LIVE_MAYBE ? STATUS_UNKNOWN : sh->status;
			last = true;
		}
	} while (!last && shell_accept(sh, "elif") && !sh->b->error);
	shell_expect(sh, "fi");
	sh->live = outer;
	sh->status = status;
}

static void for_command(struct shell *sh)
{
	_cleanup_strvec_ struct strvec items = {0};
	_cleanup_word_ struct word name = {0};
	char *unknown = NULL;
	enum live outer = sh->live;
	size_t start;

	shell_skip_blanks(sh);
	sh->live = LIVE_YES; /* the name is needed in any case; it holds no expansion */
	while (shell_is_name(at(sh, 0), name.text.len == 0)) {
		word_add(sh, &name, sh->s + sh->pos, 1, 'l');
		sh->pos++;
	}
	sh->live = outer;
	if (!name.text.len)
		shell_fail(sh, "for is followed by no name");
	shell_skip_newlines(sh);
	if (shell_accept(sh, "in"))
		for (;;) {
			_cleanup_word_ struct word w = {0};

			shell_skip_blanks(sh);
			if (!shell_word(sh, &w))
				break;
			if (w.unknown && !unknown)
				unknown = xstrdup(w.unknown);
			if (shell_work(sh, 8 * w.text.len))
				word_fields(&w, &items);
		}
	shell_skip_blanks(sh);
	if (at(sh, 0) == ';')
		sh->pos++;
	shell_expect(sh, "do");
	start = sh->pos;
	if (unknown && outer != LIVE_NO) {
		shell_set(sh, name.text.s, "", unknown);
		sh->live = LIVE_MAYBE;
		shell_list(sh);
	} else if (outer == LIVE_NO || !items.n) {
		sh->live = LIVE_NO;
		shell_list(sh);
	}
	for (size_t i = 0; !unknown && i < items.n && outer != LIVE_NO && !sh->b->error; i++) {
		sh->pos = start;
		shell_set(sh, name.text.s, items.v[i], NULL);
		shell_list(sh);
	}
	sh->live = outer;
	shell_expect(sh, "done");
	free(unknown);
}

static void while_command(struct shell *sh, bool until)
{
	enum live outer = sh->live;
	size_t start = sh->pos;

	for (;;) {
		enum live body;

		sh->pos = start;
		shell_list(sh);
		shell_expect(sh, "do");
		body = shell_reached(sh->live, sh->status, !until);
		sh->live = body;
		shell_list(sh);
		sh->live = outer;
		if (body != LIVE_YES || sh->b->error || sh->stop)
			break;
	}
	sh->status = outer == LIVE_NO ? sh->status : 0;
	shell_expect(sh, "done");
}

/* Does the pattern list at the position take the word? tri-state as a status: 0 yes, 1 no */
static int case_patterns(struct shell *sh, const struct word *subject)
{
	int status = 1;

	for (;;) {
		_cleanup_word_ struct word w = {0};
		_cleanup_free_ char *pattern = NULL;

		shell_skip_blanks(sh);
		if (!shell_word(sh, &w)) {
			if (!sh->b->error)
				shell_fail(sh, "a pattern of case is missing");
			return 1;
		}
		pattern = word_pattern(&w);
		if (sh->live == LIVE_NO)
			;
		else if (subject->unknown || w.unknown)
			status = streq(pattern, "*") && status ? 0 : status ? STATUS_UNKNOWN : 0;
		else if (status && shell_match(sh, pattern, subject->text.s ? subject->text.s : "",
					   subject->text.len))
			status = 0;
		shell_skip_blanks(sh);
		if (at(sh, 0) != '|')
			break;
		sh->pos++;
	}
	if (at(sh, 0) == ')')
		sh->pos++;
	else
		shell_fail(sh, "the ) of a case pattern is missing");
	return status;
}

static void case_command(struct shell *sh)
{
	_cleanup_word_ struct word subject = {0};
	enum live outer = sh->live, left = outer;

	shell_skip_blanks(sh);
	if (!shell_word(sh, &subject) && !sh->b->error)
		shell_fail(sh, "case is followed by no word");
	shell_expect(sh, "in");
	shell_skip_newlines(sh);
	if (outer != LIVE_NO)
		sh->status = 0;
	while (!shell_peek(sh, "esac") && !sh->b->error) {
		int hit;

		if (at(sh, 0) == '(')
			sh->pos++;
		sh->live = left;
		hit = case_patterns(sh, &subject);
		sh->live = shell_reached(left, hit, true);
		left = shell_reached(left, hit, false);
		shell_list(sh);
		sh->live = outer;
		shell_skip_newlines(sh);
		if (at(sh, 0) == ';' && at(sh, 1) == ';')
			sh->pos += 2;
		else if (!shell_peek(sh, "esac"))
			break;
		shell_skip_newlines(sh);
	}
	sh->live = outer;
	shell_expect(sh, "esac");
}

/* [[ ... ]]: the words as for `[`, with && || ( ) as words and patterns beside */
static void double_bracket(struct shell *sh)
{
	_cleanup_strvec_ struct strvec argv = {0}, patterns = {0};
	char *unknown = NULL;

	strvec_add(&argv, "[[");
	strvec_add(&patterns, "[[");
	while (!sh->b->error) {
		_cleanup_word_ struct word w = {0};
		size_t n = 0;

		shell_skip_newlines(sh);
		if (shell_accept(sh, "]]"))
			break;
		while (n < 2 && at(sh, n) && strchr("&|()<>", at(sh, n)) &&
			(!n || at(sh, 0) == at(sh, n)))
			n++;
		if (n) {
			strvec_take(&argv, xstrndup(sh->s + sh->pos, n));
			strvec_take(&patterns, xstrndup(sh->s + sh->pos, n));
			sh->pos += n;
			continue;
		}
		if (!shell_word(sh, &w)) {
			if (!sh->b->error)
				shell_fail(sh, "the ]] of a [[ is missing");
			break;
		}
		if (w.unknown && !unknown)
			unknown = xstrdup(w.unknown);
		strvec_add(&argv, w.text.s ? w.text.s : "");
		strvec_take(&patterns, word_pattern(&w));
	}
	if (sh->live != LIVE_NO && !sh->b->error)
		sh->status = unknown ? STATUS_UNKNOWN : shell_test(sh, &argv, &patterns);
	free(unknown);
}

static void group(struct shell *sh, bool subshell)
{
	struct shell_var *saved = NULL;
	size_t n = 0;

	if (subshell && sh->live != LIVE_NO)
		saved = shell_save(sh, &n);
	shell_list(sh);
	if (subshell && at(sh, 0) == ')')
		sh->pos++;
	else if (subshell)
		shell_fail(sh, "a closing ) is missing");
	else
		shell_expect(sh, "}");
	if (saved)
		shell_restore(sh, saved, n);
}

/* ---- functions ---- */

/*
 * A body this reader cannot follow (it is only needed as text) is taken to end at the next `}` at
 * the beginning of a line, as every recipe has it.
 */
static bool resynchronise(struct shell *sh, size_t start)
{
	const char *end = memmem(sh->s + start, sh->n - start, "\n}", 2);

	if (!end || sh->b->work >= SHELL_WORK_MAX)
		return false;
	free(sh->b->error);
	sh->b->error = NULL;
	shell_end(sh);
	sh->pos = (size_t)(end - sh->s) + 2;
	return true;
}

/* At `name() {`? Reads the whole definition then. */
static bool function_definition(struct shell *sh)
{
	size_t n = 0, start, body;
	enum live outer = sh->live;
	unsigned depth = sh->depth, nest = sh->nest;
	_cleanup_free_ char *name = NULL;

	while (shell_is_name(at(sh, n), n == 0) || (n && at(sh, n) == '-'))
		n++;
	start = n;
	while (at(sh, n) == ' ' || at(sh, n) == '\t')
		n++;
	if (!start || at(sh, n) != '(')
		return false;
	for (n++; at(sh, n) == ' ' || at(sh, n) == '\t';)
		n++;
	if (at(sh, n) != ')')
		return false;
	name = xstrndup(sh->s + sh->pos, start);
	sh->pos += n + 1;
	shell_skip_newlines(sh);
	if (at(sh, 0) != '{') {
		shell_fail(sh, "the function %s has no {", name);
		return true;
	}
	body = ++sh->pos;
	sh->live = LIVE_NO;
	shell_list(sh);
	shell_expect(sh, "}");
	sh->depth = depth;
	sh->nest = nest;
	if (sh->b->error && !resynchronise(sh, body))
		return true;
	sh->live = outer;
	if (outer != LIVE_NO) {
		shell_define(sh, name, body, sh->pos - 1);
		sh->status = 0;
	}
	return true;
}

void shell_command(struct shell *sh)
{
	if (shell_accept(sh, "if"))
		if_command(sh);
	else if (shell_accept(sh, "for"))
		for_command(sh);
	else if (shell_accept(sh, "case"))
		case_command(sh);
	else if (shell_accept(sh, "while"))
		while_command(sh, false);
	else if (shell_accept(sh, "until"))
		while_command(sh, true);
	else if (shell_accept(sh, "[["))
		double_bracket(sh);
	else if (shell_accept(sh, "{"))
		group(sh, false);
	else if (at(sh, 0) == '(') {
		sh->pos++;
		group(sh, true);
	} else if (!function_definition(sh)) {
		shell_simple_command(sh);
		return;
	}
	shell_redirections(sh);
}
