// SPDX-License-Identifier: GPL-3.0-or-later
/* What a build says of itself: the summary inside the package, the whole fit report beside it. */
#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/json.h"

void job_count_symvers(struct job *j, const struct symvers *s, bool of_image)
{
	j->symvers = (struct job_symvers){.of_image = of_image, .exports = symvers_count(s)};
	for (size_t i = 0; i < j->symvers.exports; i++) {
		const struct symvers_entry *en = symvers_at(s, i);

		j->symvers.of_modules += !streq(en->owner, "vmlinux");
		j->symvers.without_crc += en->crc == 0;
	}
}

static char *symvers_source(const struct job *j)
{
	const struct plan *p = j->plan;

	if (!j->headers.symvers_path)
		return NULL;
	if (j->symvers.of_image)
		return xstrdup("recovered from the kernel's image");
	if (!p->made.dev.name)
		return xasprintf(
			"the headers package %s-%s", p->device.headers, p->target.kernel.version);
	return xstrdup(p->made.symvers ? p->made.symvers : "headers that pmkmod has made");
}

/* What could not be held against the kernel. */
static char *symvers_lacks(const struct job *j)
{
	const struct job_symvers *s = &j->symvers;
	_cleanup_strvec_ struct strvec lacks = {0};

	if (!j->headers.symvers_path)
		return xstrdup("nobody knows what the kernel exports");
	if (j->facts.modules.n && !s->of_modules)
		strvec_add(&lacks, "what the kernel's modules export");
	if (kconfig_yes(j->kconfig, "MODVERSIONS") && s->without_crc == s->exports)
		strvec_add(&lacks, "the CRCs");
	else if (kconfig_yes(j->kconfig, "MODVERSIONS") && s->without_crc)
		strvec_addf(&lacks, "the CRCs of %zu exports", s->without_crc);
	return lacks.n ? strvec_join(&lacks, ", ") : NULL;
}

/* Where a file:// archive lies on this machine is nobody else's business: the hash identifies it.
 */
char *plan_source_words(const struct plan *p)
{
	const struct module *m = &p->module;
	char hex[HASH_HEX_MAX];

	if (!m->fetch_url || !starts_with(m->fetch_url, "file:"))
		return xstrdup(p->source);
	if (m->kind == SOURCE_GIT)
		return xasprintf("git %s %s", path_base(m->fetch_url), m->commit);
	hash_hex(&m->sha256, hex);
	return xasprintf("archive %s sha256:%s", path_base(m->fetch_url), hex);
}

static int config_sum(const struct job *j, char **out, struct err *e)
{
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = hash_file(AT_FDCWD, j->headers.config_path, HASH_SHA256, &h, e);

	if (r < 0)
		return r;
	hash_hex(&h, hex);
	*out = xasprintf("sha256:%s", hex);
	return 0;
}

void job_summarize_report(const struct job *j, struct package_summary *out)
{
	const struct fit_report *r = &j->report;

	free(out->verdict);
	out->verdict = xstrdup(fit_verdict(r));
	out->pass = r->n_points - r->n_fail - r->n_unknown;
	out->fail = r->n_fail;
	out->unknown = r->n_unknown;
}

int job_summary(const struct job *j, struct package_summary *out, struct err *e)
{
	const struct plan *p = j->plan;

	*out = (struct package_summary){.arch = xstrdup(p->device.arch->alpine),
		.pmkmod = xstrdup(PMKMOD_VERSION),
		.module = xstrdup(p->module.name),
		.module_version = xstrdup(p->version),
		.source = plan_source_words(p),
		.kernel = xstrdup(p->target.kernel.name),
		.kernel_version = xstrdup(p->target.kernel.version),
		.kernel_identity = apk_identity_text(&p->target.kernel.identity),
		.flavor = xstrdup(p->device.flavor),
		.release = xstrdup(j->headers.release),
		.symvers = symvers_source(j),
		.symvers_lacks = symvers_lacks(j),
		.exports = j->symvers.exports,
		.module_exports = j->symvers.of_modules,
		.without_crc = j->symvers.without_crc};
	job_summarize_report(j, out);
	if (j->compiler.family)
		out->compiler = compiler_show(&j->compiler);
	if (j->preflight.compiler.family)
		out->kernel_compiler = compiler_show(&j->preflight.compiler);
	return config_sum(j, &out->config, e);
}

/* What the modules ask the firmware loader for, and which package is known to have it. */
static struct json_object *firmware_json(const struct job_extras *x)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < x->n_firmware + x->missing.n; i++) {
		bool found = i < x->n_firmware;
		struct json_object *o = json_object_new_object();

		json_add_text(
			o, "file", found ? x->firmware[i].file : x->missing.v[i - x->n_firmware]);
		json_add_text(o, "package", found ? x->firmware[i].package : NULL);
		json_object_array_add(all, o);
	}
	return all;
}

int job_write_report(const struct job *j, const struct export_result *made, struct err *e)
{
	struct json_object *o = fit_report_json(&j->report);
	_cleanup_free_ char *path = publish_report_path(made->path), *text = NULL;
	_cleanup_free_ char *identity = apk_identity_text(&made->identity);

	json_add_text(o, "package", made->name);
	json_add_text(o, "version", made->version);
	json_add_text(o, "identity", identity);
	json_add_text(o, "release", j->headers.release);
	json_add_text(o, "pmkmod", PMKMOD_VERSION);
	json_object_object_add(o, "firmware", firmware_json(&j->extras));
	text = json_print(o);
	return fs_write_atomic(path, text, strlen(text), 0644, e);
}
