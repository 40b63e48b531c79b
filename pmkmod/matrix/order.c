// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * In which order cells are begun: all of one kernel after another, since its layers are in memory
 * then; but the first of the next kernel early enough that its layers are there when it is its
 * turn. What others depend on comes before them.
 */
#include "pmkmod/matrix/engine.h"

struct place {
	uint32_t cell, kernel;
	uint32_t device; /* the first one that has the kernel */
	uint32_t rank; /* 0: it depends on nothing of this matrix */
	uint32_t module;
};

/* How many steps of dependencies are below a module; a circle ends somewhere. */
static uint32_t rank_of(const struct matrix *m, size_t module, unsigned depth)
{
	const struct strvec *d = &m->modules[module].depends;
	uint32_t rank = 0;

	for (size_t i = 0; depth < 16 && i < d->n; i++)
		for (size_t k = 0; k < m->n_modules; k++)
			if (streq(m->modules[k].name, d->v[i])) {
				uint32_t below = rank_of(m, k, depth + 1) + 1;

				rank = below > rank ? below : rank;
			}
	return rank;
}

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const uint32_t keys[][2] = {{x->device, y->device}, {x->kernel, y->kernel},
		{x->rank, y->rank}, {x->module, y->module}, {x->cell, y->cell}};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

/* The first of each kernel goes `early` places forward, but not before that of the one before it.
 */
static void advance(struct place *v, size_t n, size_t early)
{
	size_t before = 0;

	for (size_t i = 1; i < n; i++) {
		struct place first = v[i];
		size_t to = i > early ? i - early : 0;

		if (v[i].kernel == v[i - 1].kernel)
			continue;
		if (to <= before)
			to = before + 1;
		memmove(v + to + 1, v + to, (i - to) * sizeof(*v));
		v[to] = first;
		before = to;
	}
}

void cell_order_make(struct cell_order *o, const struct matrix *m, size_t at_once)
{
	struct place *v = xcalloc(m->n_cells + 1, sizeof(*v));
	uint32_t *ranks = xcalloc(m->n_modules + 1, sizeof(*ranks));
	uint32_t *first = xcalloc(m->n_cells + 1, sizeof(*first)); /* device and 1, of a kernel */
	size_t n = 0;

	for (size_t i = 0; i < m->n_modules; i++)
		ranks[i] = rank_of(m, i, 0);
	for (size_t i = 0; i < m->n_cells; i++) {
		const struct matrix_cell *c = &m->cells[i];
		uint32_t kernel = c->kernel < m->n_cells ? c->kernel : 0;

		if (c->state != CELL_WAITING)
			continue;
		if (!first[kernel])
			first[kernel] = c->device + 1;
		v[n++] = (struct place){.cell = (uint32_t)i,
			.kernel = c->kernel,
			.device = first[kernel],
			.rank = ranks[c->module],
			.module = c->module};
	}
	qsort(v, n, sizeof(*v), compare);
	advance(v, n, at_once);
	*o = (struct cell_order){.v = xcalloc(n + 1, sizeof(*o->v)), .n = n};
	for (size_t i = 0; i < n; i++)
		o->v[i] = v[i].cell;
	free(v);
	free(ranks);
	free(first);
}

void cell_order_free(struct cell_order *o)
{
	free(o->v);
	*o = (struct cell_order){0};
}
