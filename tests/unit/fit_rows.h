/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests by rows, each a kernel, a module and one point of the report; behind cmocka.h. */
#ifndef PMKMOD_FIT_ROWS_H
#define PMKMOD_FIT_ROWS_H

#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/fit/fit.h"
#include "tests/unit/ko_builder.h"

#define INFO(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GOOD INFO("license=GPL", "name=test")
#define RELOCS(...) ((const struct kb_reloc[]){__VA_ARGS__, {.end = true}})
#define WORDS(...)                                                                                 \
	.text = (const uint32_t[]){__VA_ARGS__},                                                   \
	.n_text = sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)
#define ZERO WORDS(0, 0, 0, 0)
#define NEEDS(...) ((const struct kb_symbol[]){__VA_ARGS__, {0}})
#define NONE ""

struct row {
	const char *what;
	struct kb_spec ko;
	const char *arch; /* NULL: aarch64 */
	const char *release; /* NULL: 6.1.0, NONE: not known */
	const char *config; /* NULL: not known */
	struct module_layout layout; /* of the kernel's own modules */
	const char *trampolines[2];
	bool no_facts;
	const char *image; /* path of the kernel's image; NULL: not known */
	/* what is expected */
	const char *point;
	enum fit_result result;
	const char *says;
};

static char fit_folder[] = "/tmp/pmkmod-points-XXXXXX";

static inline int make_folder(void **state)
{
	(void)state;
	return mkdtemp(fit_folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	(void)state;
	return fs_remove_tree(fit_folder, NULL);
}

/* Judge these bytes; the point must be there exactly once. */
static inline void judge(const struct row *r, const char *bytes, size_t len)
{
	struct fit_kernel k = {.arch = arch_by_name(r->arch ? r->arch : "aarch64")};
	struct kernel_facts facts = {.layout = r->layout};
	const struct fit_point *found = NULL;
	struct kconfig *config = NULL;
	struct strvec paths = {0};
	struct fit_report report;
	struct err e = ERR_INIT;

	k.release = !r->release ? "6.1.0" : *r->release ? r->release : NULL;
	if (r->config)
		assert_int_equal(kconfig_parse(&config, r->config, strlen(r->config), &e), 0);
	k.config = config;
	for (size_t i = 0; i < ARRAY_SIZE(r->trampolines) && r->trampolines[i]; i++)
		strvec_add(&facts.trampolines, r->trampolines[i]);
	k.facts = r->no_facts ? NULL : &facts;
	k.image = r->image;
	strvec_take(&paths, path_join(fit_folder, "test.ko"));
	assert_int_equal(fs_write_atomic(paths.v[0], bytes, len, 0600, &e), 0);
	assert_int_equal(fit_check(&k, &paths, &report, &e), 0);
	for (size_t i = 0; i < report.n_points; i++) {
		if (!streq(report.points[i].point, r->point))
			continue;
		assert_null(found);
		found = &report.points[i];
	}
	if (!found)
		fail_msg("%s, %s: there is no such point", r->point, r->what);
	else if (found->result != r->result || !strstr(found->text, r->says))
		fail_msg("%s, %s: %d, '%s'", r->point, r->what, found->result, found->text);
	fit_report_free(&report);
	strvec_free(&paths);
	strvec_free(&facts.trampolines);
	kconfig_free(config);
}

static inline void judge_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len;
		char *bytes = kb_build(&rows[i].ko, &len);

		judge(&rows[i], bytes, len);
		free(bytes);
	}
}

#endif
