// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The entries of one package on their way into the root.
 *
 * apk writes every file under a temporary name and renames all of them once the package's data is
 * verified. Here a file whose name is free (O_EXCL says so) goes straight to it, and only one whose
 * name is taken goes the long way. That is as safe where pmkmod installs: nothing runs in the root
 * between the first entry and the verdict, on a false verdict everything made is deleted again, and
 * after a crash the whole layer is thrown away. It saves a hash and a rename a file, and that is
 * what makes installing as fast as tar.
 */
#include "chroot/apk/db.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "chroot/base/fs.h"

struct unpack {
	struct db *db;
	struct db_pkg *pkg;
	const struct db_pkg *old;
	bool skip; /* the entry's bytes go nowhere */
	int fd; /* the file being written, -1: none */
	mode_t mode;
	int64_t mtime;
	char path[4096]; /* of the file being written, for messages */
	bool warned_xattr;
};

char *file_tmp_name(const struct db_file *f)
{
	const struct db_dir *d = f->diri->dir;
	_cleanup_free_ char *path = *d->name ? path_join(d->name, f->name) : xstrdup(f->name);
	const char *pkg = f->diri->pkg->info->name;
	_cleanup_strbuf_ struct strbuf b = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	/* as apk: 24 bytes of a sum over "<package>\0<path>" */
	strbuf_add(&b, pkg, strlen(pkg) + 1);
	strbuf_adds(&b, path);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, hex);
	return xasprintf(".apk.%.48s", hex);
}

static const char *disk_name(const struct db_file *f, char **tmp)
{
	return f->flags & FILE_TMP ? (*tmp = file_tmp_name(f)) : f->name;
}

/* ---- making one object, under its own name or a temporary one ---- */

struct making {
	struct unpack *u;
	const struct apk_entry *en;
	const struct db_file *link; /* hard link's earlier file */
};

/* Returns a descriptor or 0, or a negative errno. */
typedef int (*make_fn)(const struct making *m, int dfd, const char *name);

static int make_regular(const struct making *m, int dfd, const char *name)
{
	/* setuid comes at the end: writing would clear it */
	int fd = openat(dfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		m->en->mode & 0777);

	return fd < 0 ? -errno : fd;
}

static int make_symlink(const struct making *m, int dfd, const char *name)
{
	return symlinkat(m->en->link, dfd, name) < 0 ? -errno : 0;
}

static int make_fifo(const struct making *m, int dfd, const char *name)
{
	if (mknodat(dfd, name, S_IFIFO | (m->en->mode & 0777), 0) < 0)
		return -errno;
	if ((m->u->db->umask & m->en->mode) &&
		fchmodat(dfd, name, m->en->mode & 0777, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_hardlink(const struct making *m, int dfd, const char *name)
{
	_cleanup_free_ char *tmp = NULL;
	const char *from = disk_name(m->link, &tmp);
	/* not from the cache: it might close `dfd` */
	_cleanup_close_ int other = root_dir(m->u->db, m->link->diri->dir->name);

	if (other < 0)
		return other;
	return linkat(other, from, dfd, name, 0) < 0 ? -errno : 0;
}

/* The same link lies there already (usr-merge, baselayout): nothing needs replacing. */
static bool same_symlink(const struct apk_entry *en, int dfd, const char *name)
{
	char text[4096];
	ssize_t n;

	if (en->type != APK_SYMLINK)
		return false;
	n = readlinkat(dfd, name, text, sizeof(text));
	return n > 0 && (size_t)n == strlen(en->link) && memcmp(text, en->link, (size_t)n) == 0;
}

static int make(const struct making *m, make_fn fn, struct db_file *f, struct err *e)
{
	struct db *db = m->u->db;
	int dfd = dir_fd(db, f->diri->dir), r;

	if (dfd < 0)
		return err_errno(e, dfd, "cannot open the folder of '%s' in '%s'", m->en->name,
			db->root_path);
	r = fn(m, dfd, f->name);
	if (r >= 0) {
		f->flags |= FILE_MADE;
		return r;
	}
	if (r == -EEXIST && same_symlink(m->en, dfd, f->name))
		return 0;
	if (r == -EEXIST) {
		_cleanup_free_ char *tmp = file_tmp_name(f);

		unlinkat(dfd, tmp, 0);
		r = fn(m, dfd, tmp);
		if (r >= 0) {
			f->flags |= FILE_TMP;
			return r;
		}
	}
	return err_errno(e, r, "cannot write '%s' in '%s'", m->en->name, db->root_path);
}

/* ---- what the database keeps of an entry ---- */

static int by_xattr_name(const void *a, const void *b)
{
	return strcmp((*(const struct apk_xattr *const *)a)->name,
		(*(const struct apk_xattr *const *)b)->name);
}

static void hash_blob(struct hash_ctx *c, const void *data, size_t len)
{
	unsigned char be[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
		(unsigned char)(len >> 8), (unsigned char)len};

	hash_update(c, be, sizeof(be));
	hash_update(c, data, len);
}

static const struct hash *xattr_sum(struct db *db, const struct apk_entry *en)
{
	_cleanup_free_ const struct apk_xattr **v = NULL;
	struct hash_ctx c = {0};
	struct hash *h;

	if (!en->n_xattrs)
		return NULL;
	v = xcalloc(en->n_xattrs, sizeof(*v));
	for (size_t i = 0; i < en->n_xattrs; i++)
		v[i] = &en->xattrs[i];
	qsort(v, en->n_xattrs, sizeof(*v), by_xattr_name);
	hash_start(&c, HASH_SHA1);
	for (size_t i = 0; i < en->n_xattrs; i++) {
		hash_blob(&c, v[i]->name, strlen(v[i]->name));
		hash_blob(&c, v[i]->value, v[i]->len);
	}
	h = db_alloc(db, sizeof(*h));
	hash_end(&c, h);
	return h;
}

static struct db_acl entry_acl(struct db *db, const struct apk_entry *en)
{
	return (struct db_acl){
		.uid = ids_user(db, en->uname, en->uid),
		.gid = ids_group(db, en->gname, en->gid),
		.mode = en->mode & 07777,
		.xattr = xattr_sum(db, en),
	};
}

static void set_sum(struct db_file *f, const struct apk_entry *en, const struct db_file *link)
{
	struct hash h = en->checksum;

	if (link) {
		f->sum_len = link->sum_len;
		memcpy(f->sum, link->sum, link->sum_len);
		return;
	}
	if (en->type == APK_SYMLINK && !h.len)
		hash_buf(HASH_SHA1, en->link, strlen(en->link), &h);
	if (h.len > sizeof(f->sum) || (en->type != APK_FILE && en->type != APK_SYMLINK))
		return;
	f->sum_len = h.len;
	memcpy(f->sum, h.b, h.len);
}

/* ---- entries ---- */

static int bad_package(const struct unpack *u, struct err *e, const char *what, const char *name)
{
	return err_set(e, -EBADMSG, "%s-%s: %s '%s'", u->pkg->info->name, u->pkg->info->version,
		what, name);
}

static int put_dir(struct unpack *u, const struct apk_entry *en, struct err *e)
{
	struct db *db = u->db;
	struct db_dir *d = db_dir_get(db, en->name, strlen(en->name));
	struct db_diri *di = db_diri_find(d, u->pkg), *was = d->owner;
	struct db_acl before = was ? was->acl : DB_ACL_DIR;
	bool mine;
	int r;

	if (!di)
		di = db_diri_add(db, u->pkg, d);
	di->acl = entry_acl(db, en);
	mine = !was || db_replaces_dir(was->pkg, u->pkg);
	r = dir_prepare(db, d, was ? &before : NULL, mine ? di->acl.mode : before.mode, u->pkg, e);
	if (r < 0 || !mine)
		return r;
	if (was && d->mode_ok && di->acl.mode != before.mode)
		dir_chmod(db, d, di->acl.mode);
	d->owner = di;
	return 0;
}

static int file_conflict(
	struct unpack *u, const struct apk_entry *en, const struct db_file *f, struct err *e)
{
	const struct apk_pkg *a = f->diri->pkg->info, *b = u->pkg->info;

	if (f->diri->pkg == u->pkg)
		return bad_package(u, e, "ships twice", en->name);
	switch (db_replaces_file(f->diri->pkg, u->pkg)) {
	case REPLACES_YES:
		return 0;
	case REPLACES_NO:
		u->skip = true;
		return 0;
	case REPLACES_CONFLICT:
		break;
	}
	err_set(e, -EEXIST,
		"%s-%s and %s-%s both ship '%s', and neither says that it replaces the "
		"other",
		a->name, a->version, b->name, b->version, en->name);
	return err_hint(e, "leave one of the two packages out");
}

/* The share of the entry's folder, which must have come before its files. */
static int entry_diri(struct unpack *u, const struct apk_entry *en, struct db_diri **out,
	const char **leaf, struct err *e)
{
	const char *slash = strrchr(en->name, '/');
	size_t len = slash ? (size_t)(slash - en->name) : 0;
	struct db_dir *d = db_dir_find(u->db, en->name, len);

	*leaf = slash ? slash + 1 : en->name;
	*out = d ? db_diri_find(d, u->pkg) : NULL;
	if (!*out && !slash)
		*out = db_diri_add(u->db, u->pkg, u->db->top);
	if (!*out)
		return bad_package(u, e, "there is no entry for the folder of", en->name);
	if (!db_name_ok(*leaf, strlen(*leaf)))
		return bad_package(u, e, "ships a file with the name", en->name);
	return 0;
}

static int link_target(
	struct unpack *u, const struct apk_entry *en, const struct db_file **out, struct err *e)
{
	const char *slash = en->link ? strrchr(en->link, '/') : NULL;
	struct db_dir *d =
		en->link ? db_dir_find(u->db, en->link, slash ? (size_t)(slash - en->link) : 0)
			 : NULL;
	const struct db_file *f = d ? db_file_find(u->db, d, slash ? slash + 1 : en->link) : NULL;

	/* any other file of the root might be the target of a trick: only what we just wrote */
	if (!f || f->diri->pkg != u->pkg || !(f->flags & FILE_REGULAR))
		return bad_package(u, e, "no such file for the hard link", en->name);
	*out = f;
	return 0;
}

static const make_fn makers[] = {
	[APK_FILE] = make_regular,
	[APK_SYMLINK] = make_symlink,
	[APK_HARDLINK] = make_hardlink,
	[APK_FIFO] = make_fifo,
	/* An ordinary user cannot make device nodes and the sandbox brings its own /dev: they are
	 * recorded, as apk's user mode does, and not made. */
	[APK_CHAR] = NULL,
	[APK_BLOCK] = NULL,
	[APK_DIR] = NULL,
};

static void set_xattrs(struct unpack *u, const struct apk_entry *en, int fd)
{
	for (size_t i = 0; i < en->n_xattrs; i++) {
		const struct apk_xattr *x = &en->xattrs[i];
		const char *why = "left out, as only root may set it";

		if (starts_with(x->name, "user.")) {
			if (fd >= 0 && fsetxattr(fd, x->name, x->value, x->len, 0) == 0)
				continue;
			why = "refused by the file system";
			u->pkg->broken |= PKG_BROKEN_XATTR;
		}
		if (!u->warned_xattr)
			strvec_addf(u->db->warnings, "%s-%s: attribute %s of '%s' %s",
				u->pkg->info->name, u->pkg->info->version, x->name, en->name, why);
		u->warned_xattr = true;
	}
}

static int put_file(struct unpack *u, const struct apk_entry *en, struct err *e)
{
	struct making m = {.u = u, .en = en};
	struct db_file *f, *prev;
	struct db_diri *di = NULL;
	const char *leaf;
	int r = entry_diri(u, en, &di, &leaf, e);

	if (r < 0 || !di)
		return r;
	if (en->type == APK_HARDLINK && (r = link_target(u, en, &m.link, e)) < 0)
		return r;
	prev = db_file_find(u->db, di->dir, leaf);
	if (prev && ((r = file_conflict(u, en, prev, e)) < 0 || u->skip))
		return r;
	f = db_file_add(u->db, di, leaf);
	f->prev = prev;
	if (prev)
		prev->flags |= FILE_GONE;
	f->acl = entry_acl(u->db, en);
	if (en->type == APK_FILE || en->type == APK_HARDLINK)
		f->flags |= FILE_REGULAR;
	set_sum(f, en, m.link);
	r = makers[en->type] ? make(&m, makers[en->type], f, e) : 0;
	if (r < 0)
		return r;
	if (en->type == APK_FILE) {
		u->fd = r;
		u->mode = en->mode & 07777;
		u->mtime = u->db->opts->same_mtime ? u->db->opts->same_mtime : en->mtime;
		snprintf(u->path, sizeof(u->path), "%s", en->name);
		set_xattrs(u, en, u->fd);
	}
	return 0;
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct unpack *u = ctx;

	/* ".dummy" and the like at the top: apk leaves them out as well */
	u->skip = en->name[0] == '.';
	if (u->skip)
		return 0;
	return en->type == APK_DIR ? put_dir(u, en, e) : put_file(u, en, e);
}

static int write_failed(const struct unpack *u, int code, struct err *e)
{
	return err_errno(e, code, "%s-%s: cannot write '%s' in '%s'", u->pkg->info->name,
		u->pkg->info->version, u->path, u->db->root_path);
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct unpack *u = ctx;
	int r;

	if (u->skip || u->fd < 0)
		return 0;
	r = fs_write_all(u->fd, p, n);
	return r < 0 ? write_failed(u, r, e) : 0;
}

static int on_end(void *ctx, struct err *e)
{
	struct unpack *u = ctx;
	const struct timespec times[2] = {{.tv_sec = u->mtime}, {.tv_sec = u->mtime}};
	int fd = steal_fd(&u->fd);
	int r = 0;

	if (fd < 0)
		return 0;
	if (((u->mode & (07000 | u->db->umask)) && fchmod(fd, u->mode) < 0) ||
		futimens(fd, times) < 0)
		r = -errno;
	/* some file systems tell only now that they are full */
	if (close(fd) < 0 && r == 0 && errno != EINTR)
		r = -errno;
	return r < 0 ? write_failed(u, r, e) : 0;
}

/* ---- control ---- */

static int copy_deps(struct apk_deps *to, const struct apk_deps *from, struct err *e)
{
	int r = 0;

	apk_deps_free(to);
	for (size_t i = 0; r == 0 && i < from->n; i++) {
		_cleanup_free_ char *word = apk_dep_print(&from->v[i]);

		r = apk_deps_parse(to, word, e);
	}
	return r;
}

static int keep_control(struct db_pkg *p, const struct apk_control *c, struct err *e)
{
	for (size_t k = 0; k < APK_SCRIPTS; k++) {
		free(p->script[k]);
		p->script[k] = NULL;
		p->script_len[k] = c->script_len[k];
		if (!c->script[k])
			continue;
		p->script[k] = xcalloc(1, c->script_len[k] + 1);
		memcpy(p->script[k], c->script[k], c->script_len[k]);
	}
	strvec_reset(&p->own.triggers);
	strvec_add_all(&p->own.triggers, &c->pkg.triggers);
	p->own.replaces_priority = c->pkg.replaces_priority;
	return copy_deps(&p->own.replaces, &c->pkg.replaces, e);
}

/* No other thread runs before this, if there is a script: its fork() is a plain one. */
static int on_control(void *ctx, const struct apk_control *c, struct err *e)
{
	struct unpack *u = ctx;
	const struct apk_pkg *info = u->pkg->info;
	const char *args[2] = {info->version, u->old ? u->old->info->version : NULL};
	int r;

	if (!c->pkg.name || !c->pkg.version || !streq(c->pkg.name, info->name) ||
		!streq(c->pkg.version, info->version))
		return err_set(e, -EBADMSG, "the file of %s-%s holds %s-%s", info->name,
			info->version, c->pkg.name ? c->pkg.name : "?",
			c->pkg.version ? c->pkg.version : "?");
	r = keep_control(u->pkg, c, e);
	if (r == 0)
		r = pkg_script(u->db, u->pkg, u->old ? APK_PRE_UPGRADE : APK_PRE_INSTALL, args,
			u->old ? 2 : 1, e);
	/* after the script, which may have added the user whom the files belong to, and before the
	 * first entry: what this package itself does to etc/passwd counts for the next one */
	ids_refresh(u->db);
	if (r == 0)
		ahead_look(u->db, u->pkg, u->old);
	return r;
}

int pkg_unpack(struct db *db, struct db_pkg *p, const struct db_pkg *old, struct err *e)
{
	static const struct apk_reader_ops ops = {on_control, on_entry, on_data, on_end};
	_cleanup_free_ struct unpack *u = xcalloc(1, sizeof(*u));
	struct ahead *a;
	int r = ahead_take(&a, db, p->info, e);

	if (r < 0)
		return r;
	*u = (struct unpack){.db = db, .pkg = p, .old = old, .fd = -1};
	r = apk_reader_read(ahead_reader(a), &db->opts->limits, &ops, u, e);
	ahead_free(a);
	cleanup_close(&u->fd);
	if (r < 0)
		pkg_rollback(db, p);
	return r;
}
