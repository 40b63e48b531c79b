// SPDX-License-Identifier: GPL-3.0-or-later
/* The diagnosis of a build under way: all that is known of it goes in. */
#include "pmkmod/build/job.h"
#include "pmkmod/util/exit_codes.h"

static struct symvers *read_symvers(const struct job *j)
{
	struct symvers *s = NULL;

	if (!j->headers.symvers_path || symvers_new(&s) < 0)
		return NULL;
	if (symvers_read(s, j->headers.symvers_path, NULL) == 0)
		return s;
	symvers_free(s);
	return NULL;
}

/* `aliases` is the caller's, to be freed when it is done. */
static struct diagnose_input what_is_known(const struct job *j, struct strvec *aliases)
{
	const struct plan *p = j->plan;

	surroundings_dkms_folders(j, aliases);
	return (struct diagnose_input){.stage = p->x->progress.stage,
		.log_path = j->log_path,
		.source_dir = j->source_dir,
		.kbuild_dir = j->kbuild_dir,
		.kbuild_aliases = aliases,
		.layers = &j->layers.target,
		.build_dir = j->headers.build_dir,
		.release = j->headers.release,
		.arch = p->device.arch ? p->device.arch->linux_arch : NULL,
		.config = j->kconfig,
		.emulated = p->emulate == EMULATE_FULL};
}

int job_diagnose(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec aliases = {0};
	struct diagnose_input in = what_is_known(j, &aliases);
	struct symvers *s = read_symvers(j);
	int r;

	in.symvers = s;
	diagnosis_free(&j->diagnosis);
	r = diagnose_file(&in, &j->diagnosis, e);
	symvers_free(s);
	return r;
}

/* What the check refuses because of names that nobody exports, modpost has warned of. */
static bool diagnose_warnings(struct job *j, struct diagnose_input *in)
{
	struct symvers *s = read_symvers(j);
	struct err unused = ERR_INIT;

	in->warnings_of_modpost = true;
	in->symvers = s;
	diagnose_file(in, &j->diagnosis, &unused);
	symvers_free(s);
	in->warnings_of_modpost = false;
	in->symvers = NULL;
	if (j->diagnosis.cause)
		return true;
	diagnosis_free(&j->diagnosis);
	return false;
}

/* `make modules; find ...` ends with the status of find: the log tells what make gave up for. */
static bool diagnose_swallowed(struct job *j, struct err *e)
{
	struct err found = ERR_INIT;
	bool failed;

	job_diagnose(j, &found);
	failed = j->diagnosis.cause && j->diagnosis.gave_up;
	if (failed)
		diagnosis_hint(&j->diagnosis, e);
	else
		diagnosis_free(&j->diagnosis);
	return failed;
}

void job_diagnose_failure(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec aliases = {0};
	struct diagnose_input in = what_is_known(j, &aliases);

	if (j->diagnosis.cause)
		return;
	diagnosis_free(&j->diagnosis);
	if (e->exit_code == EXIT_NO_MODULE && diagnose_swallowed(j, e))
		return;
	if (e->exit_code == EXIT_NO_FIT && j->report.unresolved.n && diagnose_warnings(j, &in)) {
		const struct diagnosis *d = &j->diagnosis;

		if (d->detail)
			err_hint(e, "cause: %s (%s): %s", d->cause->title, d->cause->id, d->detail);
		return;
	}
	/* a time limit, a full disk: what was done until then may tell why */
	if (in.stage && streq(in.stage, "build") && j->log_path && !strstr(e->text, j->log_path))
		err_hint(e, "the whole log: %s", j->log_path);
	diagnose_exit_code(e->exit_code ? e->exit_code : EXIT_GENERAL, e->text, &in, &j->diagnosis);
}
