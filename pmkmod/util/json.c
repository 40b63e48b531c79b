// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/json.h"

#include <stdio.h>

#include "chroot/base/str.h"

/* Length of the UTF-8 character at `s`, 0: it is none (RFC 3629: no surrogates, none overlong). */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high; /* of the second byte */
		unsigned char length;
	} forms[] = {
		{0x01, 0x7f, 0, 0, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (*s < forms[i].first || *s > forms[i].last)
			continue;
		if (forms[i].length > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

/* How much of a text is UTF-8 from its beginning. */
static size_t valid_part(const char *s, size_t len)
{
	size_t i = 0, n;

	while (i < len && (n = utf8_length((const unsigned char *)s + i)))
		i += n;
	return i < len ? i : len;
}

static struct json_object *text_of(const char *s, size_t len)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (valid_part(s, len) == len)
		return json_object_new_string_len(s, (int)len);
	for (size_t i = 0; i < len;) {
		size_t n = valid_part(s + i, len - i);

		strbuf_add(&b, s + i, n);
		i += n;
		if (i < len) {
			strbuf_adds(&b, "\xef\xbf\xbd");
			i++;
		}
	}
	return json_object_new_string_len(b.s, (int)b.len);
}

struct json_object *json_text(const char *s)
{
	return s ? text_of(s, strlen(s)) : NULL;
}

struct json_object *json_lines(const char *s)
{
	struct json_object *array = json_object_new_array();

	while (s && *s) {
		size_t n = strcspn(s, "\n");

		json_object_array_add(array, text_of(s, n));
		s += n + (s[n] == '\n');
	}
	return array;
}

void json_add_text(struct json_object *object, const char *key, const char *s)
{
	json_object_object_add(object, key, json_text(s));
}

static void write_text(struct json_object *take, size_t without)
{
	size_t len;
	const char *s = json_object_to_json_string_length(
		take, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	fwrite(s, 1, len - without, stdout);
	json_object_put(take);
}

void json_write(struct json_object *take)
{
	write_text(take, 0);
}

void json_write_open(struct json_object *take)
{
	write_text(take, 1);
}
