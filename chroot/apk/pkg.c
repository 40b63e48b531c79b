// SPDX-License-Identifier: GPL-3.0-or-later
/* One package's record: fields from text, identity as text, freeing. */
#include "chroot/apk/pkg_field.h"

#include "chroot/apk/arena.h"

#include <stddef.h>

void apk_pkg_free(struct apk_pkg *p)
{
	char **texts[] = {&p->name, &p->version, &p->arch, &p->desc, &p->url, &p->license,
		&p->origin, &p->maintainer, &p->commit, &p->packager};
	struct apk_deps *deps[] = {&p->depends, &p->provides, &p->install_if, &p->replaces};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(deps); i++)
		apk_deps_free(deps[i]);
	strvec_free(&p->triggers);
	*p = (struct apk_pkg){0};
}

static bool only_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			    (*s >= '0' && *s <= '9') || strchr(more, *s)))
			return false;
	return true;
}

bool apk_name_safe(const char *name)
{
	return *name && *name != '.' && *name != '-' && only_of(name, "._+-");
}

bool apk_version_safe(const char *version)
{
	return *version && *version != '.' && *version != '-' && only_of(version, "._+-~");
}

int apk_parse_uint(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

/* ---- identity ---- */

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64(const uint8_t *b, size_t len, const char *prefix)
{
	struct strbuf out = {0};

	strbuf_adds(&out, prefix);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)b[i] << 16 | (n > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
			     (n > 2 ? b[i + 2] : 0);

		for (size_t k = 0; k < 4; k++)
			strbuf_addc(&out, k <= n ? base64_digits[v >> (18 - 6 * k) & 63] : '=');
	}
	return strbuf_steal(&out);
}

char *apk_identity_text(const struct hash *h)
{
	/* apk marks a SHA-256 by '2'; whatever else there is has no text */
	if (h->alg != HASH_SHA1 && h->alg != HASH_SHA256)
		return xstrdup("");
	return base64(h->b, h->len, h->alg == HASH_SHA1 ? "Q1" : "Q2");
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Exactly `len` bytes, padded, no stray bits in the last digit: one text only for each value. */
static int base64_decode(uint8_t *out, size_t len, const char *s, size_t n)
{
	size_t digits = (len * 8 + 5) / 6, got = 0;
	uint32_t bits = 0;

	if (n != (len + 2) / 3 * 4)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int v = base64_value(s[i]);

		if (i >= digits) {
			if (s[i] != '=')
				return -EINVAL;
			continue;
		}
		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 && got < len)
			out[got++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return (bits & (len % 3 == 1 ? 15 : len % 3 == 2 ? 3 : 0)) ? -EINVAL : 0;
}

int apk_identity_parse(struct hash *h, const char *text)
{
	/* apk 3 writes a SHA-256 under '1' as well: there the length decides */
	static const struct {
		char kind, alg;
		size_t digits;
		enum hash_alg is;
	} forms[] = {
		{'Q', '1', 28, HASH_SHA1},
		{'Q', '1', 44, HASH_SHA256},
		{'Q', '2', 44, HASH_SHA256},
		{'X', '1', 40, HASH_SHA1},
		{'X', '1', 64, HASH_SHA256},
		{'X', '2', 64, HASH_SHA256},
	};
	size_t n = strlen(text);

	*h = (struct hash){0};
	for (size_t i = 0; n > 2 && i < ARRAY_SIZE(forms); i++) {
		if (text[0] != forms[i].kind || text[1] != forms[i].alg || n - 2 != forms[i].digits)
			continue;
		if (text[0] == 'X')
			return hash_from_hex(h, forms[i].is, text + 2, n - 2);
		h->alg = forms[i].is;
		h->len = (uint8_t)hash_len(h->alg);
		return base64_decode(h->b, h->len, text + 2, n - 2);
	}
	return -EINVAL;
}

/* ---- fields ---- */

enum kind { K_TEXT, K_UINT64, K_INT64, K_UINT32, K_DEPS, K_IDENTITY, K_DATAHASH, K_GLOBS };

struct field {
	char letter; /* in the index; 0: none */
	const char *key; /* in .PKGINFO; NULL: none */
	enum kind kind;
	size_t offset;
};

#define FIELD(letter, key, kind, member)                                                           \
	{                                                                                          \
		letter, key, kind, offsetof(struct apk_pkg, member)                                \
	}
static const struct field fields[] = {
	FIELD('C', NULL, K_IDENTITY, identity),
	FIELD('P', "pkgname", K_TEXT, name),
	FIELD('V', "pkgver", K_TEXT, version),
	FIELD('A', "arch", K_TEXT, arch),
	FIELD('S', NULL, K_UINT64, size),
	FIELD('I', "size", K_UINT64, installed_size),
	FIELD('T', "pkgdesc", K_TEXT, desc),
	FIELD('U', "url", K_TEXT, url),
	FIELD('L', "license", K_TEXT, license),
	FIELD('o', "origin", K_TEXT, origin),
	FIELD('m', "maintainer", K_TEXT, maintainer),
	FIELD('t', "builddate", K_INT64, build_time),
	FIELD('c', "commit", K_TEXT, commit),
	FIELD('k', "provider_priority", K_UINT32, provider_priority),
	FIELD('D', "depend", K_DEPS, depends),
	FIELD('p', "provides", K_DEPS, provides),
	FIELD('i', "install_if", K_DEPS, install_if),
	FIELD(0, "replaces", K_DEPS, replaces),
	FIELD(0, "replaces_priority", K_UINT32, replaces_priority),
	FIELD(0, "triggers", K_GLOBS, triggers),
	FIELD(0, "packager", K_TEXT, packager),
	FIELD(0, "datahash", K_DATAHASH, datahash),
};

static int set_uint(const struct field *f, void *where, const char *value, struct err *e)
{
	uint64_t max = f->kind == K_UINT32  ? UINT32_MAX
		       : f->kind == K_INT64 ? INT64_MAX
					    : UINT64_MAX;
	uint64_t v;
	int r = apk_parse_uint(value, max, &v);

	if (r < 0)
		return err_set(e, -EBADMSG, "'%.64s' is not a number that fits", value);
	if (f->kind == K_UINT32)
		*(uint32_t *)where = (uint32_t)v;
	else if (f->kind == K_INT64)
		*(int64_t *)where = (int64_t)v;
	else
		*(uint64_t *)where = v;
	return 0;
}

/* Tags choose a repository: only the user's world may do that, a package may not. */
static bool has_tag(const struct apk_deps *l, size_t from)
{
	for (size_t i = from; i < l->n; i++)
		if (l->v[i].tag)
			return true;
	return false;
}

/* With an arena the value is given away: it is cut up, and kept by whoever has the arena. */
static void set_deps(struct apk_pkg *p, struct apk_deps *l, const char *value, struct arena *a)
{
	size_t old = l->n;
	int r = a ? apk_deps_parse_in(a, l, (char *)value) : apk_deps_parse(l, value, NULL);
	bool bad = r < 0 || has_tag(l, old);

	if (bad && l == &p->depends)
		p->uninstallable = true;
	if (!bad || l != &p->install_if)
		return;
	if (!a)
		apk_deps_free(l);
	*l = (struct apk_deps){0};
}

static int set_hash(const struct field *f, struct hash *h, const char *value, struct err *e)
{
	int r = f->kind == K_IDENTITY ? apk_identity_parse(h, value)
				      : hash_from_hex(h, HASH_SHA256, value, strlen(value));

	return r < 0 ? err_set(e, -EBADMSG, "'%.128s' is not a hash of the kind that belongs there",
			       value)
		     : 0;
}

static void set_text(char **where, const char *value, struct arena *a)
{
	if (a) {
		*where = (char *)value;
		return;
	}
	free(*where);
	*where = xstrdup(value);
}

static int set(
	struct apk_pkg *p, const struct field *f, const char *value, struct arena *a, struct err *e)
{
	void *where = (char *)p + f->offset;

	switch (f->kind) {
	case K_TEXT:
		set_text(where, value, a);
		return 0;
	case K_UINT64:
	case K_INT64:
	case K_UINT32:
		return set_uint(f, where, value, e);
	case K_DEPS:
		set_deps(p, where, value, a);
		return 0;
	case K_IDENTITY:
	case K_DATAHASH:
		return set_hash(f, where, value, e);
	case K_GLOBS: /* never in an index */
		strvec_reset(where);
		strvec_split(where, value, " ");
		return 0;
	}
	return 0;
}

static int set_letter(
	struct apk_pkg *p, char letter, const char *value, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields) && fields[i].letter; i++)
		if (fields[i].letter == letter)
			return set(p, &fields[i], value, a, e) < 0
				       ? err_prefix(e, "field %c", letter)
				       : APK_FIELD_SET;
	if (letter && strchr("FMRZrqasfg", letter))
		return APK_FIELD_INSTALLED;
	/* New fields in lower case may be ignored; the others change what a package is. */
	if (!(letter >= 'a' && letter <= 'z'))
		p->uninstallable = true;
	return APK_FIELD_UNKNOWN;
}

int apk_pkg_set_field(struct apk_pkg *p, char field, const char *value, struct err *e)
{
	return set_letter(p, field, value, NULL, e);
}

int apk_pkg_set_field_in(struct arena *a, struct apk_pkg *p, char field, char *value, struct err *e)
{
	return set_letter(p, field, value, a, e);
}

int apk_pkg_set_key(struct apk_pkg *p, const char *key, const char *value, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].key && streq(fields[i].key, key))
			return set(p, &fields[i], value, NULL, e) < 0
				       ? err_prefix(e, "field %s", key)
				       : APK_FIELD_SET;
	return APK_FIELD_SET;
}
