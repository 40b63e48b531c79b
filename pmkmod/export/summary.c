// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/export/summary.h"

#include "chroot/base/str.h"
#include "pmkmod/util/json.h"

/* Bumped when what stands there already changes its meaning. */
#define SUMMARY_FORMAT 1
#define DEPTH_MAX 8

/* One table for writing and reading: where a member is in the file, and where in the struct. */
static const struct field {
	const char *group, *key; /* group NULL: at the top */
	size_t at;
	bool number;
} fields[] = {
	{NULL, "package", offsetof(struct package_summary, package), false},
	{NULL, "version", offsetof(struct package_summary, version), false},
	{NULL, "arch", offsetof(struct package_summary, arch), false},
	{NULL, "pmkmod", offsetof(struct package_summary, pmkmod), false},
	{"module", "name", offsetof(struct package_summary, module), false},
	{"module", "version", offsetof(struct package_summary, module_version), false},
	{"module", "source", offsetof(struct package_summary, source), false},
	{"module", "compiler", offsetof(struct package_summary, compiler), false},
	{"kernel", "package", offsetof(struct package_summary, kernel), false},
	{"kernel", "version", offsetof(struct package_summary, kernel_version), false},
	{"kernel", "identity", offsetof(struct package_summary, kernel_identity), false},
	{"kernel", "flavor", offsetof(struct package_summary, flavor), false},
	{"kernel", "release", offsetof(struct package_summary, release), false},
	{"kernel", "config", offsetof(struct package_summary, config), false},
	{"kernel", "compiler", offsetof(struct package_summary, kernel_compiler), false},
	{"symvers", "source", offsetof(struct package_summary, symvers), false},
	{"symvers", "lacks", offsetof(struct package_summary, symvers_lacks), false},
	{"symvers", "exports", offsetof(struct package_summary, exports), true},
	{"symvers", "of_modules", offsetof(struct package_summary, module_exports), true},
	{"symvers", "without_crc", offsetof(struct package_summary, without_crc), true},
	{"fit", "verdict", offsetof(struct package_summary, verdict), false},
	{"fit", "pass", offsetof(struct package_summary, pass), true},
	{"fit", "fail", offsetof(struct package_summary, fail), true},
	{"fit", "unknown", offsetof(struct package_summary, unknown), true},
};

static char **text_at(const struct package_summary *s, const struct field *f)
{
	return (char **)((char *)s + f->at);
}

static uint64_t *number_at(const struct package_summary *s, const struct field *f)
{
	return (uint64_t *)((char *)s + f->at);
}

char *summary_path(const char *package)
{
	return xasprintf(SUMMARY_DIR "/%s.json", package);
}

/* ---- writing ---- */

static struct json_object *group_of(struct json_object *top, const char *name)
{
	struct json_object *group = top;

	if (name && !json_object_object_get_ex(top, name, &group)) {
		group = json_object_new_object();
		json_object_object_add(top, name, group);
	}
	return group;
}

struct json_object *summary_json(const struct package_summary *s)
{
	struct json_object *top = json_object_new_object();

	json_object_object_add(top, "format", json_object_new_int(SUMMARY_FORMAT));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];
		struct json_object *group = group_of(top, f->group);

		if (f->number)
			json_object_object_add(
				group, f->key, json_object_new_int64((int64_t)*number_at(s, f)));
		else if (*text_at(s, f))
			json_add_text(group, f->key, *text_at(s, f));
	}
	return top;
}

char *summary_text(const struct package_summary *s)
{
	return json_print(summary_json(s));
}

/* ---- reading ---- */

static int no_summary(const char *shown, const char *why, struct err *e)
{
	return err_set(e, -EBADMSG, "%s is no summary of a module package: %s", shown, why);
}

/* NULL with *why; the whole text must be one value. */
static struct json_object *parse(const char *text, size_t len, const char **why)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;

	if (!t)
		abort(); /* out of memory, as in xcalloc() */
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(t, text, (int)len);
	*why = o ? NULL : json_tokener_error_desc(json_tokener_get_error(t));
	json_tokener_free(t);
	return o;
}

/* -1: a member is of another type. A text with a zero byte ends there. */
static int take_field(struct package_summary *s, struct json_object *top, const struct field *f)
{
	struct json_object *group = top, *o;
	int64_t n;

	if (f->group && !json_object_object_get_ex(top, f->group, &group))
		return 0;
	if (!json_object_is_type(group, json_type_object))
		return -1;
	if (!json_object_object_get_ex(group, f->key, &o))
		return 0;
	if (!json_object_is_type(o, f->number ? json_type_int : json_type_string))
		return -1;
	if (!f->number) {
		free(*text_at(s, f));
		*text_at(s, f) = xstrdup(json_object_get_string(o));
		return 0;
	}
	n = json_object_get_int64(o);
	*number_at(s, f) = n < 0 ? 0 : (uint64_t)n;
	return n < 0 ? -1 : 0;
}

static int take_all(
	struct package_summary *s, struct json_object *top, const char *shown, struct err *e)
{
	struct json_object *format;

	if (!json_object_is_type(top, json_type_object) ||
		!json_object_object_get_ex(top, "format", &format) ||
		!json_object_is_type(format, json_type_int))
		return no_summary(shown, "it does not say its format", e);
	if (json_object_get_int64(format) != SUMMARY_FORMAT)
		return no_summary(shown, "it is of a format that only another pmkmod knows", e);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (take_field(s, top, &fields[i]) < 0)
			return no_summary(shown, fields[i].key, e);
	if (!s->package || !s->kernel || !s->kernel_version)
		return no_summary(shown, "it does not say for which kernel the package is", e);
	return 0;
}

int summary_parse(
	struct package_summary *s, const char *shown, const char *text, size_t len, struct err *e)
{
	struct json_object *top;
	const char *why;
	int r;

	*s = (struct package_summary){0};
	if (len > SUMMARY_MAX)
		return no_summary(shown, "it is too large", e);
	top = parse(text, len, &why);
	if (why)
		return no_summary(shown, why, e);
	r = take_all(s, top, shown, e);
	json_object_put(top);
	if (r < 0)
		summary_free(s);
	return r;
}

void summary_free(struct package_summary *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!fields[i].number)
			free(*text_at(s, &fields[i]));
	*s = (struct package_summary){0};
}
