// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * GitLab: a child pipeline, as pmaports has them: a job of the parent makes the plan and this file,
 * a trigger job includes it as an artifact (docs.gitlab.com: downstream pipelines, "dynamic child
 * pipelines"; CI/CD YAML syntax: parallel:matrix, needs:pipeline, artifacts).
 */
#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"

/* parallel:matrix takes at most 200 */
#define TASKS_MAX 200

static const char head[] =
	"# Written by `pmkmod matrix --emit gitlab`: a child pipeline of %zu cells in %lu tasks.\n"
	"# The job that made it keeps the plan's folder as an artifact; what triggers this pipeline\n"
	"# hands its own number on:\n"
	"#   variables: {PARENT_PIPELINE_ID: $CI_PIPELINE_ID}\n"
	"#   trigger: {include: [{artifact: .../gitlab-ci.yml, job: %s}], strategy: depend}\n"
	"# PMKMOD is the program, PMKMOD_OPTIONS what it is told beyond the plan, such as\n"
	"# -o paths.state=DIR for the job that merges, which has the key.\n"
	"stages: [build, merge]\n"
	"\n"
	"variables:\n"
	"  PMKMOD: pmkmod\n"
	"  PMKMOD_OPTIONS: \"\"\n"
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
	"    - $PMKMOD run-cell $PMKMOD_OPTIONS --plan \"$PMKMOD_PLAN\" --task \"$TASK\"\n"
	"  # a cell that fails is a result; what has none is told when they are merged\n"
	"  allow_failure: true\n"
	"  artifacts:\n"
	"    when: always\n"
	"    expire_in: 1 week\n"
	"    paths:\n"
	"      - $PMKMOD_PLAN/results/\n"
	"      - $PMKMOD_PLAN/trouble/\n";

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
	"    - $PMKMOD merge-cells $PMKMOD_OPTIONS --plan \"$PMKMOD_PLAN\" --report \"$PMKMOD_PLAN/report\"\n"
	"%s"
	"  artifacts:\n"
	"    when: always\n"
	"    expire_in: 1 week\n"
	"    paths:\n"
	"      - $PMKMOD_PLAN/report/\n"
	"    reports:\n"
	"      junit: $PMKMOD_PLAN/report/junit.xml\n";

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
static char *in_project(const char *dir)
{
	const char *project = getenv("CI_PROJECT_DIR");
	_cleanup_free_ char *full = realpath(dir, NULL);
	size_t n = project ? strlen(project) : 0;

	if (n && full && strncmp(full, project, n) == 0 && full[n] == '/')
		return xstrdup(full + n + 1);
	return xstrdup(dir);
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

int gitlab_write(
	struct context *x, const char *dir, size_t cells, unsigned long tasks, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "gitlab-ci.yml"), *plan = in_project(dir);
	_cleanup_free_ char *tag_line = tags(x);
	_cleanup_strbuf_ struct strbuf b = {0}, shown = {0}, job = {0};
	const char *maker = getenv("CI_JOB_NAME");

	if (tasks > TASKS_MAX)
		tasks = TASKS_MAX;
	add_scalar(&shown, plan);
	add_scalar(&job, maker && *maker ? maker : "plan-cells");
	strbuf_addf(&b, head, cells, tasks, job.s, shown.s);
	if (tasks) {
		strbuf_addf(&b, build_job, job.s);
		for (unsigned long i = 0; i < tasks; i++)
			strbuf_addf(&b, "%s\"%lu/%lu\"", i ? ", " : "", i, tasks);
		strbuf_adds(&b, build_rest);
	}
	strbuf_addf(&b, merge_job, job.s, tasks ? "    - job: build-cells\n" : "", tag_line);
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}
