// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * lz4, lzo and bzip2, whose libraries are loaded when an image needs them. The kernel's own readers
 * define the containers: lib/decompress_unlz4.c, lib/decompress_unlzo.c (lzop's format), and for
 * lz4 frames LZ4F of liblz4.
 */
#include "pmkmod/image/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <zlib.h>

#include "pmkmod/util/archive_library.h"

/* The unpacked size of every block of `lz4 -l` but the last, and what it can become when packed. */
#define LZ4_BLOCK (8u << 20)
#define LZ4_BOUND (LZ4_BLOCK + LZ4_BLOCK / 255 + 16)
#define LZO_BLOCK (64u << 20) /* lzop's own limit */

static void *load(const char *library, const char *package, const char *what, struct err *e)
{
	void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	if (!h)
		err_set(e, -ENOSYS,
			"the kernel inside the image is packed with %s, which needs %s (%s)\n"
			"install it: apt-get install %s",
			what, library, dlerror(), package);
	return h;
}

static int lacks(struct err *e, const char *library)
{
	return err_set(e, -ENOSYS, "%s lacks a function that every version has", library);
}

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t be32(const unsigned char *p)
{
	return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

/* ---- lz4 ---- */

typedef int lz4_decompress(const char *in, char *out, int in_len, int out_len);

/*
 * Blocks of a size and that many bytes. Nothing marks the end: a block that unpacks to less than
 * the full size is the last; behind a full one may follow the unpacked size, device trees, or
 * nothing.
 */
static int lz4_blocks(struct unpack *u, lz4_decompress *decompress)
{
	_cleanup_free_ char *block = xcalloc(LZ4_BLOCK, 1);
	size_t at = 4;
	int r = 0;

	u->used = at;
	while (u->len - at >= 4) {
		uint32_t n = le32(u->in + at);
		int got;

		if (u->out.len && (n > LZ4_BOUND || n == 0 || n == u->out.len))
			return 0;
		at += 4;
		if (n == 0 || n > u->len - at)
			return -EBADMSG;
		got = decompress((const char *)u->in + at, block, (int)n, LZ4_BLOCK);
		if (got < 0)
			return -EBADMSG;
		r = unpack_add(u, block, (size_t)got);
		at += n;
		u->used = at;
		if (r < 0 || (size_t)got < LZ4_BLOCK)
			return r;
	}
	return u->out.len ? 0 : -EBADMSG;
}

int unpack_lz4_legacy(struct unpack *u, struct err *e)
{
	void *h = load("liblz4.so.1", "liblz4-1", "lz4", e);
	lz4_decompress *decompress;

	if (!h)
		return -ENOSYS;
	*(void **)&decompress = dlsym(h, "LZ4_decompress_safe");
	return decompress ? lz4_blocks(u, decompress) : lacks(e, "liblz4");
}

/* The part of lz4frame.h that is used; its version number is that of the structures, which are not.
 */
#define LZ4F_VERSION 100
struct lz4_frame_library {
	size_t (*create)(void **ctx, unsigned version);
	size_t (*destroy)(void *ctx);
	size_t (*decompress)(void *ctx, void *out, size_t *out_len, const void *in, size_t *in_len,
		const void *options);
	unsigned (*is_error)(size_t code);
};

static int lz4_frame(struct unpack *u, const struct lz4_frame_library *l)
{
	char buf[65536];
	void *ctx = NULL;
	size_t left = 1;
	int r = 0;

	if (l->is_error(l->create(&ctx, LZ4F_VERSION)))
		return -ENOMEM;
	while (!r && left) {
		size_t out = sizeof(buf), in = u->len - u->used;

		left = l->decompress(ctx, buf, &out, u->in + u->used, &in, NULL);
		if (l->is_error(left) || (left && !in && !out))
			r = -EBADMSG;
		else
			r = unpack_add(u, buf, out);
		u->used += in;
	}
	l->destroy(ctx);
	return r;
}

int unpack_lz4_frame(struct unpack *u, struct err *e)
{
	void *h = load("liblz4.so.1", "liblz4-1", "lz4", e);
	struct lz4_frame_library l;

	if (!h)
		return -ENOSYS;
	*(void **)&l.create = dlsym(h, "LZ4F_createDecompressionContext");
	*(void **)&l.destroy = dlsym(h, "LZ4F_freeDecompressionContext");
	*(void **)&l.decompress = dlsym(h, "LZ4F_decompress");
	*(void **)&l.is_error = dlsym(h, "LZ4F_isError");
	if (!l.create || !l.destroy || !l.decompress || !l.is_error)
		return lacks(e, "liblz4");
	return lz4_frame(u, &l);
}

/* ---- lzo ---- */

/* Flags of lzop's header (lzop.c, lib/decompress_unlzo.c). */
enum {
	LZOP_ADLER_OUT = 0x1,
	LZOP_ADLER_IN = 0x2,
	LZOP_EXTRA = 0x40,
	LZOP_CRC_OUT = 0x100,
	LZOP_CRC_IN = 0x200,
	LZOP_FILTER = 0x800,
};
#define LZOP_MAGIC 9
#define LZOP_OLD 0x0940 /* older than this: fewer fields */

typedef int lzo_decompress(
	const unsigned char *in, size_t in_len, unsigned char *out, size_t *out_len, void *wrk);

/* Behind the header, or 0 if it is none. */
static size_t lzop_header(const struct unpack *u, uint32_t *flags)
{
	const unsigned char *p = u->in;
	size_t at = LZOP_MAGIC, tail;
	bool old;

	if (u->len < 64)
		return 0;
	old = (p[at] << 8 | p[at + 1]) < LZOP_OLD;
	at += old ? 4 : 6; /* version, library's, needed to extract */
	if (p[at] < 1 || p[at] > 3) /* LZO1X-1, -1(15), -999: one decompressor */
		return 0;
	at += old ? 1 : 2; /* method, level */
	*flags = be32(p + at);
	at += 4 + (*flags & LZOP_FILTER ? 4 : 0);
	at += old ? 8 : 12; /* mode and times */
	tail = (size_t)p[at] + 1 + 4; /* name, checksum */
	if (*flags & (LZOP_EXTRA | LZOP_FILTER) || tail > u->len - at)
		return 0;
	return at + tail;
}

/* 1 a block, 0 the end, or an error. */
static int lzop_block(struct unpack *u, uint32_t flags, lzo_decompress *decompress)
{
	const unsigned char *p = u->in + u->used, *end = u->in + u->len;
	_cleanup_free_ unsigned char *out = NULL;
	uint32_t to, from, adler = 0, crc = 0;
	size_t sums, got;

	if (end - p < 4)
		return -EBADMSG;
	to = be32(p);
	if (!to) {
		u->used += 4;
		return 0;
	}
	if (end - p < 8)
		return -EBADMSG;
	from = be32(p + 4);
	p += 8;
	sums = !!(flags & LZOP_ADLER_OUT) + !!(flags & LZOP_CRC_OUT);
	if (from < to)
		sums += !!(flags & LZOP_ADLER_IN) + !!(flags & LZOP_CRC_IN);
	if (to > LZO_BLOCK || from > to || (size_t)(end - p) < 4 * sums + from)
		return -EBADMSG;
	if (flags & LZOP_ADLER_OUT)
		adler = be32(p);
	if (flags & LZOP_CRC_OUT)
		crc = be32(p + (flags & LZOP_ADLER_OUT ? 4 : 0));
	p += 4 * sums;
	out = xcalloc(to, 1);
	got = to;
	if (from == to)
		memcpy(out, p, to);
	else if (decompress(p, from, out, &got, NULL) != 0 || got != to)
		return -EBADMSG;
	if ((flags & LZOP_ADLER_OUT && adler32(1, out, to) != adler) ||
		(flags & LZOP_CRC_OUT && crc32(0, out, to) != crc))
		return -EBADMSG;
	u->used = (size_t)(p - u->in) + from;
	got = (size_t)unpack_add(u, out, to);
	return got ? -EFBIG : 1;
}

int unpack_lzo(struct unpack *u, struct err *e)
{
	void *h = load("liblzo2.so.2", "liblzo2-2", "lzo", e);
	lzo_decompress *decompress;
	uint32_t flags = 0;
	int r;

	if (!h)
		return -ENOSYS;
	*(void **)&decompress = dlsym(h, "lzo1x_decompress_safe");
	if (!decompress)
		return lacks(e, "liblzo2");
	u->used = lzop_header(u, &flags);
	if (!u->used)
		return -EBADMSG;
	do
		r = lzop_block(u, flags, decompress);
	while (r > 0);
	return r;
}

/* ---- bzip2, by libarchive ---- */

int unpack_bzip2(struct unpack *u, struct err *e)
{
	struct archive_entry *en;
	struct archive *a;
	char buf[65536];
	la_ssize_t n = 0;
	int r = archive_library_load(e);

	if (r < 0)
		return r;
	a = archive_read_new();
	u->used = u->len; /* libarchive does not say where it ended */
	/* ARCHIVE_WARN: it would start a program of the host for it, which is not wanted */
	if (archive_read_support_filter_bzip2(a) != ARCHIVE_OK)
		r = err_set(e, -ENOSYS,
			"the kernel inside the image is packed with bzip2, which this libarchive "
			"cannot read");
	else if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
		 archive_read_open_memory(a, u->in, u->len) != ARCHIVE_OK ||
		 archive_read_next_header(a, &en) != ARCHIVE_OK)
		r = -EBADMSG;
	while (r == 0 && (n = archive_read_data(a, buf, sizeof(buf))) > 0)
		r = unpack_add(u, buf, (size_t)n);
	if (r == 0 && n < 0)
		r = -EBADMSG;
	archive_read_free(a);
	return r;
}
