// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Into the repository. All work that can fail happens in a hidden staging folder inside it: the new
 * packages are copied and verified there, and the new index is made of them and of those that stay.
 * Then only renames follow: packages before the index that names them.
 *
 * A package that changes under its own name and version is the awkward case, since no order of two
 * renames keeps index and file in agreement. So an index without it comes first, then the package,
 * then the index with it: at every moment, a SIGKILL included, whatever the index names is there
 * and is what the index says.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/export/export_parts.h"

#define INDEX "APKINDEX.tar.gz"
#define LOCK_NAME ".pmkmod.lock"
#define STAGE_NAME ".pmkmod-stage"
#define KEY_MAX 65536

struct item {
	const char *from; /* borrowed */
	char *name; /* "<name>-<version>.apk" */
	char *package, *version;
	bool replaces; /* the repository has other bytes under that name */
	bool same; /* it has the very same: nothing to do */
	bool moved; /* the commit has put it in place */
	bool has_report; /* a fit report lies beside it */
};

struct job {
	const char *arch;
	const struct apk_signkey *key;
	struct apk_keys *keys;
	char *dir, *stage; /* the repository, its staging folder */
	char *full; /* <stage>/full: the new packages */
	struct strvec stay; /* paths of those that are there and stay */
	char *index; /* <dir>/APKINDEX.tar.gz */
	char *index_old, *index_full, *index_without; /* in the staging folder */
	bool has_old, touched; /* there was an index; it was replaced */
	struct item *items;
	size_t n;
	struct strvec obsolete; /* names of packages that nothing needs any more */
};

char *publish_report_path(const char *apk)
{
	size_t n = strlen(apk);

	return xasprintf("%.*s.fit.json", (int)(ends_with(apk, ".apk") ? n - 4 : n), apk);
}

static void job_free(struct job *j)
{
	char *const all[] = {
		j->dir, j->stage, j->full, j->index, j->index_old, j->index_full, j->index_without};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
	for (size_t i = 0; i < j->n; i++) {
		free(j->items[i].name);
		free(j->items[i].package);
		free(j->items[i].version);
	}
	free(j->items);
	strvec_free(&j->obsolete);
	strvec_free(&j->stay);
	apk_keys_free(j->keys);
}

static void job_paths(struct job *j, const char *packages_dir, const char *channel)
{
	j->dir = xasprintf("%s/%s/%s", packages_dir, channel, j->arch);
	j->stage = path_join(j->dir, STAGE_NAME);
	j->full = path_join(j->stage, "full");
	j->index = path_join(j->dir, INDEX);
	j->index_old = path_join(j->stage, "index-old");
	j->index_full = path_join(j->stage, "index-full");
	j->index_without = path_join(j->stage, "index-without");
}

/* ---- staging ---- */

/* Are both files there with the same content? */
static bool same_content(const char *a, const char *b)
{
	struct hash ha, hb;

	return hash_file(AT_FDCWD, a, HASH_SHA256, &ha, NULL) == 0 &&
	       hash_file(AT_FDCWD, b, HASH_SHA256, &hb, NULL) == 0 && hash_eq(&ha, &hb);
}

static int verify(const struct job *j, const char *path, const char *shown, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	return apk_read(fd, shown, NULL, j->keys, NULL, NULL, NULL, e);
}

static int sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int stage_report(const struct job *j, struct item *it, struct err *e)
{
	_cleanup_free_ char *from = publish_report_path(it->from), *full = NULL, *to = NULL;
	int r;

	it->has_report = fs_exists(from);
	if (!it->has_report)
		return 0;
	full = path_join(j->full, it->name);
	to = publish_report_path(full);
	r = fs_copy_file(from, to, e);
	if (r == 0 && chmod(to, 0644) < 0)
		r = err_errno(e, -errno, "cannot set the mode of '%s'", to);
	if (r == 0 && (r = sync_file(to)) < 0)
		r = err_errno(e, r, "cannot write '%s'", to);
	return r;
}

/* Find the name a package must have from what it says of itself, and copy it. */
static int stage_one(const struct job *j, struct item *it, struct err *e)
{
	_cleanup_free_ char *to = NULL, *target = NULL;
	struct apk_control c = {0};
	int r = apk_read_control(it->from, j->keys, &c, e);

	if (r < 0)
		return err_prefix(e, "cannot publish '%s'", it->from);
	it->name = xasprintf("%s-%s.apk", c.pkg.name, c.pkg.version);
	it->package = xstrdup(c.pkg.name);
	it->version = xstrdup(c.pkg.version);
	if (!streq(c.pkg.arch, j->arch) && !streq(c.pkg.arch, "noarch"))
		r = err_set(e, -EINVAL, "'%s' is a package for %s and does not belong in '%s'",
			it->from, c.pkg.arch, j->dir);
	apk_control_free(&c);
	if (r < 0)
		return r;
	to = path_join(j->full, it->name);
	target = path_join(j->dir, it->name);
	it->replaces = fs_exists(target);
	it->same = it->replaces && same_content(it->from, target);
	if (it->same)
		return 0; /* it is among those that stay */
	r = fs_copy_file(it->from, to, e);
	if (r == 0)
		r = verify(j, to, it->from, e);
	if (r == 0 && chmod(to, 0644) < 0)
		r = err_errno(e, -errno, "cannot set the mode of '%s'", to);
	if (r == 0 && (r = sync_file(to)) < 0)
		r = err_errno(e, r, "cannot write '%s'", to);
	return r < 0 ? err_prefix(e, "cannot publish '%s'", it->from) : 0;
}

/* ---- parts of what was split before ---- */

static bool is_published_now(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++)
		if (streq(j->items[i].name, name))
			return true;
	return false;
}

/* Would it come along with exactly this package, by install_if? */
static bool comes_with(const struct job *j, const char *name, const struct item *it)
{
	_cleanup_free_ char *path = path_join(j->dir, name);
	struct apk_control c = {0};
	bool found = false;

	if (apk_read_control(path, j->keys, &c, NULL) < 0)
		return false;
	for (size_t i = 0; i < c.pkg.install_if.n; i++) {
		const struct apk_dep *d = &c.pkg.install_if.v[i];

		found = found ||
			(!d->conflict && d->op == APK_VER_EQ && streq(d->name, it->package) &&
				streq(d->version, it->version));
	}
	apk_control_free(&c);
	return found;
}

/*
 * A module that was in several packages and is in one now, or in others: those that are left would
 * bring the same files once more.
 */
static bool is_obsolete(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct item *it = &j->items[i];
		_cleanup_free_ char *begin = xasprintf("%s-", it->package),
				    *end = xasprintf("-%s.apk", it->version);

		if (starts_with(name, begin) && ends_with(name, end) &&
			!is_published_now(j, name) && comes_with(j, name, it))
			return true;
	}
	return false;
}

static bool is_replaced(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->items[i].replaces && !j->items[i].same && streq(j->items[i].name, name))
			return true;
	return false;
}

static int find_rest(struct job *j, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	DIR *d = opendir(j->dir);
	struct dirent *de;

	if (!d)
		return err_errno(e, -errno, "cannot read the repository '%s'", j->dir);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.' && ends_with(de->d_name, ".apk"))
			strvec_add(&names, de->d_name);
	closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		if (is_replaced(j, names.v[i]))
			continue;
		if (is_obsolete(j, names.v[i]))
			strvec_add(&j->obsolete, names.v[i]);
		else
			strvec_take(&j->stay, path_join(j->dir, names.v[i]));
	}
	return 0;
}

/* Name files where the user finds them, not in the staging folder. */
static void show_real_paths(struct err *e)
{
	static const char hidden[] = "/" STAGE_NAME "/full";
	size_t n = strlen(hidden);

	for (char *p; e && (p = strstr(e->text, hidden));)
		memmove(p, p + n, strlen(p + n) + 1);
}

static int make_index(const struct job *j, bool with_new, const char *to, struct err *e)
{
	_cleanup_strvec_ struct strvec paths = {0};
	_cleanup_free_ char *bytes = NULL;
	size_t len = 0;
	int r;

	strvec_add_all(&paths, &j->stay);
	for (size_t i = 0; with_new && i < j->n; i++)
		if (!j->items[i].same)
			strvec_take(&paths, path_join(j->full, j->items[i].name));
	r = apk_index_make(&paths, j->arch, j->key, j->keys, j->index, &bytes, &len, e);
	if (r == -EBADMSG)
		err_hint(e,
			"the repository needs each of its packages whole: build that one's module "
			"with --rebuild, or remove the file");
	return r < 0 ? r : fs_write_atomic(to, bytes, len, 0644, e);
}

static bool any_replaced(const struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->items[i].replaces && !j->items[i].same)
			return true;
	return j->obsolete.n > 0;
}

static int stage_all(struct job *j, struct err *e)
{
	int r = fs_mkdirs(j->full, 0755, e);

	for (size_t i = 0; i < j->n && r == 0; i++) {
		if (interrupted())
			return err_set(e, -EINTR, "interrupted before anything was published");
		r = stage_one(j, &j->items[i], e);
		if (r == 0)
			r = stage_report(j, &j->items[i], e);
	}
	if (r == 0)
		r = find_rest(j, e);
	if (r == 0)
		r = make_index(j, true, j->index_full, e);
	if (r == 0 && any_replaced(j))
		r = make_index(j, false, j->index_without, e);
	/* a second name for the old index, to go back to */
	if (r == 0 && fs_exists(j->index)) {
		j->has_old = true;
		r = fs_copy_file(j->index, j->index_old, e);
	}
	return r;
}

/* ---- commit ---- */

/*
 * Put `from` in the place of `to`, which becomes `kept`, so that it can come back. Exchanging
 * leaves no moment without either, and a SIGKILL no package lost; not every file system can.
 */
static int swap(const char *from, const char *to, const char *kept)
{
	int r;

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
		if (rename(from, kept) == 0)
			return 0;
		r = -errno;
		renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
		return r;
	}
	if (rename(to, kept) < 0)
		return -errno;
	if (rename(from, to) == 0)
		return 0;
	r = -errno;
	return rename(kept, to) < 0 ? -errno : r;
}

static int move_into_place(struct job *j, struct item *it, struct err *e)
{
	_cleanup_free_ char *from = path_join(j->full, it->name);
	_cleanup_free_ char *to = path_join(j->dir, it->name);
	_cleanup_free_ char *kept = xasprintf("%s/old-%s", j->stage, it->name);

	int r = it->replaces ? swap(from, to, kept) : rename(from, to) < 0 ? -errno : 0;

	if (r < 0)
		return err_errno(e, r, "cannot publish '%s'", to);
	it->moved = true;
	return 0;
}

/* A report of a package that is not there in the end does no harm: it says which one it is of. */
static int move_report(const struct job *j, const struct item *it, struct err *e)
{
	_cleanup_free_ char *full = path_join(j->full, it->name),
			    *dir = path_join(j->dir, it->name);
	_cleanup_free_ char *from = publish_report_path(full), *to = publish_report_path(dir);

	if (!it->has_report || rename(from, to) == 0)
		return 0;
	return err_errno(e, -errno, "cannot publish '%s'", to);
}

/* Out of the repository, or back into it. */
static int move_obsolete(const struct job *j, bool back, struct err *e)
{
	for (size_t i = 0; i < j->obsolete.n; i++) {
		_cleanup_free_ char *at = path_join(j->dir, j->obsolete.v[i]);
		_cleanup_free_ char *kept = xasprintf("%s/old-%s", j->stage, j->obsolete.v[i]);

		if (rename(back ? kept : at, back ? at : kept) < 0 && !back)
			return err_errno(e, -errno, "cannot remove '%s'", at);
	}
	return 0;
}

static void undo(struct job *j)
{
	move_obsolete(j, true, NULL);
	for (size_t i = 0; i < j->n; i++) {
		struct item *it = &j->items[i];
		_cleanup_free_ char *at = path_join(j->dir, it->name);
		_cleanup_free_ char *kept = xasprintf("%s/old-%s", j->stage, it->name);

		if (!it->moved)
			continue;
		/* when even that fails, the next run makes the index of what is there */
		if (it->replaces ? rename(kept, at) < 0 : unlink(at) < 0)
			return;
	}
	if (j->touched && j->has_old && rename(j->index_old, j->index) < 0)
		return;
	if (j->touched && !j->has_old)
		unlink(j->index);
	fs_sync_parent(j->index);
}

static int put_index(struct job *j, const char *from, struct err *e)
{
	if (rename(from, j->index) < 0)
		return err_errno(e, -errno, "cannot replace the index '%s'", j->index);
	j->touched = true;
	fs_sync_parent(j->index);
	return 0;
}

static int commit(struct job *j, struct err *e)
{
	int r = 0;

	if (any_replaced(j) && j->has_old)
		r = put_index(j, j->index_without, e);
	if (r == 0)
		r = move_obsolete(j, false, e);
	for (size_t i = 0; i < j->n && r == 0; i++)
		if (!j->items[i].same)
			r = move_into_place(j, &j->items[i], e);
	for (size_t i = 0; i < j->n && r == 0; i++)
		r = move_report(j, &j->items[i], e);
	/* names must be on disk before the index that mentions them */
	if (r == 0)
		fs_sync_parent(j->index);
	if (r == 0)
		r = put_index(j, j->index_full, e);
	if (r < 0)
		undo(j);
	return r;
}

/* ---- the whole ---- */

/* The public half, beside the channels: what a phone needs in /etc/apk/keys. */
static int keep_public_key(const char *packages_dir, const struct apk_signkey *key,
	const struct strvec *dirs, struct err *e)
{
	const char *name = apk_signkey_name(key);
	_cleanup_free_ char *to = path_join(packages_dir, name), *had = NULL;
	size_t len, had_len = 0;

	for (size_t i = 0; i < dirs->n; i++) {
		_cleanup_free_ char *from = path_join(dirs->v[i], name), *text = NULL;

		if (!fs_exists(from))
			continue;
		if (fs_read(from, KEY_MAX, &text, &len, e) < 0)
			return err_prefix(e, "cannot publish the public key");
		if (fs_read(to, KEY_MAX, &had, &had_len, NULL) == 0 && had_len == len &&
			memcmp(had, text, len) == 0)
			return 0;
		return fs_write_atomic(to, text, len, 0644, e);
	}
	return err_set(e, -ENOENT,
		"the public key %s is in none of the folders of trusted keys, so that nobody could "
		"verify what it signs",
		name);
}

static int publish_locked(struct job *j, struct err *e)
{
	/* what a run that was killed left behind */
	int r = fs_remove_tree(j->stage, e);

	if (r == 0)
		r = stage_all(j, e);
	if (r == 0)
		r = commit(j, e);
	show_real_paths(e);
	/* after success nothing in it matters; after a failure undo() took back what it needs */
	fs_remove_tree(j->stage, NULL);
	return r;
}

int publish(const char *packages_dir, const char *channel, const char *arch,
	const struct strvec *apk_paths, const struct apk_signkey *key,
	const struct strvec *trusted_keys_dirs, struct err *e)
{
	_cleanup_(job_free) struct job j = {.arch = arch, .key = key};
	_cleanup_free_ char *lock_path = NULL;
	_cleanup_close_ int lock = -1;
	int r;

	job_paths(&j, packages_dir, channel);
	lock_path = path_join(j.dir, LOCK_NAME);
	j.items = xcalloc(apk_paths->n, sizeof(*j.items));
	for (; j.n < apk_paths->n; j.n++)
		j.items[j.n].from = apk_paths->v[j.n];
	r = apk_keys_load(&j.keys, trusted_keys_dirs, e);
	if (r == 0)
		r = fs_mkdirs(j.dir, 0755, e);
	if (r == 0)
		r = keep_public_key(packages_dir, key, trusted_keys_dirs, e);
	if (r < 0)
		return r;
	lock = fs_lock(lock_path, true, true, e);
	return lock < 0 ? lock : publish_locked(&j, e);
}
