/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields of struct apk_pkg from text, as index, installed database and .PKGINFO write them. */
#ifndef PMKMOD_APK_PKG_FIELD_H
#define PMKMOD_APK_PKG_FIELD_H

#include "chroot/apk/apk.h"

/* What apk_pkg_set_field() did with a letter, if it is no error. */
enum apk_field_result {
	APK_FIELD_SET = 0,
	/* Not stored: belongs to the installed database (F M R Z r q a s f g). */
	APK_FIELD_INSTALLED = 1,
	/* Upper case: the package was made uninstallable; lower case: nothing happened. */
	APK_FIELD_UNKNOWN = 2,
};

/*
 * Store the value of an index letter (P V A S I T U L o m t c k D p i C). `value` is terminated.
 * What apk forgives is forgiven as it does: a bad word in D: makes the package uninstallable, in
 * p: it is left out, in i: the rule is dropped. A negative errno is a damaged record.
 */
int apk_pkg_set_field(struct apk_pkg *p, char field, const char *value, struct err *e);

/*
 * The same for many records at once: texts are not copied but stay in `value`, lists come from the
 * arena. Such a package is freed with the arena and not by apk_pkg_free().
 */
struct arena;
int apk_pkg_set_field_in(
	struct arena *a, struct apk_pkg *p, char field, char *value, struct err *e);

/*
 * The same for one "key = value" pair of .PKGINFO, including those that no index carries
 * (replaces, replaces_priority, triggers, packager, datahash). Unknown keys are ignored.
 */
int apk_pkg_set_key(struct apk_pkg *p, const char *key, const char *value, struct err *e);

/* Names that may become part of a path or an URL: [A-Za-z0-9._+-], first neither '.' nor '-'. */
bool apk_name_safe(const char *name);
/* As above, and "~" (a commit hash follows). */
bool apk_version_safe(const char *version);

/* A decimal number and nothing else; empty is 0, as in apk. -EINVAL, -ERANGE. */
int apk_parse_uint(const char *s, uint64_t max, uint64_t *out);

#endif
