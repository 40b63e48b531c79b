// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/report.h"

uint32_t texts_add(struct texts *t, const char *s)
{
	const uint32_t *known = name_index_get(&t->index, s);

	if (known)
		return *known;
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->v = xrealloc(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->n] = xstrdup(s);
	name_index_add(&t->index, t->v[t->n], (uint32_t)t->n);
	return (uint32_t)t->n++;
}

void texts_free(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
	name_index_free(&t->index);
	*t = (struct texts){0};
}
