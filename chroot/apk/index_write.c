// SPDX-License-Identifier: GPL-3.0-or-later
/* Repository indexes: the text of one record, and the signed APKINDEX.tar.gz of a folder. */
#include "chroot/apk/apk.h"

#include <dirent.h>
#include <sys/stat.h>

#include "chroot/apk/apk_read.h"
#include "chroot/apk/tar_write.h"
#include "chroot/base/fs.h"

/* apk 3 ignores more than 160 bytes. */
#define INDEX_DESCRIPTION "pmkmod"
#define OLD_MAX (256U << 20)

static void field(struct strbuf *b, char letter, const char *value)
{
	if (value)
		strbuf_addf(b, "%c:%s\n", letter, value);
}

static void field_deps(struct strbuf *b, char letter, const struct apk_deps *l)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *s = apk_dep_print(&l->v[i]);

		if (i == 0)
			strbuf_addf(b, "%c:%s", letter, s);
		else
			strbuf_addf(b, " %s", s);
	}
	if (l->n)
		strbuf_addc(b, '\n');
}

void apk_index_print_pkg(struct strbuf *out, const struct apk_pkg *p)
{
	_cleanup_free_ char *identity = p->identity.len ? apk_identity_text(&p->identity) : NULL;

	field(out, 'C', identity);
	field(out, 'P', p->name);
	field(out, 'V', p->version);
	field(out, 'A', p->arch);
	strbuf_addf(out, "S:%llu\n", (unsigned long long)p->size);
	strbuf_addf(out, "I:%llu\n", (unsigned long long)p->installed_size);
	/* apk writes these three even when there is nothing to say. */
	field(out, 'T', p->desc ? p->desc : "");
	field(out, 'U', p->url ? p->url : "");
	field(out, 'L', p->license ? p->license : "");
	field(out, 'o', p->origin);
	field(out, 'm', p->maintainer);
	if (p->build_time)
		strbuf_addf(out, "t:%lld\n", (long long)p->build_time);
	field(out, 'c', p->commit);
	if (p->provider_priority)
		strbuf_addf(out, "k:%u\n", p->provider_priority);
	field_deps(out, 'D', &p->depends);
	field_deps(out, 'p', &p->provides);
	field_deps(out, 'i', &p->install_if);
}

static int list_apks(const char *dir, struct strvec *paths, struct err *e)
{
	struct dirent *d;
	DIR *h = opendir(dir);

	if (!h)
		return err_errno(e, -errno, "cannot read the package folder '%s'", dir);
	while ((d = readdir(h)))
		if (d->d_name[0] != '.' && ends_with(d->d_name, ".apk"))
			strvec_take(paths, path_join(dir, d->d_name));
	closedir(h);
	return 0;
}

/* One package of an index: read now, or as the index before has it. */
struct entry {
	struct apk_control read; /* zeroed: it was not */
	const struct apk_pkg *pkg;
};

/* ---- what the index before says ---- */

struct before {
	struct apk_repo repo;
	struct timespec changed; /* when it got its name */
	struct named {
		char *file;
		const struct apk_pkg *pkg;
	} * v;
	size_t n;
};

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->file, ((const struct named *)b)->file);
}

/* An index that is not there, or that the keys do not vouch for, says nothing. */
static void before_read(struct before *b, const char *path, const struct apk_keys *keys)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t len;

	*b = (struct before){0};
	if (!path || !keys || stat(path, &st) < 0 || fs_read(path, OLD_MAX, &data, &len, NULL) < 0)
		return;
	b->changed = st.st_ctim;
	if (apk_index_parse(&b->repo, data, len, path, keys, NULL) < 0)
		return;
	b->v = xcalloc(b->repo.n_pkgs + 1, sizeof(*b->v));
	for (; b->n < b->repo.n_pkgs; b->n++) {
		const struct apk_pkg *p = &b->repo.pkgs[b->n];

		b->v[b->n] = (struct named){xasprintf("%s-%s.apk", p->name, p->version), p};
	}
	if (b->n)
		qsort(b->v, b->n, sizeof(*b->v), by_file);
}

static void before_free(struct before *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i].file);
	free(b->v);
	apk_repo_free(&b->repo);
}

/* Its record, of a file that nobody has touched since; NULL: it has to be read. */
static const struct apk_pkg *unchanged(
	const struct before *b, const char *file, const struct stat *st)
{
	struct named key = {.file = (char *)file}, *found;

	if (!b->n || st->st_ctim.tv_sec > b->changed.tv_sec ||
		(st->st_ctim.tv_sec == b->changed.tv_sec &&
			st->st_ctim.tv_nsec > b->changed.tv_nsec))
		return NULL;
	found = b->n ? bsearch(&key, b->v, b->n, sizeof(*b->v), by_file) : NULL;
	return found && found->pkg->size == (uint64_t)st->st_size ? found->pkg : NULL;
}

/* ---- the new one ---- */

static int read_one(const char *path, const char *arch, const struct apk_keys *keys,
	const struct before *b, struct entry *en, struct err *e)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(e, -errno, "cannot index '%s'", path);
	en->pkg = unchanged(b, path_base(path), &st);
	if (en->pkg)
		return 0;
	r = apk_read_control(path, keys, &en->read, e);
	if (r < 0)
		return err_prefix(e, "cannot index '%s'", path);
	en->read.pkg.size = (uint64_t)st.st_size;
	/* apk builds the download address of A:, so that "noarch" would not be found. */
	free(en->read.pkg.arch);
	en->read.pkg.arch = xstrdup(arch);
	en->pkg = &en->read.pkg;
	return 0;
}

static int by_name_version(const void *a, const void *b)
{
	const struct apk_pkg *x = (*(const struct entry *const *)a)->pkg;
	const struct apk_pkg *y = (*(const struct entry *const *)b)->pkg;
	int r = strcmp(x->name, y->name);

	if (r == 0 && !streq(x->version, y->version)) {
		int cmp = apk_version_compare(x->version, y->version, false);

		r = cmp == APK_VER_LT ? -1 : cmp == APK_VER_GT ? 1 : strcmp(x->version, y->version);
	}
	return r ? r : memcmp(x->identity.b, y->identity.b, sizeof(x->identity.b));
}

static int index_text(const struct strvec *paths, const char *arch, const struct apk_keys *keys,
	const struct before *b, struct strbuf *out, int64_t *newest, struct err *e)
{
	struct entry *v = xcalloc(paths->n + 1, sizeof(*v));
	struct entry **sorted = xcalloc(paths->n + 1, sizeof(struct entry *));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < paths->n && r == 0; i++) {
		r = read_one(paths->v[i], arch, keys, b, &v[n], e);
		sorted[n] = &v[n];
		n += r == 0;
	}
	if (r == 0 && n)
		qsort(sorted, n, sizeof(*sorted), by_name_version);
	for (size_t i = 0; i < n && r == 0; i++) {
		apk_index_print_pkg(out, sorted[i]->pkg);
		strbuf_addc(out, '\n');
		if (sorted[i]->pkg->build_time > *newest)
			*newest = sorted[i]->pkg->build_time;
	}
	for (size_t i = 0; i < n; i++)
		apk_control_free(&v[i].read);
	free(sorted);
	free(v);
	return r;
}

static int write_archive(struct gz_out *g, const char *description, const struct strbuf *text,
	int64_t mtime, struct err *e)
{
	int r = description ? tar_file(g, "DESCRIPTION", 0644, description, strlen(description),
				      mtime, e)
			    : 0;

	if (r == 0)
		r = tar_file(g, "APKINDEX", 0644, text->s ? text->s : "", text->len, mtime, e);
	return r < 0 ? r : tar_eof(g, e);
}

static int sink_strbuf(void *ctx, const void *data, size_t len, struct err *e)
{
	(void)e;
	strbuf_add(ctx, data, len);
	return 0;
}

static int sign_archive(const struct spool *body, const struct apk_signkey *key, int64_t mtime,
	char **out, size_t *len, struct err *e)
{
	_cleanup_strbuf_ struct strbuf unsigned_ = {0}, all = {0};
	struct spool sig = SPOOL_INIT;
	int r = spool_copy(body, 0, body->len, sink_strbuf, &unsigned_, e);

	if (r == 0)
		r = apk_sign_member(&sig, key, unsigned_.s, unsigned_.len, mtime, e);
	if (r == 0)
		r = spool_copy(&sig, 0, sig.len, sink_strbuf, &all, e);
	spool_free(&sig);
	if (r < 0)
		return r;
	strbuf_add(&all, unsigned_.s, unsigned_.len);
	*len = all.len;
	*out = strbuf_steal(&all);
	return 0;
}

int apk_index_text_pack(const struct apk_index_text *t, const struct apk_signkey *key,
	int64_t mtime, char **out, size_t *len, struct err *e)
{
	struct spool body = SPOOL_INIT;
	struct gz_out g;
	int r;

	gz_start(&g, &body);
	r = write_archive(&g, t->description, &t->text, mtime, e);
	if (r < 0)
		gz_abort(&g);
	else
		r = gz_end(&g, NULL, e);
	if (r == 0)
		r = sign_archive(&body, key, mtime, out, len, e);
	spool_free(&body);
	return r;
}

int apk_index_make(const struct strvec *paths, const char *arch, const struct apk_signkey *key,
	const struct apk_keys *keys, const char *old, char **out, size_t *len, struct err *e)
{
	struct apk_index_text t = {.description = xstrdup(INDEX_DESCRIPTION)};
	struct before b;
	int64_t newest = 0;
	int r;

	before_read(&b, old, keys);
	r = index_text(paths, arch, keys, &b, &t.text, &newest, e);
	if (r == 0)
		r = apk_index_text_pack(&t, key, newest, out, len, e);
	before_free(&b);
	apk_index_text_free(&t);
	return r;
}

int apk_index_make_folder(const char *dir, const char *arch, const struct apk_signkey *key,
	const struct apk_keys *keys, const char *old, char **out, size_t *len, struct err *e)
{
	_cleanup_strvec_ struct strvec paths = {0};
	int r = list_apks(dir, &paths, e);

	strvec_sort(&paths); /* readdir's order is nobody's promise */
	return r < 0 ? r : apk_index_make(&paths, arch, key, keys, old, out, len, e);
}
