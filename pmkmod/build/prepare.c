// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/build/source.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

/* Make and shells stumble over the CR of CR LF. */
static int fix_line_ends(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	int r = source_fix_line_ends(j->source_dir, &names, e);

	if (r == 0 && names.n)
		progress_note(&j->plan->x->progress,
			"line ends of another system (CR LF) were taken off in the copy that is built: "
			"%s%s",
			names.v[0], names.n > 1 ? " and others" : "");
	return r;
}

/* Where the module is in its source, if nobody has said. */
static int find_folder(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	struct module *m = &p->module;
	_cleanup_free_ char *note = NULL;
	int r;

	if (m->subdir) {
		j->kbuild_dir = path_join(j->source_dir, m->subdir);
		return fs_is_dir(j->kbuild_dir)
			       ? 0
			       : err_exit(e, EXIT_NO_MODULE, -ENOENT,
					 "%s: the source has no folder '%s', which `subdir =` names",
					 m->name, m->subdir);
	}
	r = source_find_subdir(j->source_dir, m->use, &m->subdir, &note, e);
	if (r < 0)
		return err_prefix(e, "%s", m->name);
	if (note)
		progress_note(&p->x->progress, "%s", note);
	j->kbuild_dir = m->subdir ? path_join(j->source_dir, m->subdir) : xstrdup(j->source_dir);
	return 0;
}

/* The source, patched, in <work>/build/src. */
static int make_source(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	int r = source_get(p, j->work.dir, j->source_dir, e);

	if (r == 0)
		r = fix_line_ends(j, e);
	if (r == 0)
		r = job_patches(j, e);
	if (r == 0)
		r = find_folder(j, e);
	if (r == 0)
		r = steps_clean(j, e);
	if (r == 0)
		r = steps_read(j, e);
	if (r == 0 && !p->version)
		p->version = module_folder_version(j->kbuild_dir);
	return r;
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
	return r < 0 ? r : make_source(j, e);
}
