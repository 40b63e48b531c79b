// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * <work>/packages/<channel>/<arch>/, with the rights of its owner. pmbootstrap knows no locks: a
 * lock of our own keeps pmkmods apart, and an index that changes while ours is made is noticed. All
 * that can fail is done on files beside, which neither apk nor pmbootstrap look at; then renames
 * follow, packages before the index that names them.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/export/work.h"
#include "pmkmod/util/exit_codes.h"

#define INDEX "APKINDEX.tar.gz"
#define INDEX_MAX (256u << 20)
#define LOCK_NAME ".pmkmod.lock"
#define PREFIX ".pmkmod-" /* of all files beside */
#define LOCK_SECONDS 30
#define BEING_MADE_SECONDS                                                                         \
	120 /* an index under its temporary name that is older was left behind                     \
	     */

struct item {
	char *name; /* "<name>-<version>.apk" */
	struct apk_pkg pkg;
	char *at, *new, *old; /* in place; beside: to come, what was there */
	bool replaces; /* other bytes are there under that name */
	bool same; /* the very same are */
	bool moved, kept;
};

struct folder {
	char *dir, *index, *full, *without, *old; /* the index, and beside it: three more */
	int lock;
	struct stat seen; /* of the index that was read; st_ino 0: there was none */
	struct item *items;
	size_t n;
	bool needs_without; /* a package that the index names gets other bytes */
	bool unchanged; /* nothing to do */
	bool touched, has_old;
};

struct job {
	const struct work_request *q;
	const struct work_inputs *in;
	struct strvec *notes;
	struct folder *v;
	size_t n;
};

static void folder_free(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		apk_pkg_free(&f->items[i].pkg);
		free(f->items[i].name);
		free(f->items[i].at);
		free(f->items[i].new);
		free(f->items[i].old);
	}
	free(f->items);
	free(f->dir);
	free(f->index);
	free(f->full);
	free(f->without);
	free(f->old);
	cleanup_close(&f->lock);
}

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		folder_free(&j->v[i]);
	free(j->v);
}

static char *beside(const char *dir, const char *name)
{
	return xasprintf("%s/" PREFIX "%s", dir, name);
}

static char *channel_dir(const char *packages, const struct work_request *q, size_t i)
{
	return xasprintf("%s/%s/%s", packages, q->channels.v[i], q->arch);
}

/* ---- is anybody else at it? ---- */

static int take_lock(struct folder *f, struct err *e)
{
	_cleanup_free_ char *path = path_join(f->dir, LOCK_NAME);

	for (int i = 0; i < LOCK_SECONDS * 10; i++) {
		f->lock = fs_lock(path, true, false, e);
		if (f->lock != -EWOULDBLOCK)
			break;
		if (interrupted())
			return err_set(e, -EINTR, "interrupted before anything was published");
		poll(NULL, 0, 100);
	}
	if (f->lock == -EWOULDBLOCK)
		return err_set(e, -EBUSY,
			"another pmkmod has been publishing in '%s' for %d seconds", f->dir,
			LOCK_SECONDS);
	return f->lock < 0 ? err_hint(e, "nothing was changed in pmbootstrap's work folder") : 0;
}

static int busy(const char *path, const char *what, struct err *e)
{
	err_set(e, -EBUSY, "'%s' %s", path, what);
	return err_hint(e, "wait until pmbootstrap, abuild or apk is done, and try again");
}

/* pmbootstrap makes an index under this name (pmb/build/other.py). */
static int check_busy(const struct folder *f, struct err *e)
{
	_cleanup_free_ char *making = xasprintf("%s_", f->index);
	_cleanup_close_ int fd = open(f->index, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (lstat(making, &st) == 0 && time(NULL) - st.st_mtime < BEING_MADE_SECONDS)
		return busy(making, "is an index that is being made just now", e);
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return busy(f->index, "is locked by a running apk", e);
	return 0;
}

static bool index_changed(const struct folder *f)
{
	struct stat st = {0};

	if (lstat(f->index, &st) < 0)
		return f->seen.st_ino != 0;
	return st.st_ino != f->seen.st_ino || st.st_size != f->seen.st_size ||
	       st.st_mtim.tv_sec != f->seen.st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != f->seen.st_mtim.tv_nsec;
}

/* ---- what is there ---- */

static int list(
	const struct folder *f, const char *suffix, bool hidden, struct strvec *out, struct err *e)
{
	DIR *d = opendir(f->dir);
	struct dirent *de;

	if (!d)
		return err_errno(e, -errno, "cannot read '%s'", f->dir);
	while ((de = readdir(d)))
		if (hidden ? starts_with(de->d_name, PREFIX)
			   : de->d_name[0] != '.' && ends_with(de->d_name, suffix))
			strvec_add(out, de->d_name);
	closedir(d);
	strvec_sort(out);
	return 0;
}

/* What a run that was killed left beside. */
static void sweep(const struct folder *f)
{
	_cleanup_strvec_ struct strvec names = {0};

	list(f, "", true, &names, NULL);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = path_join(f->dir, names.v[i]);

		unlink(path);
	}
}

static int untrusted(const struct folder *f, int r, struct err *e)
{
	if (e && !e->exit_code)
		e->exit_code = EXIT_UNTRUSTED;
	err_prefix(e, "the index of pmbootstrap's packages");
	err_hint(e, "`pmbootstrap index` makes '%s' anew; nothing was changed", f->index);
	return r;
}

static int read_index(struct job *j, struct folder *f, struct apk_index_text *t, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *bytes = NULL;
	size_t len;
	int r;

	f->seen = (struct stat){0};
	if (lstat(f->index, &f->seen) < 0) {
		r = list(f, ".apk", false, &names, e);
		if (r < 0 || !names.n)
			return r;
		err_set(e, -ENOENT, "'%s' holds packages, but no index", f->dir);
		return err_hint(e, "`pmbootstrap index` makes it; nothing was changed");
	}
	r = fs_read(f->index, INDEX_MAX, &bytes, &len, e);
	if (r == 0)
		r = apk_index_text_read(t, bytes, len, f->index, j->in->trusted, e);
	return r < 0 ? untrusted(f, r, e) : 0;
}

/* Packages that are not in the index are not put there; that they disturb pmbootstrap is told. */
static void note_foreign(struct job *j, const struct folder *f, const struct apk_index_text *t)
{
	_cleanup_strvec_ struct strvec names = {0};

	if (list(f, ".apk", false, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = path_join(f->dir, names.v[i]);
		struct apk_control c = {0};
		struct err why = ERR_INIT;
		bool known = false;
		size_t len;

		for (size_t k = 0; k < f->n; k++)
			known = known || streq(f->items[k].name, names.v[i]);
		if (known)
			continue;
		if (apk_read_control(path, j->in->trusted, &c, &why) < 0)
			strvec_addf(j->notes,
				"'%s' is no package that pmbootstrap could use, and lets `pmbootstrap "
				"index` fail: %s",
				path, why.text);
		else if (!apk_index_text_find(t, c.pkg.name, c.pkg.version, &len))
			strvec_addf(
				j->notes, "'%s' is not in the index, and was left out of it", path);
		apk_control_free(&c);
	}
}

/* ---- beside ---- */

static bool same_content(const char *a, const char *b)
{
	struct hash ha, hb;

	return hash_file(AT_FDCWD, a, HASH_SHA256, &ha, NULL) == 0 &&
	       hash_file(AT_FDCWD, b, HASH_SHA256, &hb, NULL) == 0 && hash_eq(&ha, &hb);
}

/* Only a package is replaced, and only by one of the same name: anything else is not ours. */
static int check_replaced(const struct job *j, const struct item *it, struct err *e)
{
	struct apk_control c = {0};
	struct stat st;
	int r;

	if (lstat(it->at, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, -EEXIST, "'%s' is no file; nothing was changed", it->at);
	r = apk_read_control(it->at, j->in->trusted, &c, e);
	if (r == 0 && (!streq(c.pkg.name, it->pkg.name) || !streq(c.pkg.version, it->pkg.version)))
		r = err_set(e, -EEXIST, "'%s' is the package %s-%s under a wrong name", it->at,
			c.pkg.name, c.pkg.version);
	apk_control_free(&c);
	if (r < 0) {
		err_prefix(e, "a package of pmbootstrap's is in the way");
		err_hint(e, "remove '%s', then `pmbootstrap index`; nothing was changed", it->at);
	}
	return r;
}

static int stage_package(struct job *j, struct folder *f, size_t i, struct err *e)
{
	struct item *it = &f->items[i];
	_cleanup_free_ char *temporary = xasprintf("%s/" PREFIX "%zu.new", f->dir, i);
	_cleanup_free_ char *shown = xasprintf("'%s'", j->q->apks.v[i]);
	int r = apk_resign(j->in->fds[i], shown, j->in->given, j->in->key, temporary, &it->pkg, e);

	if (r < 0)
		return r;
	it->new = steal_ptr(temporary);
	if (!streq(it->pkg.arch, j->q->arch) && !streq(it->pkg.arch, "noarch"))
		return err_set(e, -EINVAL, "%s is a package for %s, not for %s", shown,
			it->pkg.arch, j->q->arch);
	it->name = xasprintf("%s-%s.apk", it->pkg.name, it->pkg.version);
	it->at = path_join(f->dir, it->name);
	it->old = xasprintf("%s/" PREFIX "%zu.old", f->dir, i);
	/* apk makes the address of A:, so that "noarch" would not be found */
	free(it->pkg.arch);
	it->pkg.arch = xstrdup(j->q->arch);
	if (!fs_exists(it->at))
		return 0;
	it->same = same_content(it->at, it->new);
	it->replaces = !it->same;
	return it->replaces ? check_replaced(j, it, e) : 0;
}

/* Pack, look whether pmbootstrap's apk would take it, write it beside. */
static int stage_index(const struct job *j, const struct apk_index_text *t, const char *path,
	int64_t date, struct err *e)
{
	_cleanup_free_ char *bytes = NULL;
	struct apk_repo check = {0};
	size_t len = 0;
	int r = apk_index_text_pack(t, j->in->key, date, &bytes, &len, e);

	if (r < 0)
		return r;
	r = apk_index_parse(&check, bytes, len, path_base(path), j->in->trusted, e);
	apk_repo_free(&check);
	if (r < 0) {
		err_set(e, r,
			"the key %s, which config_abuild/abuild.conf of '%s' names, is not one that "
			"pmbootstrap trusts (config_apk_keys): nothing was changed",
			apk_signkey_name(j->in->key), j->q->work);
		return err_hint(e, "`pmbootstrap build_init` puts its public half there");
	}
	return fs_write_atomic(path, bytes, len, 0644, e);
}

static int make_indexes(struct job *j, struct folder *f, struct apk_index_text *t, struct err *e)
{
	struct strbuf before = {0};
	int64_t date = 0;
	int r = 0;

	strbuf_add(&before, t->text.s ? t->text.s : "", t->text.len);
	if (!t->description)
		t->description = xstrdup("pmkmod");
	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->items[i];
		size_t len;

		if (it->pkg.build_time > date)
			date = it->pkg.build_time;
		if (it->replaces && apk_index_text_find(t, it->pkg.name, it->pkg.version, &len)) {
			apk_index_text_remove(t, it->pkg.name, it->pkg.version);
			f->needs_without = true;
		}
	}
	if (f->needs_without)
		r = stage_index(j, t, f->without, date, e);
	f->unchanged = f->seen.st_ino != 0;
	for (size_t i = 0; i < f->n; i++) {
		apk_index_text_put(t, &f->items[i].pkg);
		f->unchanged = f->unchanged && f->items[i].same;
	}
	f->unchanged = f->unchanged && t->text.s && before.s && t->text.len == before.len &&
		       memcmp(t->text.s, before.s, before.len) == 0;
	if (r == 0 && !f->unchanged)
		r = stage_index(j, t, f->full, date, e);
	strbuf_free(&before);
	return r;
}

static int stage(struct job *j, struct folder *f, struct err *e)
{
	struct apk_index_text t = {0};
	int r = fs_mkdirs(f->dir, 0755, e);

	if (r < 0)
		return err_hint(e, "nothing was changed in pmbootstrap's work folder");
	r = take_lock(f, e);
	if (r == 0)
		r = check_busy(f, e);
	if (r < 0)
		return r;
	sweep(f);
	r = read_index(j, f, &t, e);
	for (size_t i = 0; r == 0 && i < j->q->apks.n; i++) {
		f->n = i + 1;
		r = stage_package(j, f, i, e);
	}
	if (r == 0)
		note_foreign(j, f, &t);
	if (r == 0)
		r = make_indexes(j, f, &t, e);
	apk_index_text_free(&t);
	return r;
}

/* ---- in place ---- */

static int move_package(struct item *it, struct err *e)
{
	if (it->replaces && (link(it->at, it->old) < 0 && errno != EPERM && errno != EOPNOTSUPP))
		return err_errno(e, -errno, "cannot keep '%s'", it->at);
	it->kept = it->replaces && fs_exists(it->old);
	if (it->replaces && !it->kept && fs_copy_file(it->at, it->old, e) < 0)
		return -EIO;
	it->kept = it->replaces;
	if (rename(it->new, it->at) < 0)
		return err_errno(e, -errno, "cannot publish '%s'", it->at);
	it->moved = true;
	return 0;
}

static int put_index(struct folder *f, const char *from, struct err *e)
{
	if (rename(from, f->index) < 0)
		return err_errno(e, -errno, "cannot replace '%s'", f->index);
	f->touched = true;
	fs_sync_parent(f->index);
	return 0;
}

static int commit(struct folder *f, struct err *e)
{
	int r = 0;

	if (f->unchanged)
		return 0;
	f->has_old = f->seen.st_ino != 0;
	if (f->has_old)
		r = fs_copy_file(f->index, f->old, e);
	if (r == 0 && index_changed(f))
		r = busy(f->index, "has changed meanwhile", e);
	if (r == 0 && f->needs_without)
		r = put_index(f, f->without, e);
	for (size_t i = 0; r == 0 && i < f->n; i++)
		if (!f->items[i].same)
			r = move_package(&f->items[i], e);
	if (r == 0)
		fs_sync_parent(f->index);
	return r < 0 ? r : put_index(f, f->full, e);
}

static void undo(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct item *it = &f->items[i];

		/* when even that fails, `pmbootstrap index` makes the index of what is there */
		if (it->moved && (it->kept ? rename(it->old, it->at) : unlink(it->at)) < 0)
			return;
	}
	if (f->touched && (f->has_old ? rename(f->old, f->index) : unlink(f->index)) < 0)
		return;
	fs_sync_parent(f->index);
}

int work_publish(const struct work_request *q, const struct work_inputs *in, struct strvec *notes,
	struct err *e)
{
	_cleanup_(job_free) struct job j = {.q = q, .in = in, .notes = notes};
	int r = 0;

	j.v = xcalloc(q->channels.n, sizeof(*j.v));
	for (size_t i = 0; r == 0 && i < q->channels.n; i++) {
		struct folder *f = &j.v[i];

		*f = (struct folder){.dir = channel_dir(in->packages, q, i), .lock = -1};
		f->index = path_join(f->dir, INDEX);
		f->full = beside(f->dir, "index.new");
		f->without = beside(f->dir, "index.less");
		f->old = beside(f->dir, "index.old");
		f->items = xcalloc(q->apks.n, sizeof(*f->items));
		j.n = i + 1;
		r = stage(&j, f, e);
	}
	for (size_t i = 0; r == 0 && i < j.n; i++)
		r = interrupted() ? err_set(e, -EINTR, "interrupted") : commit(&j.v[i], e);
	for (size_t i = 0; r < 0 && i < j.n; i++)
		undo(&j.v[i]);
	for (size_t i = 0; i < j.n; i++)
		if (j.v[i].lock >= 0)
			sweep(&j.v[i]);
	return r;
}

/* ---- without rights ---- */

static bool has_all(const struct work_request *q, size_t channel)
{
	_cleanup_free_ char *packages = path_join(q->work, "packages");
	_cleanup_free_ char *dir = channel_dir(packages, q, channel);
	_cleanup_free_ char *index = path_join(dir, INDEX);
	_cleanup_free_ char *bytes = NULL;
	struct apk_index_text t = {0};
	size_t len;
	bool all = fs_read(index, INDEX_MAX, &bytes, &len, NULL) == 0 &&
		   apk_index_text_read(&t, bytes, len, index, NULL, NULL) == 0;

	for (size_t i = 0; all && i < q->apks.n; i++) {
		struct apk_control c = {0};
		_cleanup_free_ char *path = NULL, *line = NULL, *id = NULL;
		const char *record;

		all = apk_read_control(q->apks.v[i], NULL, &c, NULL) == 0;
		if (all) {
			path = xasprintf("%s/%s-%s.apk", dir, c.pkg.name, c.pkg.version);
			id = apk_identity_text(&c.pkg.identity);
			line = xasprintf("C:%s\n", id);
			record = apk_index_text_find(&t, c.pkg.name, c.pkg.version, &len);
			/* the identity covers all of the package but the signature */
			all = record && memmem(record, len, line, strlen(line)) && fs_exists(path);
		}
		apk_control_free(&c);
	}
	apk_index_text_free(&t);
	return all;
}

bool work_is_published(const struct work_request *q)
{
	for (size_t i = 0; i < q->channels.n; i++)
		if (!has_all(q, i))
			return false;
	return true;
}
