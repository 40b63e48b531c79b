// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/kernel/name_index.h"

#include "chroot/base/fs.h"

static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

/* The slot that holds `name`, or the empty one where it belongs. */
static struct name_slot *slot_of(const struct name_index *t, const char *name, uint32_t hash)
{
	size_t i = hash & (t->cap - 1);

	while (t->slots[i].name && (t->slots[i].hash != hash || !streq(t->slots[i].name, name)))
		i = (i + 1) & (t->cap - 1);
	return &t->slots[i];
}

uint32_t *name_index_get(const struct name_index *t, const char *name)
{
	struct name_slot *s;

	if (!t->cap)
		return NULL;
	s = slot_of(t, name, hash_of(name));
	return s->name ? &s->value : NULL;
}

static void grow(struct name_index *t, size_t cap)
{
	struct name_index old = *t;

	t->cap = cap;
	t->slots = xcalloc(t->cap, sizeof(*t->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].name)
			*slot_of(t, old.slots[i].name, old.slots[i].hash) = old.slots[i];
	free(old.slots);
}

void name_index_reserve(struct name_index *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 256;

	while (cap < 2 * (t->n + n + 1))
		cap *= 2;
	if (cap > t->cap)
		grow(t, cap);
}

uint32_t *name_index_add(struct name_index *t, const char *name, uint32_t value)
{
	uint32_t hash = hash_of(name);
	struct name_slot *s;

	if (2 * (t->n + 1) > t->cap)
		grow(t, t->cap ? 2 * t->cap : 256);
	s = slot_of(t, name, hash);
	if (!s->name) {
		*s = (struct name_slot){name, hash, value};
		t->n++;
	}
	return &s->value;
}

void name_index_free(struct name_index *t)
{
	free(t->slots);
	*t = (struct name_index){0};
}

char *module_name_of(const char *path)
{
	char *name = xstrdup(path_base(path));
	char *dot = strstr(name, ".ko");

	/* ".ko" only as a suffix of its own, before a compression's suffix or the end */
	while (dot && dot[3] && dot[3] != '.')
		dot = strstr(dot + 1, ".ko");
	if (dot)
		*dot = '\0';
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static char one_dash(char c)
{
	return c == '-' ? '_' : c;
}

bool module_name_eq(const char *a, const char *b)
{
	while (*a && one_dash(*a) == one_dash(*b)) {
		a++;
		b++;
	}
	return *a == '\0' && *b == '\0';
}
