// SPDX-License-Identifier: GPL-3.0-or-later
/* Commands that build first and then do something with the package; and how they show what came. */
#include <fcntl.h>
#include <unistd.h>

#include "pmkmod/build/run.h"
#include "pmkmod/cmd/cmd.h"

int after_build(
	struct context *x, const struct options *o, built_stage stage, int *status, struct err *e)
{
	struct cell_result built;
	struct plan p;
	bool unchanged;
	int r = build_run(&p, x, o->args.v[1], o->args.v[2], &built, &unchanged, e);

	if (r == 0)
		r = stage(&p, &built, o, status, e);
	cell_result_free(&built);
	plan_free(&p);
	return r;
}

int stdout_aside(int *kept, struct err *e)
{
	fflush(stdout);
	*kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (*kept >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		return 0;
	cleanup_close(kept);
	*kept = -1;
	return err_errno(e, -errno, "cannot keep standard output for JSON");
}

int stdout_back(int *kept, struct err *e)
{
	int r;

	fflush(stdout);
	r = dup2(*kept, STDOUT_FILENO) < 0 ? -errno : 0;
	cleanup_close(kept);
	*kept = -1;
	return r < 0 ? err_errno(e, r, "cannot go back to standard output") : 0;
}

void print_indented(const char *word, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (text)
		strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		printf("%-9s %s\n", i ? "" : word, lines.v[i]);
}

void print_trouble(const struct trouble *t)
{
	_cleanup_free_ char *where = trouble_where(t);

	print_indented(trouble_word(t->kind), t->lines.s);
	if (where)
		printf("where     %s\n", where);
}
