// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/headers/genksyms.h"

void crc_table_free(struct crc_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->rows[i].name);
		free(t->rows[i].owner);
		free(t->rows[i].ns);
	}
	free(t->rows);
	name_index_free(&t->index);
}

void crc_table_add(struct crc_table *t, const char *name, const char *owner, uint32_t crc)
{
	if (name_index_get(&t->index, name))
		return;
	if (!(t->n & (t->n + 1)))
		t->rows = xrealloc(t->rows, 2 * (t->n + 1), sizeof(*t->rows));
	t->rows[t->n] =
		(struct crc_row){.name = xstrdup(name), .owner = xstrdup(owner), .crc = crc};
	name_index_add(&t->index, t->rows[t->n].name, (uint32_t)t->n);
	t->n++;
}

void crc_table_compare(const struct crc_table *t, const char *sample, struct crc_comparison *c)
{
	_cleanup_strvec_ struct strvec lines = {0};

	*c = (struct crc_comparison){0};
	if (sample)
		strvec_split(&lines, sample, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *space = strchr(lines.v[i], ' ');
		const uint32_t *at;

		if (!space)
			continue;
		*space = '\0';
		at = name_index_get(&t->index, lines.v[i]);
		if (!at)
			c->missing++;
		else if (t->rows[*at].crc == strtoul(space + 1, NULL, 16))
			c->same++;
		else if (c->differ++ == 0)
			c->first = xstrdup(lines.v[i]);
	}
}
