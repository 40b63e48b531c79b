// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/module/kernel_range.h"

#include <ctype.h>
#include <limits.h>

#include "chroot/base/str.h"
#include "pmkmod/util/exit_codes.h"

#define PARTS_MAX 4
#define DIGITS_MAX 9 /* so that a number fits an unsigned */
#define SEPARATORS " \t\r\n,"

struct release {
	unsigned part[PARTS_MAX];
	size_t n;
	unsigned rc; /* UINT_MAX: none, which is above all of them */
};

/* Digits at *s; false: none, or too many. */
static bool number(const char **s, unsigned *out)
{
	size_t n = strspn(*s, "0123456789");

	if (n == 0 || n > DIGITS_MAX)
		return false;
	for (*out = 0; n > 0; n--)
		*out = *out * 10 + (unsigned)(*(*s)++ - '0');
	return true;
}

/* The numbers that `s` begins with; what is left of it, NULL: it begins with none. */
static const char *read_release(const char *s, struct release *r)
{
	*r = (struct release){.rc = UINT_MAX};
	while (number(&s, &r->part[r->n])) {
		r->n++;
		if (r->n == PARTS_MAX || *s != '.' || !isdigit((unsigned char)s[1]))
			break;
		s++;
	}
	if (r->n == 0)
		return NULL;
	if (starts_with(s, "-rc") && isdigit((unsigned char)s[3])) {
		s += 3;
		if (!number(&s, &r->rc))
			return NULL;
	}
	return s;
}

/* How `have` stands to `want`, by as many numbers as `want` has. */
static int compare(const struct release *have, const struct release *want)
{
	bool candidate = have->rc != UINT_MAX;

	for (size_t i = 0; i < want->n; i++)
		if (have->part[i] != want->part[i])
			return have->part[i] < want->part[i] ? -1 : 1;
	/* 6.1.5-rc1 is no candidate of 6.1 */
	for (size_t i = want->n; i < PARTS_MAX; i++)
		candidate = candidate && have->part[i] == 0;
	if (candidate && have->rc != want->rc)
		return have->rc < want->rc ? -1 : 1;
	return !candidate && want->rc != UINT_MAX ? 1 : 0;
}

enum { LT = 1, EQ = 2, GT = 4 };
static const struct {
	const char *word;
	int holds;
} operators[] = {{">=", GT | EQ}, {"<=", LT | EQ}, {"==", EQ}, {"!=", LT | GT}, {">", GT},
	{"<", LT}, {"=", EQ}, {"!", LT | GT}, {"", EQ}};

/* One word of a range at *s, moved behind it; false: it is none. */
static bool read_word(const char **s, struct release *want, int *holds)
{
	const char *at = *s;

	*holds = 0;
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (starts_with(at, operators[i].word)) {
			at += strlen(operators[i].word);
			*holds = operators[i].holds;
			break;
		}
	at += strspn(at, " \t"); /* ">= 5.4" */
	at = read_release(at, want);
	if (!at || (*at && !strchr(SEPARATORS, *at)))
		return false;
	*s = at + strspn(at, SEPARATORS);
	return true;
}

/* NULL, or where the first word is that is none. */
static const char *find_wrong(const char *range, const struct release *have, bool *in)
{
	const char *s = range + strspn(range, SEPARATORS);

	*in = true;
	if (starts_with(s, "any") && !s[3 + strspn(s + 3, SEPARATORS)])
		return NULL;
	while (*s) {
		const char *word = s;
		struct release want;
		int holds, c;

		if (!read_word(&s, &want, &holds))
			return word;
		c = have->n ? compare(have, &want) : 0;
		*in = *in && have->n && holds & (c < 0 ? LT : c > 0 ? GT : EQ);
	}
	return NULL;
}

int kernel_range_check(const char *range, struct err *e)
{
	const struct release none = {0};
	const char *wrong;
	bool in;

	wrong = range ? find_wrong(range, &none, &in) : NULL;
	if (!wrong)
		return 0;
	return err_exit(e, EXIT_USAGE, -EINVAL,
		"'%.*s' is no range of kernels: say words like >=5.4 <6.8 !6.1.5, or any",
		(int)strcspn(wrong, SEPARATORS), wrong);
}

bool kernel_range_has(const char *range, const char *release)
{
	struct release have;
	bool in;

	if (!range)
		return true;
	if (!read_release(release, &have))
		have = (struct release){0};
	return !find_wrong(range, &have, &in) && in;
}
