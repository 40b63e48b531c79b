// SPDX-License-Identifier: GPL-3.0-or-later
/* Writing lib/apk/db and etc/apk/world, byte for byte as apk does (database.c:apk_db_write_layers).
 * scripts.tar is the uncompressed one: apk 2.14 does not see a scripts.tar.gz, apk 3 reads both. */
#include "chroot/apk/db.h"

#include <strings.h>

static void print_acl(struct strbuf *out, char letter, const struct db_acl *a)
{
	strbuf_addf(out, "%c:%u:%u:%o", letter, a->uid, a->gid, a->mode);
	if (a->xattr) {
		_cleanup_free_ char *text = apk_identity_text(a->xattr);

		strbuf_addf(out, ":%s", text);
	}
	strbuf_addc(out, '\n');
}

static void print_diri(struct strbuf *out, const struct db_diri *di)
{
	strbuf_adds(out, "F:");
	strbuf_adds(out, di->dir->name);
	strbuf_addc(out, '\n');
	if (!db_acl_eq(&di->acl, &DB_ACL_DIR))
		print_acl(out, 'M', &di->acl);
	for (size_t i = 0; i < di->n; i++) {
		const struct db_file *f = di->files[i];

		if (f->flags & FILE_GONE)
			continue;
		strbuf_adds(out, "R:");
		strbuf_adds(out, f->name);
		strbuf_addc(out, '\n');
		if (!db_acl_eq(&f->acl, &DB_ACL_FILE))
			print_acl(out, 'a', &f->acl);
		if (f->sum_len) {
			struct hash h = {.alg = f->sum_len == 20 ? HASH_SHA1 : HASH_SHA256,
				.len = f->sum_len};
			_cleanup_free_ char *text = NULL;

			memcpy(h.b, f->sum, f->sum_len);
			text = apk_identity_text(&h);
			strbuf_adds(out, "Z:");
			strbuf_adds(out, text);
			strbuf_addc(out, '\n');
		}
	}
}

/* r: q: s: f:, which apk 3 writes together with the first folder: a package without any loses them
 * (2.14 lets them leak into the next record, which is worse). */
static void print_extra(struct strbuf *out, const struct db_pkg *p)
{
	static const char letters[] = "fsxS";

	for (size_t i = 0; i < p->own.replaces.n; i++) {
		_cleanup_free_ char *word = apk_dep_print(&p->own.replaces.v[i]);

		strbuf_adds(out, i ? " " : "r:");
		strbuf_adds(out, word);
	}
	if (p->own.replaces.n)
		strbuf_addc(out, '\n');
	if (p->own.replaces_priority)
		strbuf_addf(out, "q:%u\n", p->own.replaces_priority);
	if (p->tag)
		strbuf_addf(out, "s:%s\n", p->tag);
	if (p->broken) {
		strbuf_adds(out, "f:");
		for (size_t i = 0; letters[i]; i++) {
			if (p->broken & 1u << i)
				strbuf_addc(out, letters[i]);
		}
		strbuf_addc(out, '\n');
	}
}

void db_print_pkg(struct strbuf *out, const struct db_pkg *p)
{
	apk_index_print_pkg(out, p->info);
	/* the header function may or may not end the record: exactly one blank line is ours */
	while (out->len >= 2 && out->s[out->len - 1] == '\n' && out->s[out->len - 2] == '\n')
		out->s[--out->len] = '\0';
	if (p->tags)
		strbuf_addf(out, "g:%s\n", p->tags);
	if (p->n)
		print_extra(out, p);
	for (size_t i = 0; i < p->n; i++)
		print_diri(out, p->diris[i]);
	strbuf_addc(out, '\n');
}

/* One ustar header as apk writes it; a name of 100 bytes or more goes ahead as a GNU 'L' entry,
 * since 2.14's own writer would cut it. */
static void script_header(
	struct strbuf *out, const char *name, char type, size_t size, int64_t mtime)
{
	char h[512] = "";
	unsigned sum = 8 * ' ';

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", type == 'L' ? 0644u : 0755u);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	/* all twelve digits, as apk: the NUL of one falls into the next field, written after it */
	snprintf(h + 124, 13, "%012llo", (unsigned long long)size & 0777777777777);
	snprintf(h + 136, 13, "%012llo", (unsigned long long)mtime & 0777777777777);
	h[156] = type;
	memcpy(h + 257, "ustar  ", 8);
	memcpy(h + 265, "root", 5);
	memcpy(h + 297, "root", 5);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	h[155] = ' ';
	strbuf_add(out, h, sizeof(h));
}

static void script_data(struct strbuf *out, const void *data, size_t len)
{
	static const char zero[512];

	strbuf_add(out, data, len);
	if (len % 512)
		strbuf_add(out, zero, 512 - len % 512);
}

static void print_scripts(struct strbuf *out, const struct db_pkg *p)
{
	_cleanup_free_ char *id = apk_identity_text(&p->info->identity);

	for (size_t k = 0; k < APK_SCRIPTS; k++) {
		_cleanup_free_ char *name = NULL;
		int64_t mtime = p->info->build_time > 0 ? p->info->build_time : 0;

		if (!p->script[k])
			continue;
		name = xasprintf(
			"%s-%s.%s.%s", p->info->name, p->info->version, id, apk_script_names[k]);
		if (strlen(name) >= 100) {
			script_header(out, "././@LongLink", 'L', strlen(name) + 1, 0);
			script_data(out, name, strlen(name) + 1);
		}
		script_header(out, name, '0', p->script_len[k], mtime);
		script_data(out, p->script[k], p->script_len[k]);
	}
}

static void print_triggers(struct strbuf *out, const struct db_pkg *p)
{
	_cleanup_free_ char *id = NULL;

	if (!p->own.triggers.n)
		return;
	id = apk_identity_text(&p->info->identity);
	strbuf_adds(out, id);
	for (size_t i = 0; i < p->own.triggers.n; i++) {
		strbuf_addc(out, ' ');
		strbuf_adds(out, p->own.triggers.v[i]);
	}
	strbuf_addc(out, '\n');
}

static int by_name(const void *a_, const void *b_)
{
	const struct apk_pkg *a = (*(struct db_pkg *const *)a_)->info;
	const struct apk_pkg *b = (*(struct db_pkg *const *)b_)->info;
	int c = strcasecmp(a->name, b->name);

	return c ? c : strcmp(a->name, b->name);
}

static int dep_by_name(const void *a, const void *b)
{
	return strcmp((*(const struct apk_dep *const *)a)->name,
		(*(const struct apk_dep *const *)b)->name);
}

static void print_world(struct strbuf *out, const struct apk_deps *world)
{
	_cleanup_free_ const struct apk_dep **v = xcalloc(world->n + 1, sizeof(*v));
	_cleanup_free_ char *last = NULL;

	for (size_t i = 0; i < world->n; i++)
		v[i] = &world->v[i];
	qsort(v, world->n, sizeof(*v), dep_by_name);
	for (size_t i = 0; i < world->n; i++) {
		_cleanup_free_ char *word = apk_dep_print(v[i]);

		if (last && streq(last, word))
			continue;
		strbuf_addf(out, "%s\n", word);
		free(last);
		last = steal_ptr(word);
	}
	/* an empty world is one empty line, as apk writes it: the file must exist */
	if (!world->n)
		strbuf_addc(out, '\n');
}

/* The packages to write, sorted; *n of them. */
static struct db_pkg **sorted(const struct db *db, size_t *n)
{
	struct db_pkg **v = xcalloc(db->n + 1, sizeof(*v));

	*n = 0;
	for (size_t i = 0; i < db->n; i++) {
		if (!db->pkgs[i]->gone)
			v[(*n)++] = db->pkgs[i];
	}
	qsort(v, *n, sizeof(*v), by_name);
	return v;
}

int db_write(struct db *db, const struct apk_deps *world, struct err *e)
{
	_cleanup_strbuf_ struct strbuf installed = {0}, scripts = {0}, triggers = {0}, w = {0};
	struct {
		const char *rel;
		const struct strbuf *text;
	} files[] = {
		/* `installed` last: it is what says that packages are there */
		{"etc/apk/world", &w},
		{"lib/apk/db/scripts.tar", &scripts},
		{"lib/apk/db/triggers", &triggers},
		{"lib/apk/db/installed", &installed},
	};
	static const char eof[1024];
	size_t n;
	_cleanup_free_ struct db_pkg **v = sorted(db, &n);

	for (size_t i = 0; i < n; i++) {
		db_print_pkg(&installed, v[i]);
		print_scripts(&scripts, v[i]);
		print_triggers(&triggers, v[i]);
	}
	strbuf_add(&scripts, eof, sizeof(eof));
	print_world(&w, world);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = root_write(db, files[i].rel, files[i].text->s, files[i].text->len, 0644, e);

		if (r < 0)
			return r;
	}
	/* made by apk 3, which prefers scripts.tar where there is one; stale from now on */
	root_unlink(db, "lib/apk/db/scripts.tar.gz", 0);
	return 0;
}
