// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One page that needs nothing else: no network, no other file. What outsiders wrote is escaped, and
 * the page's own policy allows exactly this style and this script (by their hashes), so that even
 * text that got through could not run.
 */
#include <time.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/report_page.h"

/* The Makefile names these files, so that a change of them compiles this anew. */
__asm__(".pushsection .rodata\n"
	"pmkmod_page_css:\n"
	".incbin \"pmkmod/matrix/page.css\"\n"
	".byte 0\n"
	"pmkmod_page_js:\n"
	".incbin \"pmkmod/matrix/page.js\"\n"
	".byte 0\n"
	".popsection\n"
	".global pmkmod_page_css, pmkmod_page_js\n");
extern const char pmkmod_page_css[], pmkmod_page_js[];

const struct page_state page_states[N_CELL_STATES] = {
	[CELL_WAITING] = {"w", "waiting"},
	[CELL_RUNNING] = {"r", "running"},
	[CELL_BUILT] = {"b", "built"},
	[CELL_REUSED] = {"k", "reused"},
	[CELL_FAILED] = {"f", "failed"},
	[CELL_EXCLUDED] = {"e", "excl."},
	[CELL_REFUSED] = {"x", "refused"},
	[CELL_NOT_RUN] = {"n", "not run"},
};

/* The order in which states are of interest. */
static const enum cell_state by_interest[] = {CELL_FAILED, CELL_BUILT, CELL_REUSED, CELL_EXCLUDED,
	CELL_REFUSED, CELL_NOT_RUN, CELL_WAITING, CELL_RUNNING};

void page_text(const struct page *p, const char *s)
{
	text_write(p->f, s, TEXT_XML, false);
}

void page_why(const struct page *p, size_t cell, char out[WHY_MAX])
{
	out[0] = '\0';
	switch (p->m->cells[cell].state) {
	case CELL_FAILED:
		snprintf(out, WHY_MAX, "c%zu", cell);
		break;
	case CELL_EXCLUDED:
		snprintf(out, WHY_MAX, "%s%u", page_states[CELL_EXCLUDED].class,
			p->excluded.of_cell[cell]);
		break;
	case CELL_REFUSED:
		snprintf(out, WHY_MAX, "%s%u", page_states[CELL_REFUSED].class,
			p->refused.of_cell[cell]);
		break;
	default:
		break;
	}
}

/* ---- head ---- */

static void write_hash(FILE *f, const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct hash h;

	hash_buf(HASH_SHA256, text, strlen(text), &h);
	fputs("'sha256-", f);
	/* 32 bytes: ten times three and a rest of two */
	for (size_t i = 0; i < 33; i += 3) {
		unsigned v = (unsigned)h.b[i] << 16 | (unsigned)h.b[i + 1] << 8 |
			     (i + 2 < h.len ? h.b[i + 2] : 0U);

		for (size_t k = 0; k < 4; k++)
			fputc(i + 2 >= h.len && k == 3 ? '=' : digits[v >> (18 - 6 * k) & 63], f);
	}
	fputs("'", f);
}

static void write_head(const struct page *p)
{
	fputs("<!DOCTYPE html>\n<!-- SPDX-License-Identifier: GPL-3.0-or-later -->\n"
	      "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "base-uri 'none'; form-action 'none'; style-src ",
		p->f);
	write_hash(p->f, pmkmod_page_css);
	fputs("; script-src ", p->f);
	write_hash(p->f, pmkmod_page_js);
	fprintf(p->f,
		"\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>pmkmod: %zu devices, %zu modules</title>\n<style>%s</style>\n</head>\n"
		"<body>\n",
		p->m->n_devices, p->m->n_modules, pmkmod_page_css);
}

static void write_title(const struct page *p)
{
	const struct matrix *m = p->m;
	time_t now = time(NULL);
	struct tm t;
	char date[32] = "";

	if (gmtime_r(&now, &t))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &t);
	fprintf(p->f,
		"<h1>Kernel modules for postmarketOS phones</h1>\n<p class=\"soft\">%zu device%s, "
		"%zu module%s; %zu builds make %zu results &middot; %s",
		m->n_devices, m->n_devices == 1 ? "" : "s", m->n_modules,
		m->n_modules == 1 ? "" : "s", m->n_cells, m->n_devices * m->n_modules, date);
	if (m->seconds > 0) {
		_cleanup_free_ char *took = text_duration(m->seconds);

		fprintf(p->f, " &middot; took %s", took);
	}
	fprintf(p->f, " &middot; pmkmod %s</p>\n", PMKMOD_VERSION);
	if (m->interrupted)
		fputs("<p><strong>The run was interrupted:</strong> what is not run or waiting "
		      "here, the next one does.</p>\n",
			p->f);
	fputs("<div class=\"bar\" id=\"counts\">\n", p->f);
	for (size_t i = 0; i < ARRAY_SIZE(by_interest); i++) {
		enum cell_state s = by_interest[i];

		if (p->counts.slots[s])
			fprintf(p->f,
				"<button disabled data-state=\"%d\"><b class=\"%s\">%s</b>%zu"
				"</button>\n",
				(int)s, page_states[s].class, cell_state_names[s],
				p->counts.slots[s]);
	}
	fputs("</div>\n<div id=\"filter\" hidden><input id=\"words\" type=\"search\" "
	      "aria-label=\"Filter\" placeholder=\"Filter: device, module, state, error\" "
	      "autocomplete=\"off\"><span id=\"found\" class=\"soft\" role=\"status\"></span>"
	      "</div>\n",
		p->f);
}

/* ---- grid ---- */

static void write_columns(const struct page *p)
{
	fputs("<div id=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"Devices and modules\">\n"
	      "<table id=\"grid\">\n<thead><tr><th scope=\"col\">device</th>",
		p->f);
	for (size_t i = 0; i < p->m->n_modules; i++) {
		const struct matrix_module *m = &p->m->modules[i];

		fputs("<th scope=\"col\" title=\"", p->f);
		page_text(p, m->asked);
		if (m->title) {
			fputs("\" data-title=\"", p->f);
			page_text(p, m->title);
		}
		fputs("\"><span>", p->f);
		page_text(p, m->asked);
		fputs("</span></th>", p->f);
	}
	fputs("</tr></thead>\n", p->f);
}

/* A mark behind the word: what the fit check does not vouch for. */
static const char *fit_mark(const struct matrix_cell *c)
{
	if (!c->verdict || (c->state != CELL_BUILT && c->state != CELL_REUSED) ||
		streq(c->verdict, "fits"))
		return "";
	return streq(c->verdict, "does not fit") ? " !" : " ?";
}

static void write_slot(const struct page *p, size_t device, size_t module)
{
	uint32_t number = p->m->slots[device * p->m->n_modules + module];
	const struct matrix_cell *c = &p->m->cells[number];
	const struct page_state *s = &page_states[c->state];
	char why[WHY_MAX];

	page_why(p, number, why);
	if (*why)
		fprintf(p->f, "<td class=\"%s\"><a href=\"#%s\">%s</a></td>", s->class, why,
			s->sign);
	else
		fprintf(p->f, "<td class=\"%s\">%s%s</td>", s->class, s->sign, fit_mark(c));
}

static void attribute(const struct page *p, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(p->f, " data-%s=\"", name);
	page_text(p, value);
	fputc('"', p->f);
}

static void write_row(const struct page *p, size_t device, bool shared)
{
	const struct matrix_device *d = &p->m->devices[device];
	const char *words[] = {
		d->name, d->title, d->kernel, d->kernel_version, d->arch, d->channel, d->verdict};

	fputs("<tr", p->f);
	attribute(p, "device", d->name);
	attribute(p, "kernel", d->kernel);
	attribute(p, "version", d->kernel_version);
	fputs("><th scope=\"row\" title=\"", p->f);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i] && i)
			fputs(", ", p->f);
		page_text(p, words[i]);
	}
	fputs("\">", p->f);
	page_text(p, d->name);
	fputs("<small>", p->f);
	page_text(p, shared || !d->kernel ? d->title : d->kernel);
	fputs("</small></th>", p->f);
	for (size_t i = 0; i < p->m->n_modules; i++)
		write_slot(p, device, i);
	fputs("</tr>\n", p->f);
}

static bool same_kernel(const struct matrix *m, size_t a, size_t b)
{
	return m->n_modules && m->devices[a].kernel && m->devices[b].kernel &&
	       matrix_slot(m, a, 0)->kernel == matrix_slot(m, b, 0)->kernel;
}

/* Devices that share a kernel behind the first of them. */
static void order_rows(struct page *p)
{
	size_t n = p->m->n_devices, filled = 0;
	_cleanup_free_ bool *placed = xcalloc(n, sizeof(*placed));

	p->rows = xcalloc(n, sizeof(*p->rows));
	for (size_t i = 0; i < n; i++) {
		if (placed[i])
			continue;
		p->rows[filled++] = (uint32_t)i;
		for (size_t k = i + 1; k < n; k++)
			if (!placed[k] && same_kernel(p->m, i, k)) {
				placed[k] = true;
				p->rows[filled++] = (uint32_t)k;
			}
	}
}

static void write_group(const struct page *p, size_t first, size_t n)
{
	const struct matrix_device *d = &p->m->devices[p->rows[first]];

	if (n < 2) {
		fputs("<tbody>\n", p->f);
	} else {
		fprintf(p->f,
			"<tbody class=\"shared\">\n<tr class=\"group\"><th class=\"group\" "
			"colspan=\"%zu\"><span>%zu devices share one kernel: ",
			p->m->n_modules + 1, n);
		page_text(p, d->kernel);
		fputc(' ', p->f);
		page_text(p, d->kernel_version);
		fputs("</span></th></tr>\n", p->f);
	}
	for (size_t i = first; i < first + n; i++)
		write_row(p, p->rows[i], n > 1);
	fputs("</tbody>\n", p->f);
}

static void write_grid(const struct page *p)
{
	size_t n = p->m->n_devices;

	write_columns(p);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && same_kernel(p->m, p->rows[i], p->rows[end]);)
			end++;
		write_group(p, i, end - i);
	}
	fputs("</table>\n</div>\n<p class=\"soft\">? &ndash; some points of the fit check could not "
	      "be known. ! &ndash; the kernel would refuse it.</p>\n",
		p->f);
}

/* ---- the page ---- */

static void write_url(struct strbuf *b, const char *path)
{
	for (; *path; path++)
		if ((*path >= '0' && *path <= '9') || (*path >= 'a' && *path <= 'z') ||
			(*path >= 'A' && *path <= 'Z') || strchr("/-._~", *path))
			strbuf_addc(b, *path);
		else
			strbuf_addf(b, "%%%02X", (unsigned char)*path);
}

/* Relative where one is below the other, so that both can be moved or served together. */
static char *logs_url(const struct context *x, const char *path)
{
	size_t dir = (size_t)(path_base(path) - path), state = strlen(x->state);
	struct strbuf b = {0};

	if (dir && strncmp(x->state, path, dir) == 0) {
		write_url(&b, x->state + dir);
		strbuf_addc(&b, '/');
	} else if (strncmp(path, x->state, state) == 0 && path[state] == '/') {
		for (const char *s = path + state + 1; (s = strchr(s, '/')); s++)
			strbuf_adds(&b, "../");
	} else {
		strbuf_adds(&b, "file://");
		write_url(&b, x->state);
		strbuf_addc(&b, '/');
	}
	strbuf_adds(&b, "cells/");
	return strbuf_steal(&b);
}

static void page_free(struct page *p)
{
	reasons_free(&p->failed);
	reasons_free(&p->excluded);
	reasons_free(&p->refused);
	free(p->rows);
	free(p->logs);
}

int matrix_report_html(
	const struct matrix *m, const struct context *x, const char *path, struct err *e)
{
	struct page p = {.m = m, .x = x};
	struct report_file out;
	int r = report_begin(&out, path, e);

	if (r < 0)
		return r;
	p.f = out.f;
	p.logs = logs_url(x, path);
	matrix_count(m, &p.counts);
	reasons_find(&p.failed, m, CELL_FAILED, true);
	reasons_find(&p.excluded, m, CELL_EXCLUDED, true);
	reasons_find(&p.refused, m, CELL_REFUSED, true);
	order_rows(&p);
	write_head(&p);
	write_title(&p);
	write_grid(&p);
	page_write_why(&p);
	fputs("<dialog id=\"panel\" aria-labelledby=\"what\"><header><div><h2 id=\"what\"></h2>"
	      "<span id=\"state\"></span></div><button id=\"close\">Close</button></header>"
	      "<dl id=\"facts\"></dl><div id=\"why\"></div></dialog>\n",
		p.f);
	page_write_data(&p);
	fprintf(p.f, "<script>%s</script>\n</body>\n</html>\n", pmkmod_page_js);
	page_free(&p);
	return report_end(&out, 0, e);
}
