/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of sources, by libarchive, which is loaded only then. */
#ifndef PMKMOD_UNPACK_H
#define PMKMOD_UNPACK_H

#include <stdint.h>

#include "chroot/base/err.h"

/* What of an archive is taken, and how much; zeros: all of it, the built-in limits. */
struct unpack_limits {
	const char *below; /* only names below this folder ("usr/src"); NULL: all */
	uint64_t max_bytes; /* of all files together; default 16 GiB */
	uint64_t max_entries; /* default 2 million */
};

/*
 * Unpack a tar (compressed or not) or zip file below the existing folder `to`. Names with ".." and
 * writing through symbolic links are refused; owners and special permission bits are not taken
 * over. `shown` names the archive in messages. -EBADMSG (exit code 30): damaged or no archive;
 * -EINTR.
 */
int unpack_archive_file(const char *path, const char *to, const char *shown, struct err *e);
/*
 * The same within limits: -EFBIG (exit code 30) if there is more. Devices, pipes and sockets are
 * refused (-EINVAL, exit code 30) by both.
 */
int unpack_archive_limited(const char *path, const char *to, const char *shown,
	const struct unpack_limits *l, struct err *e);
/* The same of the data.tar.* of a Debian package (deb(5)). Nothing of its control.tar is read. */
int unpack_deb_limited(const char *path, const char *to, const char *shown,
	const struct unpack_limits *l, struct err *e);

/* Write what a compressed file (gz, xz, bz2, zst, ...) or a plain one holds to the new file `to`.
 */
int unpack_compressed_file(const char *path, const char *to, const char *shown, struct err *e);

/* The only entry of a folder, if it is a folder; NULL otherwise. Caller frees. */
char *only_folder(const char *dir);

#endif
