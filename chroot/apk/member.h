/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The gzip members of an apk file, one by one. apk signs and hashes compressed members, so their
 * borders and their compressed bytes matter, which no tar or gzip library shows.
 */
#ifndef PMKMOD_APK_MEMBER_H
#define PMKMOD_APK_MEMBER_H

#include <zlib.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

#define MEMBER_SUMS 3

struct member {
	const char *shown; /* the file's name for messages; borrowed */
	int fd; /* borrowed; -1: reading memory */
	const uint8_t *mem;
	size_t mem_left;
	uint8_t *buf; /* only with fd */
	bool eof;
	z_stream z;
	bool z_ready, inside;
	unsigned count; /* members begun */
	uint64_t offset; /* compressed bytes consumed so far */
	struct hash_ctx running[MEMBER_SUMS];
	struct hash sum[MEMBER_SUMS]; /* of the last finished member's compressed bytes */
	size_t n_sums;
};

/*
 * Look at the first bytes; `what` ("an apk package") is for the message when they are not gzip.
 * -EPROTONOSUPPORT for the format of apk v3. member_close() afterwards, also on error.
 */
int member_open_fd(struct member *m, int fd, const char *shown, const char *what, struct err *e);
int member_open_mem(struct member *m, const void *data, size_t len, const char *shown,
	const char *what, struct err *e);
void member_close(struct member *m);

/*
 * Begin the next member and sum up its compressed bytes with `algs`. 1, or 0 at the end of the
 * file; bytes that are no gzip member are an error.
 */
int member_start(struct member *m, const enum hash_alg *algs, size_t n_algs, struct err *e);

/* Inflate up to `want` bytes; less only where the member ends. Its sums are complete only after a
 * read that gave less than it wanted. */
int member_read(struct member *m, void *out, size_t want, size_t *got, struct err *e);

/* Inflate the rest of the member; more than `max` bytes is -EFBIG, `part` is for that message. */
int member_read_all(
	struct member *m, struct strbuf *out, size_t max, const char *part, struct err *e);

#endif
