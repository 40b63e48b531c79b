// SPDX-License-Identifier: GPL-3.0-or-later
/* APKINDEX.tar.gz: verify first, then read. */
#include "chroot/apk/arena.h"
#include "chroot/apk/control.h"
#include "chroot/apk/pkg_field.h"
#include "chroot/apk/tar_read.h"

/* Alpine's largest is about 10 MiB. */
#define INDEX_MAX (128U << 20)
/* "C:Q1<28 digits>\nP:a\nV:1\n\n" */
#define MIN_RECORD 42
/* As in apk 3: longer ones are passed over. */
#define DESCRIPTION_MAX 160

/* ---- the text ---- */

static int finish_record(struct apk_repo *r, struct apk_pkg *p, struct err *e)
{
	if (!p->name || !p->version || p->identity.alg == HASH_NONE)
		return err_set(e, -EBADMSG, "it lacks %s",
			!p->name      ? "P:"
			: !p->version ? "V:"
				      : "C:");
	/* These become parts of paths: nobody may choose a package that is called "../x". */
	if (!apk_name_safe(p->name) || !apk_version_safe(p->version) ||
		(p->arch && !apk_name_safe(p->arch)))
		p->uninstallable = true;
	if (r->arch && p->arch && !streq(p->arch, r->arch) && !streq(p->arch, "noarch"))
		p->uninstallable = true;
	p->repo = r;
	r->n_pkgs++;
	return 0;
}

static int take_line(struct apk_repo *r, struct apk_pkg *p, char *line, size_t len, struct err *e)
{
	int result;

	if (len < 2 || line[1] != ':')
		return err_set(e, -EBADMSG, "'%.60s' is not of the form X:value", line);
	result = apk_pkg_set_field_in(r->store, p, line[0], line + 2, e);
	return result < 0 ? result : 0;
}

/* Blank lines end records; the table was made large enough before. */
static int parse_text(struct apk_repo *r, char *text, size_t len, const char *shown, struct err *e)
{
	char *end = text + len;
	size_t line_no = 0;
	bool open = false;
	int result = 0;

	for (char *s = text, *next; result == 0 && s < end; s = next) {
		char *nl = memchr(s, '\n', (size_t)(end - s));

		line_no++;
		if (nl != s && !open) /* not all at once: most of the table may stay unused */
			r->pkgs[r->n_pkgs] = (struct apk_pkg){0};
		if (!nl) {
			result = err_set(e, -EBADMSG,
				"it is the last one and has no end, so that apk would leave its "
				"package out");
			break;
		}
		*nl = '\0';
		next = nl + 1;
		if (nl > s)
			result = take_line(r, &r->pkgs[r->n_pkgs], s, (size_t)(nl - s), e);
		else if (open)
			result = finish_record(r, &r->pkgs[r->n_pkgs], e);
		open = nl > s;
	}
	if (result == 0 && open)
		result = finish_record(r, &r->pkgs[r->n_pkgs], e);
	if (result < 0)
		err_prefix(e, "%s: line %zu of its APKINDEX, package '%.100s'", shown, line_no,
			r->pkgs[r->n_pkgs].name ? r->pkgs[r->n_pkgs].name : "?");
	return result;
}

/*
 * How many records there can be at most: one is begun behind each blank line, and those that are
 * complete have C:, P: and V: of at least MIN_RECORD bytes.
 */
static size_t count_records(const char *text, size_t len)
{
	const char *s = text, *end = text + len;
	size_t n = 1;

	while ((s = memchr(s, '\n', (size_t)(end - s))) && ++s < end)
		n += *s == '\n';
	return n < len / MIN_RECORD + 2 ? n : len / MIN_RECORD + 2;
}

/*
 * The text is cut up where it stands, in the unpacked archive: copying it would cost more than
 * reading it.
 */
static int take_index(struct apk_repo *r, struct tar_reader *t, struct strbuf *tar, struct err *e)
{
	const uint8_t *p = (const uint8_t *)tar->s;
	size_t len = 0, n;
	char *text;
	int result = tar_data(t, &p, &len, e);

	if (result < 0)
		return result;
	text = tar->s + (p - (const uint8_t *)tar->s);
	if (r->pkgs)
		return err_set(e, -EBADMSG, "%s has two entries APKINDEX", t->shown);
	if (memchr(text, 0, len))
		return err_set(e, -EBADMSG, "%s has a zero byte in its APKINDEX", t->shown);
	n = count_records(text, len);
	r->pkgs = arena_alloc(r->store, n * sizeof(*r->pkgs));
	return parse_text(r, text, len, t->shown, e);
}

/* ---- the archive ---- */

static int take_entry(struct apk_repo *r, struct tar_reader *t, struct strbuf *tar, struct err *e)
{
	const char *name = t->en.name;
	struct strbuf text = {0};
	int result;

	if (name[0] == '.')
		return err_set(e, -EBADMSG, "%s is no index: it holds '%s', as packages do",
			t->shown, name);
	if (streq(name, "APKINDEX") && t->en.type == APK_FILE)
		return take_index(r, t, tar, e);
	if (!streq(name, "DESCRIPTION") || t->en.size > DESCRIPTION_MAX)
		return 0;
	result = tar_content(t, &text, DESCRIPTION_MAX, e);
	free(r->description);
	r->description = strbuf_steal(&text);
	return result;
}

static int parse_archive(struct apk_repo *r, struct strbuf *tar, const char *shown, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)tar->s, tar->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {
		.take = tar_take_memory, .ctx = &mem, .shown = shown, .end_marker_ok = true};
	int result = 0;

	while (tar->s && (result = tar_next(&t, e)) == 1) {
		result = take_entry(r, &t, tar, e);
		if (result < 0)
			return result;
	}
	if (result == 0 && !r->pkgs)
		return err_set(e, -EBADMSG, "%s is no index: it holds no APKINDEX", shown);
	return result;
}

static int read_verified(
	struct member *m, const struct apk_keys *keys, struct strbuf *text, struct err *e)
{
	_cleanup_(apk_sigs_free) struct apk_sigs sigs = {.keys = keys};
	int r = apk_read_signatures(m, &sigs, INDEX_MAX, "index", text, e);

	if (r < 0)
		return r;
	/* A signature covers everything that follows it: one member, as in apk 3. */
	if (keys && (r = apk_sigs_verify(&sigs, m->sum, APK_SIG_ALGS, m->shown, "index", e)) < 0)
		return r;
	r = member_start(m, NULL, 0, e);
	return r <= 0 ? r
		      : err_set(e, -EBADMSG, "%s: another gzip member follows its index", m->shown);
}

/* What comes from the index; the caller's own url, arch and tag stay. */
static void drop_content(struct apk_repo *r)
{
	for (size_t i = 0; !r->store && i < r->n_pkgs; i++)
		apk_pkg_free(&r->pkgs[i]);
	if (!r->store)
		free(r->pkgs);
	arena_free(r->store);
	free(r->description);
	*r = (struct apk_repo){.url = r->url, .arch = r->arch, .tag = r->tag};
}

/*
 * A gzip file ends with the size of what is in it. The word of a stranger: believed only as far as
 * deflate could pack it, and only to get the memory in one piece.
 */
static void reserve_text(struct strbuf *tar, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len;
	size_t size;

	if (len < 18)
		return;
	size = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 |
	       (size_t)end[-1] << 24;
	if (size <= INDEX_MAX && size / 1032 <= len)
		arena_reserve(tar, size);
}

int apk_index_parse(struct apk_repo *r, const void *data, size_t len, const char *shown_name,
	const struct apk_keys *keys, struct err *e)
{
	_cleanup_(member_close) struct member m;
	_cleanup_strbuf_ struct strbuf tar = {0};
	int result = member_open_mem(&m, data, len, shown_name, "a repository index", e);

	reserve_text(&tar, data, len);
	if (result == 0)
		result = read_verified(&m, keys, &tar, e);
	if (result < 0)
		return result;
	r->store = arena_new();
	result = parse_archive(r, &tar, shown_name, e);
	arena_adopt(r->store, strbuf_steal(&tar));
	if (result == 0)
		hash_buf(HASH_SHA256, data, len, &r->content);
	else
		drop_content(r);
	return result;
}

void apk_repo_free(struct apk_repo *r)
{
	drop_content(r);
	free(r->url);
	free(r->arch);
	free(r->tag);
	*r = (struct apk_repo){0};
}

char *apk_pkg_url(const struct apk_pkg *p)
{
	const struct apk_repo *r = p->repo;
	const char *arch = p->arch ? p->arch : r->arch;

	return xasprintf("%s/%s/%s-%s.apk", r->url, arch ? arch : "noarch", p->name, p->version);
}
