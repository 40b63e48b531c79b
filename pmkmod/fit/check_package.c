// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/check_package.h"

/* A root as apk sees it: what is installed, what could be, what is wanted. */
struct root {
	struct apk_pkg installed[2];
	size_t n_installed;
	struct apk_repo repo;
	struct apk_deps world;
};

static void add_kernel(struct root *root, const struct fit_packages *f, const char *version)
{
	root->installed[root->n_installed++] = (struct apk_pkg){
		.name = (char *)f->kernel, .version = (char *)version, .arch = (char *)f->arch};
}

/* `wanted` NULL: nobody wants any of the packages. The solution points into `root`. */
static int solve(struct root *root, const struct fit_packages *f, const struct apk_pkg *wanted,
	struct apk_solution *out, struct err *e)
{
	const struct apk_pkg *installed[2];
	const struct apk_repo *repo = &root->repo;
	struct apk_universe u = {.repos = &repo,
		.n_repos = 1,
		.installed = installed,
		.n_installed = root->n_installed};
	_cleanup_free_ char *name =
		wanted ? xasprintf("%s=%s", wanted->name, wanted->version) : NULL;
	int r;

	for (size_t i = 0; i < root->n_installed; i++)
		installed[i] = &root->installed[i];
	/* shallow copies: the solver changes nothing of them */
	root->repo.pkgs = xcalloc(f->n + 1, sizeof(*root->repo.pkgs));
	for (size_t i = 0; i < f->n; i++)
		root->repo.pkgs[root->repo.n_pkgs++] = *f->given[i];
	for (size_t i = 0; i < root->repo.n_pkgs; i++)
		root->repo.pkgs[i].repo = repo;
	r = apk_deps_parse(&root->world, f->kernel, e);
	if (r == 0 && name)
		r = apk_deps_parse(&root->world, name, e);
	if (r == 0)
		r = apk_solve(&u, &root->world, 0, out, e);
	return r;
}

static void root_free(struct root *root)
{
	apk_deps_free(&root->world);
	free(root->repo.pkgs);
}

static bool is_in(const struct apk_solution *s, const char *name)
{
	for (size_t i = 0; i < s->n_all; i++)
		if (streq(s->all[i]->name, name))
			return true;
	return false;
}

/* Beside this version of the kernel, alone on the phone. *why: why not. */
static bool installs(
	const struct fit_packages *f, const struct apk_pkg *p, const char *version, struct err *why)
{
	struct apk_solution s = {0};
	struct root root = {0};
	bool there;

	add_kernel(&root, f, version);
	there = solve(&root, f, p, &s, why) == 0 && is_in(&s, p->name) && is_in(&s, f->kernel);
	apk_solution_free(&s);
	root_free(&root);
	return there;
}

/* Installed, and then no longer wanted. */
static bool goes(const struct fit_packages *f, const struct apk_pkg *p)
{
	struct apk_solution s = {0};
	struct root root = {0};
	bool gone;

	add_kernel(&root, f, f->version);
	root.installed[root.n_installed++] = *p;
	gone = solve(&root, f, NULL, &s, NULL) == 0 && !is_in(&s, p->name);
	apk_solution_free(&s);
	root_free(&root);
	return gone;
}

static void add(struct fit_report *out, const struct apk_pkg *p, enum fit_result result,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void add(struct fit_report *out, const struct apk_pkg *p, enum fit_result result,
	const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	fit_report_add(out, p->name, "package", result, text.s);
}

/* What the next build of a package is called. */
static char *next_version(const char *version)
{
	const char *r = strstr(version, "-r");

	return r ? xasprintf("%.*s-r%lu", (int)(r - version), version, strtoul(r + 2, NULL, 10) + 1)
		 : xasprintf("%s-r1", version);
}

void fit_check_package(
	const struct fit_packages *f, const struct apk_pkg *p, struct fit_report *out)
{
	_cleanup_free_ char *newer = next_version(f->version);
	struct err why = ERR_INIT;

	if (!streq(p->arch, f->arch) && !streq(p->arch, "noarch"))
		add(out, p, FIT_FAIL, "the package is for %s, the kernel for %s", p->arch, f->arch);
	else if (!installs(f, p, f->version, &why))
		add(out, p, FIT_FAIL,
			"apk cannot install %s-%s on a phone with %s-%s and no network: %s",
			p->name, p->version, f->kernel, f->version, why.text);
	else if (installs(f, p, newer, NULL))
		add(out, p, FIT_FAIL,
			"%s-%s depends on no particular version of %s: when that is upgraded, apk "
			"keeps modules that the new kernel does not load; depends must have %s=%s",
			p->name, p->version, f->kernel, f->kernel, f->version);
	else if (!p->install_if.n && !goes(f, p))
		add(out, p, FIT_FAIL, "%s-%s stays when nobody wants it any more", p->name,
			p->version);
	else
		add(out, p, FIT_PASS, "installs beside %s-%s and no other version of it", f->kernel,
			f->version);
}
