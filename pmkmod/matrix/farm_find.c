// SPDX-License-Identifier: GPL-3.0-or-later
/* Cells of a plan by their hash or their place, and which of them are whose share. */
#include <stdlib.h>

#include "pmkmod/matrix/farm_parts.h"

/* as many of a hash are shown, and may be typed */
#define SHOWN_DIGITS 12

static int by_hash(const void *a, const void *b)
{
	const struct farm_cell *const *x = a, *const *y = b;

	return strcmp((*x)->hash, (*y)->hash);
}

static int compare_place(const struct farm_cell *x, const struct farm_cell *y)
{
	const char *const words[][2] = {{x->device, y->device},
		{x->choice ? x->choice : "", y->choice ? y->choice : ""}, {x->module, y->module}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		int c = strcmp(words[i][0], words[i][1]);

		if (c)
			return c;
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct farm_cell *const *x = a, *const *y = b;

	return compare_place(*x, *y);
}

void farm_plan_index(struct farm_plan *p)
{
	p->by_hash = xcalloc(p->n + 1, sizeof(*p->by_hash));
	p->by_place = xcalloc(p->n + 1, sizeof(*p->by_place));
	for (size_t i = 0; i < p->n; i++)
		p->by_hash[i] = p->by_place[i] = &p->cells[i];
	qsort(p->by_hash, p->n, sizeof(*p->by_hash), by_hash);
	qsort(p->by_place, p->n, sizeof(*p->by_place), by_place);
}

const struct farm_cell *farm_plan_find(const struct farm_plan *p, const char *hash)
{
	size_t len = strlen(hash), low = 0, high = p->n;

	if (len < SHOWN_DIGITS)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(p->by_hash[middle]->hash, hash) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* the first that is not before it; those that begin so come next */
	if (low == p->n || strncmp(p->by_hash[low]->hash, hash, len) != 0)
		return NULL;
	if (p->by_hash[low]->hash[len] && low + 1 < p->n &&
		strncmp(p->by_hash[low + 1]->hash, hash, len) == 0)
		return NULL;
	return p->by_hash[low];
}

const struct farm_cell *farm_plan_at(
	const struct farm_plan *p, const char *device, const char *choice, const char *module)
{
	struct farm_cell key = {
		.device = xstrdup(device), .choice = xstrdup(choice), .module = xstrdup(module)};
	const struct farm_cell *at = &key;
	struct farm_cell **found = bsearch(&at, p->by_place, p->n, sizeof(*p->by_place), by_place);

	free(key.device);
	free(key.choice);
	free(key.module);
	return found ? *found : NULL;
}

const struct farm_cell *farm_plan_for(
	const struct farm_plan *p, const struct matrix *m, const struct matrix_cell *c)
{
	const struct matrix_device *d = &m->devices[c->device];
	const struct farm_cell *planned = c->hash ? farm_plan_find(p, c->hash) : NULL;

	if (planned)
		return planned;
	planned = farm_plan_at(p, d->device, d->choice, m->modules[c->module].asked);
	return planned && farm_is_open(p, planned) ? planned : NULL;
}

bool farm_is_open(const struct farm_plan *p, const struct farm_cell *c)
{
	return c->open || (farm_headers_were_sent(p, c) && !farm_seed_has(p, c->headers));
}

/* Where a share that would begin at `at` does: not among the cells of one kernel. */
static size_t cut(const struct farm_plan *p, size_t at)
{
	while (at > 0 && at < p->n && p->cells[at].together && p->cells[at - 1].together &&
		streq(p->cells[at].headers, p->cells[at - 1].headers))
		at++;
	return at;
}

void farm_plan_share(const struct farm_plan *p, size_t i, size_t n, size_t *from, size_t *to)
{
	*from = cut(p, p->n * i / n);
	*to = cut(p, p->n * (i + 1) / n);
}
