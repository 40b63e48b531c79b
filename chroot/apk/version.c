// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Versions, by the rules of apk-tools 3:
 *
 *	number{.number}[letter]{_suffix[number]}[~hexdigits][-r number]
 *
 * Two versions are walked part by part. Where both have the same kind of part its values decide;
 * where the kinds differ, the kind that comes earlier in enum part makes the greater version,
 * except that a suffix that announces a release (_alpha, _rc ...) makes the smaller one.
 */
#include "chroot/apk/apk.h"

enum part {
	PART_FIRST, /* the number everything starts with: leading zeros do not matter */
	PART_NUMBER,
	PART_LETTER,
	PART_SUFFIX,
	PART_SUFFIX_NUMBER,
	PART_COMMIT,
	PART_REVISION,
	PART_END,
	PART_BAD,
};

struct cursor {
	const char *rest; /* not read yet */
	enum part part;
	const char *text; /* of the present part, for comparison as a string */
	size_t len;
	uint64_t number;
	int rank; /* of a suffix; negative: before the release without a suffix */
};

static const struct {
	const char *word;
	int rank;
} suffixes[] = {
	{"alpha", -4},
	{"beta", -3},
	{"pre", -2},
	{"rc", -1},
	{"cvs", 1},
	{"svn", 2},
	{"git", 3},
	{"hg", 4},
	{"p", 5},
};

/* Not those of ctype.h, whose answer depends on the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static size_t span(const char *s, bool (*is)(char))
{
	size_t n = 0;

	while (is(s[n]))
		n++;
	return n;
}

static void take_text(struct cursor *c, enum part part, size_t len)
{
	c->text = c->rest;
	c->len = len;
	c->rest += len;
	c->part = len ? part : PART_BAD;
}

static void take_number(struct cursor *c, enum part part)
{
	take_text(c, part, span(c->rest, is_digit));
	/* Wraps around beyond 64 bits, as in apk: what counts is to give its answer. */
	c->number = 0;
	for (size_t i = 0; i < c->len; i++)
		c->number = c->number * 10 + (uint64_t)(c->text[i] - '0');
}

static void take_suffix(struct cursor *c)
{
	take_text(c, PART_SUFFIX, span(c->rest, is_lower));
	for (size_t i = 0; c->part == PART_SUFFIX && i < ARRAY_SIZE(suffixes); i++) {
		if (c->len == strlen(suffixes[i].word) &&
			memcmp(c->text, suffixes[i].word, c->len) == 0) {
			c->rank = suffixes[i].rank;
			return;
		}
	}
	c->part = PART_BAD;
}

/*
 * What a character starts, and the last kind of part it may come after. Digits need no entry: they
 * only start a part after '.', "-r" or a suffix.
 */
static const struct lead {
	char c;
	const char *text;
	enum part part, after;
} leads[] = {
	{'.', ".", PART_NUMBER, PART_NUMBER},
	{'_', "_", PART_SUFFIX, PART_SUFFIX_NUMBER},
	{'~', "~", PART_COMMIT, PART_SUFFIX_NUMBER},
	{'-', "-r", PART_REVISION, PART_COMMIT},
};

static void take_led(struct cursor *c, const struct lead *l)
{
	if (c->part > l->after || !starts_with(c->rest, l->text)) {
		c->part = PART_BAD;
		return;
	}
	c->rest += strlen(l->text);
	if (l->part == PART_SUFFIX)
		take_suffix(c);
	else if (l->part == PART_COMMIT) /* hex digits in lower case only */
		take_text(c, l->part, strspn(c->rest, "0123456789abcdef"));
	else
		take_number(c, l->part);
}

static void next(struct cursor *c)
{
	char ch = *c->rest;

	if (!ch) {
		c->part = PART_END;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(leads); i++) {
		if (leads[i].c == ch) {
			take_led(c, &leads[i]);
			return;
		}
	}
	if (is_lower(ch) && c->part <= PART_NUMBER)
		take_text(c, PART_LETTER, 1);
	else if (is_digit(ch) && c->part == PART_SUFFIX)
		take_number(c, PART_SUFFIX_NUMBER);
	else
		c->part = PART_BAD;
}

static void first(struct cursor *c, const char *v)
{
	*c = (struct cursor){.rest = v};
	take_number(c, PART_FIRST);
}

bool apk_version_valid(const char *v)
{
	struct cursor c;

	for (first(&c, v); c.part < PART_END; next(&c))
		;
	return c.part == PART_END;
}

static int sign(int64_t d)
{
	return d < 0 ? APK_VER_LT : d > 0 ? APK_VER_GT : APK_VER_EQ;
}

static int compare_text(const struct cursor *a, const struct cursor *b)
{
	int r = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

	return sign(r ? r : (int64_t)a->len - (int64_t)b->len);
}

/* Both stand at a part of the same kind. */
static int compare_part(const struct cursor *a, const struct cursor *b)
{
	switch (a->part) {
	case PART_LETTER:
	case PART_COMMIT:
		return compare_text(a, b);
	case PART_SUFFIX:
		return sign(a->rank - b->rank);
	case PART_NUMBER:
		/* ".010" is a decimal fraction rather than ten, as in Gentoo's rules */
		if (a->text[0] == '0' || b->text[0] == '0')
			return compare_text(a, b);
		break;
	default:
		break;
	}
	return a->number < b->number ? APK_VER_LT : a->number > b->number ? APK_VER_GT : APK_VER_EQ;
}

static bool is_pre_release(const struct cursor *c)
{
	return c->part == PART_SUFFIX && c->rank < 0;
}

int apk_version_compare(const char *a, const char *b, bool fuzzy)
{
	struct cursor ca, cb;

	first(&ca, a);
	first(&cb, b);
	for (; ca.part == cb.part && ca.part < PART_END; next(&ca), next(&cb)) {
		int r = compare_part(&ca, &cb);

		if (r != APK_VER_EQ)
			return r;
	}
	if (ca.part == cb.part || (fuzzy && cb.part == PART_END))
		return APK_VER_EQ;
	if (is_pre_release(&ca))
		return APK_VER_LT;
	if (is_pre_release(&cb))
		return APK_VER_GT;
	return ca.part > cb.part ? APK_VER_LT : APK_VER_GT;
}

bool apk_version_match(const char *have, int op, const char *want)
{
	bool ok;

	if (!want || (op & APK_VER_ANY) == APK_VER_ANY)
		ok = true;
	else if (op & APK_VER_CHECKSUM) /* names a content, not a version: the caller compares */
		ok = false;
	else
		ok = (apk_version_compare(have, want, op & APK_VER_FUZZY) & op) != 0;
	return op & APK_VER_CONFLICT ? !ok : ok;
}
