// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/report_page.h"

#define LOGS_MAX (6U << 20) /* of all logs: more, and a phone does not show the page */

static void write_devices_of(const struct page *p, size_t cell)
{
	const struct matrix *m = p->m;
	size_t module = m->cells[cell].module, n = 0;

	for (size_t i = 0; i < m->n_devices; i++)
		if (m->slots[i * m->n_modules + module] == cell) {
			fputs(n++ ? ", " : "", p->f);
			page_text(p, m->devices[i].name);
		}
}

static void write_log(const struct page *p, const struct matrix_cell *c, size_t share, size_t *left)
{
	_cleanup_free_ char *path = matrix_cell_log(p->x, c), *tail = NULL;
	bool whole = false;

	if (!path)
		return;
	if (*left >= share)
		tail = log_tail(path, share, &whole);
	fprintf(p->f, "<p>%s: <a href=\"", tail && !whole ? "The last lines of the log" : "Log");
	page_text(p, p->logs);
	fprintf(p->f, "%s/log\">", c->hash);
	page_text(p, path);
	fputs("</a></p>\n", p->f);
	if (!tail)
		return;
	*left -= strlen(tail);
	fputs("<pre class=\"log\" tabindex=\"0\">", p->f);
	text_write(p->f, tail, TEXT_XML, true);
	fputs("</pre>\n", p->f);
}

/* What is the cell's own: the text that it shares with others is above. */
static void write_failed(const struct page *p, size_t cell, size_t share, size_t *left)
{
	const struct matrix_cell *c = &p->m->cells[cell];

	fprintf(p->f, "<div id=\"c%zu\"><p class=\"of-all\"><b>", cell);
	page_text(p, p->m->modules[c->module].asked);
	fputs("</b> for ", p->f);
	write_devices_of(p, cell);
	if (c->stage) {
		fputs(" &middot; stage ", p->f);
		page_text(p, c->stage);
	}
	fprintf(p->f, " &middot; exit code %d%s</p>\n", c->exit_code,
		c->remembered ? " &middot; remembered from an earlier build of the same inputs"
			      : "");
	write_log(p, c, share, left);
	fputs("</div>\n", p->f);
}

static void heading(const struct page *p, enum cell_state s, const char *word, const char *what)
{
	size_t n = p->counts.cells[s];

	fprintf(p->f, "<section><h2>%s <small>%zu build%s, %zu results; %s</small></h2>\n", word, n,
		n == 1 ? "" : "s", p->counts.slots[s], what);
}

/* Cells that failed with the same words are told together. */
static void write_failed_group(
	const struct page *p, const struct reason *r, size_t share, size_t *left, bool *written)
{
	const struct matrix *m = p->m;
	const struct matrix_cell *c = &m->cells[m->slots[r->slots[0]]];
	_cleanup_free_ char *first = text_first_line(r->text);

	fprintf(p->f, "<details><summary><b>%zu</b> ", r->n);
	page_text(p, m->modules[c->module].asked);
	fputs(" for ", p->f);
	page_text(p, m->devices[c->device].name);
	fprintf(p->f, "%s: <span>", r->n > 1 ? ", ..." : "");
	page_text(p, *first ? first : "failed");
	fputs("</span></summary>\n<pre class=\"error f\">", p->f);
	text_write(p->f, *r->text ? r->text : "failed without a reason", TEXT_XML, true);
	fputs("</pre>\n", p->f);
	for (size_t i = 0; i < r->n; i++) {
		uint32_t cell = m->slots[r->slots[i]];

		if (!written[cell])
			write_failed(p, cell, share, left);
		written[cell] = true;
	}
	fputs("</details>\n", p->f);
}

static void write_failures(const struct page *p)
{
	size_t share = log_share(p->m, LOGS_MAX), left = LOGS_MAX;
	_cleanup_free_ bool *written = xcalloc(p->m->n_cells, sizeof(*written));

	if (!p->counts.cells[CELL_FAILED])
		return;
	heading(p, CELL_FAILED, "Failed", "why, and the end of each log");
	for (size_t i = 0; i < p->failed.n; i++)
		write_failed_group(p, &p->failed.v[i], share, &left, written);
	fputs("</section>\n", p->f);
}

static void write_members(const struct page *p, const struct reason *r)
{
	fputs("<p class=\"of-all\">", p->f);
	if (r->n_modules == p->m->n_modules && r->n_modules > 1)
		fprintf(p->f, "all %zu modules", r->n_modules);
	for (size_t i = 0; i < r->n_modules && r->n_modules != p->m->n_modules; i++) {
		fputs(i ? ", " : "", p->f);
		page_text(p, p->m->modules[r->modules[i]].asked);
	}
	if (r->n_modules == 1 && p->m->n_modules == 1)
		page_text(p, p->m->modules[0].asked);
	fputs(" &middot; for ", p->f);
	for (size_t i = 0; i < r->n_devices; i++) {
		fputs(i ? ", " : "", p->f);
		page_text(p, p->m->devices[r->devices[i]].name);
	}
	fputs("</p>\n", p->f);
}

static void write_reasons(const struct page *p, const struct reasons *all, enum cell_state s,
	const char *word, const char *what)
{
	if (!all->n)
		return;
	heading(p, s, word, what);
	for (size_t i = 0; i < all->n; i++) {
		const struct reason *r = &all->v[i];
		_cleanup_free_ char *first = text_first_line(r->text);

		fprintf(p->f, "<details><summary><b>%zu</b> <span>", r->n);
		page_text(p, *first ? first : cell_state_names[s]);
		fprintf(p->f, "</span></summary>\n<pre class=\"error %s\" id=\"%s%zu\">",
			page_states[s].class, page_states[s].class, i);
		text_write(p->f, r->text, TEXT_XML, true);
		fputs("</pre>\n", p->f);
		write_members(p, r);
		fputs("</details>\n", p->f);
	}
	fputs("</section>\n", p->f);
}

void page_write_why(struct page *p)
{
	write_failures(p);
	write_reasons(p, &p->excluded, CELL_EXCLUDED, "Excluded", "the kernel cannot take them");
	write_reasons(p, &p->refused, CELL_REFUSED, "Refused", "they cannot be tried");
}
