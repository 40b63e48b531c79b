// SPDX-License-Identifier: GPL-3.0-or-later
/* Whether a source folder has an aport's patches. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/aport_parts.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/patch_run.h"

char *aport_local_path(const struct aport *a, const struct aport_file *f)
{
	return path_join(a->dir, f->path);
}

static int dry_run(const char *tree, const char *file, bool reverse, bool *fits, struct err *e)
{
	static const char *const forward[] = {"-N", "-s", "--dry-run", NULL};
	static const char *const backward[] = {"-R", "-s", "--dry-run", NULL};
	struct patch_run p;
	int r = patch_run(&p, tree, false, file, reverse ? backward : forward, e);

	*fits = p.status == 0;
	strbuf_free(&p.output);
	return r;
}

static int check_patch(const char *source_dir, const char *file, const char *name,
	struct strvec *notes, struct err *e)
{
	bool applied = false, applies = false;
	int r = dry_run(source_dir, file, true, &applied, e);

	if (r == 0 && !applied)
		r = dry_run(source_dir, file, false, &applies, e);
	if (r < 0 || applied)
		return r;
	if (applies) {
		return err_exit(e, EXIT_PATCH_FAILED, -ENOEXEC,
			"the kernel source '%s' lacks the patch %s of the kernel's aport: what is built "
			"from it would not fit the phone's kernel\n"
			"apply it (patch -p1 -d %s -i %s), or leave the source to pmkmod",
			source_dir, name, source_dir, file);
	}
	strvec_addf(notes,
		"%s: neither in '%s' nor applicable to it (a later patch may have changed the same "
		"lines)",
		name, source_dir);
	return 0;
}

int aport_check_source(
	const struct aport *a, const char *source_dir, struct strvec *notes, struct err *e)
{
	if (!fs_is_dir(source_dir))
		return err_set(
			e, -ENOENT, "there is no folder '%s' with a kernel's source", source_dir);
	for (size_t i = 0; i < a->n_files; i++) {
		const struct aport_file *f = &a->files[i];
		_cleanup_free_ char *path = NULL;
		int r;

		if (f->kind != APORT_PATCH)
			continue;
		if (f->url || !ends_with(f->name, ".patch")) {
			/* those make a stable release of the archive: the source is one already */
			strvec_addf(notes, "%s was not compared with '%s'", f->name, source_dir);
			continue;
		}
		path = aport_local_path(a, f);
		if (access(path, R_OK) < 0) {
			return err_exit(e, EXIT_PATCH_PATH, -ENOENT,
				"the patch %s that %s/APKBUILD names is not there", f->name,
				a->dir);
		}
		r = check_patch(source_dir, path, f->name, notes, e);
		if (r < 0)
			return r;
	}
	return 0;
}
