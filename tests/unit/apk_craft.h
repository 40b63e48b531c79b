/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packages and indexes made by hand, good and bad, for the tests and fuzz targets of the reading
 * side. It shares no code with chroot/apk's writer: a mistake made there must not be made here.
 */
#ifndef PMKMOD_TEST_APK_CRAFT_H
#define PMKMOD_TEST_APK_CRAFT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "chroot/apk/apk_read.h"

#define craft_unused __attribute__((unused)) static
#define CRAFT_BLOCK 512

/* Where things are in a tar header. */
enum {
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_LINK = 157,
	AT_MAGIC = 257,
	AT_UNAME = 265,
	AT_GNAME = 297,
	AT_MAJOR = 329,
	AT_MINOR = 337,
	AT_PREFIX = 345
};

/* ---- tar ---- */

craft_unused void craft_fix_sum(char *block)
{
	unsigned sum = 0;

	memset(block + AT_SUM, ' ', 8);
	for (size_t i = 0; i < CRAFT_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + AT_SUM, 7, "%06o", sum & 0777777);
	block[AT_SUM + 7] = ' ';
}

craft_unused void craft_header(
	struct strbuf *tar, char type, const char *name, const char *link, size_t size)
{
	char b[CRAFT_BLOCK] = {0};

	strncpy(b, name, 100);
	snprintf(b + AT_MODE, 8, "%07o", type == '5' || type == '0' ? 0755 : 0777);
	snprintf(b + AT_UID, 8, "%07o", 0);
	snprintf(b + AT_GID, 8, "%07o", 0);
	snprintf(b + AT_SIZE, 12, "%011zo", size);
	snprintf(b + AT_MTIME, 12, "%011o", 1700000000);
	b[AT_TYPE] = type;
	if (link)
		strncpy(b + AT_LINK, link, 100);
	memcpy(b + AT_MAGIC, "ustar\00000", 8);
	memcpy(b + AT_UNAME, "root", 4);
	memcpy(b + AT_GNAME, "root", 4);
	craft_fix_sum(b);
	strbuf_add(tar, b, sizeof(b));
}

craft_unused void craft_pad(struct strbuf *tar)
{
	static const char zero[CRAFT_BLOCK];

	strbuf_add(tar, zero, -tar->len & (CRAFT_BLOCK - 1));
}

craft_unused void craft_zero_blocks(struct strbuf *tar, size_t n)
{
	static const char zero[CRAFT_BLOCK];

	while (n--)
		strbuf_add(tar, zero, sizeof(zero));
}

craft_unused void craft_entry(struct strbuf *tar, char type, const char *name, const char *link,
	const void *content, size_t len)
{
	craft_header(tar, type, name, link, len);
	strbuf_add(tar, content, len);
	craft_pad(tar);
}

/* One PAX record, its length counting its own digits. */
craft_unused void craft_record(struct strbuf *pax, const char *key, const void *value, size_t len)
{
	size_t n = strlen(key) + len + 3, digits = 1;

	for (size_t all = n; digits < 9 && all + digits >= 10; all /= 10)
		digits++;
	digits = (size_t)snprintf(NULL, 0, "%zu", n + digits);
	digits = (size_t)snprintf(NULL, 0, "%zu", n + digits);
	strbuf_addf(pax, "%zu %s=", n + digits, key);
	strbuf_add(pax, value, len);
	strbuf_addc(pax, '\n');
}

craft_unused void craft_pax(struct strbuf *tar, const char *records, size_t len)
{
	craft_entry(tar, 'x', "./PaxHeaders/x", NULL, records, len);
}

/* A PAX header with the checksum of `content`, and one more record if `key` is given. */
craft_unused void craft_checksum(
	struct strbuf *tar, const void *content, size_t len, const char *key, const char *value)
{
	_cleanup_strbuf_ struct strbuf pax = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA1, content, len, &h);
	hash_hex(&h, hex);
	if (key)
		craft_record(&pax, key, value, strlen(value));
	craft_record(&pax, "APK-TOOLS.checksum.SHA1", hex, strlen(hex));
	craft_pax(tar, pax.s, pax.len);
}

craft_unused void craft_file(struct strbuf *tar, const char *name, const char *content)
{
	craft_checksum(tar, content, strlen(content), NULL, NULL);
	craft_entry(tar, '0', name, NULL, content, strlen(content));
}

craft_unused void craft_symlink(struct strbuf *tar, const char *name, const char *target)
{
	craft_checksum(tar, target, strlen(target), NULL, NULL);
	craft_header(tar, '2', name, target, 0);
}

/* The last header in `tar`, for patching; craft_fix_sum() afterwards. */
craft_unused char *craft_last(struct strbuf *tar)
{
	return tar->s + tar->len - CRAFT_BLOCK;
}

/* ---- gzip ---- */

craft_unused void craft_gzip(struct strbuf *out, const void *data, size_t len, int level)
{
	z_stream z = {0};
	size_t bound;
	char *room;

	if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	bound = deflateBound(&z, len) + 64;
	room = xrealloc(NULL, bound, 1);
	z.next_in = (Bytef *)(data ? data : "");
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)room;
	z.avail_out = (uInt)bound;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	strbuf_add(out, room, bound - z.avail_out);
	free(room);
	deflateEnd(&z);
}

/* ---- keys ---- */

craft_unused EVP_PKEY *craft_key(void)
{
	/* small, because what is tested is not RSA; the tests also run under valgrind */
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);

	if (!k)
		abort();
	return k;
}

craft_unused void craft_write_pub(EVP_PKEY *key, const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	if (!f || PEM_write_PUBKEY(f, key) != 1 || fclose(f) != 0)
		abort();
}

/* A signature entry over `data`, e.g. ".SIGN.RSA256.a.pub" with HASH_SHA256. */
craft_unused void craft_sign(struct strbuf *tar, const char *entry, EVP_PKEY *key,
	enum hash_alg alg, const void *data, size_t len)
{
	const EVP_MD *md = alg == HASH_SHA1	? EVP_sha1()
			   : alg == HASH_SHA256 ? EVP_sha256()
						: EVP_sha512();
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[1024];
	size_t n = sizeof(sig);

	if (EVP_DigestSignInit(c, NULL, md, NULL, key) != 1 ||
		EVP_DigestSign(c, sig, &n, data, len) != 1)
		abort();
	EVP_MD_CTX_free(c);
	craft_entry(tar, '0', entry, NULL, sig, n);
}

/* ---- packages ---- */

craft_unused void craft_pkginfo(
	struct strbuf *control, const char *lines, const char *data_gz, size_t data_len)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	strbuf_adds(&text, lines);
	if (data_gz) {
		hash_buf(HASH_SHA256, data_gz, data_len, &h);
		hash_hex(&h, hex);
		strbuf_addf(&text, "datahash = %s\n", hex);
	}
	craft_entry(control, '0', ".PKGINFO", NULL, text.s, text.len);
}

craft_unused int craft_fd(const struct strbuf *b)
{
	int fd = memfd_create("apk", MFD_CLOEXEC);

	if (fd < 0 || write(fd, b->s, b->len) != (ssize_t)b->len || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

#endif
