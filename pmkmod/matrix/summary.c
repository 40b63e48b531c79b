// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/report.h"
#include "pmkmod/matrix/table.h"

#define FAILED_SHOWN 50
#define REASONS_SHOWN 20
#define NAMES_SHOWN 4

static const enum cell_state counted[] = {CELL_BUILT, CELL_REUSED, CELL_FAILED, CELL_EXCLUDED,
	CELL_REFUSED, CELL_NOT_RUN, CELL_WAITING, CELL_RUNNING};

static void print_counts(const struct matrix *m)
{
	struct matrix_counts counts;

	matrix_count(m, &counts);
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++) {
		enum cell_state s = counted[i];

		if (!counts.cells[s])
			continue;
		printf("%-9s %zu of %zu", cell_state_names[s], counts.slots[s],
			m->n_devices * m->n_modules);
		if (counts.slots[s] != counts.cells[s])
			printf(" (%zu cell%s)", counts.cells[s], counts.cells[s] == 1 ? "" : "s");
		putchar('\n');
	}
}

static void print_failure(
	const struct matrix *m, const struct context *x, const struct members *members, size_t cell)
{
	const struct matrix_cell *c = &m->cells[cell];
	_cleanup_free_ char *devices = members_devices(members, m, cell, NAMES_SHOWN);
	_cleanup_free_ char *module = text_first_line(m->modules[c->module].asked);
	_cleanup_free_ char *error = text_first_line(c->error), *log = matrix_cell_log(x, c);
	_cleanup_free_ char *stage = text_first_line(c->stage);

	printf("  %s  %s  %s%s%s (exit code %d%s)\n", devices, module, stage, *stage ? ": " : "",
		*error ? error : "no reason was given", c->exit_code,
		c->remembered ? ", remembered" : "");
	if (log)
		printf("    log %s\n", log);
}

static char *modules_text(const struct matrix *m, const struct reason *r)
{
	struct strbuf b = {0};

	if (r->n_modules == m->n_modules && r->n_modules > NAMES_SHOWN)
		return xasprintf("all %zu modules", r->n_modules);
	for (size_t i = 0; i < r->n_modules && i < NAMES_SHOWN; i++) {
		const char *name = m->modules[r->modules[i]].asked;

		strbuf_adds(&b, i ? ", " : "");
		text_add(&b, name, strlen(name), TEXT_PLAIN, false);
	}
	if (r->n_modules > NAMES_SHOWN)
		strbuf_addf(&b, " and %zu more", r->n_modules - NAMES_SHOWN);
	return strbuf_steal(&b);
}

static void print_reasons(const struct matrix *m, enum cell_state state, bool reported)
{
	struct reasons all;

	reasons_find(&all, m, state, false);
	for (size_t i = 0; i < all.n && i < REASONS_SHOWN; i++) {
		const struct reason *r = &all.v[i];
		_cleanup_free_ char *modules = modules_text(m, r);
		_cleanup_free_ char *devices =
			devices_text(m, r->devices, r->n_devices, NAMES_SHOWN);

		if (i == 0)
			printf("%s:\n", cell_state_names[state]);
		printf("  %zu: %s\n    %s for %s\n", r->n,
			*r->text ? r->text : "no reason was given", modules, devices);
	}
	if (all.n > REASONS_SHOWN)
		printf("  and %zu more reasons%s\n", all.n - REASONS_SHOWN,
			reported ? ", which the reports have" : "");
	reasons_free(&all);
}

/* One by one while that can be read; beyond that by what they have in common. */
static void print_failures(const struct matrix *m, const struct context *x, bool reported)
{
	struct matrix_counts counts;
	struct members members;

	matrix_count(m, &counts);
	if (counts.cells[CELL_FAILED] > FAILED_SHOWN) {
		print_reasons(m, CELL_FAILED, reported);
		return;
	}
	if (counts.cells[CELL_FAILED])
		puts("failed:");
	members_find(&members, m);
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i].state == CELL_FAILED)
			print_failure(m, x, &members, i);
	members_free(&members);
}

void matrix_print_summary(
	const struct matrix *m, const struct context *x, const struct strvec *reports)
{
	_cleanup_free_ char *took = text_duration(m->seconds);

	print_counts(m);
	print_failures(m, x, reports && reports->n);
	print_reasons(m, CELL_EXCLUDED, reports && reports->n);
	print_reasons(m, CELL_REFUSED, reports && reports->n);
	if (m->interrupted)
		puts("interrupted: the same command goes on where this run stopped");
	if (m->seconds > 0)
		printf("time      %s\n", took);
	printf("logs      %s/cells/<cell>/log\n", x->state);
	for (size_t i = 0; reports && i < reports->n; i++)
		printf("report    %s\n", reports->v[i]);
}
