// SPDX-License-Identifier: GPL-3.0-or-later
/* The installed database in memory: packages, directories, files, and who may replace whom. */
#include "chroot/apk/db.h"

#include <unistd.h>

#define ARENA_BLOCK 65536

struct db_arena {
	struct db_arena *older;
	size_t used, size;
	_Alignas(16) char mem[];
};

void *db_alloc(struct db *db, size_t n)
{
	struct db_arena *a = db->arena;

	n = (n + 15) & ~(size_t)15;
	if (!a || a->size - a->used < n) {
		size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;

		a = xcalloc(1, sizeof(*a) + size);
		a->size = size;
		a->older = db->arena;
		db->arena = a;
	}
	a->used += n;
	return a->mem + a->used - n;
}

const char *db_strn(struct db *db, const char *s, size_t n)
{
	return memcpy(db_alloc(db, n + 1), s, n);
}

void db_init(struct db *db)
{
	*db = (struct db){.root = -1, .lock = -1};
	db->dirs_size = 1024;
	db->files_size = 8192;
	db->dirs = xcalloc(db->dirs_size, sizeof(struct db_dir *));
	db->files = xcalloc(db->files_size, sizeof(struct db_file *));
	db->top = db_dir_get(db, "", 0);
	db->top->prepared = true;
}

static void pkg_free(struct db_pkg *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->diris[i]->files);
	free(p->diris);
	free(p->tag);
	free(p->tags);
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		free(p->script[i]);
	apk_pkg_free(&p->own);
}

void db_free(struct db *db)
{
	for (size_t i = 0; i < db->n; i++)
		pkg_free(db->pkgs[i]);
	free(db->pkgs);
	free(db->dirs);
	free(db->files);
	if (db->fds)
		dir_forget_all(db);
	free(db->fds);
	ids_free(db);
	strvec_free(&db->protect);
	while (db->arena) {
		struct db_arena *a = db->arena;

		db->arena = a->older;
		free(a);
	}
	cleanup_close(&db->lock);
	cleanup_close(&db->root);
}

/* Append to an array that doubles. */
static void push(void *array_, size_t *n, size_t *cap, void *item)
{
	void ***array = array_;

	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 4;
		*array = xrealloc(*array, *cap, sizeof(void *));
	}
	(*array)[(*n)++] = item;
}

struct db_pkg *db_pkg_add(struct db *db)
{
	struct db_pkg *p = db_alloc(db, sizeof(*p));

	p->info = &p->own;
	push(&db->pkgs, &db->n, &db->cap, p);
	return p;
}

struct db_pkg *db_pkg_find(const struct db *db, const char *name)
{
	for (size_t i = 0; i < db->n; i++) {
		struct db_pkg *p = db->pkgs[i];

		if (!p->gone && p->info->name && streq(p->info->name, name))
			return p;
	}
	return NULL;
}

/* FNV-1a: names are short, and nothing better is needed for a database one man's packages fill. */
static uint32_t hash_bytes(uint32_t h, const char *s, size_t n)
{
	while (n--)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

/* Double a chained table; `next` and `hash` sit at the same place in all items of it. */
#define TABLE_GROW(table, size, type)                                                              \
	do {                                                                                       \
		size_t bigger_ = (size)*2;                                                         \
		type **t_ = xcalloc(bigger_, sizeof(type *));                                      \
		for (size_t i_ = 0; i_ < (size); i_++) {                                           \
			type *rev_ = NULL, *it_;                                                   \
			while ((it_ = (table)[i_])) { /* reversed twice: chains keep their order   \
						       */                                          \
				(table)[i_] = it_->next;                                           \
				it_->next = rev_;                                                  \
				rev_ = it_;                                                        \
			}                                                                          \
			while ((it_ = rev_)) {                                                     \
				rev_ = it_->next;                                                  \
				it_->next = t_[it_->hash & (bigger_ - 1)];                         \
				t_[it_->hash & (bigger_ - 1)] = it_;                               \
			}                                                                          \
		}                                                                                  \
		free(table);                                                                       \
		(table) = t_;                                                                      \
		(size) = bigger_;                                                                  \
	} while (0)

static struct db_dir *dir_lookup(const struct db *db, uint32_t h, const char *name, size_t len)
{
	struct db_dir *d = db->dirs[h & (db->dirs_size - 1)];

	while (d && (d->hash != h || strncmp(d->name, name, len) != 0 || d->name[len] != '\0'))
		d = d->next;
	return d;
}

struct db_dir *db_dir_find(const struct db *db, const char *name, size_t len)
{
	return dir_lookup(db, hash_bytes(2166136261u, name, len), name, len);
}

struct db_dir *db_dir_get(struct db *db, const char *name, size_t len)
{
	uint32_t h = hash_bytes(2166136261u, name, len);
	struct db_dir *d = dir_lookup(db, h, name, len);
	const char *slash = memrchr(name, '/', len);

	if (d)
		return d;
	d = db_alloc(db, sizeof(*d));
	d->name = db_strn(db, name, len);
	d->hash = h;
	d->protect = -1;
	if (len)
		d->parent = db_dir_get(db, name, slash ? (size_t)(slash - name) : 0);
	if (db->n_dirs++ >= db->dirs_size)
		TABLE_GROW(db->dirs, db->dirs_size, struct db_dir);
	d->next = db->dirs[h & (db->dirs_size - 1)];
	db->dirs[h & (db->dirs_size - 1)] = d;
	return d;
}

static void dir_ref(struct db_dir *d)
{
	/* an existing directory keeps its parent, so that the first one counts upwards */
	for (; d && d->refs++ == 0; d = d->parent)
		;
}

static void dir_unref(struct db_dir *d)
{
	for (; d && --d->refs == 0; d = d->parent)
		;
}

struct db_diri *db_diri_find(const struct db_dir *dir, const struct db_pkg *p)
{
	struct db_diri *di = dir->diris;

	/* new shares come first, so that for the package being installed this is the first */
	while (di && di->pkg != p)
		di = di->next;
	return di;
}

struct db_diri *db_diri_add(struct db *db, struct db_pkg *p, struct db_dir *dir)
{
	struct db_diri *di = db_alloc(db, sizeof(*di));

	di->dir = dir;
	di->pkg = p;
	di->acl = DB_ACL_DIR;
	di->next = dir->diris;
	dir->diris = di;
	dir_ref(dir);
	push(&p->diris, &p->n, &p->cap, di);
	return di;
}

void db_diri_drop(struct db *db, struct db_diri *di)
{
	struct db_dir *d = di->dir;
	struct db_diri **link = &d->diris;
	const struct db_diri *was = d->owner;

	while (*link != di)
		link = &(*link)->next;
	*link = di->next;
	if (was == di) {
		d->owner = NULL;
		for (struct db_diri *o = d->diris; o; o = o->next) {
			if (!d->owner || db_replaces_dir(d->owner->pkg, o->pkg))
				d->owner = o;
		}
		if (d->owner && d->mode_ok && !db_acl_eq(&d->owner->acl, &was->acl))
			dir_chmod(db, d, d->owner->acl.mode);
	}
	dir_unref(d);
}

static uint32_t file_hash(const struct db_dir *dir, const char *name)
{
	return hash_bytes(dir->hash, name, strlen(name));
}

struct db_file *db_file_find(const struct db *db, const struct db_dir *dir, const char *name)
{
	uint32_t h = file_hash(dir, name);
	struct db_file *f = db->files[h & (db->files_size - 1)];

	while (f && (f->hash != h || f->diri->dir != dir || (f->flags & FILE_GONE) ||
			    !streq(f->name, name)))
		f = f->next;
	return f;
}

struct db_file *db_file_add(struct db *db, struct db_diri *di, const char *name)
{
	struct db_file *f = db_alloc(db, sizeof(*f));

	f->name = db_strn(db, name, strlen(name));
	f->diri = di;
	f->acl = DB_ACL_FILE;
	f->hash = file_hash(di->dir, name);
	if (db->n_files++ >= db->files_size)
		TABLE_GROW(db->files, db->files_size, struct db_file);
	f->next = db->files[f->hash & (db->files_size - 1)];
	db->files[f->hash & (db->files_size - 1)] = f;
	push(&di->files, &di->n, &di->cap, f);
	return f;
}

bool db_acl_eq(const struct db_acl *a, const struct db_acl *b)
{
	if (a->uid != b->uid || a->gid != b->gid || a->mode != b->mode || !a->xattr != !b->xattr)
		return false;
	return !a->xattr || hash_eq(a->xattr, b->xattr);
}

bool db_name_ok(const char *name, size_t len)
{
	if (len == 0 || (len == 1 && name[0] == '.') ||
		(len == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

static bool same_origin(const struct db_pkg *a, const struct db_pkg *b)
{
	const char *x = a->info->origin, *y = b->info->origin;

	return x && y && *x && streq(x, y);
}

/* apk-tools 3, package.c: apk_pkg_replaces_dir */
bool db_replaces_dir(const struct db_pkg *a, const struct db_pkg *b)
{
	if (streq(a->info->name, b->info->name))
		return true;
	if (a->leaving != b->leaving)
		return a->leaving;
	if (a->own.replaces_priority != b->own.replaces_priority)
		return a->own.replaces_priority < b->own.replaces_priority;
	if (same_origin(a, b)) {
		if (streq(a->info->origin, a->info->name))
			return false;
		if (streq(b->info->origin, b->info->name))
			return true;
	}
	/* nothing speaks for either: the name decides, so that the order of installing does not */
	return strcmp(a->info->name, b->info->name) > 0;
}

/* The priority with which `a` says "replaces: b"; -1 if it does not. */
static int64_t claim(const struct db_pkg *a, const struct db_pkg *b)
{
	for (size_t i = 0; i < a->own.replaces.n; i++) {
		const struct apk_dep *d = &a->own.replaces.v[i];
		bool hit = streq(d->name, b->info->name) &&
			   (!d->version || (d->op & APK_VER_CHECKSUM) ||
				   apk_version_match(b->info->version, d->op, d->version));

		if (hit && !d->conflict)
			return a->own.replaces_priority;
	}
	return -1;
}

/* apk-tools 3, package.c: apk_pkg_replaces_file. `replaces` is asked before the origin. */
enum db_replaces db_replaces_file(const struct db_pkg *a, const struct db_pkg *b)
{
	int64_t old_claim, new_claim;

	if (streq(a->info->name, b->info->name) || a->leaving)
		return REPLACES_YES;
	old_claim = claim(a, b);
	new_claim = claim(b, a);
	if (old_claim > new_claim)
		return REPLACES_NO;
	if (new_claim >= 0 || same_origin(a, b))
		return REPLACES_YES;
	return REPLACES_CONFLICT;
}
