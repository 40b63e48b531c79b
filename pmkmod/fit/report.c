// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/fit.h"

#include "chroot/base/fs.h"
#include "pmkmod/util/json.h"

const char *fit_verdict(const struct fit_report *r)
{
	if (r->n_fail)
		return "does not fit";
	return r->n_unknown ? "fits as far as can be known" : "fits";
}

const char *const fit_result_words[] = {
	[FIT_PASS] = "pass", [FIT_FAIL] = "FAIL", [FIT_UNKNOWN] = "unknown"};

char *fit_report_text(const struct fit_report *r)
{
	struct strbuf out = {0};
	const char *module = "";

	for (size_t i = 0; i < r->n_points; i++) {
		const struct fit_point *p = &r->points[i];

		if (!streq(module, p->module))
			strbuf_addf(&out, "%s\n", p->module);
		module = p->module;
		strbuf_addf(
			&out, "  %-7s %-10s %s\n", fit_result_words[p->result], p->point, p->text);
	}
	strbuf_addf(&out, "%s\n", fit_verdict(r));
	return strbuf_steal(&out);
}

static struct json_object *point_json(const struct fit_point *p)
{
	static const char *const words[] = {
		[FIT_PASS] = "pass", [FIT_FAIL] = "fail", [FIT_UNKNOWN] = "unknown"};
	struct json_object *o = json_object_new_object();

	json_add_text(o, "module", p->module);
	json_add_text(o, "point", p->point);
	json_add_text(o, "result", words[p->result]);
	json_add_text(o, "text", p->text);
	return o;
}

static void add_count(struct json_object *o, const char *key, size_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

struct json_object *fit_report_json(const struct fit_report *r)
{
	struct json_object *o = json_object_new_object(), *points = json_object_new_array();

	for (size_t i = 0; i < r->n_points; i++)
		json_object_array_add(points, point_json(&r->points[i]));
	json_add_text(o, "verdict", fit_verdict(r));
	add_count(o, "pass", r->n_points - r->n_fail - r->n_unknown);
	add_count(o, "fail", r->n_fail);
	add_count(o, "unknown", r->n_unknown);
	json_object_object_add(o, "points", points);
	json_object_object_add(o, "unresolved", json_texts(&r->unresolved));
	json_object_object_add(o, "loads", json_texts(&r->loads));
	return o;
}

void fit_report_free(struct fit_report *r)
{
	for (size_t i = 0; i < r->n_points; i++) {
		free(r->points[i].module);
		free(r->points[i].text);
	}
	free(r->points);
	strvec_free(&r->unresolved);
	strvec_free(&r->loads);
	*r = (struct fit_report){0};
}
