/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the writing side of chroot/apk: byte sinks, gzip members, tar entries. */
#ifndef PMKMOD_APK_TAR_WRITE_H
#define PMKMOD_APK_TAR_WRITE_H

#include <sys/types.h>
#include <zlib.h>

#include "chroot/apk/apk.h"

/* Bytes kept in memory while they are few and in an unlinked temporary file once they are many. */
struct spool {
	struct strbuf mem;
	int fd; /* -1: everything is in `mem` */
	uint64_t len;
};
#define SPOOL_INIT                                                                                 \
	{                                                                                          \
		{0}, -1, 0                                                                         \
	}
int spool_add(struct spool *s, const void *data, size_t len, struct err *e);
/* Hand the bytes [off, off + len) to `sink` in pieces. */
typedef int (*byte_sink)(void *ctx, const void *data, size_t len, struct err *e);
int spool_copy(const struct spool *s, uint64_t off, uint64_t len, byte_sink sink, void *ctx,
	struct err *e);
void spool_free(struct spool *s);

/* One gzip member, always with the same header, whose compressed bytes go into a spool. */
struct gz_out {
	z_stream z;
	struct spool *to;
	struct hash_ctx sum; /* running SHA-256 of the compressed bytes */
};
void gz_start(struct gz_out *g, struct spool *to);
int gz_write(void *gz_out, const void *data, size_t len, struct err *e); /* a byte_sink */
/* End the member; `sum` may be NULL. Frees the state. */
int gz_end(struct gz_out *g, struct hash *sum, struct err *e);
void gz_abort(struct gz_out *g);

struct tar_entry {
	const char *name; /* no final slash, also for folders */
	char type; /* '0' file, '2' symbolic link, '5' folder */
	mode_t mode;
	uint64_t size; /* of a file */
	const char *link; /* of a symbolic link */
	const struct hash *sha1; /* becomes APK-TOOLS.checksum.SHA1; NULL: none */
};
/* The header block (with a PAX header before it where one is needed). */
int tar_header(struct gz_out *g, const struct tar_entry *en, int64_t mtime, struct err *e);
/* Fill up to a full block after `size` bytes of content. */
int tar_pad(struct gz_out *g, uint64_t size, struct err *e);
/* An entry with its content. */
int tar_file(struct gz_out *g, const char *name, mode_t mode, const void *data, size_t len,
	int64_t mtime, struct err *e);
/* The two zero blocks that end an archive. */
int tar_eof(struct gz_out *g, struct err *e);

/* Put the gzip member with the signature of `data` into `out`. */
int apk_sign_member(struct spool *out, const struct apk_signkey *key, const void *data, size_t len,
	int64_t mtime, struct err *e);

/* Is every value fit for a package that both generations of apk take? (write_check.c) */
int apk_check_pkg(const struct apk_pkg *p, struct err *e);
/* Is `name` fit to be an entry of the data member? */
int apk_check_entry_name(const char *name, struct err *e);

#endif
