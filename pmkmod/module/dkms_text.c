// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A dkms.conf that only assigns, read as bash(1) would read it ("QUOTING", "PARAMETERS", "Arrays"),
 * without a shell. Whatever is not sure to be the same here goes to a shell in the sandbox.
 */
#include "pmkmod/module/dkms_reader.h"
#include "pmkmod/util/exit_codes.h"

/* Blanks and continued lines. */
static void skip_blanks(struct reader *r)
{
	while (r->p < r->end) {
		if (reader_is_blank(*r->p))
			r->p++;
		else if (*r->p == '\\' && r->p + 1 < r->end && r->p[1] == '\n')
			r->p += 2;
		else
			break;
	}
}

static void skip_comment(struct reader *r)
{
	while (r->p < r->end && *r->p != '\n')
		r->p++;
}

/* ---- assignments ---- */

/* What is between `(` and `)`: elements, blanks, lines and comments. */
static int read_elements(struct reader *r, struct dkms_vars *out, unsigned next)
{
	const char *opened = r->p++;

	for (;;) {
		_cleanup_strbuf_ struct strbuf text = {0};
		struct word w = {.element = true};
		unsigned index = next;
		size_t n;
		int rc;

		skip_blanks(r);
		if (r->p >= r->end)
			return reader_broken(r, opened, "the bracket ( is never closed");
		if (*r->p == '\n') {
			r->p++;
			continue;
		}
		if (*r->p == '#') {
			skip_comment(r);
			continue;
		}
		if (*r->p == ')')
			break;
		if (*r->p == ';')
			return reader_ask(r, "a command");
		n = reader_index_length(r, r->p, &index);
		if (n > 0 && r->p + n < r->end && r->p[n] == '=')
			r->p += n + 1;
		else if (n > 0)
			return reader_ask(r, "a pattern of file names");
		else
			index = next;
		rc = reader_read_word(r, &w);
		text = w.text;
		if (rc)
			return rc;
		if (text.len == 0 && !w.quoted && n == 0)
			continue; /* an empty variable without quotes is no element */
		if (index > DKMS_INDEX_MAX || out->n > DKMS_INDEX_MAX)
			return reader_broken(
				r, opened, "this array has more elements than DKMS can use");
		dkms_vars_take(out, "", index, strbuf_steal(&text));
		next = index + 1;
	}
	r->p++;
	return 0;
}

static int read_array(struct reader *r, const char *name, bool append)
{
	_cleanup_(dkms_vars_free) struct dkms_vars elements = {0};
	int rc = read_elements(r, &elements, append ? reader_end_of(r, name) : 0);

	if (rc == 0 && !append)
		reader_clear(r, name);
	for (size_t i = 0; rc == 0 && i < elements.n; i++)
		rc = reader_set(r, name, elements.v[i].index, steal_ptr(elements.v[i].value));
	return rc;
}

static int read_scalar(struct reader *r, const char *name, unsigned index, bool append)
{
	const char *old = append ? reader_get(r, name, index) : NULL;
	_cleanup_strbuf_ struct strbuf text = {0};
	struct word w = {0};
	int rc = 0;

	/* of a variable that is not the file's own, the shell knows what is added to */
	if (append && !old && dkms_kernel_variable(r->k, name))
		return reader_ask(r, "an addition to a variable that it does not set");
	rc = reader_read_word(r, &w);
	text = w.text;
	if (rc)
		return rc;
	if (!text.s)
		strbuf_adds(&text, "");
	return reader_set(
		r, name, index, old ? xasprintf("%s%s", old, text.s) : strbuf_steal(&text));
}

/* NAME=, NAME[i]=, NAME+= ... at the reading point? Its value is read then. -ENOENT: it is none. */
static int read_assignment(struct reader *r, bool exported)
{
	size_t n = reader_name_length(r, r->p), brackets;
	const char *p = r->p + n;
	_cleanup_free_ char *name = NULL;
	bool append = false;
	unsigned index;
	int rc;

	if (n == 0)
		return -ENOENT;
	brackets = reader_index_length(r, p, &index);
	if (!brackets && p < r->end && *p == '[')
		return reader_ask(r, "an index that is computed");
	p += brackets;
	if (p + 1 < r->end && p[0] == '+' && p[1] == '=') {
		append = true;
		p++;
	}
	if (p >= r->end || *p != '=')
		return -ENOENT;
	name = xstrndup(r->p, n);
	if (reader_shells_own(name))
		return reader_ask(r, "a variable of the shell's own");
	if (exported && brackets)
		return reader_ask(r, "an export of an element");
	r->p = p + 1;
	if (r->p < r->end && *r->p == '(' && brackets)
		return reader_ask(r, "an array in an array");
	rc = r->p < r->end && *r->p == '(' ? read_array(r, name, append)
					   : read_scalar(r, name, index, append);
	if (rc == 0 && !reader_ends_word(r, &(struct word){0}))
		return reader_ask(r, "a command");
	return rc;
}

/* ---- statements ---- */

/* `return` ends the file, and what precedes it stands. */
static int read_return(struct reader *r)
{
	skip_blanks(r);
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	skip_blanks(r);
	if (r->p < r->end && *r->p != '\n' && *r->p != ';' && *r->p != '#')
		return reader_ask(r, "a command");
	r->p = r->end;
	return 0;
}

static const char *why_not(const char *word, size_t n)
{
	static const struct {
		const char *word, *why;
	} known[] = {
		{"if", "an if"},
		{"case", "a case"},
		{"for", "a loop"},
		{"while", "a loop"},
		{"until", "a loop"},
		{"function", "a function"},
		{"[", "a test"},
		{"[[", "a test"},
		{"test", "a test"},
		{".", "another file that it reads"},
		{"source", "another file that it reads"},
		{"exit", "an exit"},
		{"unset", "an unset"},
		{"declare", "a declaration"},
		{"local", "a declaration"},
		{"readonly", "a declaration"},
		{"typeset", "a declaration"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].word) == n && memcmp(known[i].word, word, n) == 0)
			return known[i].why;
	return "a command";
}

/* A word that assigns nothing: `export`, `return` or something for the shell. */
static int read_other(struct reader *r, bool first, bool *exported)
{
	const char *word = r->p;
	size_t n = 0;

	while (word + n < r->end && !reader_is_blank(word[n]) && !strchr("\n;&|()<>", word[n]))
		n++;
	if (first && n == 6 && memcmp(word, "export", n) == 0) {
		*exported = true;
		r->p += n;
		return 0;
	}
	if (*exported && n > 0 && reader_name_length(r, word) == n) {
		r->p += n; /* `export NAME` changes nothing that DKMS sees */
		return 0;
	}
	if (first && n == 6 && memcmp(word, "return", n) == 0) {
		r->p += n;
		return read_return(r);
	}
	return reader_ask(r, why_not(word, n));
}

static int read_statement(struct reader *r)
{
	bool exported = false;

	for (bool first = true;; first = false) {
		int rc;

		skip_blanks(r);
		if (r->p >= r->end)
			return 0;
		if (*r->p == '#') {
			skip_comment(r);
			continue;
		}
		if (*r->p == '\n' || (*r->p == ';' && !first)) {
			r->p++;
			return 0;
		}
		rc = read_assignment(r, exported);
		if (rc == -ENOENT)
			rc = read_other(r, first, &exported);
		if (rc)
			return rc;
	}
}

static int set_text(struct reader *r, const char *text, size_t len)
{
	char *to;

	if (len > DKMS_TEXT_MAX)
		return err_exit(r->e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"%s is larger than any dkms.conf (%zu bytes)", r->shown, len);
	if (memchr(text, 0, len))
		return err_exit(r->e, EXIT_BAD_DKMS_CONF, -EINVAL,
			"%s is no text: it has a NUL byte in it", r->shown);
	r->text = to = xcalloc(len + 1, 1);
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || i + 1 >= len || text[i + 1] != '\n')
			*to++ = text[i];
	/* the last line of a file from Windows need not end */
	if (to > r->text && to[-1] == '\r')
		to--;
	r->p = r->text;
	r->end = to;
	return 0;
}

int dkms_read_text(struct dkms_vars *out, const char *text, size_t len, const char *shown,
	const struct dkms_kernel *k, const char **why, struct err *e)
{
	struct reader r = {.shown = shown, .k = k, .e = e};
	int rc;

	*out = (struct dkms_vars){0};
	*why = NULL;
	rc = set_text(&r, text, len);
	if (rc == 0)
		reader_grow_table(&r);
	while (rc == 0 && r.p < r.end)
		rc = read_statement(&r);
	for (size_t i = 0; rc == 0 && i < r.vars.n; i++) {
		struct dkms_var *v = &r.vars.v[i];

		if (v->value && dkms_is_name(v->name))
			dkms_vars_take(out, v->name, v->index, steal_ptr(v->value));
	}
	*why = rc == 1 ? r.why : NULL;
	dkms_vars_free(&r.vars);
	free(r.table);
	free(r.text);
	return rc;
}
