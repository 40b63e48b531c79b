// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chroot/base/str.h"

static const EVP_MD *evp_md(enum hash_alg alg)
{
	switch (alg) {
	case HASH_SHA1:
		return EVP_sha1();
	case HASH_SHA256:
		return EVP_sha256();
	case HASH_SHA512:
		return EVP_sha512();
	case HASH_NONE:
		break;
	}
	abort();
}

size_t hash_len(enum hash_alg alg)
{
	return alg == HASH_SHA1 ? 20 : alg == HASH_SHA256 ? 32 : alg == HASH_SHA512 ? 64 : 0;
}

bool hash_eq(const struct hash *a, const struct hash *b)
{
	return a->alg == b->alg && a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

void hash_hex(const struct hash *h, char out[HASH_HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < h->len; i++) {
		out[2 * i] = digits[h->b[i] >> 4];
		out[2 * i + 1] = digits[h->b[i] & 15];
	}
	out[2 * (size_t)h->len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hash_from_hex(struct hash *h, enum hash_alg alg, const char *hex, size_t n)
{
	size_t len = hash_len(alg);

	*h = (struct hash){.alg = alg, .len = (uint8_t)len};
	if (n != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		h->b[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

void hash_start(struct hash_ctx *c, enum hash_alg alg)
{
	c->alg = alg;
	c->evp = EVP_MD_CTX_new();
	if (!c->evp || EVP_DigestInit_ex(c->evp, evp_md(alg), NULL) != 1)
		abort();
}

void hash_update(struct hash_ctx *c, const void *data, size_t len)
{
	if (EVP_DigestUpdate(c->evp, data, len) != 1)
		abort();
}

void hash_end(struct hash_ctx *c, struct hash *out)
{
	unsigned int n = 0;

	*out = (struct hash){.alg = c->alg};
	if (EVP_DigestFinal_ex(c->evp, out->b, &n) != 1)
		abort();
	out->len = (uint8_t)n;
	hash_abort(c);
}

void hash_abort(struct hash_ctx *c)
{
	EVP_MD_CTX_free(c->evp);
	c->evp = NULL;
}

void hash_buf(enum hash_alg alg, const void *data, size_t len, struct hash *out)
{
	struct hash_ctx c;

	hash_start(&c, alg);
	hash_update(&c, data, len);
	hash_end(&c, out);
}

int hash_file(int dirfd, const char *path, enum hash_alg alg, struct hash *out, struct err *e)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char buf[65536];
	struct hash_ctx c;
	ssize_t n;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s' to hash it", path);
	hash_start(&c, alg);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		hash_update(&c, buf, (size_t)n);
	if (n < 0) {
		int r = -errno;

		hash_abort(&c);
		return err_errno(e, r, "cannot read '%s' to hash it", path);
	}
	hash_end(&c, out);
	return 0;
}
