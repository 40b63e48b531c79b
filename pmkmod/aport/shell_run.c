// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Commands. There is no syntax tree: what is read is executed at once, or only read over when
 * sh->live says so, and loops go back to where they began.
 */
#include "pmkmod/aport/shell.h"

static char at(const struct shell *sh, size_t ahead)
{
	return sh->pos + ahead < sh->n ? sh->s[sh->pos + ahead] : '\0';
}

/* ---- newlines, here-documents, reserved words ---- */

static void here_document(struct shell *sh, const struct heredoc *h)
{
	while (sh->pos < sh->n) {
		const char *line = sh->s + sh->pos;
		const char *end = memchr(line, '\n', sh->n - sh->pos);
		size_t len = end ? (size_t)(end - line) : sh->n - sh->pos;

		sh->pos += len + (end != NULL);
		while (h->tabs && len && *line == '\t') {
			line++;
			len--;
		}
		if (len == strlen(h->end) && memcmp(line, h->end, len) == 0)
			return;
	}
	shell_fail(sh, "the here-document up to '%s' never ends", h->end);
}

void shell_newline(struct shell *sh)
{
	sh->pos++;
	for (size_t i = 0; i < sh->n_heredocs; i++) {
		here_document(sh, &sh->heredocs[i]);
		free(sh->heredocs[i].end);
	}
	sh->n_heredocs = 0;
}

void shell_end(struct shell *sh)
{
	for (size_t i = 0; i < sh->n_heredocs; i++)
		free(sh->heredocs[i].end);
	sh->n_heredocs = 0;
}

void shell_skip_newlines(struct shell *sh)
{
	for (;;) {
		shell_skip_blanks(sh);
		if (at(sh, 0) != '\n')
			return;
		shell_newline(sh);
	}
}

/* Is the next word exactly this one, unquoted? */
bool shell_peek(const struct shell *sh, const char *word)
{
	size_t len = strlen(word);
	char behind = at(sh, len);

	return sh->pos <= sh->n && sh->n - sh->pos >= len &&
	       memcmp(sh->s + sh->pos, word, len) == 0 &&
	       (!behind || strchr(" \t\r\n;&|()<>#", behind));
}

bool shell_accept(struct shell *sh, const char *word)
{
	if (!shell_peek(sh, word))
		return false;
	sh->pos += strlen(word);
	return true;
}

void shell_expect(struct shell *sh, const char *word)
{
	shell_skip_newlines(sh);
	if (!shell_accept(sh, word) && !sh->b->error)
		shell_fail(sh, "'%s' is missing", word);
}

/* What executes in a part of which `status` (tri-state) says whether it is reached. */
enum live shell_reached(enum live outer, int status, bool on_success)
{
	if (outer == LIVE_NO)
		return LIVE_NO;
	if (status == STATUS_UNKNOWN)
		return LIVE_MAYBE;
	return (status == 0) == on_success ? outer : LIVE_NO;
}

/* ---- redirections ---- */

bool shell_redirection(struct shell *sh)
{
	size_t start = sh->pos, digits = 0;
	_cleanup_word_ struct word w = {0};
	enum live live = sh->live;
	bool here, tabs;

	while (at(sh, digits) >= '0' && at(sh, digits) <= '9')
		digits++;
	if (at(sh, digits) != '<' && at(sh, digits) != '>')
		return false;
	sh->pos += digits;
	here = at(sh, 0) == '<' && at(sh, 1) == '<' && at(sh, 2) != '<';
	while (at(sh, 0) == '<' || at(sh, 0) == '>' || at(sh, 0) == '&' || at(sh, 0) == '|')
		sh->pos++;
	tabs = here && at(sh, 0) == '-';
	sh->pos += tabs;
	shell_skip_blanks(sh);
	if (here && live == LIVE_NO)
		sh->live = LIVE_MAYBE; /* the word is needed to find the end */
	if (!shell_word(sh, &w) && !sh->b->error) {
		sh->pos = start;
		shell_fail(sh, "a redirection to nothing");
	}
	sh->live = live;
	if (here && sh->n_heredocs < ARRAY_SIZE(sh->heredocs) && !sh->b->error)
		sh->heredocs[sh->n_heredocs++] =
			(struct heredoc){xstrdup(w.text.s ? w.text.s : ""), tabs};
	return true;
}

void shell_redirections(struct shell *sh)
{
	shell_skip_blanks(sh);
	while (shell_redirection(sh))
		shell_skip_blanks(sh);
}

/* ---- lists ---- */

static void pipeline(struct shell *sh)
{
	const char *outer_in = sh->in;
	struct strbuf *outer_out = sh->out;
	struct strbuf in = {0}, out = {0};
	bool negate = shell_accept(sh, "!"), more;

	shell_skip_blanks(sh);
	do {
		sh->out = &out;
		shell_command(sh);
		shell_skip_blanks(sh);
		more = at(sh, 0) == '|' && at(sh, 1) != '|' && !sh->b->error;
		if (more) {
			sh->pos++;
			shell_skip_newlines(sh);
			strbuf_free(&in);
			in = out;
			out = (struct strbuf){0};
			sh->in = in.s ? in.s : "";
		}
	} while (more);
	sh->in = outer_in;
	sh->out = outer_out;
	if (outer_out && out.len && shell_work(sh, out.len) &&
		out.len <= SHELL_VALUE_MAX - (outer_out->len < SHELL_VALUE_MAX ? outer_out->len
									       : SHELL_VALUE_MAX))
		strbuf_add(outer_out, out.s, out.len);
	strbuf_free(&in);
	strbuf_free(&out);
	if (negate && sh->live != LIVE_NO && sh->status != STATUS_UNKNOWN)
		sh->status = !sh->status;
}

static void and_or(struct shell *sh)
{
	enum live outer = sh->live;

	pipeline(sh);
	while (!sh->b->error) {
		bool and;
		enum live before = sh->live;

		shell_skip_blanks(sh);
		and = at(sh, 0) == '&' && at(sh, 1) == '&';
		if (!and&&!(at(sh, 0) == '|' && at(sh, 1) == '|'))
			break;
		sh->pos += 2;
		shell_skip_newlines(sh);
		sh->live = shell_reached(outer, sh->status, and);
		if (before == LIVE_MAYBE && sh->live == LIVE_YES)
			sh->live = LIVE_MAYBE;
		sh->depth++;
		pipeline(sh);
		sh->depth--;
		if (sh->live == LIVE_MAYBE && outer == LIVE_YES)
			sh->status = STATUS_UNKNOWN;
		sh->live = outer;
	}
	sh->live = outer;
}

/* Does a word come that ends the list? */
static bool list_ends(const struct shell *sh)
{
	static const char *const words[] = {
		"then", "else", "elif", "fi", "do", "done", "esac", "}"};

	if (sh->pos >= sh->n || at(sh, 0) == ')' || (at(sh, 0) == ';' && at(sh, 1) == ';'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (shell_peek(sh, words[i]))
			return true;
	return false;
}

void shell_list(struct shell *sh)
{
	enum live outer = sh->live;

	if (++sh->depth > SHELL_DEPTH_MAX)
		shell_fail(sh, "commands nested too deeply");
	for (;;) {
		shell_skip_newlines(sh);
		if (!shell_work(sh, 1) || list_ends(sh))
			break;
		/* behind a return the rest is only read over */
		if (sh->stop)
			sh->live = LIVE_NO;
		and_or(sh);
		shell_skip_blanks(sh);
		if (at(sh, 0) == ';' && at(sh, 1) != ';')
			sh->pos++;
		else if (at(sh, 0) == '&')
			sh->pos++;
		else if (at(sh, 0) != '\n')
			break;
	}
	sh->live = outer;
	sh->depth--;
}

void shell_run_text(struct shell *sh, const char *text, size_t len, const struct strvec *args)
{
	struct shell sub = {.b = sh->b,
		.s = text,
		.n = len,
		.line = 1,
		.live = sh->live,
		.depth = sh->depth + 1,
		.nest = sh->nest + 1,
		.in = sh->in,
		.out = sh->out,
		.unknown_out = sh->unknown_out,
		.args = args};

	sub.line = shell_line(sh);
	if (sub.depth > SHELL_DEPTH_MAX || sub.nest > SHELL_DEPTH_MAX) {
		shell_fail(sh, "functions and evals nested too deeply");
		return;
	}
	shell_list(&sub);
	if (!sh->b->error && !sub.stop && sub.pos < sub.n)
		shell_fail(&sub, "'%.20s' does not belong here", sub.s + sub.pos);
	shell_end(&sub);
	sh->status = sub.status;
	if (sh->b->error)
		sh->pos = sh->n;
}
