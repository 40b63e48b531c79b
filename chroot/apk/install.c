// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Applying a solution to a root, in apk's order (database.c:apk_db_install_pkg, commit.c): each
 * package whole, one after another, then all triggers, then the database.
 */
#include "chroot/apk/apk_install.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/db.h"
#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"

#define KEY_MAX 65536

/* bin, sbin and lib become links into usr before anything is written below them. */
static int merge_usr(struct db *db, struct err *e)
{
	static const char *const names[] = {"bin", "sbin", "lib"};
	_cleanup_close_ int top = root_dir(db, "");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char to[16];
		int r;

		if (root_exists(db, names[i]))
			continue;
		snprintf(to, sizeof(to), "usr/%s", names[i]);
		r = root_mkdirs(db, to, e);
		if (r < 0)
			return r;
		if (symlinkat(to, top, names[i]) < 0)
			return err_errno(e, -errno, "cannot make the link '%s' in '%s'", names[i],
				db->root_path);
	}
	return 0;
}

static int lock_db(struct db *db, struct err *e)
{
	_cleanup_close_ int dir = root_dir(db, "lib/apk/db");

	db->lock = dir < 0 ? dir
			   : openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (db->lock < 0)
		return err_errno(e, dir < 0 ? dir : -errno, "cannot open lib/apk/db/lock in '%s'",
			db->root_path);
	if (flock(db->lock, LOCK_EX | LOCK_NB) < 0)
		return err_errno(e, -errno, "another process is changing the packages of '%s'",
			db->root_path);
	return 0;
}

static int copy_keys(struct db *db, const char *from, struct err *e)
{
	DIR *d = opendir(from);
	const struct dirent *ent;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot read the folder of keys '%s'", from);
	while (r == 0 && (ent = readdir(d))) {
		_cleanup_free_ char *rel = NULL, *path = NULL, *text = NULL;
		size_t len;

		if (ent->d_name[0] == '.' || !ends_with(ent->d_name, ".pub"))
			continue;
		rel = xasprintf("etc/apk/keys/%s", ent->d_name);
		if (root_exists(db, rel))
			continue;
		path = path_join(from, ent->d_name);
		r = fs_read(path, KEY_MAX, &text, &len, e);
		if (r == 0)
			r = root_write(db, rel, text, len, 0644, e);
	}
	closedir(d);
	return r;
}

/*
 * etc/apk before the packages: where one ships the same file (alpine-keys), the rules of protected
 * folders decide, as they do in a root that pmbootstrap prepared.
 */
static int write_config(struct db *db, struct err *e)
{
	const struct apk_install_opts *o = db->opts;
	int r = root_mkdirs(db, "etc/apk/keys", e);

	if (r == 0 && o->arch) {
		_cleanup_free_ char *line = xasprintf("%s\n", o->arch);

		r = root_write(db, "etc/apk/arch", line, strlen(line), 0644, e);
	}
	if (r == 0 && o->repositories && !root_exists(db, "etc/apk/repositories")) {
		_cleanup_free_ char *lines = strvec_join(o->repositories, "\n");
		_cleanup_free_ char *text = xasprintf("%s\n", lines);

		r = root_write(db, "etc/apk/repositories", text, strlen(text), 0644, e);
	}
	for (size_t i = 0; r == 0 && o->keys_dirs && i < o->keys_dirs->n; i++)
		r = copy_keys(db, o->keys_dirs->v[i], e);
	return r;
}

static int open_root(struct db *db, const char *root, struct err *e)
{
	int r = db_root_open(db, root, true, e);

	if (r == 0 && db->opts->usr_merge)
		r = merge_usr(db, e);
	if (r == 0)
		r = root_mkdirs(db, "lib/apk/db", e);
	if (r == 0)
		r = lock_db(db, e);
	if (r == 0)
		r = db_read(db, e);
	if (r == 0)
		r = write_config(db, e);
	if (r == 0)
		protect_load(db);
	return r;
}

static int remove_pkg(struct db *db, struct db_pkg *p, struct err *e)
{
	const char *args[] = {p->info->version};
	int r = pkg_script(db, p, APK_PRE_DEINSTALL, args, 1, e);

	if (r < 0)
		return r;
	pkg_purge(db, p, NULL);
	return pkg_script(db, p, APK_POST_DEINSTALL, args, 1, e);
}

static int install_pkg(struct db *db, struct db_pkg *old, const struct apk_pkg *info, struct err *e)
{
	struct db_pkg *p = db_pkg_add(db);
	const char *args[2] = {info->version, old ? old->info->version : NULL};
	int r = 0;

	p->info = info;
	p->fresh = true;
	p->tag = info->repo ? xstrdup(info->repo->tag) : NULL;
	/* I:0 is a virtual package: nothing was ever downloaded */
	if (info->installed_size) {
		r = pkg_unpack(db, p, old, e);
		if (r == 0 && (r = pkg_commit(db, p, e)) < 0)
			pkg_rollback(db, p);
	}
	if (r < 0)
		return r;
	if (old)
		pkg_purge(db, old, p);
	return pkg_script(db, p, old ? APK_POST_UPGRADE : APK_POST_INSTALL, args, old ? 2 : 1, e);
}

static int apply(struct db *db, const struct apk_solution *s, struct err *e)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct apk_change *c = &s->changes[i];
		struct db_pkg *old = c->old ? db_pkg_find(db, c->old->name) : NULL;
		int r;

		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		if (c->old && !old)
			return err_set(e, -EINVAL, "%s-%s is not installed in '%s'", c->old->name,
				c->old->version, db->root_path);
		if (!c->old && c->new_pkg && db_pkg_find(db, c->new_pkg->name))
			return err_set(e, -EINVAL, "%s is installed in '%s' already",
				c->new_pkg->name, db->root_path);
		if (c->old == c->new_pkg)
			continue;
		if (db->opts->progress)
			db->opts->progress(db->opts->progress_ctx, i, s->n_changes,
				c->new_pkg ? c->new_pkg : c->old);
		db->next = i + 1 < s->n_changes ? c + 1 : NULL;
		r = c->new_pkg ? install_pkg(db, old, c->new_pkg, e) : remove_pkg(db, old, e);
		if (r < 0)
			return r;
	}
	return run_triggers(db, s, e);
}

/* Files of what will be removed may be taken by what comes before it in the order. */
static void mark_leaving(struct db *db, const struct apk_solution *s)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct apk_change *c = &s->changes[i];
		struct db_pkg *p = c->old && !c->new_pkg ? db_pkg_find(db, c->old->name) : NULL;

		if (p)
			p->leaving = true;
	}
}

int apk_install(const char *root, const struct apk_universe *u, const struct apk_solution *s,
	const struct apk_deps *world, const struct apk_install_opts *opts, struct strvec *warnings,
	struct err *e)
{
	_cleanup_strvec_ struct strvec unread = {0};
	struct db db;
	int r;

	(void)u; /* the solution points into it; the installed part is read from the root itself */
	db_init(&db);
	db.opts = opts;
	db.warnings = warnings ? warnings : &unread;
	r = open_root(&db, root, e);
	if (r == 0) {
		mark_leaving(&db, s);
		r = apply(&db, s, e);
	}
	if (r == 0)
		r = db_write(&db, world, e);
	if (db.exec_dir)
		root_unlink(&db, "lib/apk/exec", AT_REMOVEDIR);
	ahead_free(db.ahead);
	db_free(&db);
	return r;
}
