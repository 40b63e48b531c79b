// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One compressed stream in memory. What follows its end is not looked at: kbuild writes the
 * unpacked size behind what it packs (scripts/Makefile.lib: size_append), and boot loaders' device
 * trees are appended to packed kernels. So each library is used where it says how much of the input
 * it took.
 */
#include "pmkmod/image/unpack.h"

#include <limits.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "pmkmod/image/image.h"

#define CHUNK (1u << 20)
/* xz -9 and lzma -9 need 65 MiB; a file made to exhaust memory wants more. */
#define LZMA_MEMORY (192ull << 20)
/* zstd --ultra -22 */
#define ZSTD_WINDOW_LOG 27
#define LZMA_HEADER 13

/* Room for a chunk behind what came out so far: unpacking in place spares a copy of the kernel. */
static unsigned char *room(struct unpack *u)
{
	struct strbuf *b = &u->out;

	if (b->cap - b->len <= CHUNK) {
		b->cap = b->cap ? b->cap * 2 : 16 * (size_t)CHUNK;
		b->s = xrealloc(b->s, b->cap, 1);
	}
	return (unsigned char *)b->s + b->len;
}

/* So much of the room was used. */
static int used_room(struct unpack *u, size_t n)
{
	if (n > u->max - u->out.len)
		return -EFBIG;
	u->out.len += n;
	u->out.s[u->out.len] = '\0';
	return 0;
}

int unpack_add(struct unpack *u, const void *data, size_t len)
{
	if (len > u->max - u->out.len)
		return -EFBIG;
	strbuf_add(&u->out, data, len);
	return 0;
}

static int read_gzip(struct unpack *u, struct err *e)
{
	z_stream z = {0};
	int r, code = 0;

	(void)e;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_in = (unsigned char *)(uintptr_t)u->in;
	z.avail_in = u->len > UINT_MAX ? UINT_MAX : (unsigned)u->len;
	do {
		z.next_out = room(u);
		z.avail_out = CHUNK;
		r = inflate(&z, Z_NO_FLUSH);
		if (r == Z_OK || r == Z_STREAM_END)
			code = used_room(u, CHUNK - z.avail_out);
		else
			code = -EBADMSG;
	} while (!code && r != Z_STREAM_END);
	u->used = z.total_in;
	inflateEnd(&z);
	return code;
}

static int read_lzma_any(struct unpack *u, lzma_stream *x)
{
	lzma_ret r;
	int code = 0;

	x->next_in = u->in;
	x->avail_in = u->len;
	do {
		x->next_out = room(u);
		x->avail_out = CHUNK;
		r = lzma_code(x, LZMA_RUN);
		if (r == LZMA_MEMLIMIT_ERROR)
			code = -EFBIG;
		else if (r == LZMA_OK || r == LZMA_STREAM_END)
			code = used_room(u, CHUNK - x->avail_out);
		else
			code = -EBADMSG;
		/* all was given, nothing more comes, and it is not at its end */
		if (!code && r == LZMA_OK && !x->avail_in && x->avail_out)
			code = -EBADMSG;
	} while (!code && r != LZMA_STREAM_END);
	u->used = x->total_in;
	lzma_end(x);
	return code;
}

static int read_xz(struct unpack *u, struct err *e)
{
	lzma_stream x = LZMA_STREAM_INIT;

	(void)e;
	if (lzma_stream_decoder(&x, LZMA_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	return read_lzma_any(u, &x);
}

static int read_lzma(struct unpack *u, struct err *e)
{
	lzma_stream x = LZMA_STREAM_INIT;

	(void)e;
	if (lzma_alone_decoder(&x, LZMA_MEMORY) != LZMA_OK)
		return -ENOMEM;
	return read_lzma_any(u, &x);
}

static int read_zstd(struct unpack *u, struct err *e)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer ib = {u->in, u->len, 0};
	size_t left = 1;
	int code = 0;

	(void)e;
	if (!z)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	while (!code && left) {
		ZSTD_outBuffer ob = {room(u), CHUNK, 0};
		size_t before = ib.pos;

		left = ZSTD_decompressStream(z, &ob, &ib);
		if (ZSTD_isError(left) || (left && ib.pos == before && ob.pos == 0))
			code = -EBADMSG;
		else
			code = used_room(u, ob.pos);
	}
	u->used = ib.pos;
	ZSTD_freeDStream(z);
	return code;
}

static const struct packing_kind {
	const char *name, *magic;
	size_t len;
	packing_reader *read;
} kinds[] = {
	[PACKING_GZIP] = {"gzip", "\x1f\x8b\x08", 3, read_gzip},
	[PACKING_XZ] = {"xz",
		"\xfd"
		"7zXZ\0",
		6, read_xz},
	[PACKING_ZSTD] = {"zstd", "\x28\xb5\x2f\xfd", 4, read_zstd},
	[PACKING_LZ4_LEGACY] = {"lz4", "\x02\x21\x4c\x18", 4, unpack_lz4_legacy},
	[PACKING_LZ4] = {"lz4", "\x04\x22\x4d\x18", 4, unpack_lz4_frame},
	[PACKING_LZMA] = {"lzma", "\x5d\0\0", 3, read_lzma},
	[PACKING_BZIP2] = {"bzip2", "BZh", 3, unpack_bzip2},
	[PACKING_LZO] = {"lzo", "\x89LZO\0\r\n\x1a\n", 9, unpack_lzo},
};

/*
 * The three bytes of lzma occur by chance: properties, size of the dictionary (2^n or 2^n +
 * 2^(n-1)), unpacked size (all ones: not told). liblzma's own decoder demands the same.
 */
static bool is_lzma(const unsigned char *p, size_t len)
{
	uint64_t size = 0;
	uint32_t dict;

	if (len < LZMA_HEADER)
		return false;
	dict = p[1] | (uint32_t)p[2] << 8 | (uint32_t)p[3] << 16 | (uint32_t)p[4] << 24;
	for (int i = 0; i < 8; i++)
		size |= (uint64_t)p[5 + i] << (8 * i);
	if (dict < 4096 || ((dict & (dict - 1)) && (dict & (dict << 1)) != dict - (dict & -dict)))
		return false;
	return size == UINT64_MAX || size <= KERNEL_IMAGE_MAX;
}

enum packing packing_of(const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (len < kinds[i].len || (unsigned char)kinds[i].magic[0] != p[0] ||
			memcmp(p, kinds[i].magic, kinds[i].len) != 0)
			continue;
		/* reserved flags; pi as the first block's magic */
		if ((i == PACKING_GZIP && (len < 18 || (p[3] & 0xe0))) ||
			(i == PACKING_LZMA && !is_lzma(p, len)) ||
			(i == PACKING_BZIP2 && (len < 10 || memcmp(p + 4, "1AY&SY", 6) != 0)))
			continue;
		return (enum packing)i;
	}
	return PACKING_NONE;
}

const char *packing_name(enum packing p)
{
	return p == PACKING_NONE ? "nothing" : kinds[p].name;
}

int packing_unpack(enum packing p, const void *data, size_t len, size_t max, char **out,
	size_t *out_len, size_t *used, struct err *e)
{
	struct unpack u = {.in = data, .len = len, .max = max};
	int r;

	if (len < kinds[p].len || memcmp(data, kinds[p].magic, kinds[p].len) != 0)
		return err_set(e, -EBADMSG, "the kernel inside the image is not packed with %s",
			kinds[p].name);
	r = kinds[p].read(&u, e);
	if (r == -EBADMSG)
		err_set(e, r,
			"the kernel inside the image is damaged or cut off: its %s compression "
			"breaks off after %zu bytes",
			kinds[p].name, u.out.len);
	else if (r == -EFBIG)
		err_set(e, r, "the kernel inside the image is larger than the %zu MiB allowed",
			max >> 20);
	else if (r == -ENOMEM)
		err_set(e, r, "no memory to unpack the %s compression", kinds[p].name);
	*out_len = u.out.len;
	if (r < 0) {
		strbuf_free(&u.out);
		return r;
	}
	*used = u.used;
	*out = strbuf_steal(&u.out);
	return 0;
}
