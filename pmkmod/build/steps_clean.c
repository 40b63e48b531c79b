// SPDX-License-Identifier: GPL-3.0-or-later
/* What must not be taken for a result: what an earlier build left in the source. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"

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
