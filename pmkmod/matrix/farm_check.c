// SPDX-License-Identifier: GPL-3.0-or-later
/* A worker's package, held against a plan of our own: is it what that cell builds? */
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/matrix/report.h"
#include "pmkmod/util/exit_codes.h"

static int lies(const struct farm_check *c, const char *file, const char *what, const char *theirs,
	const char *ours, struct err *e)
{
	_cleanup_free_ char *shown = text_first_line(theirs);

	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"%s (made on %s) is not what cell %.12s builds: its %s is '%s', and must be '%s'",
		file, c->r->host, c->r->hash, what, shown, ours ? ours : "");
}

static int check_summary(
	const struct farm_check *c, const char *file, const struct inspection *i, struct err *e)
{
	const struct plan *p = c->plan;
	const struct package_summary *s = &i->summary;
	_cleanup_free_ char *identity = apk_identity_text(&p->target.kernel.identity);
	_cleanup_free_ char *source = plan_source_words(p);
	const struct {
		const char *what, *theirs, *ours;
	} all[] = {{"package", s->package, i->c.pkg.name},
		{"version", s->version, i->c.pkg.version},
		{"architecture", s->arch, p->device.arch->alpine},
		{"module", s->module, p->module.name}, {"source", s->source, source},
		{"kernel", s->kernel, p->target.kernel.name},
		{"kernel's version", s->kernel_version, p->target.kernel.version},
		{"kernel's identity", s->kernel_identity, identity},
		{"flavor", s->flavor, p->device.flavor}, {"pmkmod", s->pmkmod, PMKMOD_VERSION},
		{"release", s->release, c->r->cell.release},
		{"verdict", s->verdict, c->r->cell.verdict}};

	if (!i->has_summary)
		return lies(c, file, "summary", i->summary_problem, "that of a module package", e);
	for (size_t k = 0; k < ARRAY_SIZE(all); k++)
		if (!all[k].theirs || !streq(all[k].theirs, all[k].ours ? all[k].ours : ""))
			return lies(c, file, all[k].what, all[k].theirs, all[k].ours, e);
	return 0;
}

/*
 * Names decide which package of the repository is replaced: "<module>-kmod-<flavor>", of parts
 * that and a module's, for this very version of the kernel.
 */
static int check_name(const struct farm_check *c, const char *file, const struct apk_pkg *pkg,
	bool part, struct err *e)
{
	const struct plan *p = c->plan;
	_cleanup_free_ char *name = export_package_name(p->module.name, p->device.flavor);
	_cleanup_free_ char *begin = xasprintf("%s-", name), *version = NULL;
	int r = export_version("0", p->target.kernel.version, &version, e);

	if (r < 0)
		return r;
	if (part ? !starts_with(pkg->name, begin) : !streq(pkg->name, name))
		return lies(c, file, "name", pkg->name, part ? begin : name, e);
	/* the module's own version is before it */
	if (!ends_with(pkg->version, version + 1))
		return lies(c, file, "version", pkg->version, version + 1, e);
	if (!streq(pkg->arch ? pkg->arch : "", p->device.arch->alpine))
		return lies(c, file, "architecture", pkg->arch, p->device.arch->alpine, e);
	return 0;
}

/* The meta package has nothing in it, and nothing that a phone would run. */
static int check_meta(
	const struct farm_check *c, const char *file, const struct inspection *i, struct err *e)
{
	_cleanup_free_ char *name = export_package_name(c->plan->module.name, "");

	name[strlen(name) - 1] = '\0';
	if (!streq(i->c.pkg.name, name))
		return lies(c, file, "name", i->c.pkg.name, name, e);
	if (i->n_modules || i->n_more || i->others.n || i->has_summary)
		return lies(c, file, "content", "files", "nothing", e);
	for (size_t k = 0; k < APK_SCRIPTS; k++)
		if (i->c.script[k])
			return lies(c, file, "content", "a script", "nothing", e);
	return 0;
}

int farm_check_package(
	const struct farm_check *c, const char *file, enum farm_package kind, struct err *e)
{
	_cleanup_free_ char *path = path_join(c->dir, file), *name = NULL;
	struct inspection i = {0};
	int r = inspect_package(&i, path, c->keys, e);

	if (r < 0)
		return r;
	name = xasprintf("%s-%s.apk", i.c.pkg.name, i.c.pkg.version);
	if (i.untrusted)
		r = lies(c, file, "signature", i.untrusted, "the worker's", e);
	else if (!streq(name, file))
		r = lies(c, file, "name", file, name, e);
	else if (kind == FARM_META)
		r = check_meta(c, file, &i, e);
	else
		r = check_name(c, file, &i.c.pkg, kind == FARM_PART, e);
	if (r == 0 && kind != FARM_META)
		r = check_summary(c, file, &i, e);
	inspection_free(&i);
	return r;
}
