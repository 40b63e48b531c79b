// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What may go into a package. The values end up in line-based files, file names and URLs on the
 * phone, so anything that apk 2.14 or 3.x would refuse, or silently read as something else, is
 * refused here.
 */
#include "chroot/apk/tar_write.h"

#include <ctype.h>

/* apk 2.14 formats an index entry without its dependencies into a buffer of 2048 bytes. */
#define INDEX_HEADER_MAX 2000
#define NAME_MAX_LEN 200
#define ENTRY_NAME_MAX 4000

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* Names are parts of file names: nothing a path or a URL could misunderstand. */
static bool name_ok(const char *s)
{
	if (!s || !isalnum((unsigned char)*s) || strlen(s) > NAME_MAX_LEN)
		return false;
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")] == '\0';
}

/* 2.14 knows neither "~hash" nor numbers of 18 digits and more; the rest 3.x judges the same. */
static bool version_ok(const char *s)
{
	if (!s || strchr(s, '~') || strlen(s) > NAME_MAX_LEN || !apk_version_valid(s))
		return false;
	while (*s) {
		size_t n = strspn(s, "0123456789");

		if (n >= 18)
			return false;
		s += n ? n : 1;
	}
	return true;
}

static int check_identifiers(const struct apk_pkg *p, struct err *e)
{
	const struct {
		const char *what, *value;
		bool optional;
	} t[] = {
		{"name", p->name, false},
		{"architecture", p->arch, false},
		{"origin", p->origin, true},
		{"commit", p->commit, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (!(t[i].optional && !t[i].value) && !name_ok(t[i].value))
			return err_set(e, -EINVAL,
				"'%s' is no %s for a package: letters, digits and ._+- only",
				t[i].value ? t[i].value : "", t[i].what);
	if (!version_ok(p->version))
		return err_set(e, -EINVAL,
			"'%s' is not a version that apk 2 and apk 3 both understand (like 1.2.3-r0)",
			p->version ? p->version : "");
	return 0;
}

static int check_texts(const struct apk_pkg *p, struct err *e)
{
	const struct {
		const char *what, *value;
	} t[] = {
		{"description", p->desc},
		{"url", p->url},
		{"license", p->license},
		{"maintainer", p->maintainer},
		{"packager", p->packager},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (t[i].value && has_control(t[i].value))
			return err_set(e, -EINVAL,
				"the %s of package '%s' is not one plain line of text", t[i].what,
				p->name);
	if (p->build_time < 0)
		return err_set(e, -EINVAL, "the build time of package '%s' is negative", p->name);
	return 0;
}

/* Provider names (so:libc.so.6, cmd:sh, /bin/sh, pc:foo) allow more than names of packages. */
static bool dep_name_ok(const char *s)
{
	if (!s || !*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || strchr("\x7f<>=~!@", *s))
			return false;
	return true;
}

enum { DEP_CONFLICT_OK = 1, DEP_EQ_ONLY = 2 };

static int check_deps(const struct apk_pkg *p, const char *what, const struct apk_deps *l,
	unsigned rules, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct apk_dep *d = &l->v[i];
		_cleanup_free_ char *s = d->name ? apk_dep_print(d) : xstrdup("");
		const char *why = NULL;

		if (!dep_name_ok(d->name))
			why = "its name is not one word";
		else if (d->tag)
			why = "a package cannot pin a repository";
		else if (d->conflict && !(rules & DEP_CONFLICT_OK))
			why = "apk 2 has no conflicts there";
		else if (d->op & APK_VER_CHECKSUM)
			why = "checksums belong in world only";
		else if (d->version && !version_ok(d->version))
			why = "apk 2 and apk 3 do not both understand its version";
		else if (d->version && (rules & DEP_EQ_ONLY) && d->op != APK_VER_EQ)
			why = "only name=version is possible there";
		if (why)
			return err_set(e, -EINVAL, "package '%s' has '%s' in its %s, but %s",
				p->name, s, what, why);
	}
	return 0;
}

static int check_triggers(const struct apk_pkg *p, struct err *e)
{
	for (size_t i = 0; i < p->triggers.n; i++) {
		const char *s = p->triggers.v[i];

		if (*s != '/' || strchr(s, ' ') || has_control(s))
			return err_set(e, -EINVAL,
				"package '%s' has the trigger '%s', which is not one absolute path",
				p->name, s);
	}
	return 0;
}

static int check_index_header(const struct apk_pkg *p, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	struct apk_pkg head = *p;

	head.depends = head.provides = head.install_if = (struct apk_deps){0};
	apk_index_print_pkg(&b, &head);
	if (b.len > INDEX_HEADER_MAX)
		return err_set(e, -EINVAL,
			"the texts of package '%s' (description, url, license, ...) are too long for "
			"apk's index: %zu bytes, %d are possible",
			p->name, b.len, INDEX_HEADER_MAX);
	return 0;
}

int apk_check_pkg(const struct apk_pkg *p, struct err *e)
{
	const struct {
		const char *what;
		const struct apk_deps *l;
		unsigned rules;
	} t[] = {
		{"depends", &p->depends, DEP_CONFLICT_OK},
		{"provides", &p->provides, DEP_EQ_ONLY},
		{"install_if", &p->install_if, 0},
		{"replaces", &p->replaces, 0},
	};
	int r = check_identifiers(p, e);

	if (r == 0)
		r = check_texts(p, e);
	for (size_t i = 0; i < ARRAY_SIZE(t) && r == 0; i++)
		r = check_deps(p, t[i].what, t[i].l, t[i].rules, e);
	if (r == 0)
		r = check_triggers(p, e);
	return r < 0 ? r : check_index_header(p, e);
}

int apk_check_entry_name(const char *name, struct err *e)
{
	const char *s = name;

	/* apk ignores every top-level name with a dot, silently. */
	if (*s == '.' || strlen(s) > ENTRY_NAME_MAX || has_control(s))
		return err_set(e, -EINVAL, "a package cannot hold a file named '%s'", name);
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || n > 255 || (n == 1 && s[0] == '.') ||
			(n == 2 && s[0] == '.' && s[1] == '.'))
			return err_set(e, -EINVAL,
				"a package cannot hold a file named '%s': a plain relative path is "
				"needed",
				name);
		if (!s[n])
			return 0;
		s += n + 1;
	}
}
