// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Names and versions that both generations of apk accept. Their common grammar is
 * number{.number}[letter]{_suffix[number]}[-rN], with numbers of less than 18 digits; leading
 * zeros, which the two order differently, are never written.
 */
#include <ctype.h>

#include "pmkmod/export/export_parts.h"

/* The longest number that apk 2.14 takes. */
#define DIGITS_MAX 17
/* Room for the kernel's part in a file name: nobody's version needs more. */
#define CLEAN_MAX 100

static const char digits[] = "0123456789";

/* ---- the module's version ---- */

/* What upstreams write, and apk's suffix for it. */
static const struct {
	const char *word, *suffix;
} words[] = {
	{"alpha", "alpha"},
	{"a", "alpha"},
	{"beta", "beta"},
	{"b", "beta"},
	{"pre", "pre"},
	{"preview", "pre"},
	{"dev", "pre"},
	{"rc", "rc"},
	{"cvs", "cvs"},
	{"svn", "svn"},
	{"git", "git"},
	{"hg", "hg"},
	{"p", "p"},
	{"pl", "p"},
	{"patch", "p"},
	{"rev", "p"},
	{"r", "p"},
};

struct cleaner {
	struct strbuf out;
	bool in_suffixes; /* a suffix was written: only suffixes may follow */
	bool wants_number; /* the last suffix may still take a number */
	bool dated; /* 2024-03-01: its '-' are dots */
};

static size_t run_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]))
		n++;
	return n;
}

/* An abbreviated commit: seven or more hex digits, with letters among them ("g" before it or not).
 * It says nothing about the order of versions. */
static bool is_commit(const char *s, size_t n)
{
	size_t letters = 0, i = n > 7 && tolower((unsigned char)s[0]) == 'g';

	if (n - i < 7)
		return false;
	for (; i < n; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
		letters += !isdigit((unsigned char)s[i]);
	}
	return letters > 0;
}

static bool is_date(const char *s)
{
	static const char shape[] = "dddd-dd-dd";

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	return !isdigit((unsigned char)s[sizeof(shape) - 1]);
}

/* Write the number at `s` (`n` digits), which `before` separates from what was written. */
static void put_number(struct cleaner *c, char before, const char *s, size_t n)
{
	while (n > 1 && *s == '0') {
		s++;
		n--;
	}
	if (n > DIGITS_MAX)
		n = DIGITS_MAX;
	if (c->out.len == 0 || c->wants_number) {
		c->wants_number = false;
	} else if (!c->in_suffixes && (before == '.' || (c->dated && before == '-'))) {
		strbuf_addc(&c->out, '.');
	} else {
		strbuf_adds(&c->out, "_p");
		c->in_suffixes = true;
	}
	strbuf_add(&c->out, s, n);
}

/* Write the suffix for the letters at `s`; false if they mean nothing to apk. */
static bool put_word(struct cleaner *c, const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i].word) != n || strncasecmp(words[i].word, s, n) != 0)
			continue;
		strbuf_addf(&c->out, "%s_%s", c->out.len ? "" : "0", words[i].suffix);
		c->in_suffixes = true;
		c->wants_number = true;
		return true;
	}
	return false;
}

/* "v1.2", "r123", "driver-1.0": letters before the first number carry nothing, but "git123" does.
 */
static bool is_prefix(const struct cleaner *c, const char *s, size_t n)
{
	return c->out.len == 0 &&
	       !(n == 3 && (strncasecmp(s, "git", 3) == 0 || strncasecmp(s, "svn", 3) == 0 ||
				   strncasecmp(s, "cvs", 3) == 0));
}

/* One run of letters and digits, `before` being the character in front of it. */
static void put_run(struct cleaner *c, char before, const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && c->out.len < CLEAN_MAX) {
		size_t k = i;
		bool digit = isdigit((unsigned char)s[i]);

		while (k < n && (isdigit((unsigned char)s[k]) != 0) == digit)
			k++;
		if (digit) {
			put_number(c, i ? '-' : before, s + i, k - i);
		} else if (is_prefix(c, s + i, k - i)) {
			/* nothing to write */
		} else if (i && k == n && k - i == 1 && !c->in_suffixes) {
			/* 1.2.3a: apk's own letter */
			strbuf_addc(&c->out, (char)tolower((unsigned char)s[i]));
			c->in_suffixes = true;
		} else if (!put_word(c, s + i, k - i)) {
			return; /* "ubuntu5": a word nobody knows makes its number meaningless */
		}
		i = k;
	}
}

char *export_clean_version(const char *text)
{
	struct cleaner c = {0};
	char before = '\0';

	for (const char *s = text; s && *s && c.out.len < CLEAN_MAX;) {
		size_t n = run_length(s);

		if (n == 0) {
			before = *s++;
			continue;
		}
		if (c.out.len == 0 && is_date(s))
			c.dated = true;
		/* a first number is a version, even 20240301; "1a2b3c4" alone is a commit */
		if (!is_commit(s, n))
			put_run(&c, before, s, n);
		s += n;
	}
	if (c.out.len == 0 || !apk_version_valid(c.out.s)) {
		strbuf_reset(&c.out);
		strbuf_addc(&c.out, '0');
	}
	return strbuf_steal(&c.out);
}

/* ---- the kernel's version behind it ---- */

/*
 * "6.1.176" as "_p6_p1_p176". At least three numbers, so that 7.1 stands before 7.1.1; more than
 * three are written too ("5.10.4.115"), for a longer row of _p is the greater version, as a longer
 * row of numbers is.
 */
static const char *put_kernel_numbers(struct strbuf *b, const char *s)
{
	size_t count = 0;

	for (;;) {
		size_t n = strspn(s, digits);

		if (n == 0)
			return NULL;
		for (; n > 1 && *s == '0'; n--)
			s++;
		strbuf_addf(b, "_p%.*s", (int)n, s);
		count++;
		s += n;
		if (*s != '.')
			break;
		s++;
	}
	for (; count < 3; count++)
		strbuf_adds(b, "_p0");
	return s;
}

/*
 * What follows the numbers: suffixes (_rc1, _git20200101) stay as they are. A letter (5.4a), which
 * apk does not allow there, becomes _hg and its place in the alphabet: after 5.4 and 5.4_git1,
 * before 5.4.1, as the letter would be.
 */
static void put_kernel_rest(struct strbuf *b, const char *s, size_t n)
{
	if (n && *s >= 'a' && *s <= 'z') {
		strbuf_addf(b, "_hg%d", *s - 'a' + 1);
		s++;
		n--;
	}
	strbuf_add(b, s, n);
}

int export_version(
	const char *module_version, const char *kernel_version, char **out, struct err *e)
{
	_cleanup_free_ char *clean = export_clean_version(module_version);
	_cleanup_strbuf_ struct strbuf b = {0};
	const char *rest, *release = strstr(kernel_version, "-r");

	strbuf_adds(&b, clean);
	/* '~' (a commit) is only known to apk 3, which would still not order it */
	rest = apk_version_valid(kernel_version) && !strchr(kernel_version, '~')
		       ? put_kernel_numbers(&b, kernel_version)
		       : NULL;
	if (!rest)
		return err_set(e, -EINVAL,
			"the kernel package's version '%s' is not one that apk 2 and apk 3 both "
			"understand: no version can be made from it",
			kernel_version);
	put_kernel_rest(&b, rest, release ? (size_t)(release - rest) : strlen(rest));
	strbuf_adds(&b, release ? release : "-r0");
	if (!apk_version_valid(b.s))
		return err_set(e, -EINVAL,
			"the versions '%s' of the module and '%s' of the kernel package together "
			"give '%s', which apk does not understand",
			module_version ? module_version : "(none)", kernel_version, b.s);
	*out = strbuf_steal(&b);
	return 0;
}

char *export_package_name(const char *module, const char *flavor)
{
	char *name = xasprintf("%s-kmod-%s", module, flavor);

	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && (p == name || !strchr("._+-", *p)))
			*p = p == name ? 'x' : '_';
	return name;
}
