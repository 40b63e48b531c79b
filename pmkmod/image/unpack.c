// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/image/image.h"
#include "pmkmod/util/archive_library.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>

static uint32_t get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static int enable_filter(struct archive *a, int filter)
{
	switch (filter) {
	case ARCHIVE_FILTER_GZIP:
		return archive_read_support_filter_gzip(a);
	case ARCHIVE_FILTER_XZ:
		return archive_read_support_filter_xz(a);
	case ARCHIVE_FILTER_ZSTD:
		return archive_read_support_filter_zstd(a);
	case ARCHIVE_FILTER_LZMA:
		return archive_read_support_filter_lzma(a);
	case ARCHIVE_FILTER_LZ4:
		return archive_read_support_filter_lz4(a);
	}
	return ARCHIVE_FATAL;
}

/*
 * Kbuild writes the unpacked size behind what it packs (scripts/Makefile.lib: size_append, not for
 * gzip, whose own trailer is that), and boot loaders' device trees may follow. libarchive takes
 * either for damage; it is none when all that the kernel says of its size came out, or, with more
 * behind it, its banner.
 */
static bool is_whole(const char *data, size_t len, int filter, const struct strbuf *b)
{
	static const char banner[] = "Linux version ";

	if (filter == ARCHIVE_FILTER_GZIP || !b->len || len < 4)
		return false;
	return get_le32(data + len - 4) == b->len ||
	       memmem(b->s, b->len, banner, sizeof(banner) - 1);
}

static void reader_free(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

int image_unpack(const void *data, size_t len, int filter, const char *shown, size_t max,
	char **out, size_t *out_len, struct err *e)
{
	_cleanup_(reader_free) struct archive *a = NULL;
	_cleanup_strbuf_ struct strbuf b = {0};
	struct archive_entry *en;
	char buf[65536];
	ssize_t n;
	int r = archive_library_load(e);

	if (r < 0)
		return r;
	a = archive_read_new();

	/* ARCHIVE_WARN: libarchive would start a program of the host for it, which is not wanted */
	if (enable_filter(a, filter) != ARCHIVE_OK)
		return err_set(e, -ENOTSUP,
			"the kernel image is packed with %s, which this libarchive cannot read",
			shown);
	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
		archive_read_open_memory(a, data, len) != ARCHIVE_OK ||
		archive_read_next_header(a, &en) != ARCHIVE_OK ||
		archive_filter_code(a, 0) != filter)
		return err_set(
			e, -EBADMSG, "the kernel inside the image is not packed with %s", shown);
	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0) {
		if (b.len + (size_t)n > max)
			return err_set(e, -EFBIG,
				"the kernel inside the image is larger than the %zu MiB allowed",
				max >> 20);
		strbuf_add(&b, buf, (size_t)n);
	}
	if (n < 0 && !is_whole(data, len, filter, &b))
		return err_set(e, -EBADMSG, "the kernel inside the image is damaged: %s",
			archive_error_string(a));
	*out_len = b.len;
	*out = strbuf_steal(&b);
	return 0;
}
