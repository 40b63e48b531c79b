// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/kernel/inflate.h"

#include <limits.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK 65536
/* xz -9 needs 65 MiB, zstd --ultra --long=27 needs 128 MiB; a file made to exhaust wants more. */
#define XZ_MEMORY (96u << 20)
#define ZSTD_WINDOW_LOG 27

static const struct {
	enum ko_compression how;
	const char *magic;
	size_t len;
	const char *name;
} kinds[] = {
	{KO_GZIP, "\x1f\x8b", 2, "gzip"},
	{KO_XZ,
		"\xfd"
		"7zXZ\0",
		6, "xz"},
	{KO_ZSTD, "\x28\xb5\x2f\xfd", 4, "zstd"},
};

enum ko_compression compression_of(const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (len >= kinds[i].len && memcmp(data, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].how;
	return KO_PLAIN;
}

const char *unreadable_compression(const void *data, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} others[] = {
		{"BZh", 3, "bzip2"},
		{"\x04\x22\x4d\x18", 4, "lz4"},
		{"\x02\x21\x4c\x18", 4, "lz4"},
		{"\x89LZO", 4, "lzop"},
		{"LZIP", 4, "lzip"},
		{"\x5d\0\0", 3, "lzma"},
		{"\x1f\x9d", 2, "compress"},
		{"\xce\xb2\xcf\x81", 4, "brotli"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (len >= others[i].len && memcmp(data, others[i].magic, others[i].len) == 0)
			return others[i].name;
	return NULL;
}

const char *archive_of(const void *data, size_t len)
{
	static const struct {
		size_t at;
		const char *magic;
		size_t len;
		const char *what;
	} archives[] = {
		{257, "ustar", 5, "a tar archive, or a package that is not called .apk"},
		{0, "PK\x03\x04", 4, "a zip archive, such as an Android app"},
		{0, "7z\xbc\xaf\x27\x1c", 6, "a 7z archive"},
		{0, "!<arch>\n", 8, "an ar archive, such as a .deb package or a library"},
		{0, "\xed\xab\xee\xdb", 4, "an .rpm package"},
		{0, "070701", 6, "a cpio archive, such as an initramfs"},
		{0, "ADB", 3, "a package of apk-tools 3 that is not called .apk"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(archives); i++)
		if (len >= archives[i].at + archives[i].len &&
			memcmp((const char *)data + archives[i].at, archives[i].magic,
				archives[i].len) == 0)
			return archives[i].what;
	return NULL;
}

/* Each of these appends to `out` and returns 0, -EBADMSG or -EFBIG. */
static int from_gzip(const void *in, size_t len, size_t max, struct strbuf *out)
{
	unsigned char buf[CHUNK];
	z_stream z = {0};
	int r, code = 0;

	if (len > UINT_MAX)
		return -EFBIG;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_in = (unsigned char *)(uintptr_t)in;
	z.avail_in = (unsigned)len;
	do {
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		r = inflate(&z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END)
			code = -EBADMSG;
		else if (out->len + (sizeof(buf) - z.avail_out) > max)
			code = -EFBIG;
		else
			strbuf_add(out, buf, sizeof(buf) - z.avail_out);
	} while (!code && r != Z_STREAM_END);
	inflateEnd(&z);
	return code;
}

static int from_xz(const void *in, size_t len, size_t max, struct strbuf *out)
{
	lzma_stream x = LZMA_STREAM_INIT;
	unsigned char buf[CHUNK];
	lzma_ret r;
	int code = 0;

	if (lzma_stream_decoder(&x, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
		return -ENOMEM;
	x.next_in = in;
	x.avail_in = len;
	do {
		x.next_out = buf;
		x.avail_out = sizeof(buf);
		r = lzma_code(&x, LZMA_FINISH);
		if (r == LZMA_MEMLIMIT_ERROR)
			code = -EFBIG;
		else if (r != LZMA_OK && r != LZMA_STREAM_END)
			code = -EBADMSG;
		else if (out->len + (sizeof(buf) - x.avail_out) > max)
			code = -EFBIG;
		else
			strbuf_add(out, buf, sizeof(buf) - x.avail_out);
	} while (!code && r != LZMA_STREAM_END);
	lzma_end(&x);
	return code;
}

static int from_zstd(const void *in, size_t len, size_t max, struct strbuf *out)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer ib = {in, len, 0};
	char buf[CHUNK];
	size_t left = 1;
	int code = 0;

	if (!z)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	while (!code && (left || ib.pos < ib.size)) {
		ZSTD_outBuffer ob = {buf, sizeof(buf), 0};
		size_t before = ib.pos;

		left = ZSTD_decompressStream(z, &ob, &ib);
		if (ZSTD_isError(left) || (ib.pos == before && ob.pos == 0))
			code = -EBADMSG;
		else if (out->len + ob.pos > max)
			code = -EFBIG;
		else
			strbuf_add(out, buf, ob.pos);
	}
	ZSTD_freeDStream(z);
	return code;
}

int inflate_in_place(char **data, size_t *len, size_t max, struct err *e)
{
	static int (*const unpack[])(const void *, size_t, size_t, struct strbuf *) = {
		[KO_GZIP] = from_gzip, [KO_XZ] = from_xz, [KO_ZSTD] = from_zstd};
	enum ko_compression how = compression_of(*data, *len);
	_cleanup_strbuf_ struct strbuf out = {0};
	int r;

	if (how == KO_PLAIN)
		return 0;
	r = unpack[how](*data, *len, max, &out);
	if (r == -EFBIG)
		return err_set(e, r,
			"more than the %zu bytes allowed come out of its %s compression", max,
			kinds[how - 1].name);
	if (r < 0)
		return err_set(
			e, r, "its %s compression is damaged or cut off", kinds[how - 1].name);
	free(*data);
	*len = out.len;
	*data = strbuf_steal(&out);
	return 0;
}
