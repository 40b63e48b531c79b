/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What json-c leaves to its users: text that may be anything, and lists of lines. */
#ifndef PMKMOD_JSON_H
#define PMKMOD_JSON_H

#include <json-c/json.h>

/* NULL becomes null; bytes that are no UTF-8, which JSON cannot say, become U+FFFD. */
struct json_object *json_text(const char *s);
/* An array of the lines of a text; NULL becomes an empty one. */
struct json_object *json_lines(const char *s);
/* object[key] = json_text(s) */
void json_add_text(struct json_object *object, const char *key, const char *s);
/* Write with a newline to standard output and free. */
void json_print(struct json_object *take);

#endif
