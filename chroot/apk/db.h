/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The installed database of a root in memory, and the root it describes; shared by the files of the
 * installer only. Everything that is reachable from a struct db lives until db_free(): packages
 * that went away are marked, not freed, so no pointer ever dangles.
 */
#ifndef PMKMOD_APK_DB_H
#define PMKMOD_APK_DB_H

#include <sys/types.h>

#include "chroot/apk/apk.h"
#include "chroot/apk/apk_install.h"
#include "chroot/apk/apk_read.h"

/* Owner and mode as recorded (on disk everything belongs to whoever runs pmkmod). */
struct db_acl {
	uint32_t uid, gid;
	mode_t mode;
	const struct hash *xattr; /* sum over the extended attributes, NULL: none */
};
#define DB_ACL_DIR ((struct db_acl){0, 0, 0755, NULL})
#define DB_ACL_FILE ((struct db_acl){0, 0, 0644, NULL})

enum {
	FILE_GONE = 1, /* owned by another package by now, or deleted: not written */
	FILE_TMP = 2, /* lies under its temporary name until the package is complete */
	FILE_MADE = 4, /* made by this run under its final name */
	FILE_REGULAR = 8, /* may be the target of a hard link */
};

struct db_file {
	struct db_file *next; /* hash chain, newest first */
	struct db_diri *diri;
	struct db_file *prev; /* whose place this one takes, NULL: nobody's */
	const char *name;
	struct db_acl acl;
	uint32_t hash;
	uint8_t flags;
	uint8_t sum_len; /* 0: no checksum */
	uint8_t sum[32];
};

/* One package's share in one directory. */
struct db_diri {
	struct db_dir *dir;
	struct db_pkg *pkg;
	struct db_diri *next; /* the same directory in another package, newest first */
	struct db_acl acl;
	struct db_file **files;
	size_t n, cap;
};

struct db_dir {
	struct db_dir *next; /* hash chain */
	struct db_dir *parent; /* NULL for the root itself */
	const char *name; /* relative, "" for the root itself */
	struct db_diri *diris;
	struct db_diri *owner; /* whose mode counts */
	const struct db_pkg *made; /* the package being installed made it on disk */
	uint32_t hash;
	unsigned refs; /* diris and existing subdirectories; 0: no package ships it */
	int8_t protect; /* -1: not looked up yet */
	bool prepared; /* known to be on disk */
	bool mode_ok; /* its mode on disk is what the database says: may be changed */
	bool modified; /* in this run: triggers look at this */
};

enum { PKG_BROKEN_FILES = 1, PKG_BROKEN_SCRIPT = 2, PKG_BROKEN_XATTR = 4, PKG_SHA256_160 = 8 };

struct db_pkg {
	const struct apk_pkg *info; /* what goes into the header: &own, or the index's */
	struct apk_pkg own; /* replaces, replaces_priority, triggers are always here */
	struct db_diri **diris;
	size_t n, cap;
	char *tag, *tags; /* s: and g:, NULL: none */
	char *script[APK_SCRIPTS];
	size_t script_len[APK_SCRIPTS];
	unsigned broken; /* PKG_* mask */
	bool fresh; /* installed in this run: its triggers see every directory */
	bool leaving; /* this run removes it: its files may be taken */
	bool gone;
};

struct db_arena;
struct db_fdcache;
struct db_ids;
struct db_protect;

struct db {
	int root; /* descriptor of the root folder */
	const char *root_path; /* borrowed, for messages and the script runner */
	mode_t umask;
	struct db_pkg **pkgs; /* in order of reading and installing */
	size_t n, cap;
	struct db_dir **dirs;
	struct db_file **files;
	size_t n_dirs, dirs_size, n_files, files_size; /* sizes are powers of two */
	struct db_dir *top;
	struct db_arena *arena;
	struct db_fdcache *fds;
	struct db_ids *ids;
	struct strvec protect; /* protected paths, mode character first */
	const struct apk_install_opts *opts; /* NULL while only reading */
	struct strvec *warnings;
	int lock;
	bool exec_dir; /* lib/apk/exec was made by this run */
	const struct apk_change *next; /* what comes after the package under way; NULL: nothing */
	struct ahead *ahead; /* that package, unpacked ahead; NULL: it is not */
};

/* ---- db.c: memory and lookup ---- */
void db_init(struct db *db);
void db_free(struct db *db);
void *db_alloc(struct db *db, size_t n); /* zeroed, freed with the db */
const char *db_strn(struct db *db, const char *s, size_t n);
struct db_pkg *db_pkg_add(struct db *db);
struct db_pkg *db_pkg_find(const struct db *db, const char *name);
/* The directory `name` (no slash at the end), made with its parents if new; takes no reference. */
struct db_dir *db_dir_get(struct db *db, const char *name, size_t len);
struct db_dir *db_dir_find(const struct db *db, const char *name, size_t len);
/* Package `p`'s share in `dir`: NULL if it has none, or a new one. */
struct db_diri *db_diri_find(const struct db_dir *dir, const struct db_pkg *p);
struct db_diri *db_diri_add(struct db *db, struct db_pkg *p, struct db_dir *dir);
/* The share goes; the owner is chosen anew. Directories nobody ships any more end with refs 0. */
void db_diri_drop(struct db *db, struct db_diri *di);
struct db_file *db_file_find(const struct db *db, const struct db_dir *dir, const char *name);
struct db_file *db_file_add(struct db *db, struct db_diri *di, const char *name);
bool db_acl_eq(const struct db_acl *a, const struct db_acl *b);
bool db_name_ok(const char *name, size_t len); /* one component: not "", ".", "..", no control */
/* apk 3's rules: may `b` take a directory's mode / a file from `a`? */
bool db_replaces_dir(const struct db_pkg *a, const struct db_pkg *b);
enum db_replaces { REPLACES_YES, REPLACES_NO, REPLACES_CONFLICT };
enum db_replaces db_replaces_file(const struct db_pkg *a, const struct db_pkg *b);

/* ---- db_read.c ---- */
int db_parse(struct db *db, const char *text, size_t len, const char *shown, struct err *e);
void db_parse_triggers(struct db *db, const char *text, size_t len);
/* scripts.tar or scripts.tar.gz; `fd` is closed. */
int db_parse_scripts(struct db *db, int fd, const char *shown, struct err *e);
int db_read(struct db *db, struct err *e); /* the four files; missing ones are empty */

/* ---- db_write.c ---- */
void db_print_pkg(struct strbuf *out, const struct db_pkg *p);
int db_write(struct db *db, const struct apk_deps *world, struct err *e);

/* ---- root.c: paths below the root that cannot leave it ---- */
int db_root_open(struct db *db, const char *path, bool create, struct err *e);
/* O_PATH descriptor of a directory below the root; the caller closes it. Negative errno. */
int root_dir(const struct db *db, const char *rel);
int root_mkdirs(const struct db *db, const char *rel, struct err *e);
int root_read(
	const struct db *db, const char *rel, size_t max, char **out, size_t *len, struct err *e);
int root_open(const struct db *db, const char *rel); /* for reading, a regular file */
/* Temporary name, then rename; parents are made. Nothing is synced. */
int root_write(const struct db *db, const char *rel, const void *data, size_t len, mode_t mode,
	struct err *e);
void root_unlink(const struct db *db, const char *rel, int flags);
bool root_exists(const struct db *db, const char *rel); /* the name itself, a dangling link too */
/* Cached descriptor of a directory, valid until the next call for another directory. */
int dir_fd(struct db *db, const struct db_dir *d);
void dir_forget_all(struct db *db); /* after anything that may have turned a folder into a link */
/* Make `d` on disk with `mode` if it is missing; `expected`: mode the database knows, or NULL. */
int dir_prepare(struct db *db, struct db_dir *d, const struct db_acl *expected, mode_t mode,
	const struct db_pkg *maker, struct err *e);
void dir_chmod(struct db *db, struct db_dir *d, mode_t mode);
void dir_delete(struct db *db, struct db_dir *d); /* rmdir; not empty is fine */

/* ---- ids.c: names of users and groups, protected paths ---- */
void ids_refresh(struct db *db); /* read etc/passwd and etc/group unless still known */
void ids_forget(struct db *db);
uint32_t ids_user(const struct db *db, const char *name, uint32_t otherwise);
uint32_t ids_group(const struct db *db, const char *name, uint32_t otherwise);
void ids_free(struct db *db);
void protect_load(struct db *db);
bool dir_protected(struct db *db, struct db_dir *d);

/* ---- ahead.c ---- */
/*
 * While `p` is written (`old`: the version it replaces), the next one is inflated, unless a script
 * runs before that is read: its fork() must find no second thread. What is wrong with the next one
 * is told when its turn comes.
 */
void ahead_look(struct db *db, const struct db_pkg *p, const struct db_pkg *old);
/* The package of `info`, ahead or opened now; *out is the caller's, to be freed. */
int ahead_take(struct ahead **out, struct db *db, const struct apk_pkg *info, struct err *e);
struct apk_reader *ahead_reader(const struct ahead *a);
void ahead_free(struct ahead *a); /* may be NULL */

/* ---- extract.c, commit.c ---- */
/* Read the .apk of `p` and put its files into the root; `old`: the version it replaces. On an
 * error nothing of it stays. */
int pkg_unpack(struct db *db, struct db_pkg *p, const struct db_pkg *old, struct err *e);
char *file_tmp_name(const struct db_file *f); /* ".apk.<hex>", caller frees */
int pkg_commit(struct db *db, struct db_pkg *p, struct err *e); /* temporary names -> final ones */
void pkg_rollback(struct db *db, struct db_pkg *p);
/* Delete what `old` still owns, except files that `now` (NULL: removal) just put there. */
void pkg_purge(struct db *db, struct db_pkg *old, const struct db_pkg *now);

/* ---- install_scripts.c ---- */
/* Run one script of `p` if it has it; only what prevents running at all is an error. */
int pkg_script(struct db *db, struct db_pkg *p, enum apk_script kind, const char *const *args,
	size_t n_args, struct err *e);
int run_triggers(struct db *db, const struct apk_solution *s, struct err *e);

#endif
