// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/cells.h"

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

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

/* ---- the index: open addressing, at most half full ---- */

static struct cell_place *find(const struct cell_index *t, const uint64_t hash[2])
{
	size_t i = (size_t)hash[0] & (t->size - 1);

	while (t->places[i].number_1 &&
		(t->places[i].hash[0] != hash[0] || t->places[i].hash[1] != hash[1]))
		i = (i + 1) & (t->size - 1);
	return &t->places[i];
}

static void grow(struct cell_index *t)
{
	struct cell_index larger = {.n = t->n, .size = t->size ? 2 * t->size : 64};

	larger.places = xcalloc(larger.size, sizeof(*larger.places));
	for (size_t i = 0; i < t->size; i++)
		if (t->places[i].number_1)
			*find(&larger, t->places[i].hash) = t->places[i];
	free(t->places);
	*t = larger;
}

uint32_t cell_index_put(struct cell_index *t, const char *key, uint32_t number, bool *new)
{
	struct cell_place *place;
	uint64_t hash[2];
	struct hash h;

	hash_buf(HASH_SHA256, key, strlen(key), &h);
	memcpy(hash, h.b, sizeof(hash));
	if (2 * (t->n + 1) > t->size)
		grow(t);
	place = find(t, hash);
	*new = !place->number_1;
	if (*new) {
		*place = (struct cell_place){{hash[0], hash[1]}, number + 1};
		t->n++;
	}
	return place->number_1 - 1;
}

void cell_index_free(struct cell_index *t)
{
	free(t->places);
	*t = (struct cell_index){0};
}

/* ---- what came of it ---- */

static void set(char **slot, char **from)
{
	free(*slot);
	*slot = steal_ptr(*from);
}

void matrix_cell_take(struct matrix_cell *c, struct cell_result *r, bool before)
{
	c->exit_code = r->built ? 0 : r->exit_code;
	c->remembered = before && !r->built;
	if (r->built)
		c->state = before ? CELL_REUSED : CELL_BUILT;
	else
		c->state = matrix_state_of_failure(r->exit_code);
	set(&c->error, &r->error);
	set(&c->stage, &r->stage);
	set(&c->package, &r->package);
	set(&c->version, &r->version);
	set(&c->apk, &r->apk);
	set(&c->release, &r->release);
	set(&c->verdict, &r->verdict);
	set(&c->diagnosis, &r->diagnosis);
	cell_result_free(r);
}

enum cell_state matrix_state_of_failure(int exit_code)
{
	switch (exit_code) {
	case EXIT_EXCLUDED:
		return CELL_EXCLUDED;
	case EXIT_USAGE:
	case EXIT_UNKNOWN_NAME:
	case EXIT_NO_HEADERS:
	case EXIT_MISSING_DEPEND:
		return CELL_REFUSED;
	default:
		return CELL_FAILED;
	}
}

char *matrix_cell_log(const struct context *x, const struct matrix_cell *c)
{
	char *path = c->hash ? xasprintf("%s/cells/%s/log", x->state, c->hash) : NULL;

	if (path && fs_exists(path))
		return path;
	free(path);
	return NULL;
}

/* ---- the matrix ---- */

void matrix_remember_latest(
	const struct matrix *m, const struct context *x, const struct matrix_cell *c)
{
	static const struct matrix_device no_choice;

	for (size_t i = 0; c->hash && i < m->n_devices; i++) {
		const struct matrix_device *d = &m->devices[i];

		if (matrix_slot(m, i, c->module) != c)
			continue;
		matrix_choose_kernel(x, d);
		cell_set_latest_of(x, d->device, m->modules[c->module].name, c->hash, NULL);
	}
	matrix_choose_kernel(x, &no_choice);
}

void matrix_count(const struct matrix *m, struct matrix_counts *out)
{
	*out = (struct matrix_counts){0};
	for (size_t i = 0; i < m->n_cells; i++)
		out->cells[m->cells[i].state]++;
	for (size_t i = 0; i < m->n_devices * m->n_modules; i++)
		out->slots[m->cells[m->slots[i]].state]++;
}

static void free_cell(struct matrix_cell *c)
{
	char *const texts[] = {c->hash, c->error, c->stage, c->package, c->version, c->apk,
		c->release, c->verdict, c->diagnosis, c->plan};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

void matrix_free(struct matrix *m)
{
	for (size_t i = 0; i < m->n_cells; i++)
		free_cell(&m->cells[i]);
	for (size_t i = 0; i < m->n_devices; i++) {
		struct matrix_device *d = &m->devices[i];
		char *const texts[] = {d->name, d->device, d->choice, d->title, d->arch, d->channel,
			d->kernel, d->kernel_version};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
	}
	for (size_t i = 0; i < m->n_modules; i++) {
		free(m->modules[i].asked);
		free(m->modules[i].name);
		free(m->modules[i].title);
		strvec_free(&m->modules[i].depends);
	}
	free(m->devices);
	free(m->modules);
	free(m->slots);
	free(m->cells);
	*m = (struct matrix){0};
}
