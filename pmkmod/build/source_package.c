// SPDX-License-Identifier: GPL-3.0-or-later
/* source = package:NAME: what an apk package of the channel has below /usr/src. */
#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/source.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/unpack.h"

static int no_script(
	void *ctx, const char *root, const char *const *argv, const char *const *env, struct err *e)
{
	(void)ctx, (void)root, (void)argv, (void)env, (void)e;
	return 0; /* only the files of a source package are wanted, nothing of it is run */
}

static char *given_file(void *path, const struct apk_pkg *pkg)
{
	(void)pkg;
	return xstrdup(path);
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

/* Without the package's own release: "1.2-r3" -> "1.2". */
static char *upstream_version(const char *version)
{
	const char *dash = strrchr(version, '-');

	return xstrndup(version, dash ? (size_t)(dash - version) : strlen(version));
}

int source_unpack_apk(struct plan *p, const struct apk_pkg *pkg, const char *path,
	const char *scratch, char **top, struct err *e)
{
	_cleanup_free_ char *root = path_join(scratch, "source-root");
	_cleanup_free_ char *src = path_join(root, "usr/src"), *file = xstrdup(path);
	_cleanup_strvec_ struct strvec warnings = {0};
	struct apk_change change = {.new_pkg = pkg};
	struct apk_solution sol = {.changes = &change, .n_changes = 1};
	struct apk_universe u = {0};
	struct apk_deps world = {0};
	struct apk_install_opts o = {.run = no_script, .file_of = given_file, .file_ctx = file};
	bool several;
	int r = apk_install(root, &u, &sol, &world, &o, &warnings, e);

	*top = NULL;
	if (r < 0) {
		if (e && !e->exit_code && r == -EBADMSG)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	*top = only_folder(src);
	several = !*top;
	if (several && !fs_is_dir(src))
		return err_exit(e, EXIT_NO_MODULE, -ENOENT,
			"package %s ships nothing below /usr/src: it is no module's source",
			pkg->name);
	if (several)
		*top = xstrdup(src);
	/* of several sources in one package each has a version of its own */
	if (!p->version && several && p->module.subdir) {
		_cleanup_free_ char *folder = path_join(src, p->module.subdir);

		p->version = module_folder_version(folder);
	}
	if (!p->version)
		p->version = upstream_version(pkg->version);
	return 0;
}

int source_package_get(struct plan *p, const char *scratch, const char *to, struct err *e)
{
	const struct apk_pkg *pkg = source_package(p, e);
	_cleanup_free_ char *path = pkg ? repos_cached(p->x, pkg) : NULL, *top = NULL;
	int r;

	if (!pkg)
		return e ? e->code : -ENOENT;
	if (!path)
		return err_set(e, -ENOENT, "package %s was not fetched", pkg->name);
	r = source_unpack_apk(p, pkg, path, scratch, &top, e);
	return r < 0 ? r : source_move(top, to, e);
}
