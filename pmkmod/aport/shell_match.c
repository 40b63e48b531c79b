// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Patterns of case and ${x#...}. Not fnmatch(3): its time grows without bound with the stars of a
 * hostile pattern, and its classes depend on the locale.
 */
#include <ctype.h>

#include "pmkmod/aport/shell.h"

static bool named_class(const char *name, size_t len, unsigned char c)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"digit", isdigit},
		{"lower", islower}, {"upper", isupper}, {"space", isspace}, {"punct", ispunct},
		{"xdigit", isxdigit}, {"blank", isblank}};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (strlen(classes[i].name) == len && strncmp(classes[i].name, name, len) == 0)
			return c < 128 && classes[i].is(c);
	return false;
}

/* At '[': does the bracket take `c`? *p is moved behind it; without a closing ']' it is literal. */
static bool bracket(const char **p, unsigned char c)
{
	const char *s = *p + 1;
	bool negate = *s == '!' || *s == '^', hit = false, first = true;

	for (s += negate; *s && (*s != ']' || first); first = false) {
		unsigned char lo, hi;

		if (s[0] == '[' && s[1] == ':') {
			const char *end = strstr(s + 2, ":]");

			if (end) {
				hit |= named_class(s + 2, (size_t)(end - s - 2), c);
				s = end + 2;
				continue;
			}
		}
		s += s[0] == '\\' && s[1];
		lo = hi = (unsigned char)*s++;
		if (s[0] == '-' && s[1] && s[1] != ']') {
			s++;
			s += s[0] == '\\' && s[1];
			hi = (unsigned char)*s++;
		}
		hit |= c >= lo && c <= hi;
	}
	if (*s != ']') {
		(*p)++;
		return c == '[';
	}
	*p = s + 1;
	return hit != negate;
}

/* One pattern element that is no star against one byte. */
static bool one(const char **p, unsigned char c)
{
	if (**p == '[')
		return bracket(p, c);
	if (**p == '?') {
		(*p)++;
		return true;
	}
	if (**p == '\\' && (*p)[1])
		(*p)++;
	return (unsigned char)*(*p)++ == c;
}

bool shell_match(struct shell *sh, const char *pattern, const char *s, size_t len)
{
	const char *p = pattern, *star = NULL;
	size_t i = 0, mark = 0, steps = 0;

	while (i < len) {
		const char *next = p;

		if ((++steps & 255) == 0 && !shell_work(sh, 256))
			return false;
		if (*p == '*') {
			star = ++p;
			mark = i;
		} else if (*p && one(&next, (unsigned char)s[i])) {
			p = next;
			i++;
		} else if (star) {
			p = star;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p && shell_work(sh, 1 + (steps & 255));
}

char *shell_trim(struct shell *sh, const char *value, const char *pattern, bool end, bool longest)
{
	size_t len = strlen(value);

	/* the length of what is cut off, from the shortest or from the longest */
	for (size_t i = 0; i <= len; i++) {
		size_t cut = longest ? len - i : i;

		if (!shell_work(sh, 4))
			break;
		if (!shell_match(sh, pattern, end ? value + len - cut : value, cut))
			continue;
		return end ? xstrndup(value, len - cut) : xstrdup(value + cut);
	}
	return xstrdup(value);
}

/* A pattern without anything special: its text; NULL otherwise. */
static char *plain(const char *pattern)
{
	struct strbuf b = {0};

	for (const char *p = pattern; *p; p++) {
		if (*p == '*' || *p == '?' || *p == '[') {
			strbuf_free(&b);
			return NULL;
		}
		p += *p == '\\' && p[1];
		strbuf_addc(&b, *p);
	}
	return strbuf_steal(&b);
}

/* Length of the longest match at the beginning of `s`, -1: none. */
static long match_here(
	struct shell *sh, const char *pattern, const char *text, const char *s, size_t len)
{
	size_t n = text ? strlen(text) : 0;

	if (text)
		return n && n <= len && memcmp(s, text, n) == 0 ? (long)n : -1;
	for (size_t i = len; i > 0; i--)
		if (shell_match(sh, pattern, s, i))
			return (long)i;
	return -1;
}

char *shell_replace(
	struct shell *sh, const char *value, const char *pattern, const char *with, bool all)
{
	_cleanup_free_ char *text = plain(pattern);
	size_t len = strlen(value), i = 0;
	struct strbuf b = {0};
	bool done = false;

	while (i < len && shell_work(sh, 4) && b.len < SHELL_VALUE_MAX) {
		long n = done ? -1 : match_here(sh, pattern, text, value + i, len - i);

		if (n > 0) {
			strbuf_adds(&b, with);
			shell_work(sh, strlen(with));
			i += (size_t)n;
			done = !all;
		} else {
			strbuf_addc(&b, value[i++]);
		}
	}
	return strbuf_steal(&b);
}
