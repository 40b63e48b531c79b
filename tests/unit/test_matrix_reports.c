// SPDX-License-Identifier: GPL-3.0-or-later
/* Reports of a matrix of every state, with texts of outsiders in them, read back by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <openssl/evp.h>

#include "pmkmod/export/export.h"
#include "pmkmod/matrix/report.h"
#include "tests/unit/matrix_fixture.h"

#define LONG_LOG_LINES 1000

static char dir[] = "/tmp/pmkmod-matrix-XXXXXX";
static struct context x;
static struct matrix m;

static char *report(const char *name,
	int (*write)(const struct matrix *, const struct context *, const char *, struct err *))
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct err e = ERR_INIT;
	char *text;
	size_t len;

	if (write(&m, &x, path, &e) < 0 || fs_read(path, 64U << 20, &text, &len, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(strlen(text), len);
	return text;
}

static size_t occurrences(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *s = text; (s = strstr(s, what)); s++)
		n++;
	return n;
}

/* ---- JSON ---- */

static struct json_object *parse(const char *text)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(t, text, (int)strlen(text));
	if (!o)
		fail_msg("%s", json_tokener_error_desc(json_tokener_get_error(t)));
	json_tokener_free(t);
	return o;
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		fail_msg("there is no \"%s\"", key);
	return v;
}

static const char *get_text(struct json_object *o, const char *key)
{
	return json_object_get_string(get(o, key));
}

static int64_t get_number(struct json_object *o, const char *key)
{
	return json_object_get_int64(get(o, key));
}

static struct json_object *at(struct json_object *array, size_t i)
{
	return json_object_array_get_idx(array, i);
}

static void json_has_everything(void **state)
{
	_cleanup_free_ char *text = report("r.json", matrix_report_json);
	struct json_object *o = parse(text), *cells = get(o, "cells"), *slots = get(o, "slots"),
			   *counts = get(o, "counts"), *c;

	(void)state;
	assert_int_equal(get_number(o, "format"), MATRIX_FORMAT);
	assert_string_equal(get_text(o, "pmkmod"), PMKMOD_VERSION);
	assert_int_equal(get_number(get(counts, "cells"), "built"), 1);
	assert_int_equal(get_number(get(counts, "slots"), "refused"), 4);
	assert_int_equal(get_number(get(counts, "slots"), "waiting"), 10);
	assert_int_equal(json_object_array_length(get(o, "devices")), 6);
	assert_int_equal(json_object_array_length(get(o, "modules")), 5);
	assert_int_equal(json_object_array_length(cells), m.n_cells);
	assert_string_equal(get_text(at(get(o, "devices"), 3), "kernel"), "linux-soc1");
	assert_string_equal(get_text(at(get(o, "devices"), 3), "verdict"), "ready");
	assert_string_equal(get_text(at(get(o, "devices"), 3), "device"), "maker-phone3");
	assert_null(get(at(get(o, "devices"), 3), "choice"));
	/* devices that share a kernel share the cell */
	assert_int_equal(json_object_array_length(slots), 6);
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 5; k++)
			assert_int_equal(json_object_get_int64(at(at(slots, i), k)), i / 2 * 5 + k);
	c = at(cells, 0);
	assert_string_equal(get_text(c, "state"), "built");
	assert_string_equal(get_text(c, "cell"), m.cells[0].hash);
	assert_string_equal(get_text(c, "package"), "module0-kmod-soc0");
	assert_string_equal(get_text(c, "fit"), "fits as far as can be known");
	assert_string_equal(get_text(c, "seconds"), "12.346");
	assert_null(get(c, "log"));
	assert_null(get(c, "error"));
	c = at(cells, 2);
	assert_int_equal(get_number(c, "exit_code"), 10);
	assert_string_equal(get_text(get(c, "diagnosis"), "cause"), "api-change");
	assert_non_null(strstr(get_text(c, "error"), "</script><script>alert(1)"));
	assert_non_null(strstr(get_text(c, "error"), "\xef\xbf\xbd"));
	assert_true(ends_with(get_text(c, "log"), "/log"));
	assert_null(get(at(cells, 9), "cell"));
	assert_string_equal(get_text(at(cells, 6), "state"), "not run");
	json_object_put(o);
}

/* ---- JUnit ---- */

static void junit_by_its_schema(void **state)
{
	_cleanup_free_ char *text = report("r.xml", matrix_report_junit), *command = NULL;

	(void)state;
	assert_int_equal(occurrences(text, "<testsuite "), 6);
	assert_int_equal(occurrences(text, "<testcase "), 30);
	assert_non_null(
		strstr(text, "<testsuites name=\"pmkmod matrix\" tests=\"30\" failures=\"2\""));
	/* the first kernel's first device: one of each state */
	assert_non_null(
		strstr(text, "name=\"maker-phone0\" tests=\"5\" failures=\"1\" errors=\"0\" "
			     "skipped=\"2\" time=\"16.846\""));
	/* what was built once took its time once */
	assert_non_null(
		strstr(text, "name=\"maker-phone1\" tests=\"5\" failures=\"1\" errors=\"0\" "
			     "skipped=\"2\" time=\"0.000\""));
	assert_int_equal(occurrences(text, "type=\"10\""), 2);
	assert_int_equal(occurrences(text, "a last line of the log"), 1);
	assert_int_equal(occurrences(text, "the same build as that of maker-phone0"), 1);
	assert_non_null(strstr(text, "message=\"excluded: module3 is for kernels before 6.0"));
	assert_non_null(strstr(text, "message=\"refused: maker-phone0: linux-soc0"));
	assert_non_null(strstr(text, "message=\"not built in this run\""));
	assert_null(strstr(text, "<script>"));
	for (const char *s = text; *s; s++)
		assert_true((unsigned char)*s >= ' ' || *s == '\n' || *s == '\t');
	if (system("xmllint --version >/dev/null 2>&1") != 0)
		skip();
	command = xasprintf("xmllint --noout --schema tests/matrix/junit.xsd '%s/r.xml' "
			    ">'%s/said' 2>&1 || { cat '%s/said'; exit 1; }",
		dir, dir, dir);
	assert_int_equal(system(command), 0);
}

/* ---- HTML ---- */

static char *between(const char *text, const char *begin, const char *end)
{
	const char *s = strstr(text, begin), *to;

	assert_non_null(s);
	s += strlen(begin);
	to = strstr(s, end);
	assert_non_null(to);
	return xstrndup(s, (size_t)(to - s));
}

/* Is it what the page's policy allows? */
static void assert_allowed(const char *page, const char *content)
{
	unsigned char base64[64];
	_cleanup_free_ char *wanted = NULL;
	struct hash h;

	hash_buf(HASH_SHA256, content, strlen(content), &h);
	EVP_EncodeBlock(base64, h.b, h.len);
	wanted = xasprintf("-src 'sha256-%s'", (char *)base64);
	assert_non_null(strstr(page, wanted));
}

static void html_is_safe(void **state)
{
	_cleanup_free_ char *text = report("r.html", matrix_report_html);
	_cleanup_free_ char *style = between(text, "<style>", "</style>");
	_cleanup_free_ char *script = between(text, "<script>", "</script>");

	(void)state;
	assert_int_equal(occurrences(text, "<script"), 2);
	assert_int_equal(occurrences(text, "</script"), 2);
	assert_int_equal(occurrences(text, "<style"), 1);
	assert_int_equal(occurrences(text, "<!--"), 1);
	assert_non_null(strstr(text, "SPDX-License-Identifier: GPL-3.0-or-later"));
	assert_non_null(strstr(text, "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_null(strstr(text, "https:"));
	assert_null(strstr(text, "http:"));
	assert_null(strstr(text, "\x1b"));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_non_null(strstr(text, "default-src 'none'"));
	assert_allowed(text, style);
	assert_allowed(text, script);
}

static void html_without_its_script(void **state)
{
	_cleanup_free_ char *text = report("r.html", matrix_report_html);

	(void)state;
	assert_int_equal(occurrences(text, "<td "), 30);
	assert_int_equal(occurrences(text, "<tr data-device="), 6);
	assert_int_equal(occurrences(text, "2 devices share one kernel: linux-soc"), 3);
	assert_int_equal(occurrences(text, "<td class=\"f\"><a href=\"#c2\">failed</a></td>"), 2);
	assert_int_equal(occurrences(text, "<td class=\"b\">built ?</td>"), 2);
	assert_int_equal(occurrences(text, "<a href=\"#e0\">excl.</a>"), 4);
	assert_int_equal(occurrences(text, "<a href=\"#x0\">refused</a>"), 4);
	/* each explanation once: the failed cell's log too, and a reason that differs in names */
	assert_int_equal(occurrences(text, "id=\"c2\""), 1);
	assert_int_equal(occurrences(text, "id=\"e0\""), 1);
	assert_int_equal(occurrences(text, "id=\"x0\""), 1);
	assert_null(strstr(text, "id=\"x1\""));
	assert_int_equal(occurrences(text, "<details>"), 3);
	assert_int_equal(occurrences(text, "a last line of the log"), 1);
	assert_int_equal(occurrences(text, "&lt;kernel&gt; &lt;version&gt; has no headers"), 2);
	/* the state folder is below the page's folder: a link that can be moved with both */
	assert_non_null(strstr(text, "<a href=\"a%20state/cells/"));
}

static void links_to_logs(void **state)
{
	_cleanup_free_ char *home = xstrdup(x.state);
	_cleanup_free_ char *inside = path_join(x.state, "matrix/report"), *text = NULL;
	_cleanup_free_ char *wanted = xasprintf("\"logs\":\"file://%s%%20/cells/\"", dir);

	(void)state;
	assert_int_equal(fs_mkdirs(inside, 0755, NULL), 0);
	text = report("a state/matrix/report/r.html", matrix_report_html);
	assert_non_null(strstr(text, "<a href=\"../../cells/"));
	free(text);
	/* a name that begins alike is no folder above */
	free(x.state);
	x.state = xasprintf("%s ", dir);
	text = report("r.html", matrix_report_html);
	assert_non_null(strstr(text, wanted));
	free(x.state);
	x.state = steal_ptr(home);
}

static void html_data(void **state)
{
	_cleanup_free_ char *text = report("r.html", matrix_report_html);
	_cleanup_free_ char *data =
		between(text, "<script type=\"application/json\" id=\"data\">", "</script>");
	struct json_object *o = parse(data), *cells = get(o, "cells"), *slots = get(o, "slots"),
			   *texts = get(o, "texts"), *c, *remarks;

	(void)state;
	assert_null(strpbrk(data, "<>&"));
	assert_int_equal(json_object_array_length(cells), m.n_cells);
	assert_int_equal(json_object_array_length(slots), 30);
	assert_int_equal(json_object_array_length(get(o, "states")), N_CELL_STATES);
	for (size_t i = 0; i < json_object_array_length(slots); i++)
		assert_in_range(json_object_get_int64(at(slots, i)), 0, m.n_cells - 1);
	c = at(cells, 0);
	assert_int_equal(json_object_array_length(c), 12);
	assert_int_equal(json_object_get_int(at(c, 0)), CELL_BUILT);
	assert_string_equal(json_object_get_string(at(c, 6)), "module0-kmod-soc0");
	/* of the fit report only what did not pass */
	remarks = at(c, 11);
	assert_int_equal(json_object_array_length(remarks), 2);
	assert_string_equal(
		json_object_get_string(at(texts, (size_t)json_object_get_int64(at(remarks, 0)))),
		"module0.ko: symbols unknown: </script> is not known");
	assert_string_equal(
		json_object_get_string(at(texts, (size_t)json_object_get_int64(at(remarks, 1)))),
		"signature fail: none");
	assert_string_equal(json_object_get_string(at(at(cells, 2), 10)), "c2");
	assert_string_equal(json_object_get_string(at(at(cells, 9), 10)), "x0");
	json_object_put(o);
}

/* ---- texts ---- */

static void texts_are_cleaned(void **state)
{
	static const struct {
		const char *in, *plain, *xml;
	} rows[] = {
		{"a<b>&\"'", "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
		{"\x1b[1;31mred\x1b[0m \x1b[2Jx", "red x", "red x"},
		{"\x1b]0;title\x07", "\xef\xbf\xbd]0;title\xef\xbf\xbd",
			"\xef\xbf\xbd]0;title\xef\xbf\xbd"},
		{"\x1b[", "\xef\xbf\xbd[", "\xef\xbf\xbd["},
		{"a\r\nb\tc\rd",
			"a b c\xef\xbf\xbd"
			"d",
			"a b c\xef\xbf\xbd"
			"d"},
		/* no UTF-8: cut off, overlong, a surrogate, beyond the last */
		{"\xc3", "\xef\xbf\xbd", "\xef\xbf\xbd"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd",
			"\xef\xbf\xbd\xef\xbf\xbd"},
		{"\x7f\xc2\x85\xe2\x80\xae\xe2\x81\xa6",
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x93\xb1",
			"gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x93\xb1",
			"gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x93\xb1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_strbuf_ struct strbuf plain = {0}, xml = {0};

		text_add(&plain, rows[i].in, strlen(rows[i].in), TEXT_PLAIN, false);
		text_add(&xml, rows[i].in, strlen(rows[i].in), TEXT_XML, false);
		assert_string_equal(plain.s, rows[i].plain);
		assert_string_equal(xml.s, rows[i].xml);
	}
}

static void one_line_and_columns(void **state)
{
	_cleanup_free_ char *first = text_first_line("one \x1b[1mline\nmore");
	_cleanup_free_ char *none = text_first_line(NULL);
	_cleanup_free_ char *columns = text_columns("a\xc3\xbc\n\x1b[b");

	(void)state;
	assert_string_equal(first, "one line");
	assert_string_equal(none, "");
	assert_string_equal(columns, "a????[b");
}

static void explanation_says_nothing_twice(void **state)
{
	struct matrix_cell c = {.error = (char *)(uintptr_t) "it failed\nremedy: a newer source",
		.diagnosis =
			(char *)(uintptr_t) "{\"title\":\"a change\",\"remedy\":\"a newer source\","
					    "\"detail\":null,\"first_error\":7}"};
	_cleanup_free_ char *both = cell_explanation(&c), *one = NULL, *none = NULL;

	(void)state;
	assert_string_equal(both, "it failed\nremedy: a newer source\ncause: a change");
	c.error = NULL;
	one = cell_explanation(&c);
	assert_string_equal(one, "cause: a change\nremedy: a newer source");
	c.diagnosis = (char *)(uintptr_t) "no JSON";
	none = cell_explanation(&c);
	assert_null(none);
}

/* ---- logs ---- */

static char *tail_of(const char *text, size_t len, size_t max, bool *whole)
{
	_cleanup_free_ char *path = path_join(dir, "a-log");

	assert_int_equal(fs_write_atomic(path, text, len, 0644, NULL), 0);
	return log_tail(path, max, whole);
}

static void tails(void **state)
{
	_cleanup_free_ char *fifo = path_join(dir, "fifo"), *none = path_join(dir, "none");
	_cleanup_strbuf_ struct strbuf log = {0}, lines = {0};
	bool whole;
	char *t;

	(void)state;
	t = tail_of("a\nb\n", 4, 100, &whole);
	assert_string_equal(t, "a\nb\n");
	assert_true(whole);
	free(t);
	/* cut at a line's beginning */
	t = tail_of("first line\nsecond\nthird\n", 24, 12, &whole);
	assert_string_equal(t, "third\n");
	assert_false(whole);
	free(t);
	/* one endless line: what there is of it */
	t = tail_of("0123456789", 10, 4, &whole);
	assert_string_equal(t, "6789");
	free(t);
	t = tail_of("a\0b\n", 4, 100, &whole);
	assert_string_equal(t, "a\x01"
			       "b\n");
	free(t);
	t = tail_of("", 0, 100, &whole);
	assert_string_equal(t, "");
	free(t);
	for (size_t i = 0; i < LONG_LOG_LINES; i++)
		strbuf_addf(&log, "%zu\n", i);
	for (size_t i = LONG_LOG_LINES - 200; i < LONG_LOG_LINES; i++)
		strbuf_addf(&lines, "%zu\n", i);
	t = tail_of(log.s, log.len, LOG_TAIL_MAX, &whole);
	assert_string_equal(t, lines.s);
	free(t);
	assert_null(log_tail(none, 100, &whole));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_null(log_tail(fifo, 100, &whole));
	assert_null(log_tail(dir, 100, &whole));
}

static void logs_share_a_page(void **state)
{
	struct matrix many;

	(void)state;
	assert_int_equal(log_share(&m, 6U << 20), LOG_TAIL_MAX);
	matrix_build(&many, 400, 10);
	for (size_t i = 0; i < many.n_cells; i++)
		many.cells[i].state = CELL_FAILED;
	assert_int_equal(log_share(&many, 6U << 20), (6U << 20) / 2000);
	assert_int_equal(log_share(&many, 1U << 20), 1024);
	matrix_free(&many);
}

/* ---- reasons ---- */

static void reasons_of_many(void **state)
{
	struct reasons r;

	(void)state;
	reasons_find(&r, &m, CELL_REFUSED, false);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.v[0].text, "<device>: <kernel> <version> has no headers");
	assert_int_equal(r.v[0].n, 4);
	assert_int_equal(r.v[0].n_devices, 4);
	assert_int_equal(r.v[0].devices[3], 3);
	assert_int_equal(r.v[0].n_modules, 1);
	assert_int_equal(r.v[0].modules[0], 4);
	assert_int_equal(r.of_cell[9], 0);
	reasons_free(&r);
	reasons_find(&r, &m, CELL_REFUSED, true);
	assert_true(ends_with(r.v[0].text, "\nsay --kdir"));
	reasons_free(&r);
}

/* Cells that failed with the same words, in which their own names and logs are. */
static void failures_of_many(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct matrix many, kept = m;
	struct reasons r;

	(void)state;
	matrix_build(&many, 8, 2);
	for (size_t i = 0; i < many.n_cells; i++) {
		struct matrix_cell *c = &many.cells[i];

		if (i % 2)
			continue;
		set_failed(c, "", "build", "api");
		free(c->error);
		c->release = xasprintf("6.6.%zu-soc", i);
		c->error = xasprintf("module0 does not build for %s\nthe whole log: /cells/%s/log",
			c->release, c->hash);
	}
	reasons_find(&r, &many, CELL_FAILED, true);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.v[0].n, 8);
	assert_non_null(strstr(r.v[0].text, "does not build for <release>\nthe whole log: "
					    "/cells/<cell>/log\nfirst error: "));
	reasons_free(&r);
	m = many;
	text = report("many.html", matrix_report_html);
	m = kept;
	assert_int_equal(occurrences(text, "<pre class=\"error f\">"), 1);
	for (size_t i = 0; i < many.n_cells; i += 2) {
		_cleanup_free_ char *id = xasprintf("<div id=\"c%zu\">", i);

		assert_int_equal(occurrences(text, id), 1);
	}
	matrix_free(&many);
}

/* A device "phone1" is not in "phone10"; the most frequent reason comes first. */
static void reasons_by_whole_words(void **state)
{
	struct matrix few;
	struct reasons r;

	(void)state;
	matrix_build(&few, 6, 1);
	set_error(&few.cells[0], CELL_REFUSED, 21, xstrdup("no maker-phone0x, no maker-phone0."));
	set_error(&few.cells[1], CELL_REFUSED, 21, xstrdup("other"));
	set_error(&few.cells[2], CELL_REFUSED, 21, xstrdup("other"));
	reasons_find(&r, &few, CELL_REFUSED, true);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.v[0].text, "other");
	assert_int_equal(r.v[0].n, 4);
	assert_string_equal(r.v[1].text, "no maker-phone0x, no <device>.");
	assert_int_equal(r.of_cell[0], 1);
	reasons_free(&r);
	matrix_free(&few);
}

/* ---- whole or not at all ---- */

static void nothing_is_left_of_a_failure(void **state)
{
	_cleanup_free_ char *nowhere = path_join(dir, "no/folder/r.json"),
			    *taken = path_join(dir, "taken");
	struct err e = ERR_INIT;
	struct dirent *de;
	DIR *d;

	(void)state;
	assert_true(matrix_report_json(&m, &x, nowhere, &e) < 0);
	assert_non_null(strstr(e.text, nowhere));
	assert_int_equal(mkdir(taken, 0755), 0);
	assert_true(matrix_report_html(&m, &x, taken, &e) < 0);
	assert_non_null(strstr(e.text, "cannot write the report"));
	assert_true(matrix_report_junit(&m, &x, taken, NULL) < 0);
	d = opendir(dir);
	while ((de = readdir(d)))
		assert_null(strstr(de->d_name, ".tmp."));
	closedir(d);
}

static void nothing_to_report(void **state)
{
	struct matrix kept = m;

	(void)state;
	m = (struct matrix){0};
	free(report("empty.json", matrix_report_json));
	free(report("empty.xml", matrix_report_junit));
	free(report("empty.html", matrix_report_html));
	m = kept;
}

/* ---- set-up ---- */

static void write_fit_report(void)
{
	static const char text[] =
		"{\"verdict\":\"x\",\"points\":[{\"module\":\"module0.ko\",\"point\":\"symbols\","
		"\"result\":\"unknown\",\"text\":\"</script> is not known\"},{\"point\":\"vermagic\","
		"\"result\":\"pass\",\"text\":\"equal\"},{\"point\":\"signature\",\"result\":\"fail\","
		"\"text\":\"none\"},7,{\"point\":1}]}";
	struct matrix_cell *c = &m.cells[0];
	_cleanup_free_ char *path = NULL;

	free(c->apk);
	c->apk = xasprintf("%s/%s-%s.apk", dir, c->package, c->version);
	path = publish_report_path(c->apk);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static int setup(void **state)
{
	static const char log[] = "CC a.o\n" HOSTILE "\na last line of the log\n";

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	x.state = path_join(dir, "a state");
	matrix_of_every_state(&m);
	write_cell_log(&x, &m.cells[2], log, sizeof(log) - 1);
	write_fit_report();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	matrix_free(&m);
	free(x.state);
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_everything),
		cmocka_unit_test(junit_by_its_schema),
		cmocka_unit_test(html_is_safe),
		cmocka_unit_test(html_without_its_script),
		cmocka_unit_test(links_to_logs),
		cmocka_unit_test(html_data),
		cmocka_unit_test(texts_are_cleaned),
		cmocka_unit_test(one_line_and_columns),
		cmocka_unit_test(explanation_says_nothing_twice),
		cmocka_unit_test(tails),
		cmocka_unit_test(logs_share_a_page),
		cmocka_unit_test(reasons_of_many),
		cmocka_unit_test(reasons_by_whole_words),
		cmocka_unit_test(failures_of_many),
		cmocka_unit_test(nothing_is_left_of_a_failure),
		cmocka_unit_test(nothing_to_report),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
