// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/matrix.h"

#include "chroot/base/fs.h"

const char *const cell_state_names[N_CELL_STATES] = {
	[CELL_WAITING] = "waiting",
	[CELL_RUNNING] = "running",
	[CELL_BUILT] = "built",
	[CELL_REUSED] = "reused",
	[CELL_FAILED] = "failed",
	[CELL_EXCLUDED] = "excluded",
	[CELL_REFUSED] = "refused",
	[CELL_NOT_RUN] = "not run",
};

void matrix_count(const struct matrix *m, struct matrix_counts *out)
{
	*out = (struct matrix_counts){0};
	for (size_t i = 0; i < m->n_cells; i++)
		out->cells[m->cells[i].state]++;
	for (size_t i = 0; i < m->n_devices * m->n_modules; i++)
		out->slots[m->cells[m->slots[i]].state]++;
}

char *matrix_cell_log(const struct context *x, const struct matrix_cell *c)
{
	_cleanup_free_ char *path = NULL;

	if (!c->hash)
		return NULL;
	path = xasprintf("%s/cells/%s/log", x->state, c->hash);
	return fs_exists(path) ? steal_ptr(path) : NULL;
}

static void cell_free(struct matrix_cell *c)
{
	free(c->hash);
	free(c->error);
	free(c->stage);
	free(c->package);
	free(c->version);
	free(c->apk);
	free(c->release);
	free(c->verdict);
	free(c->diagnosis);
}

void matrix_free(struct matrix *m)
{
	for (size_t i = 0; i < m->n_devices; i++) {
		free(m->devices[i].name);
		free(m->devices[i].title);
		free(m->devices[i].arch);
		free(m->devices[i].channel);
		free(m->devices[i].kernel);
		free(m->devices[i].kernel_version);
	}
	for (size_t i = 0; i < m->n_modules; i++) {
		free(m->modules[i].asked);
		free(m->modules[i].name);
		free(m->modules[i].title);
	}
	for (size_t i = 0; i < m->n_cells; i++)
		cell_free(&m->cells[i]);
	free(m->devices);
	free(m->modules);
	free(m->cells);
	free(m->slots);
	*m = (struct matrix){0};
}
