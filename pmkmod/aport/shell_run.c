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

static void skip_newlines(struct shell *sh)
{
	for (;;) {
		shell_skip_blanks(sh);
		if (at(sh, 0) != '\n')
			return;
		shell_newline(sh);
	}
}

/* Is the next word exactly this one, unquoted? */
static bool peek(const struct shell *sh, const char *word)
{
	size_t len = strlen(word);
	char behind = at(sh, len);

	return sh->n - sh->pos >= len && memcmp(sh->s + sh->pos, word, len) == 0 &&
	       (!behind || strchr(" \t\r\n;&|()<>#", behind));
}

static bool accept(struct shell *sh, const char *word)
{
	if (!peek(sh, word))
		return false;
	sh->pos += strlen(word);
	return true;
}

static void expect(struct shell *sh, const char *word)
{
	skip_newlines(sh);
	if (!accept(sh, word) && !sh->b->error)
		shell_fail(sh, "'%s' is missing", word);
}

/* What executes in a part of which `status` (tri-state) says whether it is reached. */
static enum live reached(enum live outer, int status, bool on_success)
{
	if (outer == LIVE_NO)
		return LIVE_NO;
	if (status == STATUS_UNKNOWN)
		return LIVE_MAYBE;
	return (status == 0) == on_success ? outer : LIVE_NO;
}

/* ---- redirections ---- */

static bool redirection(struct shell *sh)
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

static void redirections(struct shell *sh)
{
	shell_skip_blanks(sh);
	while (redirection(sh))
		shell_skip_blanks(sh);
}

/* ---- simple commands ---- */

/* Length of `name` before `=` or `+=` at the position; 0: no assignment. */
static size_t assignment_here(const struct shell *sh)
{
	size_t n = 0;

	while (shell_is_name(at(sh, n), n == 0))
		n++;
	if (!n)
		return 0;
	return at(sh, n) == '=' || (at(sh, n) == '+' && at(sh, n + 1) == '=') ? n : 0;
}

static void remember_place(struct shell *sh, const struct apkbuild_assignment *place)
{
	struct apkbuild *b = sh->b;

	/* loops come by again */
	for (size_t i = b->n_assignments; i-- > 0;)
		if (b->assignments[i].start <= place->start) {
			if (b->assignments[i].start == place->start)
				return;
			break;
		}
	if (!shell_work(sh, 64))
		return;
	if ((b->n_assignments & (b->n_assignments - 1)) == 0)
		b->assignments = xrealloc(b->assignments,
			b->n_assignments ? 2 * b->n_assignments : 1, sizeof(*b->assignments));
	b->assignments[b->n_assignments] = *place;
	b->assignments[b->n_assignments++].name = xstrndup(
		sh->s + place->start, place->value - place->start - 1 - (place->append ? 1 : 0));
}

static void assign(struct shell *sh, size_t name_len)
{
	struct apkbuild_assignment place = {.start = sh->pos, .line = shell_line(sh)};
	_cleanup_free_ char *name = xstrndup(sh->s + sh->pos, name_len);
	_cleanup_word_ struct word w = {0};
	struct strbuf joined = {0};
	const char *unknown;

	sh->pos += name_len;
	place.append = at(sh, 0) == '+';
	sh->pos += place.append ? 2 : 1;
	place.value = sh->pos;
	shell_word(sh, &w);
	place.end = sh->pos;
	place.nested = sh->depth > 1 || sh->live != LIVE_YES;
	if (sh->b->error)
		return;
	if (sh->main && !sh->unknown_out)
		remember_place(sh, &place);
	if (sh->live == LIVE_NO)
		return;
	if (w.text.len && w.text.s[0] == '~' && w.from.s[0] == 'l')
		word_set_unknown(&w, "~ is the home folder of whoever builds");
	unknown = w.unknown;
	if (place.append) {
		const struct shell_var *v = shell_var(sh->b, name);

		strbuf_adds(&joined, v && v->value ? v->value : "");
		if (v && v->unknown)
			word_set_unknown(&w, v->unknown);
		unknown = w.unknown;
	}
	strbuf_adds(&joined, w.text.s ? w.text.s : "");
	if (joined.len > SHELL_VALUE_MAX)
		shell_fail(sh, "a value is longer than %u KiB", SHELL_VALUE_MAX >> 10);
	else
		shell_set(sh, name, joined.s, unknown);
	strbuf_free(&joined);
	sh->status = 0;
}

static bool declares(const char *command)
{
	static const char *const names[] = {"export", "readonly", "local", "declare", "typeset"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(command, names[i]))
			return true;
	return false;
}

static void not_known(struct shell *sh, const char *why)
{
	sh->status = STATUS_UNKNOWN;
	if (sh->unknown_out && !*sh->unknown_out)
		*sh->unknown_out = xstrdup(why);
}

static void call_function(struct shell *sh, const struct strvec *argv)
{
	const struct shell_function *f = shell_function(sh->b, argv->v[0]);
	_cleanup_free_ char *body = xstrndup(f->body, f->len);
	_cleanup_strvec_ struct strvec args = {0};

	if (f->maybe) {
		_cleanup_free_ char *why =
			xasprintf("line %u: whether the function %s is this one is not known here",
				shell_line(sh), f->name);

		not_known(sh, why);
		return;
	}
	for (size_t i = 1; i < argv->n; i++)
		strvec_add(&args, argv->v[i]);
	shell_run_text(sh, body, f->len, &args);
}

/* `unknown`: why a word of it is not known, NULL: all are. */
static void execute(struct shell *sh, const struct strvec *argv, const char *unknown)
{
	_cleanup_free_ char *why = NULL;
	const char *command = argv->n ? argv->v[0] : "";

	if (sh->live == LIVE_NO || sh->b->error)
		return;
	if (unknown) {
		not_known(sh, unknown);
	} else if (!argv->n) {
		sh->status = 0;
	} else if (streq(command, ".") || streq(command, "source")) {
		shell_note(sh, "%s is not read", argv->n > 1 ? argv->v[1] : "a file");
		not_known(sh, "a file that is not read");
	} else if (streq(command, "return") || streq(command, "exit")) {
		if (sh->live == LIVE_YES)
			sh->stop = true;
		sh->status = argv->n > 1 ? atoi(argv->v[1]) : sh->status;
	} else if (streq(command, "unset")) {
		for (size_t i = 1; i < argv->n; i++)
			shell_unset(sh, argv->v[i]);
		sh->status = 0;
	} else if (streq(command, "eval")) {
		_cleanup_free_ char *text = strvec_join(argv, " ");

		shell_run_text(sh, text + strlen("eval"), strlen(text) - strlen("eval"), sh->args);
	} else if (shell_function(sh->b, command)) {
		call_function(sh, argv);
	} else if (!shell_builtin(sh, argv)) {
		shell_note(sh, "the command '%.60s' is not run", command);
		why = xasprintf("line %u: it depends on the command '%.60s', which is not run",
			shell_line(sh), command);
		not_known(sh, why);
	}
}

/* `a=b command` sets a for that command alone: what the variables were before. */
struct overwritten {
	struct shell_var *v;
	size_t n;
};

static void overwrite(struct shell *sh, struct overwritten *o, size_t name_len)
{
	_cleanup_free_ char *name = xstrndup(sh->s + sh->pos, name_len);
	const struct shell_var *v = shell_var(sh->b, name);

	if (sh->live == LIVE_NO)
		return;
	o->v = xrealloc(o->v, o->n + 1, sizeof(*o->v));
	o->v[o->n++] = (struct shell_var){
		steal_ptr(name), xstrdup(v ? v->value : NULL), xstrdup(v ? v->unknown : NULL)};
}

static void overwritten_end(struct shell *sh, struct overwritten *o, bool restore)
{
	for (size_t i = o->n; i-- > 0;) {
		struct shell_var *v = restore ? shell_var(sh->b, o->v[i].name) : NULL;

		if (v) {
			free(v->value);
			free(v->unknown);
			v->value = steal_ptr(o->v[i].value);
			v->unknown = steal_ptr(o->v[i].unknown);
		}
		free(o->v[i].name);
		free(o->v[i].value);
		free(o->v[i].unknown);
	}
	free(o->v);
}

struct simple {
	struct strvec argv;
	char *unknown; /* why a word is not known */
	struct overwritten before;
	size_t words;
	bool declaring, any; /* export and the like; anything at all */
};

/* One word, assignment or redirection; false: the command ends here. */
static bool simple_part(struct shell *sh, struct simple *c)
{
	_cleanup_word_ struct word w = {0};
	size_t name;

	shell_skip_blanks(sh);
	if (redirection(sh)) {
		c->any = true;
		return true;
	}
	name = c->words == 0 || c->declaring ? assignment_here(sh) : 0;
	if (name) {
		if (!c->declaring)
			overwrite(sh, &c->before, name);
		assign(sh, name);
		c->any = true;
		return true;
	}
	if (!shell_word(sh, &w))
		return false;
	c->any = true;
	if (w.unknown && !c->unknown)
		c->unknown = xstrdup(w.unknown);
	word_fields(&w, &c->argv);
	if (c->words++ == 0)
		c->declaring = c->argv.n == 1 && declares(c->argv.v[0]);
	return true;
}

static void simple_command(struct shell *sh)
{
	struct simple c = {0};
	bool assigned = false;

	while (!sh->b->error && simple_part(sh, &c))
		;
	assigned = c.before.n > 0;
	if (!c.any && !sh->b->error)
		shell_fail(
			sh, "'%.20s' is not expected here", sh->pos < sh->n ? sh->s + sh->pos : "");
	if (c.declaring)
		sh->status = 0;
	else if (c.words)
		execute(sh, &c.argv, c.unknown);
	overwritten_end(sh, &c.before, assigned && c.words && !sh->b->error);
	strvec_free(&c.argv);
	free(c.unknown);
}

/* ---- compound commands ---- */

static void if_command(struct shell *sh)
{
	enum live outer = sh->live, left = outer;
	int status = 0;
	bool last = false;

	do {
		enum live then;

		sh->live = left;
		shell_list(sh);
		expect(sh, "then");
		then = reached(left, sh->status, true);
		left = reached(left, sh->status, false);
		sh->live = then;
		sh->status = 0;
		shell_list(sh);
		if (then != LIVE_NO)
			status = then == LIVE_MAYBE ? STATUS_UNKNOWN : sh->status;
		skip_newlines(sh);
		if (accept(sh, "else")) {
			sh->live = left;
			shell_list(sh);
			if (left != LIVE_NO)
				status = left == LIVE_MAYBE ? STATUS_UNKNOWN : sh->status;
			last = true;
		}
	} while (!last && accept(sh, "elif") && !sh->b->error);
	expect(sh, "fi");
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
	skip_newlines(sh);
	if (accept(sh, "in"))
		for (;;) {
			_cleanup_word_ struct word w = {0};

			shell_skip_blanks(sh);
			if (!shell_word(sh, &w))
				break;
			if (w.unknown && !unknown)
				unknown = xstrdup(w.unknown);
			word_fields(&w, &items);
		}
	shell_skip_blanks(sh);
	if (at(sh, 0) == ';')
		sh->pos++;
	expect(sh, "do");
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
	expect(sh, "done");
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
		expect(sh, "do");
		body = reached(sh->live, sh->status, !until);
		sh->live = body;
		shell_list(sh);
		sh->live = outer;
		if (body != LIVE_YES || sh->b->error || sh->stop)
			break;
	}
	sh->status = outer == LIVE_NO ? sh->status : 0;
	expect(sh, "done");
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
	expect(sh, "in");
	skip_newlines(sh);
	if (outer != LIVE_NO)
		sh->status = 0;
	while (!peek(sh, "esac") && !sh->b->error) {
		int hit;

		if (at(sh, 0) == '(')
			sh->pos++;
		sh->live = left;
		hit = case_patterns(sh, &subject);
		sh->live = reached(left, hit, true);
		left = reached(left, hit, false);
		shell_list(sh);
		sh->live = outer;
		skip_newlines(sh);
		if (at(sh, 0) == ';' && at(sh, 1) == ';')
			sh->pos += 2;
		else if (!peek(sh, "esac"))
			break;
		skip_newlines(sh);
	}
	sh->live = outer;
	expect(sh, "esac");
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

		skip_newlines(sh);
		if (accept(sh, "]]"))
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
		expect(sh, "}");
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
	for (size_t i = 0; i < sh->n_heredocs; i++)
		free(sh->heredocs[i].end);
	sh->n_heredocs = 0;
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
	skip_newlines(sh);
	if (at(sh, 0) != '{') {
		shell_fail(sh, "the function %s has no {", name);
		return true;
	}
	body = ++sh->pos;
	sh->live = LIVE_NO;
	shell_list(sh);
	expect(sh, "}");
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

/* ---- lists ---- */

static void command(struct shell *sh)
{
	if (accept(sh, "if"))
		if_command(sh);
	else if (accept(sh, "for"))
		for_command(sh);
	else if (accept(sh, "case"))
		case_command(sh);
	else if (accept(sh, "while"))
		while_command(sh, false);
	else if (accept(sh, "until"))
		while_command(sh, true);
	else if (accept(sh, "[["))
		double_bracket(sh);
	else if (accept(sh, "{"))
		group(sh, false);
	else if (at(sh, 0) == '(') {
		sh->pos++;
		group(sh, true);
	} else if (!function_definition(sh)) {
		simple_command(sh);
		return;
	}
	redirections(sh);
}

static void pipeline(struct shell *sh)
{
	const char *outer_in = sh->in;
	struct strbuf *outer_out = sh->out;
	struct strbuf in = {0}, out = {0};
	bool negate = accept(sh, "!"), more;

	shell_skip_blanks(sh);
	do {
		sh->out = &out;
		command(sh);
		shell_skip_blanks(sh);
		more = at(sh, 0) == '|' && at(sh, 1) != '|' && !sh->b->error;
		if (more) {
			sh->pos++;
			skip_newlines(sh);
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
		skip_newlines(sh);
		sh->live = reached(outer, sh->status, and);
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
		if (peek(sh, words[i]))
			return true;
	return false;
}

void shell_list(struct shell *sh)
{
	enum live outer = sh->live;

	if (++sh->depth > SHELL_DEPTH_MAX)
		shell_fail(sh, "commands nested too deeply");
	for (;;) {
		skip_newlines(sh);
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
	for (size_t i = 0; i < sub.n_heredocs; i++)
		free(sub.heredocs[i].end);
	sh->status = sub.status;
	if (sh->b->error)
		sh->pos = sh->n;
}
