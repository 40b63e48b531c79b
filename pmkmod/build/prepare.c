// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/unpack.h"

static int move(const char *from, const char *to, struct err *e)
{
	return rename(from, to) < 0 ? err_errno(e, -errno, "cannot move '%s' to '%s'", from, to)
				    : 0;
}

/* ---- source = package:NAME ---- */

static int no_script(void *ctx, const char *root, const char *const *argv, struct err *e)
{
	(void)ctx, (void)root, (void)argv, (void)e;
	return 0; /* only the files of a source package are wanted, nothing of it is run */
}

static char *cached_file(void *ctx, const struct apk_pkg *p)
{
	return repos_cached(ctx, p);
}

static const struct apk_pkg *source_package(struct plan *p, struct err *e)
{
	const struct apk_pkg *pkg;

	if (repos_parse(&p->target_repos, e) < 0)
		return NULL;
	pkg = repos_newest(&p->target_repos, p->target.source.name);
	if (!pkg)
		err_set(e, -ENOENT, "package %s has vanished from the index",
			p->target.source.name);
	return pkg;
}

static int unpack_package(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	const struct apk_pkg *pkg = source_package(p, e);
	_cleanup_free_ char *root = path_join(j->work.dir, "source-root");
	_cleanup_free_ char *src = path_join(root, "usr/src");
	_cleanup_free_ char *only = NULL;
	_cleanup_strvec_ struct strvec warnings = {0};
	struct apk_change change = {.new_pkg = pkg};
	struct apk_solution sol = {.changes = &change, .n_changes = 1};
	struct apk_universe u = {0};
	struct apk_deps world = {0};
	struct apk_install_opts o = {.run = no_script, .file_of = cached_file, .file_ctx = p->x};
	int r;

	if (!pkg)
		return e ? e->code : -ENOENT;
	r = apk_install(root, &u, &sol, &world, &o, &warnings, e);
	if (r < 0) {
		if (e && !e->exit_code && r == -EBADMSG)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	only = only_folder(src);
	if (!only && !fs_is_dir(src))
		return err_set(e, -ENOENT, "package %s ships nothing below /usr/src", pkg->name);
	/* of several sources in one package each has a version of its own */
	if (!p->version && !only && p->module.subdir) {
		_cleanup_free_ char *folder = path_join(src, p->module.subdir);

		p->version = module_folder_version(folder);
	}
	if (!p->version) {
		const char *dash = strrchr(pkg->version, '-');

		p->version = xstrndup(
			pkg->version, dash ? (size_t)(dash - pkg->version) : strlen(pkg->version));
	}
	return move(only ? only : src, j->source_dir, e);
}

/* ---- source = URL of an archive ---- */

static int unpack_archive(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *path = NULL, *only = NULL;
	_cleanup_free_ char *to = path_join(j->work.dir, "unpacked");
	_cleanup_free_ char *recipe = xasprintf("the recipe %s", p->module.recipe);
	int r = fetch_source(p->x, p->module.location, &p->module.sha256, recipe, &path, e);

	if (r == 0)
		r = fs_mkdirs(to, 0700, e);
	if (r == 0)
		r = unpack_archive_file(path, to, p->module.location, e);
	if (r < 0)
		return r;
	only = only_folder(to);
	return move(only ? only : to, j->source_dir, e);
}

static const char *const not_copied[] = {".git", NULL};

static int get_source(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;

	switch (m->kind) {
	case SOURCE_PACKAGE:
		return unpack_package(j, e);
	case SOURCE_ARCHIVE:
		return unpack_archive(j, e);
	case SOURCE_FOLDER:
		return fs_copy_tree(m->location, j->source_dir, not_copied, e);
	}
	return -EINVAL;
}

int job_prepare(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *build = NULL;
	char name[17];
	int r;

	snprintf(name, sizeof(name), "%.16s", p->cell);
	r = work_open(&j->work, p->x, name, e);
	if (r < 0)
		return r;
	build = path_join(j->work.dir, "build");
	j->source_dir = path_join(build, "src");
	j->out_dir = path_join(build, "out");
	r = fs_mkdirs(j->out_dir, 0700, e);
	if (r == 0)
		r = get_source(j, e);
	if (r < 0) {
		if (e && !e->exit_code && r == -ENOSPC)
			e->exit_code = EXIT_NO_SPACE;
		return r;
	}
	r = steps_find(j, e);
	if (r == 0)
		r = steps_clean(j, e);
	if (r == 0)
		r = steps_read(j, e);
	if (r == 0 && !p->version)
		p->version = module_folder_version(j->kbuild_dir);
	return r;
}
