// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Slurm: a job array for the cells, and a job that merges, when the array has ended however it did
 * (sbatch(1): --array, --dependency=afterany, --requeue, --parsable).
 */
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/process.h"

#define SBATCH_S 120

static const char cells_text[] =
	"#!/bin/sh\n"
	"# Written by pmkmod: one task of a job array, which builds its share of the plan's cells.\n"
	"#SBATCH --job-name=pmkmod-cells --requeue --open-mode=append\n"
	"#SBATCH --array=0-%lu\n"
	"%s"
	"exec %s run-cell --plan %s -j \"${SLURM_CPUS_ON_NODE:-0}\" --task \"$SLURM_ARRAY_TASK_ID/%lu\"\n";

static const char merge_text[] =
	"#!/bin/sh\n"
	"# Written by pmkmod: checks, signs and publishes what the tasks have built.\n"
	"#SBATCH --job-name=pmkmod-merge --open-mode=append\n"
	"%s"
	"exec %s merge-cells -o %s --plan %s\n";

static char *quoted(const char *s)
{
	struct strbuf b = {0};

	strbuf_add_quoted(&b, s);
	return strbuf_steal(&b);
}

/* This very program: all machines must have it at the same place, or say where (matrix.program). */
char *farm_program(struct context *x)
{
	const char *named = config_get(x->config, "matrix", "program");
	char path[4096];
	ssize_t n;

	if (named)
		return xstrdup(named);
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return xstrdup(n > 0 ? path : "pmkmod");
}

int farm_tasks(struct context *x, size_t parts, unsigned long *tasks, struct err *e)
{
	unsigned long long most = 0;
	int r = config_number(x->config, "matrix", "tasks", 1000, &most, e);

	if (r == 0 && (most == 0 || most > 1000000))
		r = err_set(e, -EINVAL, "matrix.tasks must be between 1 and 1000000");
	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return r;
	}
	*tasks = (unsigned long)(parts < most ? parts : most);
	return 0;
}

static int write_script(const char *dir, const char *name, const char *text, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, name);

	return fs_write_atomic(path, text, strlen(text), 0755, e);
}

/* The same words for whoever submits the script without us, a line each. */
static char *word_lines(struct context *x, const char *key)
{
	_cleanup_strvec_ struct strvec words = {0};
	struct strbuf b = {0};

	config_list(x->config, "matrix", key, &words);
	strbuf_adds(&b, "");
	for (size_t i = 0; i < words.n; i++)
		strbuf_addf(&b, "#SBATCH %s\n", words.v[i]);
	return b.s ? strbuf_steal(&b) : xstrdup("");
}

int slurm_write(struct context *x, const char *dir, unsigned long tasks, struct err *e)
{
	_cleanup_free_ char *folder = path_join(dir, "slurm"), *full = farm_absolute(dir);
	_cleanup_free_ char *program = farm_program(x), *p = quoted(program);
	_cleanup_free_ char *d = quoted(full);
	/* the script that Slurm keeps says where the key is; what lies in the folder could be
	 * altered */
	_cleanup_free_ char *state = xasprintf("paths.state=%s", x->state), *s = quoted(state);
	_cleanup_free_ char *more = word_lines(x, "slurm"), *last = word_lines(x, "slurm_merge");
	_cleanup_free_ char *cells =
		xasprintf(cells_text, tasks ? tasks - 1 : 0, more, p, d, tasks);
	_cleanup_free_ char *merge = xasprintf(merge_text, last, p, s, d);
	int r = fs_mkdirs(folder, 0755, e);

	if (r == 0 && tasks)
		r = write_script(folder, "cells.sh", cells, e);
	return r < 0 ? r : write_script(folder, "merge.sh", merge, e);
}

/* Words of one's own for sbatch: which partition, how many processors a task. */
static void more_words(struct context *x, const char *key, struct strvec *argv)
{
	config_list(x->config, "matrix", key, argv);
}

static int sbatch(
	struct context *x, const struct strvec *argv, unsigned timeout_s, char **out, struct err *e)
{
	_cleanup_strbuf_ struct strbuf said = {0}, words = {0};
	struct process p = {.argv = argv, .timeout_s = timeout_s, .max = 1 << 20};
	int status = 0;
	int r = process_run(&p, &said, &words, &status, e);

	if (r == -ENOENT) {
		if (e)
			e->exit_code = EXIT_SANDBOX;
		return err_hint(e,
			"Slurm's commands are in Debian's package slurm-client; --emit slurm only writes "
			"the scripts");
	}
	*out = strbuf_steal(&said);
	if (r < 0 || status == 0)
		return r;
	err_set(e, -EIO, "sbatch ended with status %d: %s", status,
		words.s ? str_strip(words.s) : "");
	if (words.s && strstr(words.s, "job array"))
		err_hint(e,
			"matrix.tasks=%s is to be below MaxArraySize of `scontrol show config`, and "
			"MaxSubmitJobs of your account",
			config_get(x->config, "matrix", "tasks"));
	return -EIO;
}

/* Where a job writes to; sbatch has names for parts of that, beginning with '%'. */
static void add_output(struct strvec *argv, const char *dir, const char *name)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	for (; *dir; dir++)
		strbuf_addf(&b, "%s%c", *dir == '%' ? "%" : "", *dir);
	strvec_addf(argv, "--output=%s/logs/%s", b.s, name);
}

/* "123" or "123;cluster" */
static int job_number(const char *said, char number[32], struct err *e)
{
	if (sscanf(said, "%31[0-9]", number) == 1)
		return 0;
	return err_set(e, -EIO, "sbatch did not say the number of the job, but '%.100s'", said);
}

static int submit_cells(
	struct context *x, const char *dir, unsigned long tasks, char job[32], struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_free_ char *said = NULL;
	int r;

	strvec_add(&argv, "sbatch");
	strvec_add(&argv, "--parsable");
	strvec_addf(&argv, "--array=0-%lu", tasks - 1);
	add_output(&argv, dir, "%A_%a.log");
	more_words(x, "slurm", &argv);
	strvec_addf(&argv, "%s/slurm/cells.sh", dir);
	r = sbatch(x, &argv, SBATCH_S, &said, e);
	return r < 0 ? r : job_number(said, job, e);
}

static int submit_merge(struct context *x, const char *dir, const char *after, char job[32],
	bool wait, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_free_ char *said = NULL;
	int r;

	strvec_add(&argv, "sbatch");
	strvec_add(&argv, "--parsable");
	if (*after)
		strvec_addf(&argv, "--dependency=afterany:%s", after);
	add_output(&argv, dir, "merge.log");
	if (wait)
		strvec_add(&argv, "--wait");
	more_words(x, "slurm_merge", &argv);
	strvec_addf(&argv, "%s/slurm/merge.sh", dir);
	r = sbatch(x, &argv, wait ? 0 : SBATCH_S, &said, e);
	/* with --wait it ends as the job does, which has said why */
	if (r == -EIO && wait && said && sscanf(said, "%31[0-9]", job) == 1) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? r : job_number(said, job, e);
}

int slurm_submit(struct context *x, const char *dir, unsigned long tasks, bool wait,
	struct strvec *jobs, struct err *e)
{
	_cleanup_free_ char *at = farm_absolute(dir);
	char cells[32] = "", merge[32];
	int r = tasks ? submit_cells(x, at, tasks, cells, e) : 0;

	if (r == 0 && tasks) {
		strvec_add(jobs, cells);
		progress_note(
			&x->progress, "job %s builds the cells; their logs: %s/logs", cells, at);
	}
	if (r == 0)
		r = submit_merge(x, at, cells, merge, wait, e);
	if (r == 0)
		strvec_add(jobs, merge);
	else if (*cells)
		err_hint(e,
			"the array of cells was submitted as job %s; `scancel %s` takes it back",
			cells, cells);
	return r;
}
