/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What json-c leaves to its users: text that may be anything, and lists of lines. */
#ifndef PMKMOD_JSON_H
#define PMKMOD_JSON_H

#include <json-c/json.h>

#include "chroot/base/str.h"

/* NULL becomes null; bytes that are no UTF-8, which JSON cannot say, become U+FFFD. */
struct json_object *json_text(const char *s);
/* An array of the lines of a text; NULL becomes an empty one. */
struct json_object *json_lines(const char *s);
/* An array of json_text() of each. */
struct json_object *json_texts(const struct strvec *v);
/* object[key] = json_text(s) */
void json_add_text(struct json_object *object, const char *key, const char *s);
/* The text of object[key]; NULL: it has none. Borrowed from the object. */
const char *json_get_text(struct json_object *object, const char *key);
/* As text for people to read too, indented, with a newline at its end; `take` is freed. Caller
 * frees.
 */
char *json_print(struct json_object *take);
/* Write on one line to standard output, without a newline, and free. */
void json_write(struct json_object *take);
/* The same without the closing brace of an object that has members: more of them can follow. */
void json_write_open(struct json_object *take);

#endif
