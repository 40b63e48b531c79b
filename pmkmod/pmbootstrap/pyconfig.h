/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration files as Python's configparser.ConfigParser() reads them (CPython's
 * Lib/configparser.py), for pmbootstrap's files are that: sections, `key = value` or `key: value`,
 * keys in lower case, continuation lines, empty lines in values, # and ; comments on lines of their
 * own, [DEFAULT], `%(key)s` and `%%`. What it refuses is refused: repeated sections and keys, lines
 * that are neither, anything before the first section. inih, which reads pmkmod.ini, differs in
 * most of these. One thing is not followed: letters beyond ASCII in keys keep their case.
 */
#ifndef PMKMOD_PYCONFIG_H
#define PMKMOD_PYCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct pyconfig;

/* `shown` names the text in messages. -EINVAL (exit code 2) names the line that is wrong. */
int pyconfig_parse(
	struct pyconfig **out, const char *text, size_t len, const char *shown, struct err *e);
int pyconfig_read(struct pyconfig **out, const char *path, struct err *e);
void pyconfig_free(struct pyconfig *c);

/* Is there such a section? [DEFAULT] is none. */
bool pyconfig_has_section(const struct pyconfig *c, const char *section);
/* Names of the sections in order of appearance. */
void pyconfig_sections(const struct pyconfig *c, struct strvec *out);
/* Keys of one section (not those of [DEFAULT]) in order of appearance; "DEFAULT" is allowed. */
void pyconfig_keys(const struct pyconfig *c, const char *section, struct strvec *out);
/*
 * The value of a key, or [DEFAULT]'s, with its references replaced; the caller frees *value. NULL
 * if neither has it (a section that does not exist has [DEFAULT]'s too). -EINVAL (exit code 2): a
 * `%` that is no reference, one to nothing, one without end.
 */
int pyconfig_get(const struct pyconfig *c, const char *section, const char *key, char **value,
	struct err *e);

#endif
