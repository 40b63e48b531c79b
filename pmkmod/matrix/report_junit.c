// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * JUnit's XML, as Jenkins (junit-10.xsd of its xunit plugin) and GitLab read it: within a testcase
 * <skipped> or <failure> and then <system-out>, times with at most three digits behind the point.
 */
#include "pmkmod/matrix/report.h"

#define LOGS_MAX (8U << 20) /* of all logs; GitLab does not read files over 30 MB or so */

struct junit {
	const struct matrix *m;
	const struct context *x;
	FILE *f;
	size_t share, left; /* of logs */
};

struct sums {
	size_t tests, failures, skipped;
	double seconds;
};

/* A cell's time counts once: with the device it is built by. */
static double slot_seconds(const struct matrix_cell *c, size_t device)
{
	return c->device == device ? c->seconds : 0;
}

static struct sums device_sums(const struct matrix *m, size_t device)
{
	struct sums s = {.tests = m->n_modules};

	for (size_t i = 0; i < m->n_modules; i++) {
		const struct matrix_cell *c = matrix_slot(m, device, i);

		s.failures += c->state == CELL_FAILED;
		s.skipped += c->state != CELL_FAILED && c->state != CELL_BUILT &&
			     c->state != CELL_REUSED;
		s.seconds += slot_seconds(c, device);
	}
	return s;
}

static void attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	text_write(f, value, TEXT_XML, false);
	fputc('"', f);
}

static void write_log(struct junit *j, const struct matrix_cell *c)
{
	_cleanup_free_ char *path = matrix_cell_log(j->x, c), *tail = NULL;
	bool whole = false;

	if (!path)
		return;
	if (j->left >= j->share)
		tail = log_tail(path, j->share, &whole);
	fprintf(j->f, "\n\n%s: ", !tail ? "log" : whole ? "the log" : "the log's last lines");
	text_write(j->f, path, TEXT_XML, false);
	if (!tail)
		return;
	j->left -= strlen(tail);
	fputc('\n', j->f);
	text_write(j->f, tail, TEXT_XML, true);
}

static void write_failure(struct junit *j, const struct matrix_cell *c, size_t device)
{
	_cleanup_free_ char *first = text_first_line(c->error), *why = cell_explanation(c);

	fputs("\t\t\t<failure", j->f);
	attribute(j->f, "message", *first ? first : "failed");
	fprintf(j->f, " type=\"%d\">", c->exit_code);
	if (c->device == device) {
		text_write(j->f, why, TEXT_XML, true);
		write_log(j, c);
	} else {
		fputs("the same kernel and so the same build as that of ", j->f);
		text_write(j->f, j->m->devices[c->device].name, TEXT_XML, false);
	}
	fputs("</failure>\n", j->f);
}

static void write_skipped(struct junit *j, const struct matrix_cell *c)
{
	_cleanup_free_ char *first = text_first_line(c->error), *message = NULL;
	const char *why = cell_no_result(j->m, c);

	message = why ? xstrdup(why) : xasprintf("%s: %s", cell_state_names[c->state], first);
	fputs("\t\t\t<skipped", j->f);
	attribute(j->f, "message", message);
	fputs("/>\n", j->f);
}

static void write_line(FILE *f, const char *word, const char *value)
{
	if (!value)
		return;
	fprintf(f, "%-8s ", word);
	text_write(f, value, TEXT_XML, false);
	fputc('\n', f);
}

static void write_package(struct junit *j, const struct matrix_cell *c)
{
	fputs("\t\t\t<system-out>", j->f);
	write_line(j->f, "state", cell_state_names[c->state]);
	write_line(j->f, "package", c->package);
	write_line(j->f, "version", c->version);
	write_line(j->f, "kernel", c->release);
	write_line(j->f, "fit", c->verdict);
	write_line(j->f, "apk", c->apk);
	fputs("</system-out>\n", j->f);
}

static void write_case(struct junit *j, size_t device, size_t module)
{
	const struct matrix_cell *c = matrix_slot(j->m, device, module);

	fputs("\t\t<testcase", j->f);
	attribute(j->f, "classname", j->m->devices[device].name);
	attribute(j->f, "name", j->m->modules[module].asked);
	fprintf(j->f, " time=\"%.3f\">\n", slot_seconds(c, device));
	if (c->state == CELL_FAILED)
		write_failure(j, c, device);
	else if (c->state == CELL_BUILT || c->state == CELL_REUSED)
		write_package(j, c);
	else
		write_skipped(j, c);
	fputs("\t\t</testcase>\n", j->f);
}

static void write_sums(FILE *f, const struct sums *s, bool with_skipped)
{
	fprintf(f, " tests=\"%zu\" failures=\"%zu\" errors=\"0\"", s->tests, s->failures);
	if (with_skipped)
		fprintf(f, " skipped=\"%zu\"", s->skipped);
	fprintf(f, " time=\"%.3f\"", s->seconds);
}

static void write_suite(struct junit *j, size_t device)
{
	struct sums s = device_sums(j->m, device);

	fputs("\t<testsuite", j->f);
	attribute(j->f, "name", j->m->devices[device].name);
	write_sums(j->f, &s, true);
	fputs(">\n", j->f);
	for (size_t i = 0; i < j->m->n_modules; i++)
		write_case(j, device, i);
	fputs("\t</testsuite>\n", j->f);
}

int matrix_report_junit(
	const struct matrix *m, const struct context *x, const char *path, struct err *e)
{
	struct junit j = {.m = m, .x = x, .share = log_share(m, LOGS_MAX), .left = LOGS_MAX};
	struct report_file out;
	struct sums all = {0};
	int r = report_begin(&out, path, e);

	if (r < 0)
		return r;
	j.f = out.f;
	for (size_t i = 0; i < m->n_devices; i++) {
		struct sums s = device_sums(m, i);

		all.tests += s.tests;
		all.failures += s.failures;
		all.seconds += s.seconds;
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pmkmod matrix\"",
		j.f);
	write_sums(j.f, &all, false);
	fputs(">\n", j.f);
	for (size_t i = 0; i < m->n_devices; i++)
		write_suite(&j, i);
	fputs("</testsuites>\n", j.f);
	return report_end(&out, 0, e);
}
