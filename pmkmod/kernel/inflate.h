/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files that may be compressed by gzip, xz or zstd, unpacked in memory within a bound. */
#ifndef PMKMOD_INFLATE_H
#define PMKMOD_INFLATE_H

#include <stddef.h>

#include "chroot/base/err.h"
#include "pmkmod/kernel/kernel.h"

/* What the first bytes say (RFC 1952, the xz file format, RFC 8878); KO_PLAIN for anything else. */
enum ko_compression compression_of(const void *data, size_t len);

/* "bzip2", "lz4", ...: compressions in use that neither the kernel nor kmod reads. */
const char *unreadable_compression(const void *data, size_t len);
/* "a tar archive", ...: what holds files, in words; NULL: nothing that is known. */
const char *archive_of(const void *data, size_t len);

/*
 * If *data is compressed, replace it by what is inside (a NUL is added behind its end); the old
 * bytes are freed. -EBADMSG damaged or cut off, -EFBIG more than `max` bytes come out.
 */
int inflate_in_place(char **data, size_t *len, size_t max, struct err *e);

#endif
