// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * First line: what this is. Then for each text its name and length on a line, and its bytes with a
 * newline behind. Sealed.
 */
#include "pmkmod/build/known_cache.h"

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/kernel/kernel.h"

#define FIRST_LINE "pmkmod " PMKMOD_VERSION " known kernel 2\n"
#define CACHE_MAX (128u << 20)

static const struct {
	const char *name;
	size_t at;
} texts[] = {
#define TEXT(member)                                                                               \
	{                                                                                          \
#member, offsetof(struct known_texts, member)                                      \
	}
	TEXT(config),
	TEXT(config_from),
	TEXT(symvers),
	TEXT(symvers_from),
	TEXT(vermagic),
	TEXT(release),
	TEXT(arch),
	TEXT(notes),
#undef TEXT
};

static char **slot(const struct known_texts *t, size_t i)
{
	return (char **)((char *)t + texts[i].at);
}

char *known_texts_print(const struct known_texts *t, size_t *len)
{
	struct strbuf b = {0};

	strbuf_adds(&b, FIRST_LINE);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *s = *slot(t, i);

		if (s)
			strbuf_addf(&b, "%s %zu\n%s\n", texts[i].name, strlen(s), s);
	}
	sealed_end(&b);
	*len = b.len;
	return strbuf_steal(&b);
}

/* One text at `s`; how long it is with its line, 0: it is none. */
static size_t take_one(struct known_texts *t, const char *s, size_t len)
{
	const char *eol = memchr(s, '\n', len), *space = memchr(s, ' ', len);
	char *end;
	size_t n, head;

	if (!eol || !space || space > eol)
		return 0;
	n = strtoul(space + 1, &end, 10);
	head = (size_t)(eol - s) + 1;
	if (end != eol || n >= len - head || s[head + n] != '\n' || memchr(s + head, '\0', n))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strlen(texts[i].name) == (size_t)(space - s) && starts_with(s, texts[i].name) &&
			!*slot(t, i)) {
			*slot(t, i) = xstrndup(s + head, n);
			return head + n + 1;
		}
	return 0;
}

int known_texts_parse(struct known_texts *t, const char *text, size_t len)
{
	size_t body = sealed_body(text, len, FIRST_LINE), at = strlen(FIRST_LINE), n;

	*t = (struct known_texts){0};
	if (!body)
		return -ENOENT;
	for (; at < body; at += n) {
		n = take_one(t, text + at, body - at);
		if (!n) {
			known_texts_free(t);
			return -ENOENT;
		}
	}
	return 0;
}

int known_texts_load(struct known_texts *t, const char *cache_dir, const struct hash *identity,
	const char *flavor)
{
	_cleanup_free_ char *path = kernel_cache_path(cache_dir, identity, flavor, ".known");
	_cleanup_free_ char *text = NULL;
	size_t len;

	*t = (struct known_texts){0};
	if (fs_read_regular(path, CACHE_MAX, &text, &len, NULL) < 0)
		return -ENOENT;
	fs_note_use(path);
	return known_texts_parse(t, text, len);
}

void known_texts_save(const struct known_texts *t, const char *cache_dir,
	const struct hash *identity, const char *flavor)
{
	_cleanup_free_ char *path = kernel_cache_path(cache_dir, identity, flavor, ".known");
	_cleanup_free_ char *text = NULL;
	size_t len;

	text = known_texts_print(t, &len);
	if (fs_mkdirs(cache_dir, 0700, NULL) == 0)
		fs_write_atomic(path, text, len, 0600, NULL);
}

void known_texts_free(struct known_texts *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*slot(t, i));
	*t = (struct known_texts){0};
}
