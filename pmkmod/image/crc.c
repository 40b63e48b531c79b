// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What lies between the table of exports and its names: a CRC for each (CONFIG_MODVERSIONS), in the
 * same order, and since 7.1 a byte of flags for each (RO_DATA in
 * include/asm-generic/vmlinux.lds.h).
 */
#include "pmkmod/image/exports.h"

/* Sections are aligned to what is in them. */
#define SLACK 8

static bool high_halves_zero(const struct image_memory *m, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memory_u32(m, at + i * 8 + 4))
			return false;
	return true;
}

static bool are_flags(const struct image_memory *m, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (m->p[at + i] > 1)
			return false;
	return true;
}

/* Where a CRC is that the word at `at` gives the distance to; SIZE_MAX: nowhere. */
static size_t distance_target(const struct image_memory *m, size_t at)
{
	int64_t to = (int64_t)at + (int32_t)memory_u32(m, at);

	return to >= 0 && (uint64_t)to + 4 <= m->len && to % 4 == 0 ? (size_t)to : SIZE_MAX;
}

/*
 * Distances lead into the image each and every one, and never to the same place twice in a row. Of
 * CRCs, which are any 32 bits, hardly one in fifty does.
 */
static bool are_distances(const struct image_memory *m, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t to = distance_target(m, at + i * 4);

		if (to == SIZE_MAX || (to >= at && to < at + n * 4))
			return false;
	}
	return true;
}

static bool fits(struct crc_table *c, const struct image_memory *m, const struct table *t,
	unsigned size, bool flags)
{
	size_t gap = t->lowest - t->end, need = t->n * (size + flags), align = size == 8 ? 8 : 4;
	size_t start = (t->end + align - 1) / align * align;

	if (need > gap || gap - need >= SLACK)
		return false;
	if (!size)
		start = t->end;
	if (start + need > t->lowest)
		return false;
	if (size == 8 && !high_halves_zero(m, start, t->n))
		return false;
	if (flags && !are_flags(m, start + t->n * size, t->n))
		return false;
	c->size = size;
	c->at = start;
	c->flags_at = flags ? start + t->n * size : 0;
	c->relative = size == 4 && !flags && are_distances(m, start, t->n);
	return true;
}

int crc_table_find(
	struct crc_table *c, const struct image_memory *m, const struct table *t, struct err *e)
{
	static const struct {
		unsigned size;
		bool flags;
	} layouts[] = {{4, false}, {0, false}, {4, true}, {8, false}, {0, true}};
	size_t found = 0;

	*c = (struct crc_table){0};
	if (t->lowest < t->end)
		return err_set(e, -EBADMSG, "its names begin before its end");
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct crc_table this = {0};

		if (!fits(&this, m, t, layouts[i].size, layouts[i].flags))
			continue;
		/* few symbols leave so little room that more than one layout would fit */
		if (!found || t->lowest - t->end == t->n * (layouts[i].size + layouts[i].flags))
			*c = this;
		found++;
	}
	if (!found)
		return err_set(e, -EBADMSG,
			"between its %zu entries and their names are %zu bytes, which fits neither "
			"no CRCs nor CRCs of 4 or 8 bytes",
			t->n, t->lowest - t->end);
	return 0;
}

uint32_t crc_table_get(const struct crc_table *c, const struct image_memory *m, size_t i)
{
	size_t at = c->at + i * c->size;

	if (!c->size)
		return 0;
	return memory_u32(m, c->relative ? distance_target(m, at) : at);
}
