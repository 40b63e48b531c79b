// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/report.h"

#define FIT_REPORT_MAX (4U << 20)
#define LOG_LINES_MAX 200
#define LOG_TAIL_MIN 1024

/* ---- as JSON ---- */

static void add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/* Milliseconds are enough, and json-c would print a double with 17 digits. */
static struct json_object *seconds_json(double seconds)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", seconds);
	return json_object_new_double_s(seconds, text);
}

struct json_object *cell_json(
	const struct matrix *m, const struct context *x, const struct matrix_cell *c)
{
	const struct matrix_device *d = &m->devices[c->device];
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *log = matrix_cell_log(x, c);

	json_add_text(o, "cell", c->hash);
	json_add_text(o, "device", d->name);
	json_add_text(o, "module", m->modules[c->module].asked);
	json_add_text(o, "kernel", d->kernel);
	json_add_text(o, "kernel_version", d->kernel_version);
	json_add_text(o, "state", cell_state_names[c->state]);
	add_bool(o, "remembered", c->remembered);
	add_bool(o, "headers_first", c->headers_first);
	json_object_object_add(o, "exit_code", json_object_new_int(c->exit_code));
	json_add_text(o, "stage", c->stage);
	json_add_text(o, "error", c->error);
	json_object_object_add(
		o, "diagnosis", c->diagnosis ? json_tokener_parse(c->diagnosis) : NULL);
	json_add_text(o, "package", c->package);
	json_add_text(o, "version", c->version);
	json_add_text(o, "apk", c->apk);
	json_add_text(o, "release", c->release);
	json_add_text(o, "fit", c->verdict);
	json_object_object_add(o, "seconds", seconds_json(c->seconds));
	json_add_text(o, "log", log);
	return o;
}

struct json_object *counts_json(const size_t counts[N_CELL_STATES])
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < N_CELL_STATES; i++)
		json_object_object_add(
			o, cell_state_names[i], json_object_new_int64((int64_t)counts[i]));
	return o;
}

/* ---- why ---- */

/* A build's error has its diagnosis as hints already, but not if it came another way. */
static void add_unsaid(struct strbuf *b, const char *word, const char *text)
{
	if (text && *text && (!b->s || !strstr(b->s, text)))
		strbuf_addf(b, "%s%s: %s", b->len ? "\n" : "", word, text);
}

char *cell_explanation(const struct matrix_cell *c)
{
	struct json_object *o = c->diagnosis ? json_tokener_parse(c->diagnosis) : NULL;
	_cleanup_strbuf_ struct strbuf b = {0};

	if (c->error)
		strbuf_adds(&b, c->error);
	add_unsaid(&b, "first error", json_get_text(o, "first_error"));
	add_unsaid(&b, "cause", json_get_text(o, "title"));
	add_unsaid(&b, "in detail", json_get_text(o, "detail"));
	add_unsaid(&b, "remedy", json_get_text(o, "remedy"));
	json_object_put(o);
	return b.len ? strbuf_steal(&b) : NULL;
}

const char *cell_no_result(const struct matrix *m, const struct matrix_cell *c)
{
	switch (c->state) {
	case CELL_WAITING:
	case CELL_NOT_RUN:
		return m->interrupted ? "not built: the run was interrupted before"
				      : "not built in this run";
	case CELL_RUNNING:
		return "not finished: the run ended while it was being built";
	default:
		return NULL;
	}
}

/* ---- logs ---- */

static size_t begin_of_last_lines(const char *s, size_t len, size_t lines)
{
	size_t i = len && s[len - 1] == '\n' ? len - 1 : len;

	while (i && (s[i - 1] != '\n' || --lines))
		i--;
	return i;
}

/* What was cut may begin within a line. */
static size_t next_line(const char *s, size_t len)
{
	const char *end = memchr(s, '\n', len);

	return end && (size_t)(end - s) + 1 < len ? (size_t)(end - s) + 1 : 0;
}

static ssize_t read_from(int fd, char *to, size_t n, off_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = pread(fd, to + got, n - got, at + (off_t)got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

char *log_tail(const char *path, size_t max, bool *whole)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	_cleanup_free_ char *text = NULL;
	size_t len, begin = 0, lines;
	struct stat st;
	off_t at;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	at = (size_t)st.st_size > max ? st.st_size - (off_t)max : 0;
	text = xcalloc(max + 1, 1);
	len = (size_t)read_from(fd, text, max, at);
	if (at)
		begin = next_line(text, len);
	lines = begin_of_last_lines(text, len, LOG_LINES_MAX);
	begin = lines > begin ? lines : begin;
	*whole = at == 0 && begin == 0;
	/* a zero byte would end the text here */
	for (size_t i = begin; i < len; i++)
		if (!text[i])
			text[i] = 1;
	return xstrndup(text + begin, len - begin);
}

size_t log_share(const struct matrix *m, size_t budget)
{
	size_t n = 0, share;

	for (size_t i = 0; i < m->n_cells; i++)
		n += m->cells[i].state == CELL_FAILED;
	share = n ? budget / n : LOG_TAIL_MAX;
	return share > LOG_TAIL_MAX ? LOG_TAIL_MAX : share < LOG_TAIL_MIN ? LOG_TAIL_MIN : share;
}

/* ---- fit ---- */

static void add_remark(struct json_object *point, struct strvec *out)
{
	const char *module = json_get_text(point, "module"), *name = json_get_text(point, "point"),
		   *result = json_get_text(point, "result"), *text = json_get_text(point, "text");

	if (!name || !result || !text || streq(result, "pass"))
		return;
	strvec_addf(
		out, "%s%s%s %s: %s", module ? module : "", module ? ": " : "", name, result, text);
}

void fit_remarks(const char *apk, struct strvec *out)
{
	_cleanup_free_ char *path = publish_report_path(apk), *text = NULL;
	struct json_object *top, *points;
	size_t len;

	if (fs_read_regular(path, FIT_REPORT_MAX, &text, &len, NULL) < 0)
		return;
	top = json_tokener_parse(text);
	if (json_object_is_type(top, json_type_object) &&
		json_object_object_get_ex(top, "points", &points) &&
		json_object_is_type(points, json_type_array))
		for (size_t i = 0; i < json_object_array_length(points); i++)
			add_remark(json_object_array_get_idx(points, i), out);
	json_object_put(top);
}
