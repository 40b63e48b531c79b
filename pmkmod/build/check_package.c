// SPDX-License-Identifier: GPL-3.0-or-later
/* The last of the checks: what apk would do on the phone with the package that was just made. */
#include "pmkmod/fit/check_package.h"

#include "chroot/apk/apk_read.h"
#include "pmkmod/build/job.h"
#include "pmkmod/build/published.h"
#include "pmkmod/util/exit_codes.h"

/* The package, and what apk could take beside it. */
struct offered {
	const struct apk_pkg *own;
	const struct apk_pkg *beside; /* of the same build */
	size_t n_beside;
	struct apk_control *others;
	size_t n;
};

static int offer(struct offered *o, const char *path, struct err *e)
{
	struct apk_control c;
	int r = apk_read_control(path, NULL, &c, e);

	if (r < 0)
		return r;
	o->others = xrealloc(o->others, o->n + 1, sizeof(*o->others));
	o->others[o->n++] = c;
	return 0;
}

/* Modules that a recipe depends on have packages of their own, for this very kernel. */
static int offer_published(struct offered *o, const struct job *j, struct err *e)
{
	const struct plan *p = j->plan;
	struct published_list l = {0};
	int r = p->module.depends.n ? published_read(&l, p->x, e) : 0;

	for (size_t i = 0; r == 0 && i < l.n; i++) {
		const struct published *b = &l.v[i];

		if (streq(b->channel, p->device.channel.name) &&
			streq(b->arch, p->device.arch->alpine) &&
			streq(b->kernel, p->target.kernel.name) &&
			streq(b->kernel_version, p->target.kernel.version) &&
			!streq(b->package, o->own->name))
			r = offer(o, b->apk, e);
	}
	published_free(&l);
	return r;
}

static bool is_offered(const struct offered *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (streq(o->others[i].pkg.name, name))
			return true;
	return false;
}

static void judge(struct job *j, const struct offered *o)
{
	const struct plan *p = j->plan;
	const struct job_extras *x = &j->extras;
	const struct apk_pkg **given =
		xcalloc(o->n + o->n_beside + x->n_packages + 1, sizeof(*given));
	struct fit_packages f = {.kernel = p->target.kernel.name,
		.version = p->target.kernel.version,
		.arch = p->device.arch->alpine,
		.given = given};
	_cleanup_strvec_ struct strvec missing = {0};

	given[f.n++] = o->own;
	for (size_t i = 0; i < o->n; i++)
		given[f.n++] = &o->others[i].pkg;
	for (size_t i = 0; i < o->n_beside; i++)
		given[f.n++] = &o->beside[i];
	/* those come from the channel's repositories, which the phone has */
	for (size_t i = 0; i < x->n_packages; i++)
		given[f.n++] = &x->packages[i];
	for (size_t i = 0; i < p->module.depends.n; i++) {
		_cleanup_free_ char *name =
			export_package_name(p->module.depends.v[i], p->device.flavor);

		if (!is_offered(o, name))
			strvec_add(&missing, name);
	}
	if (missing.n) {
		_cleanup_free_ char *names = strvec_join(&missing, ", "),
				    *text = xasprintf("needs %s, which has not been built for this "
						      "kernel yet",
					    names);

		fit_report_add(&j->report, o->own->name, "package", FIT_UNKNOWN, text);
	} else {
		fit_check_package(&f, o->own, &j->report);
	}
	free(given);
}

static int refuse(const struct job *j, const struct fit_point *point, struct err *e)
{
	if (point->result != FIT_FAIL || j->plan->x->force)
		return 0;
	err_exit(e, EXIT_NO_FIT, -EBADE, "%s", point->text);
	return err_hint(e, "nothing was published; --force publishes it all the same");
}

int job_check_package(void *ctx, const struct apk_pkg *p, const struct apk_pkg *beside,
	size_t n_beside, struct package_summary *summary, struct err *e)
{
	struct offered o = {.own = p, .beside = beside, .n_beside = n_beside};
	struct job *j = ctx;
	int r = offer_published(&o, j, e);

	if (r == 0) {
		judge(j, &o);
		job_summarize_report(j, summary);
		r = refuse(j, &j->report.points[j->report.n_points - 1], e);
	}
	for (size_t i = 0; i < o.n; i++)
		apk_control_free(&o.others[i]);
	free(o.others);
	return r;
}
