// SPDX-License-Identifier: GPL-3.0-or-later
/* The check stage: what is known of the phone's kernel, put before pmkmod/fit. */
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/build/taken_names.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/modules.h"
#include "pmkmod/util/exit_codes.h"

static int log_report(struct job *j)
{
	_cleanup_free_ char *text = fit_report_text(&j->report);

	return dprintf(j->log_fd, "# fit report\n%s", text) < 0 ? -errno : 0;
}

static int unfit(struct job *j, struct err *e)
{
	const struct fit_report *r = &j->report;

	err_exit(e, EXIT_NO_FIT, -EBADE,
		"%s was built, but the kernel %s would refuse it:", j->plan->module.name,
		j->headers.release);
	for (size_t i = 0; i < r->n_points; i++)
		if (r->points[i].result == FIT_FAIL)
			err_hint(e, "  %s: %s: %s", r->points[i].module, r->points[i].point,
				r->points[i].text);
	err_hint(e, "nothing was packaged; --force packages it all the same");
	return err_hint(e, "the whole report: %s", j->log_path);
}

/* Of kernels that ship no module to read it from, the image has it. */
static char *image_vermagic(const struct job *j)
{
	const struct kernel_origin *o = &j->plan->device.origin;
	struct image_identity id = {0};
	struct kernel_image im;
	char *vermagic;

	if (j->facts.vermagic || (!j->facts.image_name && !o->image) ||
		kernel_image_read(&im, o->image ? o->image : j->kernel_apk, NULL) < 0)
		return NULL;
	image_identify(&id, &im);
	/* another kernel's image says nothing about this one */
	vermagic =
		id.release && streq(id.release, j->headers.release) ? steal_ptr(id.vermagic) : NULL;
	image_identity_free(&id);
	kernel_image_free(&im);
	return vermagic;
}

/* The image is only looked into when the answer depends on it. */
static int find_trust(struct job *j, struct fit_kernel *k, struct err *e)
{
	bool known = false, trusted = false;
	int r = 0;

	k->sign_key = j->plan->sign_key;
	if (j->preflight.will_sign && j->preflight.needs_signature)
		r = job_key_is_trusted(j, &known, &trusted, e);
	k->key_is_trusted = !known ? FIT_UNKNOWN : trusted ? FIT_PASS : FIT_FAIL;
	return r;
}

/*
 * A Module.symvers that the porter names may be another build's. What the kernel will compare with
 * is in its image: where that can be read, it is what the module is held against.
 */
static int true_symvers(const struct job *j, struct symvers *s)
{
	const struct kernel_origin *o = &j->plan->device.origin;
	struct image_symvers_report rep = {0};
	_cleanup_strbuf_ struct strbuf text = {0};
	const char *image = o->image ? o->image : j->kernel_apk;
	int r = -ENOENT;

	if (o->symvers && (o->image || j->facts.image_name))
		r = image_symvers(&text, &rep, image, o->image ? j->kernel_apk : NULL, NULL);
	if (r == 0)
		r = symvers_parse(s, path_base(image), text.s, text.len, NULL);
	image_symvers_report_free(&rep);
	return r;
}

static int read_symvers(struct job *j, struct symvers **out, struct err *e)
{
	int r = symvers_new(out);
	bool of_image = r == 0 && true_symvers(j, *out) == 0;

	if (r == 0 && !of_image) {
		symvers_free(*out);
		r = symvers_new(out);
		if (r == 0)
			r = symvers_read(*out, j->headers.symvers_path, e);
	}
	if (r == 0)
		job_count_symvers(j, *out, of_image);
	return r;
}

/* What the modules it depends on export; NULL if nothing is. */
static int read_companions(const struct job *j, struct symvers **out, struct err *e)
{
	const struct companions *c = &j->plan->companions;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		if (!c->v[i].symvers)
			continue;
		if (!*out)
			r = symvers_new(out);
		if (r == 0)
			r = symvers_read(*out, c->v[i].symvers, e);
	}
	return r;
}

static bool find_taken(
	const struct job *j, struct strvec *out, const char *image, const char *cache)
{
	const struct plan *p = j->plan;

	return taken_names(out, image, &j->facts,
		image == j->kernel_apk ? &p->target.kernel.identity : NULL, p->device.flavor,
		cache);
}

int job_check(struct job *j, struct err *e)
{
	const struct pinned *kernel = &j->plan->target.kernel;
	/* not the file's name, which is another one in the cache: the report is published */
	_cleanup_free_ char *package = xasprintf("%s-%s", kernel->name, kernel->version);
	_cleanup_free_ char *vermagic = image_vermagic(j);
	_cleanup_free_ char *cache = path_join(j->plan->x->cache, "kernels");
	const struct kernel_modules_source modules = {.apk = j->kernel_apk,
		.identity = &kernel->identity,
		.flavor = j->plan->device.flavor,
		.cache_dir = cache};
	struct fit_kernel k = {.arch = j->plan->device.arch,
		.release = j->headers.release,
		.vermagic = j->facts.vermagic ? j->facts.vermagic : vermagic,
		.vermagic_source = package,
		.config = j->kconfig,
		.facts = &j->facts,
		.modules = &modules,
		.image = j->plan->device.origin.image ? j->plan->device.origin.image
						      : j->kernel_apk};
	_cleanup_strvec_ struct strvec taken = {0};
	struct symvers *symvers = NULL, *others = NULL;
	int r = find_trust(j, &k, e);

	if (find_taken(j, &taken, k.image, cache))
		k.taken = &taken;
	if (r == 0 && j->headers.symvers_path) {
		r = read_symvers(j, &symvers, e);
		k.symvers = symvers;
	}
	if (r == 0)
		r = read_companions(j, &others, e);
	k.extra = others;
	if (r == 0)
		r = fit_check(&k, &j->ko, &j->report, e);
	if (r == 0)
		job_report_forced(j);
	if (r == 0)
		r = log_report(j);
	symvers_free(symvers);
	symvers_free(others);
	if (r < 0)
		return r;
	if (j->report.n_fail && !j->plan->x->force)
		return unfit(j, e);
	return 0;
}
