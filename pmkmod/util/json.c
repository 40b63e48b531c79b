// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/json.h"

#include <stdio.h>

#include "chroot/base/str.h"

/* How much of a text is UTF-8 from its beginning. */
static size_t valid_part(const char *s, size_t len)
{
	size_t i = 0, n;
	unsigned code;

	while (i < len && (n = utf8_length(s + i, len - i, &code)))
		i += n;
	return i;
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

struct json_object *json_texts(const struct strvec *v)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < v->n; i++)
		json_object_array_add(array, json_text(v->v[i]));
	return array;
}

void json_add_text(struct json_object *object, const char *key, const char *s)
{
	json_object_object_add(object, key, json_text(s));
}

const char *json_get_text(struct json_object *object, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(object, key, &v) &&
			       json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : NULL;
}

char *json_print(struct json_object *take)
{
	const char *s = json_object_to_json_string_ext(take,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *text = xasprintf("%s\n", s);

	json_object_put(take);
	return text;
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
