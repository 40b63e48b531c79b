// SPDX-License-Identifier: GPL-3.0-or-later
/* What EXPORT_SYMBOL became behind the preprocessor: its class and namespace. */
#include "pmkmod/headers/genksyms.h"

static bool is_ident(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

static size_t ident_len(const char *s)
{
	size_t n = 0;

	while (is_ident(s[n]))
		n++;
	return n;
}

static struct crc_row *row_of(struct crc_table *t, const char *name, size_t len)
{
	_cleanup_free_ char *key = xstrndup(name, len);
	const uint32_t *at = name_index_get(&t->index, key);

	return at && t->rows ? &t->rows[*at] : NULL;
}

static void set_class(struct crc_row *row, enum export_class class)
{
	if (row && !row->class)
		row->class = (int)class + 1;
}

static void set_ns(struct crc_row *row, const char *ns, size_t len)
{
	if (row && !row->ns && len)
		row->ns = xstrndup(ns, len);
}

/* "a" "b" is "ab" to the compiler: the quotes between and the blanks go, in place. */
static void join_literals(char *s)
{
	char *to = s;
	bool inside = false;

	while (*s) {
		if (*s == '\\' && s[1]) {
			*to++ = *s++;
		} else if (*s == '"') {
			const char *next = s + 1 + strspn(s + 1, " \t");

			if (inside && *next == '"') {
				s += next + 1 - s;
				continue;
			}
			inside = !inside;
		} else if (*s == '\n') {
			inside = false; /* a literal ends with its line */
		}
		*to++ = *s++;
	}
	*to = '\0';
}

/* The text between the next two quotes, of a literal or escaped within one; NULL: there are none.
 */
static const char *next_quoted(const char *s, size_t *len, const char **behind)
{
	const char *start = s + strcspn(s, "\"\n"), *end;

	if (*start != '"')
		return NULL;
	start++;
	end = start + strcspn(start, "\"\\\n");
	if (*end != '"' && !(*end == '\\' && end[1] == '"'))
		return NULL;
	*len = (size_t)(end - start);
	*behind = *end == '"' ? end + 1 : end + 2;
	return start;
}

static const struct {
	const char *suffix;
	enum export_class class;
} classes[] = {
	{"", EXPORT_PLAIN},
	{"_gpl", EXPORT_GPL},
	{"_unused", EXPORT_UNUSED},
	{"_unused_gpl", EXPORT_UNUSED_GPL},
	{"_gpl_future", EXPORT_GPL_FUTURE},
};

/* Behind "___ksymtab": "_gpl+name" */
static void take_section(struct crc_table *t, const char *s)
{
	size_t len = strcspn(s, "+\"\\ \n");

	for (size_t i = 0; s[len] == '+' && i < ARRAY_SIZE(classes); i++)
		if (strlen(classes[i].suffix) == len && strncmp(s, classes[i].suffix, len) == 0)
			set_class(row_of(t, s + len + 1, ident_len(s + len + 1)), classes[i].class);
}

/* Behind "__kstrtabns_": `name: .asciz \"NS\"` of assembler, or `name[] ... = "NS"` of C. */
static void take_namespace(struct crc_table *t, const char *s)
{
	size_t n = ident_len(s), len = 0;
	const char *from = s + n, *ns = NULL, *behind;

	if (*from == ':') {
		ns = next_quoted(from, &len, &behind);
	} else if (*from == '[') {
		from += strcspn(from, "=;\n");
		/* the section's name is in quotes, too */
		ns = *from == '=' ? next_quoted(from, &len, &behind) : NULL;
	}
	if (ns)
		set_ns(row_of(t, s, n), ns, len);
}

/* Behind "__export_symbol_": `name: .asciz \"GPL\" ; .asciz \"NS\"` */
static void take_export_symbol(struct crc_table *t, const char *s)
{
	size_t n = ident_len(s), len;
	const char *rest = s + n, *license, *ns;
	struct crc_row *row;

	if (*rest != ':' || !(license = next_quoted(rest, &len, &rest)))
		return;
	row = row_of(t, s, n);
	set_class(row, len == 3 && strncmp(license, "GPL", len) == 0 ? EXPORT_GPL : EXPORT_PLAIN);
	ns = next_quoted(rest, &len, &rest);
	if (ns)
		set_ns(row, ns, len);
}

static const struct {
	const char *text;
	void (*take)(struct crc_table *t, const char *behind);
} marks[] = {
	{"___ksymtab", take_section},
	{"__kstrtabns_", take_namespace},
	{"__export_symbol_", take_export_symbol},
};

void export_classes_take(struct crc_table *t, char *text)
{
	join_literals(text);
	for (const char *s = text; (s = strstr(s, "__")); s++)
		for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
			if (starts_with(s, marks[i].text))
				marks[i].take(t, s + strlen(marks[i].text));
}

void export_macro_take(struct crc_table *t, char *line)
{
	char *open = strchr(line, '(');
	bool gpl, with_ns;
	struct crc_row *row;
	size_t n;

	if (!open)
		return;
	*open++ = '\0';
	gpl = strstr(line, "_GPL") != NULL;
	with_ns = strstr(line, "_NS") != NULL;
	open += strspn(open, " \t");
	n = ident_len(open);
	row = row_of(t, open, n);
	set_class(row, gpl ? EXPORT_GPL : EXPORT_PLAIN);
	open += n + strspn(open + n, " \t");
	if (with_ns && *open == ',') {
		open += 1 + strspn(open + 1, " \t\"");
		set_ns(row, open, ident_len(open));
	}
}
