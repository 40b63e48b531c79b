// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/headers/parts.h"

#include <limits.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define TEXT_MAX (1u << 20)

/* ---- a build folder ---- */

static int bad_kdir(const char *dir, const char *what, struct err *e)
{
	err_exit(e, EXIT_USAGE, -EINVAL, "'%s' is not the build folder of a kernel: %s", dir, what);
	return err_hint(e,
		"a build folder has .config, include/generated and scripts; for source alone use "
		"--source");
}

static bool is_source(const char *dir)
{
	_cleanup_free_ char *makefile = path_join(dir, "scripts/Makefile.build");

	return fs_exists(makefile);
}

/* "include /src/linux/Makefile", or before 4.20 "MAKEARGS := -C /src/linux O=..." */
static char *source_in_makefile(const char *kdir)
{
	static const char *const marks[] = {"include ", "MAKEARGS := -C "};
	_cleanup_free_ char *path = path_join(kdir, "Makefile"), *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};

	if (fs_read(path, TEXT_MAX, &text, NULL, NULL) < 0)
		return NULL;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(marks); k++)
			if (starts_with(lines.v[i], marks[k])) {
				char *dir = xstrdup(lines.v[i] + strlen(marks[k]));

				dir[strcspn(dir, " ")] = '\0';
				if (ends_with(dir, "/Makefile"))
					dir[strlen(dir) - strlen("/Makefile")] = '\0';
				return dir;
			}
	return NULL;
}

/*
 * Where the source of a build folder is: itself, what its Makefile or its link `source` names, or,
 * when that was a path of another root (envkernel's /mnt/linux), the folder it lies in.
 */
static char *source_of(const char *kdir)
{
	_cleanup_free_ char *link = path_join(kdir, "source");
	_cleanup_free_ char *parent = path_join(kdir, "..");
	_cleanup_free_ char *named = source_in_makefile(kdir);
	char real[PATH_MAX];

	if (is_source(kdir))
		return xstrdup(kdir);
	if (named && *named != '/') {
		char *full = path_join(kdir, named);

		free(named);
		named = full;
	}
	if (named && is_source(named) && realpath(named, real))
		return xstrdup(real);
	if (is_source(link) && realpath(link, real))
		return xstrdup(real);
	if (is_source(parent) && realpath(parent, real))
		return xstrdup(real);
	return NULL;
}

/* What a build that got as far as modules_prepare has left; paths that changed names have two. */
static int check_kdir(const char *kdir, struct err *e)
{
	static const char *const wanted[] = {".config", "include/generated/autoconf.h",
		"include/generated/utsrelease.h", "include/config/auto.conf",
		"scripts/basic/fixdep"};

	if (!fs_is_dir(kdir))
		return bad_kdir(kdir, fs_exists(kdir) ? "it is no folder" : "it does not exist", e);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		_cleanup_free_ char *path = path_join(kdir, wanted[i]);
		_cleanup_free_ char *what = NULL;

		if (fs_exists(path))
			continue;
		what = xasprintf("it has no %s", wanted[i]);
		return bad_kdir(kdir, what, e);
	}
	return 0;
}

static int kdir_arch(const struct maker *m, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->out_dir, ".config"), *text = NULL;
	struct config_header h;
	int r = fs_read(path, 8u << 20, &text, NULL, e);

	if (r < 0)
		return r;
	config_header_read(&h, text);
	if (h.arch && !streq(h.arch, m->s->arch->linux_arch) && !starts_with(h.arch, "x86") &&
		!streq(h.arch, "i386")) {
		r = err_exit(e, EXIT_USAGE, -EINVAL,
			"the build folder '%s' is for Linux/%s, but %s needs Linux/%s", m->out_dir,
			h.arch, m->s->arch->alpine, m->s->arch->linux_arch);
	}
	config_header_free(&h);
	return r;
}

static int open_kdir(struct maker *m, struct err *e)
{
	_cleanup_free_ char *config = NULL;
	char real[PATH_MAX];
	int r = check_kdir(m->s->kdir, e);

	if (r < 0)
		return r;
	if (!realpath(m->s->kdir, real))
		return err_errno(e, -errno, "cannot find '%s'", m->s->kdir);
	m->out_dir = xstrdup(real);
	m->source = m->s->source ? xstrdup(m->s->source) : source_of(m->out_dir);
	if (!m->source) {
		err_exit(e, EXIT_USAGE, -ENOENT,
			"the source that the build folder '%s' was made from is not found",
			m->out_dir);
		return err_hint(e, "name it with --source");
	}
	r = source_tree_read(&m->tree, m->source, m->s->arch, e);
	if (r == 0)
		r = kdir_arch(m, e);
	config = path_join(m->out_dir, ".config");
	if (r == 0)
		r = kconfig_read(&m->config, config, e);
	return r < 0 ? r : maker_remedies(m, e);
}

/* ---- a headers package ---- */

static int open_packaged(struct maker *m, struct err *e)
{
	_cleanup_free_ char *config = path_join(m->s->packaged, ".config");
	int r = source_tree_read(&m->tree, m->s->packaged, m->s->arch, e);

	m->source = xstrdup(m->s->packaged);
	m->out_dir = xstrdup(m->s->packaged);
	return r < 0 ? r : kconfig_read(&m->config, config, e);
}

/* ---- source and configuration ---- */

static int open_source(struct maker *m, struct err *e)
{
	char real[PATH_MAX];
	int r = source_tree_read(&m->tree, m->s->source, m->s->arch, e);

	if (r < 0)
		return r;
	if (!realpath(m->s->source, real))
		return err_errno(e, -errno, "cannot find '%s'", m->s->source);
	m->source = xstrdup(real);
	m->out_dir = path_join(m->s->work_dir, "out");
	m->writable_out = true;
	r = fs_mkdirs(m->out_dir, 0755, e);
	return r < 0 ? r : maker_prepare(m, e);
}

/* ---- the release ---- */

static char *built_release(const struct maker *m)
{
	_cleanup_free_ char *path = path_join(m->out_dir, "include/generated/utsrelease.h");
	_cleanup_free_ char *text = NULL;

	return fs_read(path, TEXT_MAX, &text, NULL, NULL) == 0 ? kernel_uts_release(text) : NULL;
}

static bool usable_release(const char *r)
{
	return *r && *r != '.' && !r[strcspn(r, "/ \t\n")] && strlen(r) < 65;
}

static int find_release(struct maker *m, struct err *e)
{
	const struct headers_spec *s = m->s;
	_cleanup_free_ char *built = built_release(m);

	if (!built || !usable_release(built))
		return err_set(
			e, -EBADMSG, "'%s' does not say its release (UTS_RELEASE)", m->out_dir);
	m->out->release_derived = !s->release;
	if (!m->writable_out && s->release && !streq(built, s->release)) {
		err_exit(e, EXIT_USAGE, -EINVAL,
			"the build folder '%s' is of release %s, but the phone's kernel package %s-%s is "
			"release %s",
			m->out_dir, built, s->kernel_package, s->kernel_version, s->release);
		return err_hint(e, "give the folder that this very kernel was built in");
	}
	if (s->release && !streq(built, s->release))
		dprintf(s->log_fd,
			"# release: %s, by the kernel package; the source alone says %s\n",
			s->release, built);
	m->release = xstrdup(s->release ? s->release : built);
	m->out->release = xstrdup(m->release);
	return 0;
}

/* A build's own exports are the truth; the caller's are only for trees without. */
static int own_symvers(struct maker *m, struct headers_spec *mine, char **text, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->out_dir, "Module.symvers");
	int r = 0;

	if (!m->writable_out && !m->s->symvers && fs_exists(path)) {
		r = fs_read(path, 64u << 20, text, NULL, e);
		if (r == 0 && **text)
			mine->symvers = *text;
	}
	return r;
}

/* Without them no module would load into a kernel with MODVERSIONS. */
static int compute_symvers(struct maker *m, struct headers_spec *mine, char **text, struct err *e)
{
	int r;

	if (m->s->symvers)
		return 0;
	if (!kconfig_yes(m->config, "MODVERSIONS")) {
		strvec_add(&m->out->notes,
			"what the kernel exports is not known: whether a module finds its symbols there "
			"cannot be told before it is loaded (--image or --symvers would tell)");
		return 0;
	}
	if (!m->writable_out) {
		strvec_add(&m->out->notes,
			"the build folder has no Module.symvers: modules get no symbol versions, and a "
			"kernel with CONFIG_MODVERSIONS refuses them (`make modules` there makes it)");
		return 0;
	}
	r = maker_genksyms(m, text, e);
	mine->symvers = *text;
	return r;
}

static void maker_free(struct maker *m)
{
	free(m->source);
	free(m->out_dir);
	free(m->shadow);
	free(m->work);
	free(m->release);
	source_tree_free(&m->tree);
	kconfig_free(m->config);
	remedies_free(&m->remedies);
	strvec_free(&m->make_args);
	strvec_free(&m->phone_programs);
	strvec_free(&m->native_programs);
}

int headers_check_folder(
	const char *kdir, const char *source, const struct arch_info *arch, struct err *e)
{
	struct source_tree t = {0};
	int r = kdir ? check_kdir(kdir, e) : source_tree_read(&t, source, arch, e);

	source_tree_free(&t);
	return r;
}

int headers_make(const struct headers_spec *s, struct headers_result *out, struct err *e)
{
	struct headers_spec mine = *s;
	_cleanup_(maker_free) struct maker m = {.s = &mine, .out = out};
	_cleanup_free_ char *symvers = NULL;
	int r;

	*out = (struct headers_result){0};
	m.shadow = path_join(s->work_dir, "shadow");
	m.work = path_join(s->work_dir, "programs");
	r = fs_mkdirs(m.shadow, 0755, e);
	if (r == 0)
		r = fs_mkdirs(m.work, 0755, e);
	if (r == 0)
		r = s->packaged ? open_packaged(&m, e)
		    : s->kdir	? open_kdir(&m, e)
				: open_source(&m, e);
	if (r == 0)
		r = find_release(&m, e);
	if (r == 0)
		r = maker_programs(&m, e);
	if (r == 0)
		r = own_symvers(&m, &mine, &symvers, e);
	if (r == 0)
		r = compute_symvers(&m, &mine, &symvers, e);
	if (r == 0)
		r = maker_pack(&m, e);
	if (r < 0)
		headers_result_free(out);
	return r;
}

void headers_result_free(struct headers_result *r)
{
	free(r->dev_path);
	free(r->scripts_path);
	free(r->release);
	strvec_free(&r->notes);
	*r = (struct headers_result){0};
}
