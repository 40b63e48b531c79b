// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * An index that is not ours: records are put in and taken out of its text, and whatever else it
 * says stays as it stands, fields included that nobody here knows.
 */
#include "chroot/apk/member.h"
#include "chroot/apk/tar_read.h"

#define INDEX_MAX (128U << 20)
#define DESCRIPTION_MAX 4096

/* One record: its lines with the blank ones behind them. */
struct record {
	size_t start, end;
	const char *name, *version; /* in the text, not terminated; NULL: it has none */
	size_t name_len, version_len;
};

/* The record at or behind `at`; false: there is none. */
static bool next_record(const struct strbuf *b, size_t at, struct record *r)
{
	const char *line;
	size_t n;

	while (at < b->len && b->s[at] == '\n')
		at++;
	if (at >= b->len)
		return false;
	*r = (struct record){.start = at};
	while (at < b->len) {
		const char *nl;

		line = b->s + at;
		nl = memchr(line, '\n', b->len - at);
		n = nl ? (size_t)(nl - line) : b->len - at;
		at += n + 1;
		if (n == 0) {
			while (at < b->len && b->s[at] == '\n')
				at++;
			break;
		}
		if (n < 2 || line[1] != ':')
			continue;
		if (line[0] == 'P') {
			r->name = line + 2;
			r->name_len = n - 2;
		} else if (line[0] == 'V') {
			r->version = line + 2;
			r->version_len = n - 2;
		}
	}
	r->end = at < b->len ? at : b->len;
	return true;
}

static bool is(const char *text, size_t len, const char *want)
{
	return text && strlen(want) == len && memcmp(text, want, len) == 0;
}

static bool find(
	const struct apk_index_text *t, const char *name, const char *version, struct record *r)
{
	for (size_t at = 0; next_record(&t->text, at, r); at = r->end)
		if (is(r->name, r->name_len, name) && is(r->version, r->version_len, version))
			return true;
	return false;
}

const char *apk_index_text_find(
	const struct apk_index_text *t, const char *name, const char *version, size_t *len)
{
	struct record r;

	if (!find(t, name, version, &r))
		return NULL;
	*len = r.end - r.start;
	return t->text.s + r.start;
}

/* Put `with` in the place of the bytes [start, end). */
static void replace(struct strbuf *b, size_t start, size_t end, const char *with, size_t len)
{
	struct strbuf whole = {0};

	if (start)
		strbuf_add(&whole, b->s, start);
	strbuf_add(&whole, with, len);
	if (end < b->len)
		strbuf_add(&whole, b->s + end, b->len - end);
	strbuf_free(b);
	*b = whole;
}

void apk_index_text_remove(struct apk_index_text *t, const char *name, const char *version)
{
	struct record r;

	if (find(t, name, version, &r))
		replace(&t->text, r.start, r.end, "", 0);
}

/* Before the first record with a greater name, as `apk index` sorts; else at the end. */
static size_t place_for(const struct apk_index_text *t, const char *name)
{
	size_t n = strlen(name);
	struct record r;

	for (size_t at = 0; next_record(&t->text, at, &r); at = r.end) {
		int cmp = r.name ? memcmp(r.name, name, r.name_len < n ? r.name_len : n) : -1;

		if (cmp > 0 || (cmp == 0 && r.name_len > n))
			return r.start;
	}
	return t->text.len;
}

void apk_index_text_put(struct apk_index_text *t, const struct apk_pkg *p)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	struct record r;

	if (!find(t, p->name, p->version, &r)) {
		r.start = r.end = place_for(t, p->name);
		/* a last record that lacks its blank line */
		if (r.start && !(r.start > 1 && t->text.s[r.start - 1] == '\n' &&
				       t->text.s[r.start - 2] == '\n'))
			strbuf_addc(&text, '\n');
	}
	apk_index_print_pkg(&text, p);
	strbuf_addc(&text, '\n');
	replace(&t->text, r.start, r.end, text.s, text.len);
}

/* ---- reading ---- */

static int take_archive(
	struct apk_index_text *out, const struct strbuf *tar, const char *shown, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)tar->s, tar->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {
		.take = tar_take_memory, .ctx = &mem, .shown = shown, .end_marker_ok = true};
	int r = 0;

	while (tar->s && (r = tar_next(&t, e)) == 1) {
		struct strbuf text = {0};

		if (streq(t.en.name, "APKINDEX") && t.en.type == APK_FILE) {
			r = tar_content(&t, &out->text, INDEX_MAX, e);
		} else if (streq(t.en.name, "DESCRIPTION") && t.en.size <= DESCRIPTION_MAX) {
			r = tar_content(&t, &text, DESCRIPTION_MAX, e);
			free(out->description);
			out->description = strbuf_steal(&text);
		}
		if (r < 0)
			return r;
	}
	return r;
}

int apk_index_text_read(struct apk_index_text *out, const void *data, size_t len,
	const char *shown_name, const struct apk_keys *keys, struct err *e)
{
	_cleanup_(member_close) struct member m = {0};
	struct apk_repo whole = {0};
	int r = apk_index_parse(&whole, data, len, shown_name, keys, e);

	apk_repo_free(&whole);
	if (r < 0)
		return r;
	r = member_open_mem(&m, data, len, shown_name, "a repository index", e);
	while (r == 0 && (r = member_start(&m, NULL, 0, e)) == 1) {
		_cleanup_strbuf_ struct strbuf tar = {0};

		r = member_read_all(&m, &tar, INDEX_MAX, "index", e);
		if (r == 0)
			r = take_archive(out, &tar, shown_name, e);
	}
	if (r < 0)
		apk_index_text_free(out);
	return r;
}

void apk_index_text_free(struct apk_index_text *t)
{
	free(t->description);
	strbuf_free(&t->text);
	*t = (struct apk_index_text){0};
}
