// SPDX-License-Identifier: GPL-3.0-or-later
/* Running the packages' scripts and triggers through the caller's sandbox. */
#include "chroot/apk/db.h"

#include <fcntl.h>
#include <fnmatch.h>

#define EXEC_DIR "lib/apk/exec"

static int script_failed(
	struct db *db, struct db_pkg *p, const char *type, int status, struct err *e)
{
	const struct strvec *may_fail = db->opts->may_fail;

	p->broken |= PKG_BROKEN_SCRIPT;
	if (may_fail && !strvec_has(may_fail, p->info->name))
		return err_set(e, -ECANCELED, "the %s script of %s-%s failed with status %d", type,
			p->info->name, p->info->version, status);
	strvec_addf(db->warnings, "the %s script of %s-%s failed with status %d", type,
		p->info->name, p->info->version, status);
	return 0;
}

/*
 * A real file below lib/apk/exec (as apk 2.14 does) and not a memfd (as apk 3 does): a script run
 * from /proc/self/fd/N does not survive qemu-user, which opens it by that name a second time.
 */
int pkg_script(struct db *db, struct db_pkg *p, enum apk_script kind, const char *const *args,
	size_t n_args, struct err *e)
{
	const char *type = apk_script_names[kind];
	_cleanup_free_ const char **argv = xcalloc(n_args + 2, sizeof(*argv));
	_cleanup_free_ char *rel = NULL, *path = NULL;
	_cleanup_free_ char *env_type = xasprintf("APK_SCRIPT=%s", type);
	_cleanup_free_ char *env_name = xasprintf("APK_PACKAGE=%s", p->info->name);
	const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", env_type, env_name, NULL};
	int r;

	if (!p->script[kind] || !db->opts || !db->opts->run)
		return 0;
	rel = xasprintf(EXEC_DIR "/%s-%s.%s", p->info->name, p->info->version, type);
	path = xasprintf("/%s", rel);
	argv[0] = path;
	for (size_t i = 0; i < n_args; i++)
		argv[i + 1] = args[i];
	db->exec_dir |= !root_exists(db, EXEC_DIR);
	r = root_write(db, rel, p->script[kind], p->script_len[kind], 0755, e);
	if (r < 0)
		return r;
	r = db->opts->run(db->opts->run_ctx, db->root_path, argv, env, e);
	root_unlink(db, rel, 0);
	/* it may have added users, and put a link where a folder was */
	ids_forget(db);
	dir_forget_all(db);
	if (r < 0) {
		err_prefix(e, "the %s script of %s-%s could not be run", type, p->info->name,
			p->info->version);
		return r;
	}
	return r > 0 ? script_failed(db, p, type, r, e) : 0;
}

static bool wants(const struct db_pkg *p, const struct db_dir *d, const char *rooted)
{
	for (size_t i = 0; i < p->own.triggers.n; i++) {
		const char *glob = p->own.triggers.v[i];
		bool only_modified = *glob == '+';

		glob += only_modified;
		/* the first pattern that matches decides, as in apk */
		if (*glob == '/' && fnmatch(glob, rooted, FNM_PATHNAME) == 0)
			return d->modified || (p->fresh && !only_modified);
	}
	return false;
}

static int by_dir_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders that make a trigger run; sorted, so that two runs of pmkmod do the same. */
static void collect(const struct db *db, const struct db_pkg *p, struct strvec *dirs)
{
	for (size_t i = 0; p->script[APK_TRIGGER] && i < db->dirs_size; i++) {
		for (const struct db_dir *d = db->dirs[i]; d; d = d->next) {
			char rooted[4096 + 2];

			/* gone, or of no interest to a package that was there before */
			if (!d->refs || (!p->fresh && !d->modified))
				continue;
			snprintf(rooted, sizeof(rooted), "/%s", d->name);
			if (wants(p, d, rooted))
				strvec_add(dirs, rooted);
		}
	}
	if (dirs->n)
		qsort(dirs->v, dirs->n, sizeof(char *), by_dir_name);
}

static int run_trigger(struct db *db, struct db_pkg *p, struct err *e)
{
	_cleanup_strvec_ struct strvec dirs = {0};

	collect(db, p, &dirs);
	if (!dirs.n)
		return 0;
	return pkg_script(db, p, APK_TRIGGER, (const char *const *)dirs.v, dirs.n, e);
}

/* Packages that were there before first, then the new ones in their order of installation. */
int run_triggers(struct db *db, const struct apk_solution *s, struct err *e)
{
	for (size_t i = 0; i < db->n; i++) {
		struct db_pkg *p = db->pkgs[i];
		int r = p->gone || p->fresh ? 0 : run_trigger(db, p, e);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct apk_pkg *new_pkg = s->changes[i].new_pkg;
		struct db_pkg *p = new_pkg ? db_pkg_find(db, new_pkg->name) : NULL;
		int r = p && p->fresh ? run_trigger(db, p, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
