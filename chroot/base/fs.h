/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files: read whole, write without ever leaving half a file, remove trees, copy trees, locks. */
#ifndef PMKMOD_FS_H
#define PMKMOD_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "chroot/base/err.h"

/* Join with exactly one '/' between (an absolute `name` is put below `dir` too). Caller frees. */
char *path_join(const char *dir, const char *name);
/* Last component, pointing into `path`. */
const char *path_base(const char *path);

bool fs_exists(const char *path);
bool fs_is_dir(const char *path);

/*
 * Read at most `max` bytes (bytes, not counting the NUL that is added); a larger file is -EFBIG.
 * *out belongs to the caller. A missing file is -ENOENT.
 */
int fs_read(const char *path, size_t max, char **out, size_t *len, struct err *e);
int fs_read_at(int dirfd, const char *path, size_t max, char **out, size_t *len, struct err *e);
/* The same for a regular file alone; anything else is -EINVAL and not waited for. */
int fs_read_regular(const char *path, size_t max, char **out, size_t *len, struct err *e);

/* Write all bytes, retrying short writes and EINTR. 0 or negative errno. */
int fs_write_all(int fd, const void *data, size_t len);

/* Write to a temporary name beside `path`, sync, rename; on any error `path` is as before. */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

/*
 * The same for what nobody misses after a power cut, such as a file of one run's work folder:
 * nothing is synced. What is at `path` is replaced, a link too, not followed.
 */
int fs_write_scratch(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

/* Sync the directory that holds `path`, so that a rename into it survives a power cut. */
int fs_sync_parent(const char *path);

/* mkdir -p; existing directories are fine. */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/*
 * Could a new folder be made at `path`? 0 if nothing is there and the nearest folder above can be
 * written to, or if it is an empty folder; -EEXIST, -EACCES, ... Nothing is changed.
 */
int fs_check_new_folder(const char *path, struct err *e);

/*
 * Remove a file or a whole tree without following symbolic links and without leaving the file
 * system; unreadable directories of our own (overlay's work/) are made readable first. A missing
 * path is fine.
 */
int fs_remove_tree(const char *path, struct err *e);

/*
 * Copy a tree: regular files (mode, mtime kept), directories and symbolic links; anything else is
 * an error that names it. `skip` may be NULL or a NULL-terminated list of top-level names to leave
 * out (".git"). `to` must not exist.
 */
int fs_copy_tree(const char *from, const char *to, const char *const *skip, struct err *e);

/* Copy one regular file's content and mode to a new file. */
int fs_copy_file(const char *from, const char *to, struct err *e);

/*
 * Note that a regular file of a cache was of use, by its time of change (that of access is changed
 * by whoever reads, and often not at all); not more than once an hour, so that it costs nothing.
 */
void fs_note_use(const char *path);

/*
 * Take an flock(2) on `path` (created 0600 if missing). With wait=false a lock held by another
 * process gives -EWOULDBLOCK. Returns a descriptor; closing it releases the lock.
 */
int fs_lock(const char *path, bool exclusive, bool wait, struct err *e);

#endif
