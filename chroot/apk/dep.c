// SPDX-License-Identifier: GPL-3.0-or-later
/* Dependencies: [!]name[@tag][operator version]. */
#include "chroot/apk/arena.h"

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
static bool name_ok(const char *s)
{
	const char *c = s;

	while ((unsigned char)*c > ' ' && *c != 0x7f)
		c++;
	return c > s && !*c;
}

static const char *version_problem(int op, const char *v)
{
	struct hash h;

	if (op == APK_VER_CHECKSUM)
		return apk_identity_parse(&h, v) < 0 ? "has a checksum that is not valid" : NULL;
	return apk_version_valid(v) ? NULL : "has a version that is not valid";
}

/*
 * Cut one word into its parts where it stands. NULL, or what is wrong with it, as the end of a
 * sentence.
 */
static const char *split(char *word, struct apk_dep *d)
{
	char *at, *op;
	size_t n;

	*d = (struct apk_dep){.op = APK_VER_ANY, .conflict = *word == '!'};
	d->name = word + d->conflict;
	op = d->name + strcspn(d->name, COMPARERS);
	n = strspn(op, COMPARERS);
	if (n) {
		d->op = parse_op(op, n);
		d->version = op + n;
		*op = '\0';
		if ((d->op & APK_VER_ANY) == APK_VER_ANY)
			return "has an operator that excludes nothing";
	}
	at = strchr(d->name, '@');
	if (at) {
		d->tag = at + 1;
		*at = '\0';
		if (!name_ok(d->tag))
			return "has no usable @tag";
	}
	if (!name_ok(d->name))
		return "has no usable package name";
	return d->version ? version_problem(d->op, d->version) : NULL;
}

static int parse_word(struct apk_dep *d, const char *word, size_t len, struct err *e)
{
	_cleanup_free_ char *w = xstrndup(word, len);
	const char *problem = split(w, d);

	if (problem) {
		*d = (struct apk_dep){0};
		return err_set(e, -EINVAL, "dependency '%.*s' %s", (int)len, word, problem);
	}
	d->name = xstrdup(d->name);
	d->version = xstrdup(d->version);
	d->tag = xstrdup(d->tag);
	return 0;
}

int apk_dep_parse(struct apk_dep *d, const char *word, struct err *e)
{
	return parse_word(d, word, strlen(word), e);
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
	/* exactly what is needed; a list that grows again and again gets more each time */
	if (l->n + more > l->room) {
		l->room = l->n + (l->n > more ? l->n : more);
		l->v = xrealloc(l->v, l->room, sizeof(*l->v));
	}
	for (const char *s = text; *(s += strspn(s, BLANKS));) {
		size_t len = strcspn(s, BLANKS);
		int r = parse_word(&l->v[l->n], s, len, result ? NULL : e);

		/* One bad word does not hide the others; the caller decides what it costs. */
		if (r == 0)
			l->n++;
		else if (result == 0)
			result = r;
		s += len;
	}
	return result;
}

/* Exactly what a field needs; one that is given again and again gets more each time. */
static void make_room(struct arena *a, struct apk_deps *l, size_t more)
{
	struct apk_dep *v;

	if (l->n + more <= l->room)
		return;
	l->room = l->n + (l->n > more ? l->n : more);
	v = arena_alloc(a, l->room * sizeof(*v));
	if (l->n)
		memcpy(v, l->v, l->n * sizeof(*v));
	l->v = v;
}

int apk_deps_parse_in(struct arena *a, struct apk_deps *l, char *text)
{
	size_t more = count_words(text);
	int result = 0;

	if (!more)
		return 0;
	make_room(a, l, more);
	for (char *s = text, *next; *(s += strspn(s, BLANKS)); s = next) {
		next = s + strcspn(s, BLANKS);
		if (*next)
			*next++ = '\0';
		if (split(s, &l->v[l->n]))
			result = -EINVAL;
		else
			l->n++;
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
