/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of sources, by libarchive, which is loaded only then. */
#ifndef PMKMOD_UNPACK_H
#define PMKMOD_UNPACK_H

#include "chroot/base/err.h"

/*
 * Unpack a tar (compressed or not) or zip file below the existing folder `to`. Names with ".." and
 * writing through symbolic links are refused; owners and special permission bits are not taken
 * over. `shown` names the archive in messages. -EBADMSG (exit code 30): damaged or no archive;
 * -EINTR.
 */
int unpack_archive_file(const char *path, const char *to, const char *shown, struct err *e);

/* Write what a compressed file (gz, xz, bz2, zst, ...) or a plain one holds to the new file `to`.
 */
int unpack_compressed_file(const char *path, const char *to, const char *shown, struct err *e);

/* The only entry of a folder, if it is a folder; NULL otherwise. Caller frees. */
char *only_folder(const char *dir);

#endif
