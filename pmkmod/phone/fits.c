// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/phone/phone.h"

#include <dirent.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

/* A module that needs a module that needs a module ... must end somewhere. */
#define PACKAGES_MAX 256

/* ---- the packages ---- */

static void package_free(struct phone_package *p)
{
	free(p->path);
	free(p->key);
	apk_pkg_free(&p->pkg);
	*p = (struct phone_package){0};
}

static int package_read(
	struct phone_package *p, const char *path, const struct apk_keys *keys, struct err *e)
{
	struct apk_control c = {0};
	int r = apk_read_control(path, keys, &c, e);

	*p = (struct phone_package){0};
	if (r < 0)
		return r;
	/* they become words of a script */
	if (!phone_word_ok(c.pkg.name) || !phone_word_ok(c.pkg.version)) {
		r = err_set(e, -EINVAL, "'%s' has a name or version that no package has", path);
	} else {
		p->path = xstrdup(path);
		p->key = steal_ptr(c.signed_by);
		p->pkg = c.pkg;
		c.pkg = (struct apk_pkg){0};
	}
	apk_control_free(&c);
	return r;
}

int phone_packages_add(struct phone_packages *l, const char *path, struct err *e)
{
	struct phone_package p;
	int r = package_read(&p, path, l->keys, e);

	if (r < 0) {
		if (e && !e->exit_code)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = p;
	return 0;
}

void phone_packages_free(struct phone_packages *l)
{
	for (size_t i = 0; i < l->n; i++)
		package_free(&l->v[i]);
	free(l->v);
	*l = (struct phone_packages){0};
}

/* ---- the phone ---- */

/* What `uname -m` says of a kernel whose modules an architecture's packages hold. */
static const struct {
	const char *alpine;
	const char *machines[5];
} machines[] = {
	{"aarch64", {"aarch64", "arm64"}},
	{"armv7", {"armv7l", "armv8l"}},
	{"armhf", {"armv6l", "armv7l", "armv8l"}},
	{"x86", {"i386", "i486", "i586", "i686"}},
};

bool phone_machine_fits(const struct arch_info *arch, const char *machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		if (!streq(machines[i].alpine, arch->alpine))
			continue;
		for (const char *const *m = machines[i].machines; *m; m++)
			if (streq(*m, machine))
				return true;
		return false;
	}
	return streq(arch->uname, machine) || streq(arch->alpine, machine);
}

static void differs(struct err *e)
{
	if (e)
		e->exit_code = EXIT_PHONE_DIFFERS;
}

static int check_arch(const struct phone_state *s, const struct arch_info *arch, struct err *e)
{
	if (s->apk && (!s->arch || streq(s->arch, arch->alpine)) &&
		phone_machine_fits(arch, s->machine))
		return 0;
	differs(e);
	if (!s->apk)
		return err_set(e, -ESTALE,
			"there is no apk on the phone: it runs neither postmarketOS nor Alpine");
	if (s->arch && !streq(s->arch, arch->alpine))
		return err_set(e, -ESTALE,
			"the phone's packages are %s, but the device's are %s: is this the right phone?",
			s->arch, arch->alpine);
	return err_set(e, -ESTALE,
		"the phone's kernel is one for %s, but the device's modules are for %s: is this the "
		"right phone?",
		s->machine, arch->alpine);
}

static bool provides(const struct phone_pkg *p, const struct apk_dep *d)
{
	for (size_t i = 0; i < p->provides.n; i++) {
		const struct apk_dep *have = &p->provides.v[i];

		if (streq(have->name, d->name) &&
			(d->op == APK_VER_ANY || (have->version && apk_version_match(have->version,
									   d->op, d->version))))
			return true;
	}
	return false;
}

/* Is `d` met by what is installed? */
static bool met(const struct phone_state *s, const struct apk_dep *d)
{
	for (size_t i = 0; i < s->n_pkgs; i++) {
		const struct phone_pkg *p = &s->pkgs[i];

		if (p->version && streq(p->name, d->name) &&
			(d->op == APK_VER_ANY || apk_version_match(p->version, d->op, d->version)))
			return true;
		if (provides(p, d))
			return true;
	}
	return false;
}

static bool is_what(const struct phone_package *p, const struct apk_dep *d)
{
	return streq(p->pkg.name, d->name) &&
	       (d->op == APK_VER_ANY || apk_version_match(p->pkg.version, d->op, d->version));
}

static bool brought(const struct phone_packages *l, const struct apk_dep *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_what(&l->v[i], d))
			return true;
	return false;
}

static int wrong_kernel(const struct phone_state *s, const struct phone_package *p,
	const struct apk_dep *d, const struct phone_pkg *have, struct err *e)
{
	_cleanup_free_ char *dep = apk_dep_print(d);

	differs(e);
	if (have && have->version)
		err_set(e, -ESTALE,
			"%s-%s is for %s, but the phone has %s-%s (running %s): installing it would "
			"replace the phone's kernel",
			p->pkg.name, p->pkg.version, dep, have->name, have->version, s->release);
	else
		err_set(e, -ESTALE,
			"%s-%s is for %s, which is not installed on the phone (running %s): installing "
			"it would bring another kernel",
			p->pkg.name, p->pkg.version, dep, s->release);
	if (have && have->version && d->version &&
		apk_version_compare(have->version, d->version, false) == APK_VER_LT)
		return err_hint(e,
			"bring the phone's kernel up to date (apk upgrade, and start it anew), then "
			"run this again");
	return err_hint(e, "build for the kernel that the phone has: name its repository, headers "
			   "or source (see pmkmod(1)), or install that kernel on the phone first");
}

/* Is the package at `path` what `d` asks for, and for a kernel that the phone has? */
static bool is_usable(
	const struct phone_state *s, const struct phone_package *p, const struct apk_dep *d)
{
	if (!is_what(p, d))
		return false;
	for (size_t i = 0; i < p->pkg.depends.n; i++)
		if (starts_with(p->pkg.depends.v[i].name, "linux-") &&
			!met(s, &p->pkg.depends.v[i]))
			return false;
	return true;
}

/* Path of the newest such package in our repository, NULL: none. Caller frees. */
static char *find_own(const struct phone_state *s, const char *folder, const struct apk_dep *d)
{
	_cleanup_free_ char *prefix = xasprintf("%s-", d->name), *version = NULL, *found = NULL;
	DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		_cleanup_free_ char *path = path_join(folder, de->d_name);
		struct phone_package p;

		if (!starts_with(de->d_name, prefix) || !ends_with(de->d_name, ".apk") ||
			package_read(&p, path, NULL, NULL) < 0)
			continue;
		if (is_usable(s, &p, d) && (!version || apk_version_compare(p.pkg.version, version,
								false) == APK_VER_GT)) {
			free(version);
			free(found);
			version = xstrdup(p.pkg.version);
			found = steal_ptr(path);
		}
		package_free(&p);
	}
	if (dir)
		closedir(dir);
	return steal_ptr(found);
}

static int bring(const struct phone_state *s, struct phone_packages *l, const struct apk_dep *d,
	struct err *e)
{
	_cleanup_free_ char *path = find_own(s, l->folder, d), *dep = apk_dep_print(d);

	if (path && l->n < PACKAGES_MAX)
		return phone_packages_add(l, path, e);
	differs(e);
	err_set(e, -ESTALE,
		"%s needs %s, which the phone has not, and pmkmod has made no such package for the "
		"phone's kernel",
		l->v[0].pkg.name, dep);
	return err_hint(e,
		"build that module first, or install the package on the phone: apk add %s",
		d->name);
}

static int check_conflict(const struct phone_state *s, const struct phone_package *p,
	const struct apk_dep *d, struct err *e)
{
	struct apk_dep other = *d;

	other.conflict = false;
	if (!met(s, &other))
		return 0;
	differs(e);
	err_set(e, -ESTALE, "%s does not go together with %s, which is on the phone", p->pkg.name,
		d->name);
	return err_hint(
		e, "`apk add '!%s'` on the phone takes that away and keeps it away", d->name);
}

static int check_one(const struct phone_state *s, struct phone_packages *l, size_t at,
	const struct apk_dep *d, struct err *e)
{
	const struct phone_pkg *have;

	if (d->conflict)
		return check_conflict(s, &l->v[at], d, e);
	if (met(s, d) || brought(l, d))
		return 0;
	have = phone_installed(s, d->name);
	if (starts_with(d->name, "linux-") && !starts_with(d->name, "linux-firmware"))
		return wrong_kernel(s, &l->v[at], d, have, e);
	return bring(s, l, d, e);
}

static int check_release(const struct phone_state *s, const struct phone_package *p,
	const char *release, struct err *e)
{
	if (!release || streq(s->release, release))
		return 0;
	differs(e);
	err_set(e, -ESTALE,
		"the phone has the kernel's package that %s is for, but it still runs %s and not %s",
		p->pkg.name, s->release, release);
	return err_hint(e, "start the phone anew, so that it runs the kernel that is installed");
}

int phone_check(const struct phone_state *s, const struct arch_info *arch, const char *release,
	struct phone_packages *l, struct err *e)
{
	int r = check_arch(s, arch, e);

	/* the list grows while it is gone through; what a package depends on stays where it is */
	for (size_t i = 0; r == 0 && i < l->n; i++)
		for (size_t k = 0; r == 0 && k < l->v[i].pkg.depends.n; k++)
			r = check_one(s, l, i, &l->v[i].pkg.depends.v[k], e);
	return r == 0 ? check_release(s, &l->v[0], release, e) : r;
}
