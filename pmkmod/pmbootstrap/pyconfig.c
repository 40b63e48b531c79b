// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/pmbootstrap/pyconfig.h"

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (1u << 20)
#define DEPTH_MAX 10 /* configparser.MAX_INTERPOLATION_DEPTH */
#define VALUE_MAX (1u << 20) /* ten levels of references can grow without end */
#define DEFAULTS "DEFAULT"

struct option {
	char *key;
	struct strbuf value;
};

struct section {
	char *name;
	struct option *v;
	size_t n;
};

struct pyconfig {
	char *shown;
	struct section *v; /* the first is [DEFAULT] */
	size_t n;
};

static int refuse(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct err *e, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_exit(e, EXIT_USAGE, -EINVAL, "%s", b.s);
}

/* ---- characters ---- */

/* str.isspace() */
static bool is_space(unsigned c)
{
	return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f) || c == 0x85 ||
	       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Bytes of blanks at the start of `s`, and how many characters these are. The text is UTF-8. */
static size_t leading_blanks(const char *s, size_t n, size_t *count)
{
	size_t i = 0, k = 0;
	unsigned c = 0;

	for (size_t len; i < n; i += len, k++) {
		len = utf8_length(s + i, n - i, &c);
		if (!len || !is_space(c))
			break;
	}
	if (count)
		*count = k;
	return i;
}

/* The length of `s` without the blanks at its end. */
static size_t without_trailing(const char *s, size_t n)
{
	while (n) {
		size_t at = n - 1;
		unsigned c = 0;

		while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
			at--;
		if (utf8_length(s + at, n - at, &c) != n - at || !is_space(c))
			break;
		n = at;
	}
	return n;
}

static int check_text(const char *text, size_t len, const char *shown, struct err *e)
{
	unsigned line = 1, c = 0;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(text + i, len - i, &c);
		if (!n || c == 0)
			return refuse(e, "%s: line %u holds bytes that are no text in UTF-8", shown,
				line);
		if (c == '\n')
			line++;
	}
	return 0;
}

/* ---- reading ---- */

struct reader {
	struct pyconfig *c;
	size_t section; /* index into c->v; SIZE_MAX: before the first */
	size_t option; /* of the section; SIZE_MAX: none that could be continued */
	size_t indent;
	unsigned line;
};

static struct section *find_section(const struct pyconfig *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].name, name))
			return &c->v[i];
	return NULL;
}

static struct option *find_option(const struct section *s, const char *key)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (streq(s->v[i].key, key))
			return &s->v[i];
	return NULL;
}

static struct section *add_section(struct pyconfig *c, char *name)
{
	c->v = xrealloc(c->v, c->n + 1, sizeof(*c->v));
	c->v[c->n] = (struct section){.name = name};
	return &c->v[c->n++];
}

static char *lower(const char *s, size_t n)
{
	char *key = xstrndup(s, n);

	for (char *p = key; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return key;
}

/* "[name]"; what follows the last bracket does not matter. NULL: the line is no section. */
static char *section_name(const char *s, size_t n)
{
	while (n && s[n - 1] != ']')
		n--;
	return n > 2 && s[0] == '[' ? xstrndup(s + 1, n - 2) : NULL;
}

static int begin_section(struct reader *r, char *take_name, struct err *e)
{
	_cleanup_free_ char *name = take_name;
	struct section *s = find_section(r->c, name);

	r->option = SIZE_MAX;
	if (s && s != r->c->v)
		return refuse(e, "%s: line %u: there is a second section [%s]", r->c->shown,
			r->line, name);
	if (!s)
		s = add_section(r->c, steal_ptr(name));
	r->section = (size_t)(s - r->c->v);
	return 0;
}

static int add_option(struct reader *r, const char *s, size_t n, struct err *e)
{
	struct section *at = &r->c->v[r->section];
	size_t delimiter = 0, key_len, skip;
	_cleanup_free_ char *key = NULL;

	while (delimiter < n && s[delimiter] != '=' && s[delimiter] != ':')
		delimiter++;
	key_len = without_trailing(s, delimiter);
	if (delimiter == n || key_len == 0)
		return refuse(e, "%s: line %u is neither a [section] nor key = value", r->c->shown,
			r->line);
	key = lower(s, key_len);
	if (find_option(at, key))
		return refuse(e, "%s: line %u: [%s] has '%s' already", r->c->shown, r->line,
			at->name, key);
	s += delimiter + 1;
	n -= delimiter + 1;
	skip = leading_blanks(s, n, NULL);
	at->v = xrealloc(at->v, at->n + 1, sizeof(*at->v));
	at->v[at->n] = (struct option){.key = steal_ptr(key)};
	strbuf_add(&at->v[at->n].value, s + skip, n - skip);
	r->option = at->n++;
	return 0;
}

/* A line that continues the value before it, perhaps an empty one. */
static void continue_value(struct reader *r, const char *s, size_t n)
{
	struct strbuf *b = &r->c->v[r->section].v[r->option].value;

	strbuf_addc(b, '\n');
	strbuf_add(b, s, n);
}

static int read_line(struct reader *r, const char *line, size_t len, struct err *e)
{
	size_t indent, skip = leading_blanks(line, len, &indent);
	const char *s = line + skip;
	size_t n = without_trailing(s, len - skip);
	bool continues = r->section != SIZE_MAX && r->option != SIZE_MAX;
	char *name;

	r->line++;
	if (n && (*s == '#' || *s == ';'))
		return 0;
	if (n == 0) {
		if (continues)
			continue_value(r, "", 0);
		return 0;
	}
	if (continues && indent > r->indent) {
		continue_value(r, s, n);
		return 0;
	}
	r->indent = indent;
	name = section_name(s, n);
	if (name)
		return begin_section(r, name, e);
	if (r->section == SIZE_MAX)
		return refuse(
			e, "%s: line %u stands before the first [section]", r->c->shown, r->line);
	return add_option(r, s, n, e);
}

/* Python's universal newlines: \n, \r\n and \r end a line. */
static size_t line_length(const char *s, size_t n, size_t *ending)
{
	size_t i = 0;

	while (i < n && s[i] != '\n' && s[i] != '\r')
		i++;
	*ending = i == n ? 0 : s[i] == '\r' && i + 1 < n && s[i + 1] == '\n' ? 2 : 1;
	return i;
}

int pyconfig_parse(
	struct pyconfig **out, const char *text, size_t len, const char *shown, struct err *e)
{
	struct reader rd = {
		.c = xcalloc(1, sizeof(*rd.c)), .section = SIZE_MAX, .option = SIZE_MAX};
	int r = check_text(text, len, shown, e);

	rd.c->shown = xstrdup(shown);
	add_section(rd.c, xstrdup(DEFAULTS));
	for (size_t i = 0, ending; r == 0 && i < len;) {
		size_t n = line_length(text + i, len - i, &ending);

		r = read_line(&rd, text + i, n, e);
		i += n + ending;
	}
	for (size_t i = 0; i < rd.c->n; i++)
		for (size_t k = 0; k < rd.c->v[i].n; k++) {
			struct strbuf *b = &rd.c->v[i].v[k].value;

			b->len = b->s ? without_trailing(b->s, b->len) : 0;
			if (b->s)
				b->s[b->len] = '\0';
		}
	if (r < 0) {
		pyconfig_free(rd.c);
		return r;
	}
	*out = rd.c;
	return 0;
}

int pyconfig_read(struct pyconfig **out, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = fs_read_regular(path, FILE_MAX, &text, &len, e);

	return r < 0 ? r : pyconfig_parse(out, text, len, path, e);
}

void pyconfig_free(struct pyconfig *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->v[i].n; k++) {
			free(c->v[i].v[k].key);
			strbuf_free(&c->v[i].v[k].value);
		}
		free(c->v[i].v);
		free(c->v[i].name);
	}
	free(c->v);
	free(c->shown);
	free(c);
}

/* ---- asking ---- */

bool pyconfig_has_section(const struct pyconfig *c, const char *section)
{
	const struct section *s = find_section(c, section);

	return s && s != c->v;
}

void pyconfig_sections(const struct pyconfig *c, struct strvec *out)
{
	for (size_t i = 1; i < c->n; i++)
		strvec_add(out, c->v[i].name);
}

void pyconfig_keys(const struct pyconfig *c, const char *section, struct strvec *out)
{
	const struct section *s = find_section(c, section);

	for (size_t i = 0; s && i < s->n; i++)
		strvec_add(out, s->v[i].key);
}

static const char *raw(const struct pyconfig *c, const char *section, const char *key)
{
	const struct option *o = find_option(find_section(c, section), key);

	if (!o)
		o = find_option(c->v, key);
	return o ? o->value.s ? o->value.s : "" : NULL;
}

struct place {
	const struct pyconfig *c;
	const char *section, *key;
};

static int bad_reference(const struct place *p, const char *what, struct err *e)
{
	return refuse(e, "%s: [%s] %s: %s", p->c->shown, p->section, p->key, what);
}

/* "(name)s" behind a '%': the value it stands for, and where it ends. */
static int reference(
	const struct place *p, const char *s, const char **value, const char **end, struct err *e)
{
	const char *close = strchr(s, ')');
	_cleanup_free_ char *name = NULL;

	if (!close || close == s + 1 || close[1] != 's')
		return bad_reference(p, "'%(' is not the start of a reference, %(key)s", e);
	name = lower(s + 1, (size_t)(close - s - 1));
	*value = raw(p->c, p->section, name);
	*end = close + 2;
	if (!*value)
		return refuse(e, "%s: [%s] %s: %%(%s)s stands for a key that is not there",
			p->c->shown, p->section, p->key, name);
	return 0;
}

static int interpolate(
	const struct place *p, const char *s, unsigned depth, struct strbuf *out, struct err *e)
{
	if (depth > DEPTH_MAX)
		return bad_reference(p, "its references lead to one another", e);
	while (*s) {
		size_t n = strcspn(s, "%");
		const char *value = NULL;
		int r;

		strbuf_add(out, s, n);
		s += n;
		if (out->len > VALUE_MAX)
			return bad_reference(p, "its references make it too long", e);
		if (!*s)
			break;
		if (s[1] == '%') {
			strbuf_addc(out, '%');
			s += 2;
			continue;
		}
		if (s[1] != '(')
			return bad_reference(p, "a '%' must be written as '%%'", e);
		r = reference(p, s + 1, &value, &s, e);
		if (r == 0 && value && strchr(value, '%'))
			r = interpolate(p, value, depth + 1, out, e);
		else if (r == 0 && value)
			strbuf_adds(out, value);
		if (r < 0)
			return r;
	}
	return 0;
}

int pyconfig_get(
	const struct pyconfig *c, const char *section, const char *key, char **value, struct err *e)
{
	struct place p = {c, section, key};
	const char *text = raw(c, section, key);
	struct strbuf b = {0};
	int r;

	*value = NULL;
	if (!text)
		return 0;
	r = interpolate(&p, text, 1, &b, e);
	if (r == 0)
		*value = strbuf_steal(&b);
	strbuf_free(&b);
	return r;
}
