// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Modules compressed as the kernel's own modules_install does it (scripts/Makefile.modinst), by
 * libraries and with every parameter fixed: one thread, no time, no name.
 */
#include <limits.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "pmkmod/export/export_parts.h"

/* As modules_install: the kernel's own decoder allocates the whole dictionary, on the phone. */
#define XZ_DICTIONARY (1U << 20)
#define ZSTD_LEVEL 19

static int too_large(struct err *e)
{
	return err_set(e, -EFBIG, "the module is too large to be compressed");
}

static void reserve(struct strbuf *b, size_t n)
{
	if (b->cap - b->len < n + 1) {
		b->cap = b->len + n + 1;
		b->s = xrealloc(b->s, b->cap, 1);
	}
}

static void grew(struct strbuf *b, size_t n)
{
	b->len += n;
	b->s[b->len] = '\0';
}

static int plain(const void *data, size_t len, struct strbuf *out, struct err *e)
{
	(void)e;
	strbuf_add(out, data, len);
	return 0;
}

/* gzip -9n */
static int gzip(const void *data, size_t len, struct strbuf *out, struct err *e)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};
	size_t bound;
	int r;

	if (len > UINT_MAX / 2)
		return too_large(e);
	/* 16: a gzip header; zlib's has neither time nor name */
	if (deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, -ENOMEM, "zlib does not start");
	bound = deflateBound(&z, (uLong)len);
	reserve(out, bound);
	z.next_out = (Bytef *)out->s + out->len;
	z.avail_out = (uInt)bound;
	r = deflate(&z, Z_FINISH);
	if (r == Z_STREAM_END)
		grew(out, z.total_out);
	deflateEnd(&z);
	return r == Z_STREAM_END ? 0 : err_set(e, -EIO, "zlib failed (%d)", r);
}

/* xz -9 --check=crc32 --lzma2=dict=1MiB; the kernel's decoder knows no other check than CRC32 */
static int xz(const void *data, size_t len, struct strbuf *out, struct err *e)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{LZMA_FILTER_LZMA2, &options},
		{LZMA_VLI_UNKNOWN, NULL},
	};
	size_t bound = lzma_stream_buffer_bound(len), n = 0;
	lzma_ret r;

	if (bound == 0 || lzma_lzma_preset(&options, 9))
		return too_large(e);
	options.dict_size = XZ_DICTIONARY;
	reserve(out, bound);
	r = lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, data, len,
		(uint8_t *)out->s + out->len, &n, bound);
	if (r != LZMA_OK)
		return err_set(
			e, r == LZMA_MEM_ERROR ? -ENOMEM : -EIO, "liblzma failed (%d)", (int)r);
	grew(out, n);
	return 0;
}

/* zstd -19, in one thread since several would cut the data elsewhere */
static int zstd(const void *data, size_t len, struct strbuf *out, struct err *e)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(len), n;

	if (!c || ZSTD_isError(bound)) {
		ZSTD_freeCCtx(c);
		return too_large(e);
	}
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	reserve(out, bound);
	n = ZSTD_compress2(c, out->s + out->len, bound, data, len);
	ZSTD_freeCCtx(c);
	if (ZSTD_isError(n))
		return err_set(e, -EIO, "zstd failed: %s", ZSTD_getErrorName(n));
	grew(out, n);
	return 0;
}

int export_compress(
	enum ko_compression how, const void *data, size_t len, struct strbuf *out, struct err *e)
{
	static int (*const ways[])(const void *, size_t, struct strbuf *, struct err *) = {
		[KO_PLAIN] = plain,
		[KO_GZIP] = gzip,
		[KO_XZ] = xz,
		[KO_ZSTD] = zstd,
	};

	return ways[how](data, len, out, e);
}
