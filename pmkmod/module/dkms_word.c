// SPDX-License-Identifier: GPL-3.0-or-later
/* One word of a dkms.conf as bash(1) reads it: quotes, backslashes and variables. */
#include "pmkmod/module/dkms_reader.h"

/* Those whose reading or setting bash has an effect of its own for. */
bool reader_shells_own(const char *name)
{
	static const char *const own[] = {"IFS", "UID", "EUID", "PPID", "GROUPS", "DIRSTACK",
		"FUNCNAME", "LINENO", "RANDOM", "SRANDOM", "SECONDS", "SHELLOPTS", "EPOCHSECONDS",
		"EPOCHREALTIME", "HISTCMD", "POSIXLY_CORRECT", "GLOBIGNORE", "_"};

	if (starts_with(name, "BASH"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (streq(own[i], name))
			return true;
	return false;
}

static bool name_char(char c, bool first)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && c >= '0' && c <= '9');
}

size_t reader_name_length(const struct reader *r, const char *p)
{
	size_t n = 0;

	while (p + n < r->end && name_char(p[n], n == 0))
		n++;
	return n;
}

/* "[12]" at `p`: its length; 0: there is none. A number with a leading 0 would be octal. */
size_t reader_index_length(const struct reader *r, const char *p, unsigned *index)
{
	const char *q = p + 1;

	*index = 0;
	if (p >= r->end || *p != '[')
		return 0;
	for (; q < r->end && *q >= '0' && *q <= '9' && *index <= DKMS_INDEX_MAX; q++)
		*index = *index * 10 + (unsigned)(*q - '0');
	if (q == p + 1 || q >= r->end || *q != ']' || *index > DKMS_INDEX_MAX)
		return 0;
	if (p[1] == '0' && q > p + 2)
		return 0;
	return (size_t)(q + 1 - p);
}

bool reader_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- the word ---- */

/* What `$name` is. */
static int value_of(struct reader *r, const char *name, unsigned index, char **out)
{
	const char *set_to = reader_get(r, name, index);

	*out = NULL;
	if (!set_to && index == 0 && streq(name, "module"))
		set_to = reader_get(r, "PACKAGE_NAME", 0);
	if (!set_to && index == 0 && streq(name, "module_version"))
		set_to = reader_get(r, "PACKAGE_VERSION", 0);
	if (set_to)
		*out = xstrdup(set_to);
	else if (reader_end_of(r, name) > 0)
		*out = xstrdup("");
	else if (index == 0)
		*out = dkms_kernel_variable(r->k, name);
	if (!*out)
		return reader_ask(r, "a variable that it does not set");
	return 0;
}

static int add_value(struct reader *r, struct word *w, const char *value, bool quoted)
{
	if (w->element && !quoted && value[strcspn(value, " \t\n*?[\\")])
		return reader_ask(r, "a variable that becomes several words");
	if (r->bytes + w->text.len + strlen(value) > DKMS_TEXT_MAX)
		return reader_broken(r, r->p, "this is more than any dkms.conf needs");
	strbuf_adds(&w->text, value);
	return 0;
}

/* `$` and what is behind it. */
static int read_expansion(struct reader *r, struct word *w, bool quoted)
{
	const char *p = r->p + 1;
	bool braces = p < r->end && *p == '{';
	_cleanup_free_ char *name = NULL, *value = NULL;
	unsigned index = 0;
	size_t n;
	int rc;

	if (p < r->end && *p == '(')
		return reader_ask(r, "a command substitution");
	if (p < r->end && !quoted && (*p == '\'' || *p == '"'))
		return reader_ask(r, "a $'...' string");
	if (p < r->end && (strchr("0123456789@*#?!$-[", *p)))
		return reader_ask(r, "a variable of the shell's own");
	p += braces;
	n = reader_name_length(r, p);
	if (n == 0 && !braces) {
		strbuf_addc(&w->text, '$');
		r->p++;
		return 0;
	}
	name = xstrndup(p, n);
	p += n;
	if (braces) {
		p += reader_index_length(r, p, &index);
		if (n == 0 || p >= r->end || *p++ != '}')
			return reader_ask(r, "an expansion beyond ${NAME}");
	}
	if (reader_shells_own(name))
		return reader_ask(r, "a variable of the shell's own");
	rc = value_of(r, name, index, &value);
	r->p = p;
	return rc ? rc : add_value(r, w, value, quoted);
}

static int read_single(struct reader *r, struct word *w)
{
	const char *from = r->p + 1, *to = memchr(from, '\'', (size_t)(r->end - from));

	w->quoted = true;
	if (!to)
		return reader_broken(r, r->p, "the quote ' is never closed");
	strbuf_add(&w->text, from, (size_t)(to - from));
	r->p = to + 1;
	return 0;
}

static int read_double(struct reader *r, struct word *w)
{
	const char *opened = r->p++;
	int rc = 0;

	w->quoted = true;
	while (rc == 0 && r->p < r->end && *r->p != '"') {
		if (*r->p == '`')
			return reader_ask(r, "a command substitution");
		if (*r->p == '$') {
			rc = read_expansion(r, w, true);
			continue;
		}
		if (*r->p == '\\' && r->p + 1 < r->end && strchr("$`\"\\\n", r->p[1])) {
			if (r->p[1] != '\n')
				strbuf_addc(&w->text, r->p[1]);
			r->p += 2;
			continue;
		}
		strbuf_addc(&w->text, *r->p++);
	}
	if (rc)
		return rc;
	if (r->p >= r->end)
		return reader_broken(r, opened, "the quote \" is never closed");
	r->p++;
	return 0;
}

/* A character that stands for itself, unless bash makes something of it. */
static int read_plain(struct reader *r, struct word *w)
{
	char c = *r->p;

	if (strchr("&|<>(", c) || (c == ')' && !w->element))
		return reader_ask(r, "a command");
	if (c == '`')
		return reader_ask(r, "a command substitution");
	if (c == '~' && (w->text.len == 0 || w->text.s[w->text.len - 1] == ':'))
		return reader_ask(r, "a home folder (~)");
	if (w->element && strchr("*?[{", c))
		return reader_ask(r, "a pattern of file names");
	strbuf_addc(&w->text, c);
	r->p++;
	return 0;
}

bool reader_ends_word(const struct reader *r, const struct word *w)
{
	return r->p >= r->end || reader_is_blank(*r->p) || strchr("\n;", *r->p) ||
	       (w->element && *r->p == ')');
}

int reader_read_word(struct reader *r, struct word *w)
{
	int rc = 0;

	while (rc == 0 && !reader_ends_word(r, w)) {
		if (*r->p == '\'') {
			rc = read_single(r, w);
		} else if (*r->p == '"') {
			rc = read_double(r, w);
		} else if (*r->p == '$') {
			rc = read_expansion(r, w, false);
		} else if (*r->p == '\\') {
			if (r->p + 1 >= r->end)
				return reader_ask(r, "a backslash at its end");
			if (r->p[1] != '\n') {
				w->quoted = true;
				strbuf_addc(&w->text, r->p[1]);
			}
			r->p += 2;
		} else {
			rc = read_plain(r, w);
		}
	}
	return rc;
}
