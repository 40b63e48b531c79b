// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * GitLab: a child pipeline, as pmaports has them: a job of the parent makes the plan and this file,
 * a trigger job includes it as an artifact (docs.gitlab.com: downstream pipelines, "dynamic child
 * pipelines"; CI/CD YAML syntax: parallel:matrix, needs:pipeline, artifacts).
 */
#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

/*
 * A job can need 50 others, and each of parallel:matrix counts (gitlab-org/gitlab issue 419720);
 * one of them is the parent's.
 */
#define TASKS_MAX 49

static const char head[] =
	"# Written by `pmkmod matrix --emit gitlab`: a child pipeline of %zu cells in %lu tasks.\n"
	"# The job that made it keeps the plan's folder as an artifact; what triggers this pipeline\n"
	"# hands its own number on:\n"
	"#   variables: {PARENT_PIPELINE_ID: $CI_PIPELINE_ID}\n"
	"#   trigger: {include: [{artifact: .../gitlab-ci.yml, job: %s}], strategy: depend}\n"
	"# Variables that can be set: PMKMOD, the program; PMKMOD_OPTIONS, what it is told beyond the\n"
	"# plan; PMKMOD_MERGE_OPTIONS, what only the job that merges is told, such as\n"
	"# -o paths.state=DIR, where the key is.\n"
	"stages: [build, merge]\n"
	"\n"
	"variables:\n"
	"  PMKMOD_PLAN: %s\n";

static const char build_job[] = "\n"
				"build-cells:\n"
				"  stage: build\n"
				"  needs:\n"
				"    - pipeline: $PARENT_PIPELINE_ID\n"
				"      job: %s\n"
				"  timeout: 10 hours\n"
				"  parallel:\n"
				"    matrix:\n"
				"      - TASK: [";

static const char build_rest[] =
	"]\n"
	"  script:\n"
	"    - ${PMKMOD:-pmkmod} run-cell $PMKMOD_OPTIONS --plan \"$PMKMOD_PLAN\" --task \"$TASK\"\n"
	"  # a cell that fails is a result; what has none is told when they are merged\n"
	"  allow_failure: true\n"
	"  artifacts:\n"
	"    when: always\n"
	"    expire_in: 1 week\n"
	"    paths: [%s, %s, %s]\n";

static const char merge_job[] =
	"\n"
	"merge-cells:\n"
	"  stage: merge\n"
	"  when: always\n"
	"  needs:\n"
	"    - pipeline: $PARENT_PIPELINE_ID\n"
	"      job: %s\n"
	"%s"
	"  script:\n"
	"    - ${PMKMOD:-pmkmod} merge-cells $PMKMOD_OPTIONS $PMKMOD_MERGE_OPTIONS --plan \"$PMKMOD_PLAN\" "
	"--report \"$PMKMOD_PLAN/report\"\n"
	"%s"
	"  artifacts:\n"
	"    when: always\n"
	"    expire_in: 1 week\n"
	"    paths: [%s]\n"
	"    reports:\n"
	"      junit: %s\n";

/* A YAML scalar in double quotes, which are JSON's. */
static void add_scalar(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_addc(b, '\\');
		if ((unsigned char)*s < ' ')
			strbuf_addf(b, "\\x%02x", (unsigned char)*s);
		else
			strbuf_addc(b, *s);
	}
	strbuf_addc(b, '"');
}

/* The path of the folder from the project's, where jobs begin. */
static const char *in_project(const char *dir)
{
	const char *project = getenv("CI_PROJECT_DIR");
	size_t n = project ? strlen(project) : 0;

	while (n && project[n - 1] == '/')
		n--;
	if (n && strncmp(dir, project, n) == 0 && dir[n] == '/')
		return dir + n + strspn(dir + n, "/");
	return starts_with(dir, "./") ? dir + 2 : dir;
}

int gitlab_check_folder(const char *dir, struct err *e)
{
	const char *path = in_project(dir);
	_cleanup_strvec_ struct strvec parts = {0};

	strvec_split(&parts, path, "/");
	if (strchr(path, '$'))
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"--shared %s: GitLab takes what follows a $ for the name of a variable",
			dir);
	if (*path != '/' && parts.n && !strvec_has(&parts, ".."))
		return 0;
	err_exit(e, EXIT_USAGE, -EINVAL,
		"--shared %s: artifacts of GitLab are files below the project's folder alone", dir);
	return err_hint(e, "name the folder from there, as in --shared plan");
}

/* A file of the plan's folder, as a scalar. */
static char *scalar_in(const char *plan, const char *name)
{
	_cleanup_free_ char *path = path_join(plan, name);
	struct strbuf b = {0};

	add_scalar(&b, path);
	return strbuf_steal(&b);
}

static char *tags(struct context *x)
{
	_cleanup_strvec_ struct strvec list = {0};
	struct strbuf b = {0};

	config_list(x->config, "matrix", "gitlab_merge_tags", &list);
	for (size_t i = 0; i < list.n; i++) {
		strbuf_adds(&b, i ? ", " : "  tags: [");
		add_scalar(&b, list.v[i]);
	}
	if (list.n)
		strbuf_adds(&b, "]\n");
	return strbuf_steal(&b);
}

static void add_build_job(struct strbuf *b, const char *job, const char *plan, unsigned long tasks)
{
	_cleanup_free_ char *results = scalar_in(plan, "results/");
	_cleanup_free_ char *trouble = scalar_in(plan, "trouble/");
	_cleanup_free_ char *moved = scalar_in(plan, "moved/");

	strbuf_addf(b, build_job, job);
	for (unsigned long i = 0; i < tasks; i++)
		strbuf_addf(b, "%s\"%lu/%lu\"", i ? ", " : "", i, tasks);
	strbuf_addf(b, build_rest, results, moved, trouble);
}

int gitlab_write(
	struct context *x, const char *dir, size_t cells, unsigned long tasks, struct err *e)
{
	const char *plan = in_project(dir), *maker = getenv("CI_JOB_NAME");
	_cleanup_free_ char *path = path_join(dir, "gitlab-ci.yml"), *tag_line = tags(x);
	_cleanup_free_ char *report = scalar_in(plan, "report/");
	_cleanup_free_ char *junit = scalar_in(plan, "report/junit.xml");
	_cleanup_strbuf_ struct strbuf b = {0}, shown = {0}, job = {0};

	if (tasks > TASKS_MAX)
		tasks = TASKS_MAX;
	add_scalar(&shown, plan);
	add_scalar(&job, maker && *maker ? maker : "plan-cells");
	strbuf_addf(&b, head, cells, tasks, job.s, shown.s);
	if (tasks)
		add_build_job(&b, job.s, plan, tasks);
	strbuf_addf(&b, merge_job, job.s, tasks ? "    - job: build-cells\n" : "", tag_line, report,
		junit);
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}
