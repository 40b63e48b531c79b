/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing one .apk (v2), bit for bit reproducible. */
#ifndef PMKMOD_APK_WRITE_H
#define PMKMOD_APK_WRITE_H

#include "chroot/apk/apk.h"
#include "chroot/apk/apk_read.h"

struct apk_writer;

/* Start a package; nothing is on disk before apk_writer_finish(). */
struct apk_writer *apk_writer_new(int64_t mtime);
/* Add a regular file (copied into memory or a spool file), symlink or directory; parents are added
 * with mode 0755. Order does not matter: entries are sorted. Owner is root. `name` is relative. */
int apk_writer_file(struct apk_writer *w, const char *name, const void *data, size_t len,
	mode_t mode, struct err *e);
/* As apk_writer_file(), reading `fd` to its end in pieces: for modules of any size. */
int apk_writer_file_fd(struct apk_writer *w, const char *name, int fd, mode_t mode, struct err *e);
int apk_writer_symlink(struct apk_writer *w, const char *name, const char *target, struct err *e);
int apk_writer_dir(struct apk_writer *w, const char *name, mode_t mode, struct err *e);
int apk_writer_script(struct apk_writer *w, enum apk_script kind, const char *text, struct err *e);
/* A package without any entry or script is virtual (size = 0: apk records it, never downloads it).
 * Call this for one that shall be downloaded and installed nevertheless. */
void apk_writer_not_virtual(struct apk_writer *w);
/*
 * Write the signed package to `path` (temporary name, sync, rename). pkg supplies the metadata;
 * size, installed_size, datahash and identity are computed and stored into *pkg. Checks that every
 * value is valid for both generations of apk. A script that starts with "#!/bin/sh" needs the
 * caller to have "/bin/sh" in pkg->depends, as abuild adds it.
 */
int apk_writer_finish(struct apk_writer *w, struct apk_pkg *pkg, const struct apk_signkey *key,
	const char *path, struct err *e);
void apk_writer_free(struct apk_writer *w);

/*
 * Write the package in `fd`, which must be signed by one of `keys`, to the new file `to` with a
 * signature by `key` in the place of those it has; all else, its identity too, stays as it is. *pkg
 * (may be NULL; apk_pkg_free() it) says what it is, with the new size. Errors of apk_read();
 * -EEXIST.
 */
int apk_resign(int fd, const char *shown, const struct apk_keys *keys,
	const struct apk_signkey *key, const char *to, struct apk_pkg *pkg, struct err *e);

#endif
