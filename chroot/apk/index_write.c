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

static int list_apks(const char *dir, struct strvec *names, struct err *e)
{
	struct dirent *d;
	DIR *h = opendir(dir);

	if (!h)
		return err_errno(e, -errno, "cannot read the package folder '%s'", dir);
	while ((d = readdir(h)))
		if (d->d_name[0] != '.' && ends_with(d->d_name, ".apk"))
			strvec_add(names, d->d_name);
	closedir(h);
	strvec_sort(names); /* readdir's order is nobody's promise */
	return 0;
}

static int read_one(const char *path, const char *arch, const struct apk_keys *keys,
	struct apk_control *c, struct err *e)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(e, -errno, "cannot index '%s'", path);
	r = apk_read_control(path, keys, c, e);
	if (r < 0)
		return err_prefix(e, "cannot index '%s'", path);
	c->pkg.size = (uint64_t)st.st_size;
	/* apk builds the download address of A:, so that "noarch" would not be found. */
	free(c->pkg.arch);
	c->pkg.arch = xstrdup(arch);
	return 0;
}

static int by_name_version(const void *a, const void *b)
{
	const struct apk_pkg *x = &((const struct apk_control *)a)->pkg;
	const struct apk_pkg *y = &((const struct apk_control *)b)->pkg;
	int r = strcmp(x->name, y->name);

	if (r == 0 && !streq(x->version, y->version)) {
		int cmp = apk_version_compare(x->version, y->version, false);

		r = cmp == APK_VER_LT ? -1 : cmp == APK_VER_GT ? 1 : strcmp(x->version, y->version);
	}
	return r ? r : memcmp(x->identity.b, y->identity.b, sizeof(x->identity.b));
}

static int index_text(const char *dir, const char *arch, const struct apk_keys *keys,
	struct strbuf *out, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	struct apk_control *v;
	size_t n = 0;
	int r = list_apks(dir, &names, e);

	if (r < 0)
		return r;
	v = xcalloc(names.n, sizeof(*v));
	for (size_t i = 0; i < names.n && r == 0; i++) {
		_cleanup_free_ char *path = path_join(dir, names.v[i]);

		r = read_one(path, arch, keys, &v[n], e);
		n += r == 0;
	}
	if (r == 0 && n)
		qsort(v, n, sizeof(*v), by_name_version);
	for (size_t i = 0; i < n; i++) {
		if (r == 0) {
			apk_index_print_pkg(out, &v[i].pkg);
			strbuf_addc(out, '\n');
		}
		apk_control_free(&v[i]);
	}
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

int apk_index_make(const char *dir, const char *arch, const struct apk_signkey *key,
	const struct apk_keys *keys, int64_t mtime, char **out, size_t *len, struct err *e)
{
	struct apk_index_text t = {.description = xstrdup(INDEX_DESCRIPTION)};
	int r = index_text(dir, arch, keys, &t.text, e);

	if (r == 0)
		r = apk_index_text_pack(&t, key, mtime, out, len, e);
	apk_index_text_free(&t);
	return r;
}
