// SPDX-License-Identifier: GPL-3.0-or-later
/* The modules that a build made, and whether they are those that were promised. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/exit_codes.h"

/* Copy one to out_dir as `name` (with ".ko"). */
static int take(struct job *j, const char *path, const char *name, struct err *e)
{
	_cleanup_free_ char *to = path_join(j->out_dir, name);
	int r;

	if (fs_exists(to))
		return err_exit(e, EXIT_NO_MODULE, -EEXIST,
			"the build made two modules called %s; only one of them can be in a package",
			name);
	r = fs_copy_file(path, to, e);
	if (r == 0)
		strvec_take(&j->ko, steal_ptr(to));
	return r;
}

static void find(const char *dir, const char *not_this, struct strvec *found)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, "..") || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && !(not_this && streq(path, not_this)))
			find(path, not_this, found);
		else if (S_ISREG(st.st_mode) && ends_with(de->d_name, ".ko"))
			strvec_take(found, steal_ptr(path));
	}
	if (d)
		closedir(d);
}

/* All below /build, for MO= and O= can lead beside the source. */
static void find_modules(const struct job *j, struct strvec *found)
{
	_cleanup_free_ char *build = path_join(j->work.dir, "build");

	find(build, j->out_dir, found);
	strvec_sort(found);
}

bool any_module(const struct job *j)
{
	_cleanup_strvec_ struct strvec found = {0};

	find_modules(j, &found);
	return found.n > 0;
}

static bool same_content(const char *a, const char *b)
{
	struct hash one, two;

	return hash_file(AT_FDCWD, a, HASH_SHA256, &one, NULL) == 0 &&
	       hash_file(AT_FDCWD, b, HASH_SHA256, &two, NULL) == 0 && hash_eq(&one, &two);
}

/* A Makefile may copy its module to another folder: that is one module. */
static bool is_copy(const struct strvec *found, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (streq(path_base(found->v[k]), path_base(found->v[i])) &&
			same_content(found->v[k], found->v[i]))
			return true;
	return false;
}

static int collect_all(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec found = {0};
	int r = 0;

	find_modules(j, &found);
	for (size_t i = 0; r == 0 && i < found.n; i++)
		if (!is_copy(&found, i))
			r = take(j, found.v[i], path_base(found.v[i]), e);
	return r;
}

/* What a dkms.conf or AKMBUILD promises is at one place and no other. */
static int collect_one(
	struct job *j, const char *file, const char *where, const char *as, struct err *e)
{
	_cleanup_free_ char *path = path_join(j->kbuild_dir, where);
	_cleanup_strvec_ struct strvec found = {0};
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		return take(j, path, as, e);
	err_exit(e, EXIT_NO_MODULE, -ENOENT,
		"the build succeeded, but %s, which the %s of %s promises, is not there", where,
		file, j->plan->module.name);
	find_modules(j, &found);
	for (size_t i = 0; i < found.n; i++)
		err_hint(e, "there is: %s", found.v[i] + strlen(j->kbuild_dir) + 1);
	return e ? e->code : -ENOENT;
}

static int collect_dkms(struct job *j, struct err *e)
{
	const struct dkms_conf *c = &j->steps.dkms;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_modules; i++) {
		const struct dkms_module *m = &c->modules[i];
		_cleanup_free_ char *where = xasprintf("%s%s.ko", m->location, m->name);
		_cleanup_free_ char *as = xasprintf("%s.ko", m->dest_name);

		r = collect_one(j, "dkms.conf", where, as, e);
	}
	return r;
}

static int collect_akms(struct job *j, struct err *e)
{
	const struct strvec *paths = &j->steps.akms.built_modules;
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = collect_one(j, "AKMBUILD", paths->v[i], path_base(paths->v[i]), e);
	return r;
}

static bool came_out(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->ko.n; i++) {
		const char *base = path_base(j->ko.v[i]);
		size_t n = strlen(name);

		if (strncmp(base, name, n) == 0 && streq(base + n, ".ko"))
			return true;
	}
	return false;
}

static int expect_modules(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;

	if (!j->ko.n) {
		err_exit(e, EXIT_NO_MODULE, -ENOENT,
			"make succeeded, but %s has no .ko file afterwards", m->name);
		return err_hint(e,
			"perhaps its Makefile needs an option (`make =` of a recipe) or has another "
			"target for it (`target =`)");
	}
	for (size_t i = 0; i < m->modules.n; i++)
		if (!came_out(j, m->modules.v[i]))
			return err_exit(e, EXIT_NO_MODULE, -ENOENT,
				"make succeeded, but %s.ko, which the recipe %s promises, is not there",
				m->modules.v[i], m->recipe);
	return 0;
}

int collect_modules(struct job *j, struct err *e)
{
	int r;

	if (j->steps.kind == STEPS_DKMS && j->steps.dkms.n_modules)
		r = collect_dkms(j, e);
	else if (j->steps.kind == STEPS_AKMS)
		r = collect_akms(j, e);
	else
		r = collect_all(j, e);
	return r < 0 ? r : expect_modules(j, e);
}
