// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/tar_pax.h"

#define PAX_XATTR "SCHILY.xattr."

static int bad(const struct tar_reader *t, const char *what, const char *key, struct err *e)
{
	return err_set(e, -EBADMSG,
		"%s: a PAX header %s%s; it was not packed by a program that apk "
		"agrees with",
		t->shown, what, key);
}

static int set_text(
	struct tar_reader *t, const char **where, char *key, char *value, size_t len, struct err *e)
{
	if (*where)
		return bad(t, "has twice the key ", key, e);
	if (memchr(value, 0, len))
		return bad(t, "has a zero byte in ", key, e);
	*where = value;
	return 0;
}

static int set_path(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	return set_text(t, &t->pax_path, key, value, len, e);
}

static int set_linkpath(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	return set_text(t, &t->pax_link, key, value, len, e);
}

static int set_checksum(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	if (t->en.checksum.alg != HASH_NONE)
		return bad(t, "has twice the key ", key, e);
	if (hash_from_hex(&t->en.checksum, HASH_SHA1, value, len) < 0)
		return bad(t, "has no 40 hex digits in ", key, e);
	return 0;
}

static int add_xattr(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	struct apk_entry *en = &t->en;

	if (!key[strlen(PAX_XATTR)])
		return bad(t, "has an extended attribute without a name", "", e);
	if (en->n_xattrs == t->xattr_cap) {
		t->xattr_cap = t->xattr_cap ? 2 * t->xattr_cap : 4;
		en->xattrs = xrealloc(en->xattrs, t->xattr_cap, sizeof(*en->xattrs));
	}
	en->xattrs[en->n_xattrs++] =
		(struct apk_xattr){.name = key + strlen(PAX_XATTR), .value = value, .len = len};
	return 0;
}

static int refuse_sparse(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	(void)value, (void)len;
	/* apk ignores these keys and would install the map of the holes as the content */
	return bad(t, "describes a sparse file: ", key, e);
}

/* Every other key (size, mtime, uid ...) is ignored, because apk takes those from the header. */
static const struct pax_key {
	const char *key;
	bool prefix;
	int (*take)(struct tar_reader *t, char *key, char *value, size_t len, struct err *e);
} keys[] = {
	{"path", false, set_path},
	{"linkpath", false, set_linkpath},
	{"APK-TOOLS.checksum.SHA1", false, set_checksum},
	{PAX_XATTR, true, add_xattr},
	{"GNU.sparse.", true, refuse_sparse},
};

static int take_record(struct tar_reader *t, char *key, char *value, size_t len, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].prefix ? starts_with(key, keys[i].key) : streq(key, keys[i].key))
			return keys[i].take(t, key, value, len, e);
	return 0;
}

/* "<length> <key>=<value>\n", the length that of the whole record. 0 if it is nothing like it. */
static size_t record_length(const char *s, size_t left, size_t *digits)
{
	size_t n = 0;

	for (*digits = 0; *digits < left && s[*digits] >= '0' && s[*digits] <= '9'; ++*digits) {
		n = n * 10 + (size_t)(s[*digits] - '0');
		if (n > left)
			return 0;
	}
	if (!*digits || *digits == left || s[*digits] != ' ' || n < *digits + 4 || s[n - 1] != '\n')
		return 0;
	return n;
}

int tar_pax_parse(struct tar_reader *t, struct err *e)
{
	char *s = t->pax.s;
	size_t left = t->pax.len, digits;

	while (left) {
		size_t n = record_length(s, left, &digits);
		char *key = s + digits + 1, *equals;
		int r;

		equals = n ? memchr(key, '=', n - digits - 2) : NULL;
		if (!equals || equals == key || memchr(key, 0, (size_t)(equals - key)))
			return bad(t, "is damaged", "", e);
		*equals = '\0';
		s[n - 1] = '\0';
		r = take_record(t, key, equals + 1, (size_t)(s + n - 1 - (equals + 1)), e);
		if (r < 0)
			return r;
		s += n;
		left -= n;
	}
	return 0;
}
