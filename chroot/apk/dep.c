// SPDX-License-Identifier: GPL-3.0-or-later
/* Dependencies: [!]name[@tag][operator version]. */
#include "chroot/apk/apk.h"

#define COMPARERS "<>=~"
#define BLANKS " \t\n"

/* For printing; of several ways to say the same the first is printed. */
static const struct {
	const char *text;
	int op;
} operators[] = {
	{"=", APK_VER_EQ},
	{"<", APK_VER_LT},
	{">", APK_VER_GT},
	{"<=", APK_VER_LT | APK_VER_EQ},
	{">=", APK_VER_GT | APK_VER_EQ},
	{"~", APK_VER_EQ | APK_VER_FUZZY},
	{"<~", APK_VER_LT | APK_VER_EQ | APK_VER_FUZZY},
	{">~", APK_VER_GT | APK_VER_EQ | APK_VER_FUZZY},
	{"><", APK_VER_CHECKSUM},
	{"", APK_VER_ANY},
};

/* The characters of an operator may come in any order and number ("=<", "~=", "=~"): as in apk. */
static int parse_op(const char *s, size_t n)
{
	static const struct {
		char c;
		int bits;
	} bits[] = {
		{'<', APK_VER_LT},
		{'>', APK_VER_GT},
		{'=', APK_VER_EQ},
		{'~', APK_VER_EQ | APK_VER_FUZZY},
	};
	int op = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(bits); k++)
			if (bits[k].c == s[i])
				op |= bits[k].bits;
	return op == (APK_VER_LT | APK_VER_GT) ? APK_VER_CHECKSUM : op;
}

/* A name that a message, a file name or a line of the database can hold. */
static bool name_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return n > 0;
}

static int version_ok(int op, const char *v)
{
	struct hash h;

	if (op == APK_VER_CHECKSUM)
		return apk_identity_parse(&h, v) == 0;
	return apk_version_valid(v);
}

/* `w` is not terminated: words are parsed where they stand in a list. */
static int parse_word(struct apk_dep *d, const char *w, size_t len, struct err *e)
{
	const char *s = w, *end = w + len, *at, *name_end;
	size_t n = 0;

	*d = (struct apk_dep){.op = APK_VER_ANY};
	if (s < end && *s == '!') {
		d->conflict = true;
		s++;
	}
	while (s + n < end && !strchr(COMPARERS, s[n]))
		n++;
	name_end = s + n;
	at = memchr(s, '@', n);
	if (at && !name_ok(at + 1, (size_t)(name_end - at - 1)))
		return err_set(e, -EINVAL, "dependency '%.*s' has an empty @tag", (int)len, w);
	if (!name_ok(s, (size_t)((at ? at : name_end) - s)))
		return err_set(
			e, -EINVAL, "dependency '%.*s' has no usable package name", (int)len, w);
	d->name = xstrndup(s, (size_t)((at ? at : name_end) - s));
	if (at)
		d->tag = xstrndup(at + 1, (size_t)(name_end - at - 1));
	if (name_end == end)
		return 0;
	for (n = 0; name_end + n < end && strchr(COMPARERS, name_end[n]); n++)
		;
	d->op = parse_op(name_end, n);
	if ((d->op & APK_VER_ANY) == APK_VER_ANY)
		return err_set(e, -EINVAL, "dependency '%.*s': operator '%.*s' excludes nothing",
			(int)len, w, (int)n, name_end);
	d->version = xstrndup(name_end + n, (size_t)(end - name_end) - n);
	if (!version_ok(d->op, d->version))
		return err_set(e, -EINVAL, "dependency '%.*s' has a %s that is not valid", (int)len,
			w, d->op == APK_VER_CHECKSUM ? "checksum" : "version");
	return 0;
}

int apk_dep_parse(struct apk_dep *d, const char *word, struct err *e)
{
	int r;

	if (word[strcspn(word, BLANKS)]) {
		*d = (struct apk_dep){0};
		return err_set(e, -EINVAL, "dependency '%s' has a blank in it", word);
	}
	r = parse_word(d, word, strlen(word), e);
	if (r < 0)
		apk_dep_free(d);
	return r;
}

static size_t count_words(const char *s)
{
	size_t n = 0;

	while (*(s += strspn(s, BLANKS))) {
		s += strcspn(s, BLANKS);
		n++;
	}
	return n;
}

int apk_deps_parse(struct apk_deps *l, const char *text, struct err *e)
{
	size_t more = count_words(text);
	int result = 0;

	if (!more)
		return 0;
	/* No capacity is kept: whoever fills a list elsewhere may allocate it as it likes. */
	l->v = xrealloc(l->v, l->n + more, sizeof(*l->v));
	for (const char *s = text; *(s += strspn(s, BLANKS));) {
		size_t len = strcspn(s, BLANKS);
		int r = parse_word(&l->v[l->n], s, len, result ? NULL : e);

		/* One bad word does not hide the others; the caller decides what it costs. */
		if (r < 0) {
			apk_dep_free(&l->v[l->n]);
			result = result ? result : r;
		} else {
			l->n++;
		}
		s += len;
	}
	return result;
}

char *apk_dep_print(const struct apk_dep *d)
{
	struct strbuf b = {0};
	const char *op = "?";

	if (d->conflict)
		strbuf_addc(&b, '!');
	strbuf_adds(&b, d->name);
	if (d->tag)
		strbuf_addf(&b, "@%s", d->tag);
	if (d->version) {
		for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
			if (operators[i].op == (d->op & ~APK_VER_CONFLICT))
				op = operators[i].text;
		strbuf_addf(&b, "%s%s", op, d->version);
	}
	return strbuf_steal(&b);
}

void apk_dep_free(struct apk_dep *d)
{
	free(d->name);
	free(d->version);
	free(d->tag);
	*d = (struct apk_dep){0};
}

void apk_deps_free(struct apk_deps *l)
{
	for (size_t i = 0; i < l->n; i++)
		apk_dep_free(&l->v[i]);
	free(l->v);
	*l = (struct apk_deps){0};
}
