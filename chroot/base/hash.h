/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-1 and SHA-256 by libcrypto, as values and as running sums. */
#ifndef PMKMOD_HASH_H
#define PMKMOD_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"

enum hash_alg { HASH_NONE = 0, HASH_SHA1, HASH_SHA256, HASH_SHA512 };

#define HASH_MAX 64
#define HASH_HEX_MAX (2 * HASH_MAX + 1)

/* A hash value: `len` is 20, 32 or 64; alg HASH_NONE (len 0) means "not known". */
struct hash {
	enum hash_alg alg;
	uint8_t len;
	uint8_t b[HASH_MAX];
};

size_t hash_len(enum hash_alg alg);
bool hash_eq(const struct hash *a, const struct hash *b); /* same algorithm and bytes */
void hash_hex(const struct hash *h, char out[HASH_HEX_MAX]);
/* Parse exactly 2*len hex digits (either case); -EINVAL otherwise. */
int hash_from_hex(struct hash *h, enum hash_alg alg, const char *hex, size_t n);

/* A running sum. hash_start() before use; hash_end() gives the value and frees the state. */
struct hash_ctx {
	enum hash_alg alg;
	void *evp; /* EVP_MD_CTX */
};
void hash_start(struct hash_ctx *c, enum hash_alg alg);
void hash_update(struct hash_ctx *c, const void *data, size_t len);
void hash_end(struct hash_ctx *c, struct hash *out);
void hash_abort(struct hash_ctx *c); /* free without a value; fine on a zeroed context */

void hash_buf(enum hash_alg alg, const void *data, size_t len, struct hash *out);
/* Hash a whole file; dirfd as for openat(2). */
int hash_file(int dirfd, const char *path, enum hash_alg alg, struct hash *out, struct err *e);

#endif
