// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The page's data: an array a cell, texts that several cells have by number. It is JSON within a
 * script element, where the parser of HTML looks for the element's end alone: no '<' is in it.
 */
#include "chroot/base/fs.h"
#include "pmkmod/matrix/report_page.h"

#define REMARKS_MAX (6U << 20) /* bytes of points that did not pass */

struct data {
	const struct page *p;
	struct texts texts;
	size_t remarks_left;
};

static void write_string(FILE *f, const char *s)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (s)
		text_add(&b, s, strlen(s), TEXT_PLAIN, false);
	fputc('"', f);
	for (size_t i = 0; i < b.len; i++) {
		char c = b.s[i];

		if (c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == '\'')
			fprintf(f, "\\u%04x", (unsigned)c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static uint32_t text_number(struct data *d, const char *s)
{
	return texts_add(&d->texts, s ? s : "");
}

/* The folder of <folder>/<package>-<version>.apk; NULL: the file has another name. Caller frees. */
static char *apk_folder(const struct matrix_cell *c)
{
	_cleanup_free_ char *name = NULL;
	size_t n;

	if (!c->apk || !c->package || !c->version)
		return NULL;
	name = xasprintf("/%s-%s.apk", c->package, c->version);
	n = strlen(c->apk);
	return ends_with(c->apk, name) ? xstrndup(c->apk, n - strlen(name)) : NULL;
}

static void write_remarks(struct data *d, const struct matrix_cell *c)
{
	_cleanup_strvec_ struct strvec remarks = {0};
	size_t before = d->texts.n;

	/* one that fits has points nobody could know at most, and not many of them */
	if (c->apk && d->remarks_left)
		fit_remarks(c->apk, &remarks);
	for (size_t i = 0; i < remarks.n && d->remarks_left; i++) {
		size_t len = strlen(remarks.v[i]);

		fprintf(d->p->f, "%s%u", i ? "," : "", text_number(d, remarks.v[i]));
		if (d->texts.n != before)
			d->remarks_left -= len < d->remarks_left ? len : d->remarks_left;
		before = d->texts.n;
	}
}

static void write_cell(struct data *d, size_t number)
{
	const struct matrix_cell *c = &d->p->m->cells[number];
	_cleanup_free_ char *folder = apk_folder(c), *log = matrix_cell_log(d->p->x, c);
	FILE *f = d->p->f;
	char why[WHY_MAX];

	page_why(d->p, number, why);
	fprintf(f, "%s[%d,%.1f,%u,%d,%u,%u,", number ? ",\n" : "\n", (int)c->state, c->seconds,
		text_number(d, c->stage), c->exit_code, text_number(d, c->release),
		text_number(d, c->verdict));
	write_string(f, c->package);
	fprintf(f, ",%u,%u,\"%s\",\"%s\",[", text_number(d, c->version), text_number(d, folder),
		log ? c->hash : "", why);
	write_remarks(d, c);
	fputs("]]", f);
}

static void write_texts(const struct data *d)
{
	fputs("\"texts\":[", d->p->f);
	for (size_t i = 0; i < d->texts.n; i++) {
		fputs(i ? ",\n" : "\n", d->p->f);
		write_string(d->p->f, d->texts.v[i]);
	}
	fputs("],\n", d->p->f);
}

static void write_states(FILE *f)
{
	fputs("\"states\":[", f);
	for (size_t i = 0; i < N_CELL_STATES; i++)
		fprintf(f, "%s[\"%s\",\"%s\"]", i ? "," : "", page_states[i].class,
			cell_state_names[i]);
	fputs("],\n", f);
}

static void write_slots(const struct page *p)
{
	fputs("\"slots\":[", p->f);
	for (size_t i = 0; i < p->m->n_devices; i++)
		for (size_t k = 0; k < p->m->n_modules; k++)
			fprintf(p->f, "%s%s%u", i || k ? "," : "", k ? "" : "\n",
				p->m->slots[p->rows[i] * p->m->n_modules + k]);
	fputs("]}\n", p->f);
}

void page_write_data(struct page *p)
{
	struct data d = {.p = p, .remarks_left = REMARKS_MAX};

	text_number(&d, NULL);
	fputs("<script type=\"application/json\" id=\"data\">{\"logs\":", p->f);
	write_string(p->f, p->logs);
	fputs(",\n", p->f);
	write_states(p->f);
	fputs("\"cells\":[", p->f);
	for (size_t i = 0; i < p->m->n_cells; i++)
		write_cell(&d, i);
	fputs("],\n", p->f);
	write_texts(&d);
	write_slots(p);
	fputs("</script>\n", p->f);
	texts_free(&d.texts);
}
