// SPDX-License-Identifier: GPL-3.0-or-later
/* Reading lib/apk/db of a root: installed, triggers, scripts. */
#include "chroot/apk/db.h"

#include <limits.h>
#include <unistd.h>
#include <zlib.h>

#include "chroot/apk/pkg_field.h"

#define DB_TEXT_MAX ((size_t)256 << 20)
#define SCRIPT_MAX (16u << 20)
#define DIR_DEPTH_MAX 128

/* Where the reader is; a record is a header, then F: blocks with R: lines. */
struct reader {
	struct db *db;
	struct db_pkg *pkg;
	struct db_diri *diri;
	struct db_file *file;
};

typedef int (*field_fn)(struct reader *r, char *value, struct err *e);

static int parse_u32(const char *s, int base, uint32_t *out, const char **end)
{
	unsigned long long v;
	char *stop;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &stop, base);
	*end = stop;
	*out = (uint32_t)v;
	return errno || v > UINT32_MAX ? -EINVAL : 0;
}

static int set_replaces(struct reader *r, char *value, struct err *e)
{
	return apk_deps_parse(&r->pkg->own.replaces, value, e);
}

static int set_priority(struct reader *r, char *value, struct err *e)
{
	const char *end;

	if (parse_u32(value, 10, &r->pkg->own.replaces_priority, &end) < 0 || *end)
		return err_set(e, -EBADMSG, "'%.40s' is not a priority", value);
	return 0;
}

static int set_text(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
	return 0;
}

static int set_tags(struct reader *r, char *value, struct err *e)
{
	(void)e;
	return set_text(&r->pkg->tags, value);
}

static int set_tag(struct reader *r, char *value, struct err *e)
{
	(void)e;
	return set_text(&r->pkg->tag, value);
}

static int set_flags(struct reader *r, char *value, struct err *e)
{
	static const char letters[] = "fsxS"; /* bits of PKG_*, in order */

	for (; *value; value++) {
		const char *at = strchr(letters, *value);

		if (!at)
			return err_set(e, -EBADMSG, "flag '%c' belongs to a newer apk", *value);
		r->pkg->broken |= 1u << (at - letters);
	}
	return 0;
}

static int set_dir(struct reader *r, char *value, struct err *e)
{
	size_t len = strlen(value), depth = 0;
	struct db_dir *d;

	while (len && value[len - 1] == '/')
		value[--len] = '\0';
	for (const char *p = value; len; p += strcspn(p, "/") + 1) {
		size_t n = strcspn(p, "/");

		if (!db_name_ok(p, n) || ++depth > DIR_DEPTH_MAX || len >= PATH_MAX)
			return err_set(e, -EBADMSG, "'%s' is not a folder's name", value);
		if (!p[n])
			break;
	}
	d = db_dir_get(r->db, value, len);
	r->file = NULL;
	r->diri = db_diri_find(d, r->pkg);
	if (!r->diri)
		r->diri = db_diri_add(r->db, r->pkg, d);
	return 0;
}

static int set_file(struct reader *r, char *value, struct err *e)
{
	if (!r->diri || !db_name_ok(value, strlen(value)))
		return err_set(e, -EBADMSG, "'%s' is not a file's name, or has no folder", value);
	r->file = db_file_add(r->db, r->diri, value);
	return 0;
}

/* "uid:gid:octal mode[:checksum of the extended attributes]" */
static int parse_acl(struct reader *r, const char *s, struct db_acl *acl, struct err *e)
{
	const char *p = s;
	uint32_t v[3];

	for (size_t i = 0; i < 3; i++) {
		if (parse_u32(p, i == 2 ? 8 : 10, &v[i], &p) < 0 || (i < 2 && *p++ != ':'))
			return err_set(e, -EBADMSG, "'%.40s' is not an owner and a mode", s);
	}
	*acl = (struct db_acl){v[0], v[1], (mode_t)(v[2] & 07777), NULL};
	if (*p == ':') {
		struct hash *h = db_alloc(r->db, sizeof(*h));

		if (apk_identity_parse(h, p + 1) < 0)
			return err_set(e, -EBADMSG, "'%s' is not a checksum", p + 1);
		acl->xattr = h;
		return 0;
	}
	return *p ? err_set(e, -EBADMSG, "'%s' is not an owner and a mode", s) : 0;
}

static int set_dir_acl(struct reader *r, char *value, struct err *e)
{
	if (!r->diri)
		return err_set(e, -EBADMSG, "a folder's mode without a folder");
	return parse_acl(r, value, &r->diri->acl, e);
}

static int set_file_acl(struct reader *r, char *value, struct err *e)
{
	if (!r->file)
		return err_set(e, -EBADMSG, "a file's mode without a file");
	return parse_acl(r, value, &r->file->acl, e);
}

static int set_sum(struct reader *r, char *value, struct err *e)
{
	struct hash h;

	if (!r->file || apk_identity_parse(&h, value) < 0 || h.len > sizeof(r->file->sum))
		return err_set(e, -EBADMSG, "'%s' is not a checksum, or has no file", value);
	r->file->sum_len = h.len;
	memcpy(r->file->sum, h.b, h.len);
	return 0;
}

/* What only the installed database has; the header's letters are apk_pkg_set_field()'s. */
static const field_fn fields[128] = {
	['r'] = set_replaces,
	['q'] = set_priority,
	['g'] = set_tags,
	['s'] = set_tag,
	['f'] = set_flags,
	['F'] = set_dir,
	['M'] = set_dir_acl,
	['R'] = set_file,
	['a'] = set_file_acl,
	['Z'] = set_sum,
};

static int read_line(struct reader *r, char *line, struct err *e)
{
	unsigned char letter = (unsigned char)line[0];
	int ret;

	if (line[1] != ':')
		return err_set(e, -EBADMSG, "'%.40s' is not a field", line);
	if (letter < ARRAY_SIZE(fields) && fields[letter])
		return fields[letter](r, line + 2, e);
	ret = apk_pkg_set_field(&r->pkg->own, line[0], line + 2, e);
	/* as apk: after the first folder nothing unknown is tolerated; before it, it is dropped */
	if (ret == APK_FIELD_UNKNOWN && r->diri)
		return err_set(e, -EBADMSG, "field '%c' belongs to a newer apk", line[0]);
	r->pkg->own.uninstallable = false;
	return ret < 0 ? ret : 0;
}

/* A record is complete: the owner of each of its directories can be decided. */
static int end_record(struct reader *r, struct err *e)
{
	struct db_pkg *p = r->pkg;

	r->pkg = NULL;
	r->diri = NULL;
	r->file = NULL;
	if (!p)
		return 0;
	if (!p->own.name || !*p->own.name || !p->own.version)
		return err_set(e, -EBADMSG, "a record has no name or no version");
	for (size_t i = 0; i < p->n; i++) {
		struct db_dir *d = p->diris[i]->dir;

		if (!d->owner || db_replaces_dir(d->owner->pkg, p))
			d->owner = p->diris[i];
	}
	return 0;
}

int db_parse(struct db *db, const char *text, size_t len, const char *shown, struct err *e)
{
	_cleanup_free_ char *copy = xstrndup(text, len);
	struct reader r = {.db = db};
	size_t line_no = 0;
	int ret = 0;

	/* a NUL in the text would cut a name; apk never writes one */
	if (memchr(text, '\0', len))
		return err_set(e, -EBADMSG, "%s: holds a NUL byte", shown);
	for (char *line = copy, *next; ret == 0 && *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		line_no++;
		if (!line[0] || !line[1]) {
			ret = end_record(&r, e);
			continue;
		}
		if (!r.pkg)
			r.pkg = db_pkg_add(db);
		ret = read_line(&r, line, e);
	}
	if (ret == 0)
		ret = end_record(&r, e);
	if (ret < 0) {
		/* a half-read record must not be taken for a package */
		if (db->n && !(db->pkgs[db->n - 1]->own.name && db->pkgs[db->n - 1]->own.version))
			db->pkgs[db->n - 1]->gone = true;
		err_prefix(e, "%s, line %zu", shown, line_no);
	}
	return ret;
}

static struct db_pkg *find_identity(const struct db *db, const char *text)
{
	struct hash h;

	if (apk_identity_parse(&h, text) < 0)
		return NULL;
	for (size_t i = 0; i < db->n; i++) {
		if (hash_eq(&db->pkgs[i]->own.identity, &h))
			return db->pkgs[i];
	}
	return NULL;
}

/* "<identity> glob glob ..." a line; lines of packages that are not installed are dropped. */
void db_parse_triggers(struct db *db, const char *text, size_t len)
{
	_cleanup_strvec_ struct strvec lines = {0};
	_cleanup_free_ char *copy = xstrndup(text, len);

	strvec_split(&lines, copy, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *space = strchr(lines.v[i], ' ');
		struct db_pkg *p;

		if (!space)
			continue;
		*space = '\0';
		p = find_identity(db, lines.v[i]);
		if (p)
			strvec_split(&p->own.triggers, space + 1, " ");
	}
}

/* "<name>-<version>.<identity>.<type>"; an identity in base64 may hold '/', but never '.'. */
static void add_script(struct db *db, char *name, const char *data, size_t len)
{
	char *type = strrchr(name, '.'), *sum;
	struct db_pkg *p;

	if (!type)
		return;
	*type++ = '\0';
	sum = strrchr(name, '.');
	p = sum ? find_identity(db, sum + 1) : NULL;
	for (size_t k = 0; p && k < APK_SCRIPTS; k++) {
		if (!streq(type, apk_script_names[k]) || p->script[k])
			continue;
		p->script[k] = xcalloc(1, len + 1);
		memcpy(p->script[k], data, len);
		p->script_len[k] = len;
	}
}

/* Read exactly n bytes: 1, at the end 0, else negative. */
static int tar_get(gzFile gz, void *buf, size_t n)
{
	int got = gzread(gz, buf, (unsigned)n);

	return got == (int)n ? 1 : got == 0 ? 0 : -EBADMSG;
}

static int read_scripts(struct db *db, gzFile gz, struct err *e)
{
	static const char zero[512];
	_cleanup_free_ char *long_name = NULL;
	char header[512];
	int r;

	while ((r = tar_get(gz, header, sizeof(header))) > 0) {
		_cleanup_free_ char *data = NULL;
		char octal[13] = "", name[101] = "";
		uint32_t size, padded;
		const char *end;

		if (memcmp(header, zero, sizeof(header)) == 0)
			continue;
		memcpy(octal, header + 124, 12);
		memcpy(name, header, 100);
		if (parse_u32(octal, 8, &size, &end) < 0 || size > SCRIPT_MAX)
			return err_set(e, -EBADMSG, "'%s' has no valid size", name);
		padded = (size + 511) & ~511u;
		data = xcalloc(1, padded + 1);
		if (padded && tar_get(gz, data, padded) <= 0)
			return err_set(e, -EBADMSG, "cut off in '%s'", name);
		if (header[156] == 'L') {
			free(long_name);
			long_name = steal_ptr(data);
			long_name[size] = '\0';
			continue;
		}
		if (header[156] == '0')
			add_script(db, long_name ? long_name : name, data, size);
		free(long_name);
		long_name = NULL;
	}
	return r < 0 ? err_set(e, -EBADMSG, "cut off, or damaged") : 0;
}

/* gzread() passes plain text through, so that both generations' files go the same way. */
int db_parse_scripts(struct db *db, int fd, const char *shown, struct err *e)
{
	gzFile gz = gzdopen(fd, "rb");
	int r;

	if (!gz) {
		close(fd);
		return err_errno(e, -ENOMEM, "cannot read '%s'", shown);
	}
	r = read_scripts(db, gz, e);
	gzclose(gz);
	if (r < 0)
		err_prefix(e, "'%s'", shown);
	return r;
}

static int read_scripts_file(struct db *db, const char *rel, struct err *e)
{
	int fd = root_open(db, rel);

	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return err_errno(e, fd, "cannot open '%s' in '%s'", rel, db->root_path);
	return db_parse_scripts(db, fd, rel, e);
}

int db_read(struct db *db, struct err *e)
{
	static const char installed[] = "lib/apk/db/installed", triggers[] = "lib/apk/db/triggers";
	_cleanup_free_ char *text = NULL, *trig = NULL;
	struct err scratch = ERR_INIT;
	size_t len;
	int r;

	r = root_read(db, installed, DB_TEXT_MAX, &text, &len, &scratch);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = db_parse(db, text, len, installed, &scratch);
	if (r < 0)
		return err_set(e, r, "the installed database of '%s' cannot be used: %s",
			db->root_path, scratch.text);
	if (root_read(db, triggers, DB_TEXT_MAX, &trig, &len, NULL) == 0)
		db_parse_triggers(db, trig, len);
	r = read_scripts_file(db, "lib/apk/db/scripts.tar", e);
	if (r == -ENOENT)
		r = read_scripts_file(db, "lib/apk/db/scripts.tar.gz", e);
	return r == -ENOENT ? 0 : r;
}

int apk_installed_read(const char *root, struct apk_pkg **pkgs, size_t *n, struct err *e)
{
	struct db db;
	int r;

	*pkgs = NULL;
	*n = 0;
	db_init(&db);
	r = db_root_open(&db, root, false, e);
	if (r == 0)
		r = db_read(&db, e);
	if (r == 0 && db.n) {
		*pkgs = xcalloc(db.n, sizeof(struct apk_pkg));
		for (size_t i = 0; i < db.n; i++) {
			(*pkgs)[i] = db.pkgs[i]->own;
			db.pkgs[i]->own = (struct apk_pkg){0};
		}
		*n = db.n;
	}
	db_free(&db);
	return r;
}
