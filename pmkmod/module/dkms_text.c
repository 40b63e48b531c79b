// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The declarative part of a dkms.conf: assignments, quotes, references to what was assigned,
 * arrays, comments. What goes beyond is not guessed at: a shell reads the file then.
 */
#include <ctype.h>

#include "pmkmod/module/dkms_parts.h"

#define INDEX_MAX 4096
#define VALUE_MAX (1U << 20)

struct reader {
	const char *s, *end;
	struct dkms_vars *out;
	const struct dkms_kernel *k;
	const char *why; /* a shell is needed */
};

static bool at_end(const struct reader *r)
{
	return r->s >= r->end;
}

static char peek(const struct reader *r)
{
	return at_end(r) ? '\n' : *r->s;
}

/* A CR before the end of a line is part of it. */
static bool at_line_end(const struct reader *r)
{
	return at_end(r) || *r->s == '\n' ||
	       (*r->s == '\r' && (r->s + 1 == r->end || r->s[1] == '\n'));
}

static bool is_name(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

static bool need_shell(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return false;
}

/* ---- variables ---- */

const struct dkms_var *dkms_var_find(const struct dkms_vars *vars, const char *name, unsigned index)
{
	for (size_t i = 0; i < vars->n; i++)
		if (vars->v[i].index == index && streq(vars->v[i].name, name))
			return &vars->v[i];
	return NULL;
}

void dkms_var_set(struct dkms_vars *vars, const char *name, unsigned index, char *value)
{
	struct dkms_var *have = (struct dkms_var *)dkms_var_find(vars, name, index);

	if (have) {
		free(have->value);
		have->value = value;
		return;
	}
	vars->v = xrealloc(vars->v, vars->n + 1, sizeof(*vars->v));
	vars->v[vars->n++] =
		(struct dkms_var){.name = xstrdup(name), .value = value, .index = index};
}

static void unset(struct dkms_vars *vars, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < vars->n; i++) {
		if (!streq(vars->v[i].name, name)) {
			vars->v[kept++] = vars->v[i];
			continue;
		}
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	vars->n = kept;
}

void dkms_vars_free(struct dkms_vars *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->v[i].name);
		free(vars->v[i].value);
	}
	free(vars->v);
	*vars = (struct dkms_vars){0};
}

/* One past the greatest index that `name` has. */
static unsigned next_index(const struct dkms_vars *vars, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < vars->n; i++)
		if (streq(vars->v[i].name, name) && vars->v[i].index >= n)
			n = vars->v[i].index + 1;
	return n;
}

/* What DKMS has set while it reads; NULL: nothing by that name. */
static char *framework_variable(const struct reader *r, const char *name)
{
	const struct dkms_kernel *k = r->k;
	const struct {
		const char *name, *value;
	} all[] = {{"kernelver", k->kernelver}, {"arch", k->arch},
		{"kernel_source_dir", k->source_dir}, {"dkms_tree", k->dkms_tree},
		{"source_tree", k->source_tree}, {"install_tree", k->install_tree}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (streq(all[i].name, name))
			return xstrdup(all[i].value);
	return streq(name, "kernel_config") ? xasprintf("%s/.config", k->source_dir) : NULL;
}

/* "$module" is the package that is being read. */
static const char *other_name(const char *name)
{
	if (streq(name, "module"))
		return "PACKAGE_NAME";
	return streq(name, "module_version") ? "PACKAGE_VERSION" : name;
}

static bool add_variable(struct reader *r, const char *name, unsigned index, struct strbuf *b)
{
	const struct dkms_var *v = dkms_var_find(r->out, other_name(name), index);
	_cleanup_free_ char *given = NULL;

	if (v) {
		strbuf_adds(b, v->value);
	} else {
		given = index == 0 ? framework_variable(r, name) : NULL;
		/* it may come from the environment */
		if (!given)
			return need_shell(r, "a variable that it does not set itself");
		strbuf_adds(b, given);
	}
	return b->len <= VALUE_MAX || need_shell(r, "a very long value");
}

static char *take_name(struct reader *r)
{
	const char *from = r->s;

	if (at_end(r) || !is_name(*r->s, true))
		return NULL;
	while (!at_end(r) && is_name(*r->s, false))
		r->s++;
	return xstrndup(from, (size_t)(r->s - from));
}

static bool take_index(struct reader *r, unsigned *index)
{
	unsigned long n = 0;
	size_t digits = 0;

	for (r->s++; !at_end(r) && isdigit((unsigned char)*r->s); r->s++, digits++)
		if ((n = n * 10 + (unsigned long)(*r->s - '0')) > INDEX_MAX)
			return need_shell(r, "a great array index");
	if (!digits || peek(r) != ']')
		return need_shell(r, "an array index that is computed");
	r->s++;
	*index = (unsigned)n;
	return true;
}

/* $NAME, ${NAME}, ${NAME[1]}; the '$' is read. */
static bool take_reference(struct reader *r, struct strbuf *b)
{
	bool braces = peek(r) == '{';
	_cleanup_free_ char *name = NULL;
	unsigned index = 0;

	if (peek(r) == '(')
		return need_shell(r, "a command substitution");
	r->s += braces;
	name = take_name(r);
	if (!name && !braces) {
		if (strchr("#?$!@*-'\"", peek(r)) || isdigit((unsigned char)peek(r)))
			return need_shell(r, "a special parameter");
		strbuf_addc(b, '$');
		return true;
	}
	if (!name)
		return need_shell(r, "a parameter expansion");
	if (braces && peek(r) == '[' && !take_index(r, &index))
		return false;
	if (braces && peek(r) != '}')
		return need_shell(r, "a parameter expansion");
	r->s += braces;
	return add_variable(r, name, index, b);
}

/* ---- words ---- */

static bool take_double_quoted(struct reader *r, struct strbuf *b)
{
	for (r->s++; !at_end(r) && *r->s != '"';) {
		char c = *r->s++;

		if (c == '`')
			return need_shell(r, "a command substitution");
		if (c == '$') {
			if (!take_reference(r, b))
				return false;
		} else if (c == '\\' && !at_end(r) && strchr("$`\"\\\n", *r->s)) {
			if (*r->s != '\n')
				strbuf_addc(b, *r->s);
			r->s++;
		} else {
			strbuf_addc(b, c);
		}
	}
	if (at_end(r))
		return need_shell(r, "a quote that does not end");
	r->s++;
	return true;
}

static bool take_single_quoted(struct reader *r, struct strbuf *b)
{
	for (r->s++; !at_end(r) && *r->s != '\''; r->s++)
		strbuf_addc(b, *r->s);
	if (at_end(r))
		return need_shell(r, "a quote that does not end");
	r->s++;
	return true;
}

static bool take_escaped(struct reader *r, struct strbuf *b)
{
	r->s++;
	if (at_end(r))
		return true;
	if (*r->s == '\r' && r->s + 1 < r->end && r->s[1] == '\n')
		return need_shell(r, "a line that is continued behind a CR");
	if (*r->s != '\n')
		strbuf_addc(b, *r->s);
	r->s++;
	return true;
}

/* One word, up to a blank, the end of the line, ';' or, in an array, ')'. */
static bool take_word(struct reader *r, struct strbuf *b, bool in_array)
{
	while (!at_line_end(r) && !strchr(" \t;", *r->s) && !(in_array && *r->s == ')')) {
		char c = *r->s;
		bool good = true;

		if (c == '"') {
			good = take_double_quoted(r, b);
		} else if (c == '\'') {
			good = take_single_quoted(r, b);
		} else if (c == '\\') {
			good = take_escaped(r, b);
		} else if (c == '$') {
			r->s++;
			/* what is not quoted is split in an array, but not in an assignment */
			good = in_array ? need_shell(r, "a reference without quotes in an array")
					: take_reference(r, b);
		} else if (strchr("`&|<>()", c)) {
			good = need_shell(r, "an operator of the shell");
		} else if (strchr("*?[~{", c) && (in_array || c == '~')) {
			good = need_shell(r, "a pattern");
		} else {
			strbuf_addc(b, c);
			r->s++;
		}
		if (!good)
			return false;
		if (b->len > VALUE_MAX)
			return need_shell(r, "a very long value");
	}
	return true;
}

static void skip_comment(struct reader *r)
{
	while (!at_end(r) && *r->s != '\n')
		r->s++;
}

/* Blanks, comments and ends of lines between the words of an array. */
static void skip_space(struct reader *r)
{
	while (!at_end(r)) {
		if (*r->s == '#')
			skip_comment(r);
		else if (isspace((unsigned char)*r->s))
			r->s++;
		else
			break;
	}
}

static bool take_array(struct reader *r, const char *name, bool append)
{
	unsigned index;

	r->s++;
	if (!append)
		unset(r->out, name);
	index = next_index(r->out, name);
	for (skip_space(r); peek(r) != ')'; skip_space(r)) {
		struct strbuf b = {0};

		if (at_end(r))
			return need_shell(r, "an array that does not end");
		if (*r->s == '[') {
			if (!take_index(r, &index))
				return false;
			if (peek(r) != '=')
				return need_shell(r, "a pattern");
			r->s++;
		}
		if (!take_word(r, &b, true) || peek(r) == ';') {
			strbuf_free(&b);
			return need_shell(r, "an operator of the shell");
		}
		dkms_var_set(r->out, name, index++, strbuf_steal(&b));
		if (index > INDEX_MAX)
			return need_shell(r, "a very long array");
	}
	r->s++;
	return true;
}

/* ---- statements ---- */

/* bash takes it for a list when it came as a line with += or as one without. */
static bool take_scalar(struct reader *r, const char *name, unsigned index, bool append)
{
	const struct dkms_var *have = append ? dkms_var_find(r->out, name, index) : NULL;
	struct strbuf b = {0};

	if (have)
		strbuf_adds(&b, have->value);
	if (!take_word(r, &b, false)) {
		strbuf_free(&b);
		return false;
	}
	dkms_var_set(r->out, name, index, strbuf_steal(&b));
	return true;
}

static bool take_assignment(struct reader *r)
{
	_cleanup_free_ char *name = take_name(r);
	unsigned index = 0;
	bool append, indexed;

	if (!name)
		return need_shell(r, "something that is no assignment");
	indexed = peek(r) == '[';
	if (indexed && !take_index(r, &index))
		return false;
	append = peek(r) == '+' && r->s + 1 < r->end && r->s[1] == '=';
	r->s += append;
	if (peek(r) != '=')
		return need_shell(r, "a command");
	r->s++;
	if (peek(r) == '(' && !indexed)
		return take_array(r, name, append);
	return take_scalar(r, name, index, append);
}

static void skip_blanks(struct reader *r)
{
	while (!at_end(r) && (*r->s == ' ' || *r->s == '\t' ||
				     (*r->s == '\\' && r->s + 1 < r->end && r->s[1] == '\n')))
		r->s += *r->s == '\\' ? 2 : 1;
}

/* "export NAME=value" assigns as well. */
static void skip_export(struct reader *r)
{
	static const char word[] = "export ";

	if ((size_t)(r->end - r->s) > sizeof(word) - 1 && starts_with(r->s, word)) {
		r->s += sizeof(word) - 1;
		skip_blanks(r);
	}
}

static bool take_line(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (at_line_end(r) || *r->s == '#')
			break;
		if (*r->s == ';') {
			r->s++;
			continue;
		}
		skip_export(r);
		if (!take_assignment(r))
			return false;
		if (!at_line_end(r) && !strchr(" \t;", *r->s))
			return need_shell(r, "an operator of the shell");
	}
	skip_comment(r);
	if (!at_end(r))
		r->s++;
	return true;
}

int dkms_read_text(struct dkms_vars *out, const char *text, size_t len, const char *shown,
	const struct dkms_kernel *k, const char **why, struct err *e)
{
	struct reader r = {.s = text, .end = text + len, .out = out, .k = k};

	*out = (struct dkms_vars){0};
	*why = NULL;
	if (memchr(text, '\0', len))
		return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"%s is not text: it holds bytes that are 0", shown);
	while (!at_end(&r))
		if (!take_line(&r)) {
			dkms_vars_free(out);
			*why = r.why;
			return 1;
		}
	return 0;
}
