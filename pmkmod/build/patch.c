// SPDX-License-Identifier: GPL-3.0-or-later
/* Patches of a module's source: the recipe's, and those that its dkms.conf names. */
#include <limits.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/module/kernel_range.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/patch_run.h"

#define PATCH_MAX (64u << 20)
/* in the folder that is built, since that is what patch(1) may write to; removed again */
#define REJECTS ".pmkmod-rejects"
/* of the reject in the message; the log has all of it */
#define SHOWN_MAX 1500
#define REJECTS_MAX (4u << 20)

static int bad_path(const char *shown, const char *what, struct err *e)
{
	return err_exit(e, EXIT_PATCH_PATH, -ENOENT, "the patch %s %s", shown, what);
}

/* A source may bring patches along, but no links to what else is on this machine. */
static int check_place(const struct job *j, const char *patch, const char *shown, struct err *e)
{
	_cleanup_free_ char *tree = realpath(j->source_dir, NULL), *real = realpath(patch, NULL);
	_cleanup_free_ char *below = NULL;
	size_t n = strlen(j->source_dir);

	if (!tree || !real)
		return bad_path(shown, "is not there", e);
	below = xasprintf("%s/", tree);
	if (strncmp(patch, j->source_dir, n) == 0 && patch[n] == '/' && !starts_with(real, below))
		return bad_path(shown, "leads out of the module's source", e);
	return 0;
}

static int check_names(const char *patch, const char *shown, struct err *e)
{
	_cleanup_free_ char *text = NULL, *bad = NULL;
	size_t len;
	int r = fs_read_regular(patch, PATCH_MAX, &text, &len, e);

	if (r < 0) {
		err_prefix(e, "the patch %s", shown);
		if (e)
			e->exit_code = EXIT_PATCH_PATH;
		return r;
	}
	bad = patch_bad_name(text, len);
	if (bad)
		return err_exit(e, EXIT_PATCH_PATH, -EINVAL,
			"the patch %s changes '%s', which is outside of the module's source", shown,
			bad);
	return 0;
}

/* Whole lines, as many as have room. */
static void show_rejects(const char *rejects, struct strbuf *out)
{
	size_t shown = 0, n;

	strbuf_adds(out, "\nthe reject:");
	for (const char *s = rejects; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		if (shown + n > SHOWN_MAX) {
			strbuf_adds(out, "\n  (the rest is in the log)");
			return;
		}
		strbuf_addf(out, "\n  %.*s", (int)n, s);
		shown += n;
	}
}

static int does_not_apply(const struct job *j, const char *shown, const struct patch_run *run,
	const char *rejects, struct err *e)
{
	_cleanup_strbuf_ struct strbuf words = {0};
	const char *said = run->output.s ? run->output.s : "";

	patch_failing_hunk(said, &words);
	if (!words.len)
		strbuf_addf(&words, "\n  %.*s", SHOWN_MAX, said);
	if (rejects)
		show_rejects(rejects, &words);
	err_exit(e, EXIT_PATCH_FAILED, -ECANCELED, "the patch %s does not apply to %s%s%s%s", shown,
		j->plan->module.name, j->plan->version ? " " : "",
		j->plan->version ? j->plan->version : "", words.s);
	if (strstr(said, "previously applied"))
		err_hint(e, "the source seems to have it already");
	return err_hint(e, "the whole log: %s", j->log_path);
}

int job_patch(
	struct job *j, const char *folder, const char *patch, const char *shown, struct err *e)
{
	static const char *const options[] = {"-N", "-r", REJECTS, NULL};
	_cleanup_free_ char *path = path_join(folder, REJECTS), *rejects = NULL;
	struct patch_run run = {0};
	int r = check_place(j, patch, shown, e);

	if (r == 0)
		r = check_names(patch, shown, e);
	if (r < 0)
		return r;
	progress_detail(&j->plan->x->progress, "%s", shown);
	dprintf(j->log_fd, "# patch: %s\n", shown);
	r = fs_remove_tree(path, e);
	if (r == 0)
		r = patch_run(&run, folder, true, patch, options, e);
	if (r == 0) {
		fs_read_regular(path, REJECTS_MAX, &rejects, NULL, NULL);
		dprintf(j->log_fd, "%s%s# exit code: %d\n", run.output.s ? run.output.s : "",
			rejects ? rejects : "", run.status);
		if (run.status != 0)
			r = does_not_apply(j, shown, &run, rejects, e);
	}
	unlink(path);
	strbuf_free(&run.output);
	return r;
}

int job_patches(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;

	for (size_t i = 0; i < m->n_patches; i++) {
		const struct module_patch *p = &m->patches[i];
		int r;

		if (!kernel_range_has(p->kernel_range, j->headers.release)) {
			dprintf(j->log_fd, "# patch: %s: not for %s (%s)\n", path_base(p->path),
				j->headers.release, p->kernel_range);
			continue;
		}
		r = job_patch(j, j->source_dir, p->path, path_base(p->path), e);
		if (r < 0)
			return r;
	}
	return 0;
}
