// SPDX-License-Identifier: GPL-3.0-or-later
/* Simple commands: assignments, and what is done with a word that is a command. */
#include "pmkmod/aport/shell.h"

static char at(const struct shell *sh, size_t ahead)
{
	return sh->pos + ahead < sh->n ? sh->s[sh->pos + ahead] : '\0';
}

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

	if (!shell_work(sh, f->len))
		return;
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

	if (sh->live == LIVE_NO || !shell_work(sh, v && v->value ? strlen(v->value) : 1))
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
	if (shell_redirection(sh)) {
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
	if (shell_work(sh, 8 * w.text.len))
		word_fields(&w, &c->argv);
	if (c->words++ == 0)
		c->declaring = c->argv.n == 1 && declares(c->argv.v[0]);
	return true;
}

void shell_simple_command(struct shell *sh)
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
