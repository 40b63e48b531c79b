// SPDX-License-Identifier: GPL-3.0-or-later
/* dkms.conf and AKMBUILD of the copied source, read for this kernel. */
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/exit_codes.h"

#define DESCRIPTION_MAX (1U << 20)

void steps_free(struct steps *s)
{
	free(s->target);
	strvec_free(&s->overrides);
	dkms_conf_free(&s->dkms);
	free(s->akms.modname);
	free(s->akms.modver);
	strvec_free(&s->akms.built_modules);
	strvec_free(&s->akms.makedepends);
	*s = (struct steps){0};
}

/*
 * Run `script` by `shell` with the description's path as $1; what it prints on descriptor 3 is the
 * answer, what the description itself prints goes to the log.
 */
static int ask_shell(struct job *j, const char *shell, const char *script, const char *file,
	char **answer, size_t *len, struct err *e)
{
	_cleanup_free_ char *dir = job_inside(j), *path = path_join(dir, file);
	_cleanup_free_ char *said = path_join(j->work.dir, "build/run/said");
	_cleanup_strvec_ struct strvec argv = {0};
	int r = surroundings_script(j, "read", script, e), status;

	if (r < 0)
		return r;
	strvec_add(&argv, "/bin/sh");
	strvec_add(&argv, "-c");
	strvec_addf(&argv, "exec %s " JOB_RUN "/read \"$0\" 3>" JOB_RUN "/said", shell);
	strvec_add(&argv, path);
	status = job_run(j, &argv, dir, NULL, e);
	if (status < 0)
		return status;
	if (status == 0 && fs_read_regular(said, DESCRIPTION_MAX, answer, len, NULL) == 0)
		return 0;
	err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
		"the %s of %s cannot be evaluated: %s ended with status %d", file,
		j->plan->module.name, shell, status);
	return err_hint(e, "what it said is in the log: %s", j->log_path);
}

int steps_excluded(struct job *j, const char *why, struct err *e)
{
	if (j->plan->x->force) {
		progress_note(&j->plan->x->progress, "built because of --force: %s", why);
		return 0;
	}
	err_exit(e, EXIT_EXCLUDED, -ENOTSUP, "%s is not for this kernel: %s", j->plan->module.name,
		why);
	return err_hint(e, "--force builds it all the same");
}

/* ---- dkms.conf ---- */

static int read_variables(
	struct job *j, const struct dkms_kernel *k, struct dkms_vars *vars, struct err *e)
{
	_cleanup_free_ char *path = path_join(j->kbuild_dir, "dkms.conf"), *text = NULL;
	_cleanup_free_ char *script = NULL, *answer = NULL;
	const char *why = NULL;
	size_t len = 0;
	int r = fs_read_regular(path, DESCRIPTION_MAX, &text, &len, e);

	if (r == 0)
		r = dkms_read_text(vars, text, len, "dkms.conf", k, &why, e);
	if (r <= 0)
		return r;
	dprintf(j->log_fd, "# dkms.conf is read by a shell: it has %s\n", why);
	script = dkms_shell_script(k);
	r = ask_shell(j, "bash", script, "dkms.conf", &answer, &len, e);
	return r < 0 ? r : dkms_read_printed(vars, answer, len, e);
}

bool job_has_module(struct job *j, const char *name)
{
	struct plan *p = j->plan;

	return companion_find(&p->companions, p->x, p->device.name, name) &&
	       streq(companion_get(&p->companions, name)->release, j->headers.release);
}

/* Modules of other packages that must have been built for this kernel before. */
static int check_build_depends(struct job *j, struct err *e)
{
	const struct strvec *names = &j->steps.dkms.build_depends;

	for (size_t i = 0; i < names->n; i++) {
		if (job_has_module(j, names->v[i]))
			continue;
		if (j->plan->x->force) {
			progress_note(&j->plan->x->progress,
				"built because of --force: dkms.conf wants %s first", names->v[i]);
			continue;
		}
		err_exit(e, EXIT_MISSING_DEPEND, -ENOENT,
			"%s: its dkms.conf has BUILD_DEPENDS on %s, which was not built for %s",
			j->plan->module.name, names->v[i], j->headers.release);
		return err_hint(e, "build that first: pmkmod build %s %s", j->plan->device.name,
			names->v[i]);
	}
	return 0;
}

/* In the folder of the dkms.conf, in its order. */
static int apply_patches(struct job *j, struct err *e)
{
	const struct strvec *patches = &j->steps.dkms.patches;
	int r = 0;

	for (size_t i = 0; r == 0 && i < patches->n; i++) {
		_cleanup_free_ char *path = path_join(j->kbuild_dir, patches->v[i]);

		r = job_patch(j, j->kbuild_dir, path, patches->v[i], e);
	}
	return r;
}

/* "@PKGVER@" and "#MODULE_VERSION#" are for a packager to fill in: MODULE_VERSION of the module, or
 * none, says more. */
static void take_version(struct plan *p, const char *version)
{
	if (!p->version && version && strpbrk(version, "0123456789"))
		p->version = xstrdup(version);
}

static int read_dkms(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	const struct dkms_kernel k = {.kernelver = j->headers.release,
		.arch = p->device.arch->uname,
		.source_dir = j->headers.build_dir,
		.dkms_tree = "/var/lib/dkms",
		.source_tree = "/usr/src",
		.install_tree = "/lib/modules",
		.config = j->kconfig,
		.clang = j->preflight.clang};
	struct dkms_vars vars = {0};
	struct dkms_conf *c = &j->steps.dkms;
	int r;

	j->steps.kind = STEPS_DKMS;
	r = surroundings_make(j, e);
	if (r == 0)
		r = read_variables(j, &k, &vars, e);
	if (r == 0)
		r = dkms_apply(c, &vars, &k, j->kbuild_dir, "dkms.conf", e);
	dkms_vars_free(&vars);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->warnings.n; i++) {
		dprintf(j->log_fd, "# dkms.conf: %s\n", c->warnings.v[i]);
		/* every other file has such words still, and nobody can do anything about it */
		if (!strstr(c->warnings.v[i], "has no effect"))
			progress_note(&p->x->progress, "dkms.conf: %s", c->warnings.v[i]);
	}
	take_version(p, c->version);
	if (c->excluded)
		r = steps_excluded(j, c->excluded, e);
	if (r == 0)
		r = check_build_depends(j, e);
	return r < 0 ? r : apply_patches(j, e);
}

/* ---- AKMBUILD ---- */

/* akms sources it by a shell of POSIX, as we do; of its variables these are known. */
static const char akms_script[] = "modname= modver= built_modules= makedepends=\n"
				  "cd \"${1%/*}\"\n"
				  ". \"$1\"\n"
				  "for name in modname modver built_modules makedepends; do\n"
				  "	eval \"value=\\$$name\"\n"
				  "	printf '%s\\0%s\\0' \"$name\" \"$value\" >&3\n"
				  "done\n";

static int akms_missing(struct job *j, const char *name, struct err *e)
{
	return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
		"the AKMBUILD of %s sets no %s, which AKMBUILD(5) requires", j->plan->module.name,
		name);
}

static void take_akms(struct akmbuild *a, const char *name, const char *value)
{
	if (streq(name, "modname"))
		a->modname = *value ? xstrdup(value) : NULL;
	else if (streq(name, "modver"))
		a->modver = *value ? xstrdup(value) : NULL;
	else if (streq(name, "built_modules"))
		strvec_split(&a->built_modules, value, " \t\r\n");
	else if (streq(name, "makedepends"))
		strvec_split(&a->makedepends, value, " \t\r\n");
}

static int check_akms(struct job *j, struct err *e)
{
	const struct akmbuild *a = &j->steps.akms;

	if (!a->modname)
		return akms_missing(j, "modname", e);
	if (!a->modver)
		return akms_missing(j, "modver", e);
	if (!a->built_modules.n)
		return akms_missing(j, "built_modules", e);
	for (size_t i = 0; i < a->built_modules.n; i++) {
		const char *path = a->built_modules.v[i];

		if (!ends_with(path, ".ko") || path[0] == '/' || starts_with(path, "../") ||
			strstr(path, "/../"))
			return err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL,
				"the AKMBUILD of %s has '%s' in built_modules: it must be the path of "
				"a .ko inside the source",
				j->plan->module.name, path);
	}
	return 0;
}

static bool in_set(const struct pinned_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->v[i].name, name))
			return true;
	return false;
}

/* "name>=1.2" is a package, too. */
static bool in_root(const struct plan *p, const char *word)
{
	_cleanup_free_ char *name = xstrndup(word, strcspn(word, "<>=~"));

	return !*name || starts_with(name, "linux-") || in_set(&p->native, name) ||
	       in_set(&p->target.toolchain, name) || strvec_has(&p->x->more_packages, word);
}

/*
 * What akms would install beside the source is part of the root here: it is planned anew with it.
 * -EAGAIN: p->asks_for says what.
 */
static int check_makedepends(struct job *j, struct err *e)
{
	const struct strvec *wanted = &j->steps.akms.makedepends;
	struct plan *p = j->plan;

	for (size_t i = 0; i < wanted->n; i++)
		if (!in_root(p, wanted->v[i]))
			strvec_add(&p->asks_for, wanted->v[i]);
	if (!p->asks_for.n)
		return 0;
	if (!p->host)
		return err_set(e, -EAGAIN, "its AKMBUILD needs more packages");
	/* the machine's own root is as it is */
	progress_note(&p->x->progress, "the AKMBUILD asks for %s, which this machine must have",
		p->asks_for.v[0]);
	strvec_reset(&p->asks_for);
	return 0;
}

static int read_akms(struct job *j, struct err *e)
{
	_cleanup_free_ char *answer = NULL;
	_cleanup_strbuf_ struct strbuf script = {0};
	struct plan *p = j->plan;
	size_t len = 0;
	int r;

	j->steps.kind = STEPS_AKMS;
	strbuf_adds(&script, "set -eu\nkernel_ver=");
	strbuf_add_quoted(&script, j->headers.release);
	strbuf_adds(&script, " kernel_srcdir=");
	strbuf_add_quoted(&script, j->headers.build_dir);
	strbuf_addf(&script, "\n%s", akms_script);
	r = surroundings_make(j, e);
	if (r == 0)
		r = ask_shell(j, "sh", script.s, "AKMBUILD", &answer, &len, e);
	if (r < 0)
		return r;
	for (const char *s = answer, *end = answer + len; s < end;) {
		const char *value = s + strnlen(s, (size_t)(end - s)) + 1;

		if (value >= end)
			break;
		take_akms(&j->steps.akms, s, value);
		s = value + strnlen(value, (size_t)(end - value)) + 1;
	}
	r = check_akms(j, e);
	if (r == 0)
		take_version(p, j->steps.akms.modver);
	return r < 0 ? r : check_makedepends(j, e);
}

/* ---- whichever there is ---- */

static bool here(const struct job *j, const char *name)
{
	_cleanup_free_ char *path = path_join(j->kbuild_dir, name);

	return fs_exists(path);
}

int steps_read(struct job *j, struct err *e)
{
	const enum module_use use = j->plan->module.use;

	if ((use == USE_ANY || use == USE_DKMS) && here(j, "dkms.conf"))
		return read_dkms(j, e);
	if ((use == USE_ANY || use == USE_AKMS) && here(j, "AKMBUILD"))
		return read_akms(j, e);
	if (use == USE_DKMS || use == USE_AKMS)
		return err_exit(e, EXIT_NO_MODULE, -ENOENT,
			"%s: the recipe says `use = %s`, but the source has no %s",
			j->plan->module.name, use == USE_DKMS ? "dkms" : "akms",
			use == USE_DKMS ? "dkms.conf" : "AKMBUILD");
	return steps_guess_make(j, e);
}
