// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reports and view of a made-up matrix, to look at and to measure: reports DIR [DEVICES MODULES].
 * Without numbers it is the small matrix of every state that the unit tests use. Writes
 * DIR/report.{json,xml,html}, and how long each took and how large it is to standard output. Failed
 * cells have logs and packages fit reports, as after a run.
 */
#include <sys/resource.h>

#include "pmkmod/export/export.h"
#include "tests/unit/matrix_fixture.h"

static const enum cell_state usual[] = {CELL_REUSED, CELL_REUSED, CELL_BUILT, CELL_REUSED,
	CELL_FAILED, CELL_EXCLUDED, CELL_REUSED, CELL_REFUSED};

/* As many points as a build's report has, two of them not known. */
static void write_fit_report(struct matrix_cell *c, const char *dir)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_free_ char *path = NULL;

	free(c->apk);
	c->apk = xasprintf("%s/%s-%s.apk", dir, c->package, c->version);
	path = publish_report_path(c->apk);
	strbuf_adds(&b, "{\"verdict\":\"fits as far as can be known\",\"points\":[");
	for (size_t i = 0; i < 25; i++)
		strbuf_addf(&b,
			"%s{\"module\":\"module%u.ko\",\"point\":\"point%zu\",\"result\":\"%s\","
			"\"text\":\"a sentence of the usual length on what was held against what, "
			"of %s\"}",
			i ? "," : "", c->module, i, i < 2 ? "unknown" : "pass", c->release);
	strbuf_adds(&b, "]}");
	write_file(path, b.s, b.len);
}

static void fill(struct matrix *m, const struct context *x, const char *dir)
{
	_cleanup_strbuf_ struct strbuf log = {0};

	for (size_t i = 0; i < 400; i++)
		strbuf_addf(&log, "  CC [M]  /build/src/file%zu.o with words of a usual line\n", i);
	for (size_t i = 0; i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];
		enum cell_state s = usual[(i * 7 + i / 50) % ARRAY_SIZE(usual)];
		const char *device = m->devices[c->device].name;

		if (s == CELL_REFUSED)
			set_error(c, s, 21, xasprintf("%s has no headers", device));
		else if (s == CELL_EXCLUDED)
			set_error(c, s, 77, xasprintf("%s is too new", device));
		else if (s != CELL_FAILED)
			set_built(m, c, s);
		else
			set_failed(c, "the build failed\nremedy: a newer source", "build", "api");
		if (s == CELL_FAILED)
			write_cell_log(x, c, log.s, log.len);
		else if (c->package && c->module % 3 == 0)
			write_fit_report(c, dir);
	}
}

static void measure(const char *name,
	int (*report)(const struct matrix *, const struct context *, const char *, struct err *),
	const struct matrix *m, const struct context *x, const char *dir)
{
	_cleanup_free_ char *path = path_join(dir, name);
	double began = monotonic_seconds();
	struct err e = ERR_INIT;
	struct stat st;

	if (report(m, x, path, &e) < 0 || stat(path, &st) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	printf("%-12s %6.2f s %8.2f MiB\n", name, monotonic_seconds() - began,
		(double)st.st_size / (1 << 20));
}

int main(int argc, char **argv)
{
	struct context x = {0};
	struct matrix m;
	struct rusage used;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: reports DIR [DEVICES MODULES]\n");
		return 2;
	}
	x.state = path_join(argv[1], "state");
	if (argc == 2) {
		matrix_of_every_state(&m);
		write_cell_log(&x, &m.cells[2], HOSTILE "\n", sizeof(HOSTILE));
	} else {
		matrix_build(&m, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
		fill(&m, &x, argv[1]);
	}
	measure("report.json", matrix_report_json, &m, &x, argv[1]);
	measure("report.xml", matrix_report_junit, &m, &x, argv[1]);
	measure("report.html", matrix_report_html, &m, &x, argv[1]);
	getrusage(RUSAGE_SELF, &used);
	printf("%-12s %6.1f MiB at most\n", "memory", (double)used.ru_maxrss / 1024);
	matrix_free(&m);
	free(x.state);
	return 0;
}
