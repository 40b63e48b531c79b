/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One compressed stream while it is read: shared by unpack.c and unpack_loaded.c alone. */
#ifndef PMKMOD_IMAGE_UNPACK_H
#define PMKMOD_IMAGE_UNPACK_H

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct unpack {
	const unsigned char *in;
	size_t len, used; /* `used`: set by the reader at the end of the stream */
	size_t max; /* bytes that may come out */
	struct strbuf out;
};
/* 0; -EBADMSG damaged or cut off, -EFBIG, both without a sentence; -ENOSYS with one. */
typedef int packing_reader(struct unpack *u, struct err *e);

/* Keep what came out; -EFBIG beyond the bound. */
int unpack_add(struct unpack *u, const void *data, size_t len);

packing_reader unpack_lz4_legacy, unpack_lz4_frame, unpack_lzo, unpack_bzip2;

#endif
