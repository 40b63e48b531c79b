// SPDX-License-Identifier: GPL-3.0-or-later
/* The variables that a dkms.conf has set so far, found by name and index. */
#include "pmkmod/module/dkms_reader.h"
#include "pmkmod/util/exit_codes.h"

#define TABLE_SIZE (4 * DKMS_VARS_MAX) /* a power of two, never more than a quarter full */
#define SMALL_TABLE 1024

/* The shell is asked. */
int reader_ask(struct reader *r, const char *why)
{
	r->why = why;
	return 1;
}

int reader_broken(struct reader *r, const char *where, const char *what)
{
	unsigned line = 1;

	for (const char *p = r->text; p < where; p++)
		line += *p == '\n';
	return err_exit(r->e, EXIT_BAD_DKMS_CONF, -EINVAL, "%s:%u: %s", r->shown, line, what);
}

static uint32_t hash_of(const char *name, unsigned index)
{
	uint32_t h = 2166136261U ^ (index * 2654435761U);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h ^ (h >> 15);
}

static uint32_t *slot_of(struct reader *r, const char *name, unsigned index)
{
	size_t i = hash_of(name, index) & (r->table_size - 1);

	for (; r->table[i]; i = (i + 1) & (r->table_size - 1)) {
		const struct dkms_var *v = &r->vars.v[r->table[i] - 1];

		if (v->index == index && streq(v->name, name))
			break;
	}
	return &r->table[i];
}

void reader_grow_table(struct reader *r)
{
	free(r->table);
	r->table_size = r->table_size ? TABLE_SIZE : SMALL_TABLE;
	r->table = xcalloc(r->table_size, sizeof(*r->table));
	for (size_t i = 0; i < r->vars.n; i++)
		*slot_of(r, r->vars.v[i].name, r->vars.v[i].index) = (uint32_t)i + 1;
}

const char *reader_get(struct reader *r, const char *name, unsigned index)
{
	uint32_t at = *slot_of(r, name, index);

	return at ? r->vars.v[at - 1].value : NULL;
}

/* Takes `value` over. */
int reader_set(struct reader *r, const char *name, unsigned index, char *value)
{
	uint32_t *slot = slot_of(r, name, index);

	r->bytes += strlen(value) + 1;
	if (r->bytes > DKMS_TEXT_MAX || r->vars.n >= DKMS_VARS_MAX) {
		free(value);
		return reader_broken(r, r->p, "this is more than any dkms.conf needs");
	}
	if (*slot) {
		free(r->vars.v[*slot - 1].value);
		r->vars.v[*slot - 1].value = value;
		return 0;
	}
	dkms_vars_take(&r->vars, name, index, value);
	*slot = (uint32_t)r->vars.n;
	if (r->table_size == SMALL_TABLE && r->vars.n > SMALL_TABLE / 4)
		reader_grow_table(r);
	return 0;
}

void reader_clear(struct reader *r, const char *name)
{
	for (size_t i = 0; i < r->vars.n; i++) {
		if (!streq(r->vars.v[i].name, name))
			continue;
		free(r->vars.v[i].value);
		r->vars.v[i].value = NULL;
	}
}

unsigned reader_end_of(const struct reader *r, const char *name)
{
	unsigned end = 0;

	for (size_t i = 0; i < r->vars.n; i++)
		if (r->vars.v[i].value && r->vars.v[i].index >= end &&
			streq(r->vars.v[i].name, name))
			end = r->vars.v[i].index + 1;
	return end;
}
