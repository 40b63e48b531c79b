// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/fit.h"

#include "chroot/base/fs.h"

const char *fit_verdict(const struct fit_report *r)
{
	if (r->n_fail)
		return "does not fit";
	return r->n_unknown ? "fits as far as can be known" : "fits";
}

char *fit_report_text(const struct fit_report *r)
{
	static const char *const words[] = {
		[FIT_PASS] = "pass", [FIT_FAIL] = "FAIL", [FIT_UNKNOWN] = "unknown"};
	struct strbuf out = {0};
	const char *module = "";

	for (size_t i = 0; i < r->n_points; i++) {
		const struct fit_point *p = &r->points[i];

		if (!streq(module, p->module))
			strbuf_addf(&out, "%s\n", p->module);
		module = p->module;
		strbuf_addf(&out, "  %-7s %-10s %s\n", words[p->result], p->point, p->text);
	}
	strbuf_addf(&out, "%s\n", fit_verdict(r));
	return strbuf_steal(&out);
}

void fit_report_free(struct fit_report *r)
{
	for (size_t i = 0; i < r->n_points; i++) {
		free(r->points[i].module);
		free(r->points[i].text);
	}
	free(r->points);
	strvec_free(&r->unresolved);
	*r = (struct fit_report){0};
}
