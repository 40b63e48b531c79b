// SPDX-License-Identifier: GPL-3.0-or-later
/* Where in a source its description is, and what must not be taken for a result. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/exit_codes.h"

/* Sources nest their module two or three folders deep; documentation and tests go deeper. */
#define DEPTH_MAX 4
#define MAKEFILE_MAX (1U << 20)

static bool has(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A file of kbuild's: it says which modules there are. */
static bool is_kbuild(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name), *text = NULL;

	if (!has(dir, name) || fs_read(path, MAKEFILE_MAX, &text, NULL, NULL) < 0)
		return false;
	return strstr(text, "obj-m") || strstr(text, "obj-$(") || strstr(text, "obj-${");
}

static bool has_makefile(const char *dir)
{
	static const char *const names[] = {"Kbuild", "Makefile", "makefile", "GNUmakefile"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (has(dir, names[i]))
			return true;
	return has(dir, "configure");
}

/* By what a folder deeper in the source is recognised; the first kind that is there counts. */
static bool has_dkms(const char *dir)
{
	return has(dir, "dkms.conf");
}

static bool has_akms(const char *dir)
{
	return has(dir, "AKMBUILD");
}

bool steps_has_kbuild_file(const char *dir)
{
	return is_kbuild(dir, "Kbuild") || is_kbuild(dir, "Makefile");
}

static const struct {
	enum module_use use;
	bool (*is)(const char *dir);
	const char *name;
} kinds[] = {{USE_DKMS, has_dkms, "dkms.conf"}, {USE_AKMS, has_akms, "AKMBUILD"},
	{USE_KBUILD, steps_has_kbuild_file, "Makefile with obj-m"}};

static bool wanted(const struct module *m, size_t kind)
{
	return m->use == USE_ANY || m->use == kinds[kind].use;
}

/* Folders below `dir` of a kind; not below one that is. */
static void search(const char *dir, bool (*is)(const char *), unsigned depth, struct strvec *found)
{
	_cleanup_strvec_ struct strvec names = {0};
	struct dirent *de;
	DIR *d;

	if (is(dir)) {
		strvec_add(found, dir);
		return;
	}
	d = depth < DEPTH_MAX ? opendir(dir) : NULL;
	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.')
			strvec_take(&names, path_join(dir, de->d_name));
	if (d)
		closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct stat st;

		if (lstat(names.v[i], &st) == 0 && S_ISDIR(st.st_mode))
			search(names.v[i], is, depth + 1, found);
	}
}

static int several(struct job *j, const char *name, const struct strvec *found, struct err *e)
{
	err_exit(e, EXIT_NO_MODULE, -EINVAL,
		"%s: the source has more than one %s:", j->plan->module.name, name);
	for (size_t i = 0; i < found->n; i++)
		err_hint(e, "  %s", found->v[i] + strlen(j->source_dir) + 1);
	return err_hint(
		e, "name the folder: `subdir =` of a recipe, or its path instead of the source's");
}

static int none(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;
	const char *where = m->subdir ? m->subdir : "its top folder";

	err_exit(e, EXIT_NO_MODULE, -ENOENT,
		"%s is not the source of a module: there is neither dkms.conf, AKMBUILD, Kbuild nor "
		"Makefile in %s%s",
		m->name, where, m->subdir ? "" : " or below it");
	return err_hint(e, m->subdir ? "`subdir =` of the recipe says where it is"
				     : "if its Makefile is made by a script, run that first");
}

static int look_below(struct job *j, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_strvec_ struct strvec found = {0};

		if (!wanted(&j->plan->module, i))
			continue;
		search(j->source_dir, kinds[i].is, 0, &found);
		if (found.n > 1)
			return several(j, kinds[i].name, &found, e);
		if (found.n == 0)
			continue;
		j->kbuild_dir = xstrdup(found.v[0]);
		progress_note(&j->plan->x->progress, "the source's %s is in its folder %s",
			kinds[i].name, j->kbuild_dir + strlen(j->source_dir) + 1);
		return 0;
	}
	return none(j, e);
}

/* One of several folders with modules is not to be told from the others: then the Makefile on top
 * is what knows. */
static bool described_below(const struct job *j)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_strvec_ struct strvec found = {0};

		if (!wanted(&j->plan->module, i))
			continue;
		search(j->source_dir, kinds[i].is, 0, &found);
		if (found.n)
			return found.n == 1 || kinds[i].use != USE_KBUILD;
	}
	return false;
}

int steps_find(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;
	_cleanup_free_ char *dir =
		m->subdir ? path_join(j->source_dir, m->subdir) : xstrdup(j->source_dir);
	bool described = false;

	for (size_t i = 0; i + 1 < ARRAY_SIZE(kinds); i++)
		described |= wanted(m, i) && kinds[i].is(dir);
	/* a Makefile on top may be that of the programs beside the module */
	if (described || (has_makefile(dir) && (m->subdir || steps_has_kbuild_file(dir)))) {
		j->kbuild_dir = steal_ptr(dir);
		return 0;
	}
	if (m->subdir)
		return none(j, e);
	if (has_makefile(dir) && !described_below(j)) {
		j->kbuild_dir = steal_ptr(dir);
		return 0;
	}
	return look_below(j, e);
}

/* ---- leftovers ---- */

/* What kbuild makes of sources, and only kbuild. */
static bool is_left_over(const char *dir, const char *name)
{
	static const char *const ends[] = {".ko", ".mod.c", ".mod.o", ".mod", ".ko.cmd", ".o.cmd"};
	static const char *const names[] = {
		"Module.symvers", "modules.order", ".modules.order.cmd", ".Module.symvers.cmd"};
	_cleanup_free_ char *command = NULL, *path = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(name, ends[i]) && (name[0] == '.' || !ends_with(ends[i], ".cmd")))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(name, names[i]))
			return true;
	/* an object without a record of how it was made is part of the source */
	command = xasprintf(".%s.cmd", name);
	path = path_join(dir, command);
	return ends_with(name, ".o") && fs_exists(path);
}

static int clean_folder(const char *dir, size_t *removed, struct err *e)
{
	_cleanup_strvec_ struct strvec gone = {0}, below = {0};
	DIR *d = opendir(dir);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot list '%s'", dir);
	while ((de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, "..") || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			strvec_take(&below, steal_ptr(path));
		else if (S_ISREG(st.st_mode) && is_left_over(dir, de->d_name))
			strvec_take(&gone, steal_ptr(path));
	}
	closedir(d);
	for (size_t i = 0; i < gone.n; i++) {
		if (unlink(gone.v[i]) < 0)
			return err_errno(e, -errno, "cannot remove '%s'", gone.v[i]);
		*removed += !strchr(".", path_base(gone.v[i])[0]);
	}
	for (size_t i = 0; r == 0 && i < below.n; i++)
		r = clean_folder(below.v[i], removed, e);
	return r;
}

int steps_clean(struct job *j, struct err *e)
{
	size_t removed = 0;
	int r = clean_folder(j->source_dir, &removed, e);

	if (r == 0 && removed)
		progress_note(&j->plan->x->progress,
			"%zu object%s of an earlier build in the source %s left out", removed,
			removed == 1 ? "" : "s", removed == 1 ? "is" : "are");
	return r;
}
