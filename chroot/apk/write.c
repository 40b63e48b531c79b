// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One .apk in abuild's shape: three gzip members that are one tar archive together.
 *   signature  over the compressed control member
 *   control    .PKGINFO and scripts, without the archive's end; SHA-1 of it is the identity
 *   data       the files, with the archive's end; SHA-256 of it is the last line of .PKGINFO
 * The data member is compressed first, for everything before it depends on it.
 */
#include "chroot/apk/apk_write.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/tar_write.h"
#include "chroot/base/fs.h"

struct wentry {
	char *name;
	char type;
	mode_t mode;
	uint64_t off, size; /* of a file's content in the spool */
	char *link;
	struct hash sha1; /* of the content, or of the link's text */
};

struct apk_writer {
	int64_t mtime;
	struct wentry *v;
	size_t n, cap;
	struct spool content;
	char *script[APK_SCRIPTS];
	bool not_virtual;
};

struct apk_writer *apk_writer_new(int64_t mtime)
{
	struct apk_writer *w = xcalloc(1, sizeof(*w));

	w->mtime = mtime;
	w->content = (struct spool)SPOOL_INIT;
	return w;
}

void apk_writer_free(struct apk_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].name);
		free(w->v[i].link);
	}
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		free(w->script[i]);
	free(w->v);
	spool_free(&w->content);
	free(w);
}

void apk_writer_not_virtual(struct apk_writer *w)
{
	w->not_virtual = true;
}

static struct wentry *add_entry(struct apk_writer *w, const char *name, char type, mode_t mode)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->v = xrealloc(w->v, w->cap, sizeof(*w->v));
	}
	w->v[w->n] = (struct wentry){.name = xstrdup(name), .type = type, .mode = mode & 07777};
	return &w->v[w->n++];
}

int apk_writer_file(struct apk_writer *w, const char *name, const void *data, size_t len,
	mode_t mode, struct err *e)
{
	uint64_t off = w->content.len;
	struct wentry *en;
	int r = apk_check_entry_name(name, e);

	if (r == 0 && len)
		r = spool_add(&w->content, data, len, e);
	if (r < 0)
		return r;
	en = add_entry(w, name, '0', mode);
	en->off = off;
	en->size = len;
	hash_buf(HASH_SHA1, data, len, &en->sha1);
	return 0;
}

static int spool_fd(struct spool *s, int fd, struct hash_ctx *sum, const char *name, struct err *e)
{
	char buf[65536];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read what shall become '%s'", name);
		hash_update(sum, buf, (size_t)n);
		r = spool_add(s, buf, (size_t)n, e);
	}
	return r;
}

int apk_writer_file_fd(struct apk_writer *w, const char *name, int fd, mode_t mode, struct err *e)
{
	uint64_t off = w->content.len;
	struct hash_ctx sum;
	struct wentry *en;
	int r = apk_check_entry_name(name, e);

	if (r < 0)
		return r;
	hash_start(&sum, HASH_SHA1);
	r = spool_fd(&w->content, fd, &sum, name, e);
	if (r < 0) {
		hash_abort(&sum);
		return r;
	}
	en = add_entry(w, name, '0', mode);
	en->off = off;
	en->size = w->content.len - off;
	hash_end(&sum, &en->sha1);
	return 0;
}

int apk_writer_symlink(struct apk_writer *w, const char *name, const char *target, struct err *e)
{
	struct wentry *en;
	int r = apk_check_entry_name(name, e);

	if (r < 0)
		return r;
	if (!*target || strlen(target) > 4000 || strpbrk(target, "\n\r"))
		return err_set(e, -EINVAL, "the symbolic link '%s' has an impossible target '%s'",
			name, target);
	en = add_entry(w, name, '2', 0777);
	en->link = xstrdup(target);
	hash_buf(HASH_SHA1, target, strlen(target), &en->sha1);
	return 0;
}

int apk_writer_dir(struct apk_writer *w, const char *name, mode_t mode, struct err *e)
{
	int r = apk_check_entry_name(name, e);

	if (r == 0)
		add_entry(w, name, '5', mode);
	return r;
}

int apk_writer_script(struct apk_writer *w, enum apk_script kind, const char *text, struct err *e)
{
	if (!starts_with(text, "#!/"))
		return err_set(e, -EINVAL, "a package's script must start with '#!/'");
	free(w->script[kind]);
	w->script[kind] = xstrdup(text);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct wentry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct wentry *find_entry(struct apk_writer *w, size_t n, const char *name)
{
	struct wentry key = {.name = (char *)(uintptr_t)name};

	return n ? bsearch(&key, w->v, n, sizeof(*w->v), by_name) : NULL;
}

/*
 * Sort, refuse doubles and files below files, add the folders nobody named: a package that lacks a
 * parent leaves its mode and owner to chance.
 */
static int complete_entries(struct apk_writer *w, struct err *e)
{
	_cleanup_strvec_ struct strvec parents = {0};
	size_t n = w->n;

	if (n)
		qsort(w->v, n, sizeof(*w->v), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i && streq(w->v[i].name, w->v[i - 1].name))
			return err_set(e, -EEXIST, "two files for one package are named '%s'",
				w->v[i].name);
		for (char *s = strchr(w->v[i].name, '/'); s; s = strchr(s + 1, '/')) {
			_cleanup_free_ char *dir =
				xstrndup(w->v[i].name, (size_t)(s - w->v[i].name));
			const struct wentry *p = find_entry(w, n, dir);

			if (p && p->type != '5')
				return err_set(e, -ENOTDIR,
					"'%s' cannot be packaged: '%s' is not a folder there",
					w->v[i].name, dir);
			if (!p)
				strvec_take(&parents, steal_ptr(dir));
		}
	}
	strvec_sort(&parents);
	for (size_t i = 0; i < parents.n; i++)
		if (i == 0 || !streq(parents.v[i], parents.v[i - 1]))
			add_entry(w, parents.v[i], '5', 0755);
	if (w->n)
		qsort(w->v, w->n, sizeof(*w->v), by_name);
	return 0;
}

static int write_entries(struct apk_writer *w, struct gz_out *g, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < w->n && r == 0; i++) {
		const struct wentry *en = &w->v[i];
		struct tar_entry t = {.name = en->name,
			.type = en->type,
			.mode = en->mode,
			.size = en->size,
			.link = en->link,
			.sha1 = en->type == '5' ? NULL : &en->sha1};

		r = tar_header(g, &t, w->mtime, e);
		if (r == 0)
			r = spool_copy(&w->content, en->off, en->size, gz_write, g, e);
		if (r == 0)
			r = tar_pad(g, en->size, e);
	}
	/* abuild's packages without files hold this, which apk ignores for its dot. */
	if (r == 0 && w->n == 0)
		r = tar_file(g, ".dummy", 0644, "", 0, w->mtime, e);
	return r < 0 ? r : tar_eof(g, e);
}

static int make_data(struct apk_writer *w, struct spool *out, struct hash *datahash, struct err *e)
{
	struct gz_out g;
	int r;

	gz_start(&g, out);
	r = write_entries(w, &g, e);
	if (r < 0) {
		gz_abort(&g);
		return r;
	}
	return gz_end(&g, datahash, e);
}

static uint64_t installed_size(const struct apk_writer *w)
{
	bool any = w->n > 0 || w->not_virtual;
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n; i++)
		sum += w->v[i].size;
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		any |= w->script[i] != NULL;
	return sum ? sum : any; /* 0 would mean: virtual, nothing to download */
}

static void info_text(struct strbuf *b, const char *key, const char *value)
{
	if (value)
		strbuf_addf(b, "%s = %s\n", key, value);
}

static void info_number(struct strbuf *b, const char *key, uint64_t v)
{
	if (v)
		strbuf_addf(b, "%s = %llu\n", key, (unsigned long long)v);
}

static void info_deps(struct strbuf *b, const char *key, const struct apk_deps *l)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *s = apk_dep_print(&l->v[i]);

		info_text(b, key, s);
	}
}

/* Lists that must be one line: words separated by blanks. */
static void info_words(struct strbuf *b, const char *key, const struct strvec *l)
{
	_cleanup_free_ char *s = l->n ? strvec_join(l, " ") : NULL;

	info_text(b, key, s);
}

/* In the order of abuild's prepare_metafiles. */
static void print_pkginfo(struct strbuf *b, const struct apk_pkg *p)
{
	_cleanup_strvec_ struct strvec install_if = {0};
	char hex[HASH_HEX_MAX];

	strbuf_adds(b, "# Generated by pmkmod\n");
	info_text(b, "pkgname", p->name);
	info_text(b, "pkgver", p->version);
	info_text(b, "pkgdesc", p->desc);
	info_text(b, "url", p->url);
	strbuf_addf(b, "builddate = %lld\n", (long long)p->build_time);
	info_text(b, "packager", p->packager);
	strbuf_addf(b, "size = %llu\n", (unsigned long long)p->installed_size);
	info_text(b, "arch", p->arch);
	info_text(b, "origin", p->origin);
	info_text(b, "commit", p->commit);
	info_text(b, "maintainer", p->maintainer);
	info_number(b, "replaces_priority", p->replaces_priority);
	info_number(b, "provider_priority", p->provider_priority);
	info_text(b, "license", p->license);
	info_deps(b, "replaces", &p->replaces);
	info_deps(b, "depend", &p->depends);
	info_deps(b, "provides", &p->provides);
	info_words(b, "triggers", &p->triggers);
	for (size_t i = 0; i < p->install_if.n; i++)
		strvec_take(&install_if, apk_dep_print(&p->install_if.v[i]));
	info_words(b, "install_if", &install_if);
	hash_hex(&p->datahash, hex);
	info_text(b, "datahash", hex);
}

static int write_control(
	struct apk_writer *w, const struct apk_pkg *pkg, struct gz_out *g, struct err *e)
{
	_cleanup_strbuf_ struct strbuf info = {0};
	int r;

	print_pkginfo(&info, pkg);
	r = tar_file(g, ".PKGINFO", 0644, info.s, info.len, w->mtime, e);
	for (size_t i = 0; i < APK_SCRIPTS && r == 0; i++) {
		_cleanup_free_ char *name = xasprintf(".%s", apk_script_names[i]);

		if (w->script[i])
			r = tar_file(
				g, name, 0755, w->script[i], strlen(w->script[i]), w->mtime, e);
	}
	return r;
}

static int make_control(
	struct apk_writer *w, struct apk_pkg *pkg, struct strbuf *out, struct err *e)
{
	struct spool s = SPOOL_INIT;
	struct gz_out g;
	int r;

	gz_start(&g, &s);
	r = write_control(w, pkg, &g, e);
	if (r < 0)
		gz_abort(&g);
	else
		r = gz_end(&g, NULL, e);
	if (r == 0 && s.fd >= 0) /* megabytes of scripts */
		r = err_set(e, -EFBIG, "the scripts of package '%s' are too large", pkg->name);
	if (r == 0) {
		strbuf_add(out, s.mem.s, s.mem.len);
		hash_buf(HASH_SHA1, out->s, out->len, &pkg->identity);
	}
	spool_free(&s);
	return r;
}

static int sink_fd(void *ctx, const void *data, size_t len, struct err *e)
{
	int r = fs_write_all(*(int *)ctx, data, len);

	return r < 0 ? err_errno(e, r, "cannot write the package") : 0;
}

static int write_members(int fd, const struct spool *head, const struct spool *data, struct err *e)
{
	int r = spool_copy(head, 0, head->len, sink_fd, &fd, e);

	if (r == 0)
		r = spool_copy(data, 0, data->len, sink_fd, &fd, e);
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		r = err_errno(e, -errno, "cannot write the package");
	return r;
}

static int publish(
	const char *path, const struct spool *head, const struct spool *data, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create a temporary file beside '%s'", path);
	r = write_members(fd, head, data, e);
	if (r == 0 && rename(tmp, path) < 0)
		r = err_errno(e, -errno, "cannot write '%s'", path);
	if (r < 0) {
		unlink(tmp);
		return err_prefix(e, "'%s'", path);
	}
	fs_sync_parent(path);
	return 0;
}

int apk_writer_finish(struct apk_writer *w, struct apk_pkg *pkg, const struct apk_signkey *key,
	const char *path, struct err *e)
{
	struct spool data = SPOOL_INIT, head = SPOOL_INIT;
	_cleanup_strbuf_ struct strbuf control = {0};
	int r = apk_check_pkg(pkg, e);

	if (r == 0)
		r = complete_entries(w, e);
	if (r == 0) {
		pkg->installed_size = installed_size(w);
		r = make_data(w, &data, &pkg->datahash, e);
	}
	if (r == 0)
		r = make_control(w, pkg, &control, e);
	if (r == 0)
		r = apk_sign_member(&head, key, control.s, control.len, w->mtime, e);
	if (r == 0)
		r = spool_add(&head, control.s, control.len, e);
	if (r == 0)
		r = publish(path, &head, &data, e);
	if (r == 0)
		pkg->size = head.len + data.len;
	spool_free(&head);
	spool_free(&data);
	return r;
}
