// SPDX-License-Identifier: GPL-3.0-or-later
/* File names in patches. Format: POSIX diff(1), "Diff -u Output Format"; git-diff(1), "Generating
 * patch text with -p". */
#include "pmkmod/util/patch_run.h"

/* Lines that a hunk still has of the old and the new file. */
struct hunk {
	unsigned long before, after;
};

/* "12" or "12,3" at *s: how many lines. */
static bool read_span(const char **s, unsigned long *lines)
{
	char *end;

	*lines = 1;
	strtoul(*s, &end, 10);
	if (end == *s)
		return false;
	if (*end == ',') {
		*s = end + 1;
		*lines = strtoul(*s, &end, 10);
	}
	*s = end;
	return true;
}

/* "@@ -12,3 +12,4 @@" */
static bool begins_hunk(const char *line, struct hunk *h)
{
	const char *s = line + strlen("@@ -");

	if (!starts_with(line, "@@ -") || !read_span(&s, &h->before) || !starts_with(s, " +"))
		return false;
	s += 2;
	return read_span(&s, &h->after) && starts_with(s, " @@");
}

/* Is the line one of the hunk's? */
static bool in_hunk(const char *line, struct hunk *h)
{
	bool old = *line == '-' || *line == ' ' || !*line;
	bool new = *line == '+' || *line == ' ' || !*line;

	if (!h->before && !h->after)
		return *line == '\\'; /* No newline at end of file */
	if ((!old && !new &&*line != '\\') || (old && !h->before) || (new && !h->after)) {
		*h = (struct hunk){0};
		return false;
	}
	h->before -= old;
	h->after -= new;
	return true;
}

/* git writes "a/\303\244.c" for names with bytes that are no plain characters. */
static char *unquoted(const char *s)
{
	struct strbuf b = {0};

	for (s++; *s && *s != '"'; s++) {
		unsigned c = 0, digits = 0;

		if (*s != '\\' || !s[1]) {
			strbuf_addc(&b, *s);
			continue;
		}
		for (; digits < 3 && s[1] >= '0' && s[1] <= '7'; digits++)
			c = c * 8 + (unsigned)(*++s - '0');
		if (digits)
			strbuf_addc(&b, (char)c);
		else
			strbuf_addc(&b, *++s);
	}
	return strbuf_steal(&b);
}

static bool leaves(const char *name)
{
	for (const char *s = name; s; s = strchr(s, '/')) {
		s += *s == '/';
		if (starts_with(s, "..") && (s[2] == '/' || !s[2] || strchr(" \t\r", s[2])))
			return true;
	}
	return false;
}

/* The name that begins at `s`, if it leaves the folder. */
static char *bad_name(const char *s)
{
	_cleanup_free_ char *name = NULL;

	s += strspn(s, " \t");
	name = *s == '"' ? unquoted(s) : xstrndup(s, strcspn(s, "\t"));
	return leaves(name) ? steal_ptr(name) : NULL;
}

static char *bad_in_line(const char *line)
{
	/* all that patch(1) takes names from; in "diff --git a/x b/y" no blank ends a name for
	 * sure, so that the whole of the line is looked at */
	static const char *const words[] = {"--- ", "+++ ", "*** ", "Index: ", "diff --git ",
		"rename from ", "rename to ", "copy from ", "copy to "};
	const char *name = behind_prefix(line, words, ARRAY_SIZE(words));

	return name ? bad_name(name) : NULL;
}

char *patch_bad_name(const char *text, size_t len)
{
	const char *end = text + len;
	struct hunk h = {0};

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		_cleanup_free_ char *line = xstrndup(text, (size_t)((eol ? eol : end) - text));
		char *bad;

		text = eol ? eol + 1 : end;
		if (in_hunk(line, &h) || begins_hunk(line, &h))
			continue;
		bad = bad_in_line(line);
		if (bad)
			return bad;
	}
	return NULL;
}
