// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/report.h"

void members_find(struct members *out, const struct matrix *m)
{
	size_t n = m->n_devices * m->n_modules;
	_cleanup_free_ uint32_t *filled = xcalloc(m->n_cells, sizeof(*filled));

	out->first = xcalloc(m->n_cells + 1, sizeof(*out->first));
	out->slots = xcalloc(n, sizeof(*out->slots));
	for (size_t i = 0; i < n; i++)
		out->first[m->slots[i] + 1]++;
	for (size_t i = 0; i < m->n_cells; i++)
		out->first[i + 1] += out->first[i];
	for (size_t i = 0; i < n; i++) {
		uint32_t cell = m->slots[i];

		out->slots[out->first[cell] + filled[cell]++] = (uint32_t)i;
	}
}

char *devices_text(const struct matrix *m, const uint32_t *devices, size_t n, size_t max)
{
	struct strbuf b = {0};

	/* "and 1 more" would be no shorter than its name */
	if (n == max + 1)
		max++;
	for (size_t i = 0; i < n && i < max; i++) {
		const char *name = m->devices[devices[i]].name;

		strbuf_adds(&b, i ? ", " : "");
		text_add(&b, name, strlen(name), TEXT_PLAIN, false);
	}
	if (n > max)
		strbuf_addf(&b, " and %zu more", n - max);
	return strbuf_steal(&b);
}

char *members_devices(const struct members *s, const struct matrix *m, size_t cell, size_t max)
{
	size_t begin = s->first[cell], n = s->first[cell + 1] - begin, found = 0;
	_cleanup_free_ uint32_t *devices = xcalloc(n, sizeof(*devices));

	for (size_t i = 0; i < n; i++) {
		uint32_t device = s->slots[begin + i] / (uint32_t)m->n_modules;

		if (!found || devices[found - 1] != device)
			devices[found++] = device;
	}
	return devices_text(m, devices, found, max);
}

void members_free(struct members *s)
{
	free(s->first);
	free(s->slots);
	*s = (struct members){0};
}
