// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * 665 devices are refused in 665 sentences that differ in the names of the devices. With what
 * differs taken out there are a few reasons, each of many devices.
 */
#include "pmkmod/matrix/report.h"

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '_' || c == '.' || c == '+';
}

/* Replace each whole word `name` of *text; a name of one or two letters says too little. */
static void take_out(char **text, const char *name, const char *with)
{
	size_t n = name ? strlen(name) : 0;
	struct strbuf b = {0};
	const char *s = *text, *at;

	if (n < 3 || !strstr(s, name))
		return;
	while ((at = strstr(s, name))) {
		bool whole = (at == *text || !is_name_char(at[-1])) &&
			     (!is_name_char(at[n]) || (at[n] == '.' && !is_name_char(at[n + 1])));

		strbuf_add(&b, s, (size_t)(at - s));
		strbuf_adds(&b, whole ? with : name);
		s = at + n;
	}
	strbuf_adds(&b, s);
	free(*text);
	*text = strbuf_steal(&b);
}

static char *reason_of(const struct matrix *m, const struct matrix_cell *c, bool whole_text)
{
	const struct matrix_device *d = &m->devices[c->device];
	_cleanup_free_ char *error = whole_text ? cell_explanation(c) : text_first_line(c->error);
	struct strbuf clean = {0};
	char *text;

	if (error)
		text_add(&clean, error, strlen(error), TEXT_PLAIN, true);
	text = strbuf_steal(&clean);
	take_out(&text, d->name, "<device>");
	take_out(&text, d->kernel, "<kernel>");
	take_out(&text, d->kernel_version, "<version>");
	take_out(&text, c->release, "<release>");
	take_out(&text, c->hash, "<cell>"); /* in its log's path */
	return text;
}

static void add_slot(struct reason *r, uint32_t slot)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 4;
		r->slots = xrealloc(r->slots, r->cap, sizeof(*r->slots));
	}
	r->slots[r->n++] = slot;
}

static int by_frequency(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->n == 0 || x->slots[0] < y->slots[0] ? -1 : 1;
}

/* Slots are in the order of devices, so a device's are together. */
static void find_members(struct reason *r, const struct matrix *m)
{
	_cleanup_free_ bool *seen = xcalloc(m->n_modules, sizeof(*seen));

	r->devices = xcalloc(r->n, sizeof(*r->devices));
	r->modules = xcalloc(m->n_modules, sizeof(*r->modules));
	for (size_t i = 0; i < r->n; i++) {
		uint32_t device = r->slots[i] / (uint32_t)m->n_modules;

		if (!r->n_devices || r->devices[r->n_devices - 1] != device)
			r->devices[r->n_devices++] = device;
		seen[r->slots[i] % m->n_modules] = true;
	}
	for (uint32_t i = 0; i < m->n_modules; i++)
		if (seen[i])
			r->modules[r->n_modules++] = i;
}

void reasons_find(
	struct reasons *out, const struct matrix *m, enum cell_state state, bool whole_text)
{
	struct texts texts = {0};

	*out = (struct reasons){.of_cell = xcalloc(m->n_cells, sizeof(*out->of_cell))};
	for (size_t i = 0; i < m->n_cells; i++)
		if (m->cells[i].state == state) {
			_cleanup_free_ char *text = reason_of(m, &m->cells[i], whole_text);

			out->of_cell[i] = texts_add(&texts, text);
		}
	out->n = texts.n;
	out->v = xcalloc(out->n, sizeof(*out->v));
	for (size_t i = 0; i < m->n_devices * m->n_modules; i++)
		if (m->cells[m->slots[i]].state == state)
			add_slot(&out->v[out->of_cell[m->slots[i]]], (uint32_t)i);
	for (size_t i = 0; i < out->n; i++) {
		out->v[i].text = steal_ptr(texts.v[i]);
		find_members(&out->v[i], m);
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_frequency);
	for (uint32_t i = 0; i < out->n; i++)
		for (size_t k = 0; k < out->v[i].n; k++)
			out->of_cell[m->slots[out->v[i].slots[k]]] = i;
	texts_free(&texts);
}

void reasons_free(struct reasons *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].text);
		free(r->v[i].slots);
		free(r->v[i].devices);
		free(r->v[i].modules);
	}
	free(r->v);
	free(r->of_cell);
	*r = (struct reasons){0};
}
