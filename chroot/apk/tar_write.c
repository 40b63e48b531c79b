// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * gzip members and the tar dialect of apk: ustar headers, PAX records for the checksum and for long
 * names only. Every field that could depend on the machine or the user is a constant.
 */
#include "chroot/apk/tar_write.h"

#define TAR_BLOCK 512
#define TAR_SIZE_MAX 077777777777ull /* 11 octal digits; apk knows no base-256 numbers */

static const char zeros[2 * TAR_BLOCK];

/* POSIX.1-1988 ustar, as in tar(5). */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag;
	char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a tar header is one block");

void gz_start(struct gz_out *g, struct spool *to)
{
	/* As abuild's `gzip -n`: mtime 0, OS 3, which zlib has to be told. Not its -9: that takes
	 * ten times as long for two per cent of a module. */
	static gz_header head = {.os = 3};

	*g = (struct gz_out){.to = to};
	if (deflateInit2(&g->z, 6, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK ||
		deflateSetHeader(&g->z, &head) != Z_OK)
		abort();
	hash_start(&g->sum, HASH_SHA256);
}

static int gz_run(struct gz_out *g, int flush, struct err *e)
{
	uint8_t buf[65536];
	int z, r;

	do {
		g->z.next_out = buf;
		g->z.avail_out = sizeof(buf);
		z = deflate(&g->z, flush);
		if (z == Z_STREAM_ERROR)
			return err_set(e, -EIO, "zlib failed while compressing");
		hash_update(&g->sum, buf, sizeof(buf) - g->z.avail_out);
		r = spool_add(g->to, buf, sizeof(buf) - g->z.avail_out, e);
		if (r < 0)
			return r;
	} while (g->z.avail_in || (flush == Z_FINISH && z != Z_STREAM_END));
	return 0;
}

int gz_write(void *gz_out, const void *data, size_t len, struct err *e)
{
	struct gz_out *g = gz_out;
	const uint8_t *p = data;
	int r = 0;

	while (len && r == 0) {
		size_t n = len < 1u << 30 ? len : 1u << 30; /* avail_in has 32 bits */

		g->z.next_in = (uint8_t *)(uintptr_t)p; /* zlib's type lacks const by default */
		g->z.avail_in = (uInt)n;
		r = gz_run(g, Z_NO_FLUSH, e);
		p += n;
		len -= n;
	}
	return r;
}

int gz_end(struct gz_out *g, struct hash *sum, struct err *e)
{
	struct hash ignored;
	int r = gz_run(g, Z_FINISH, e);

	deflateEnd(&g->z);
	hash_end(&g->sum, sum ? sum : &ignored);
	return r;
}

void gz_abort(struct gz_out *g)
{
	deflateEnd(&g->z);
	hash_abort(&g->sum);
}

/* `width` includes the final NUL, which the caller's zeroed header has already. */
static void put_octal(char *field, size_t width, uint64_t v)
{
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
}

/* Text in a field that needs no final NUL when it is full. */
static void put_text(char *field, size_t width, const char *s, size_t len)
{
	memcpy(field, s, len < width ? len : width);
}

/* Where to cut `name` so that both parts fit; 0: fits whole, -1: not at all. */
static ssize_t split_point(const char *name, size_t len)
{
	if (len <= sizeof(((struct ustar *)0)->name))
		return 0;
	for (size_t i = len - sizeof(((struct ustar *)0)->name) - 1; i < len; i++)
		if (name[i] == '/' && i > 0 && i + 1 < len)
			return i <= sizeof(((struct ustar *)0)->prefix) ? (ssize_t)i : -1;
	return -1;
}

static void put_name(struct ustar *h, const char *name)
{
	size_t len = strlen(name);
	ssize_t cut = split_point(name, len);

	if (cut > 0) {
		put_text(h->prefix, sizeof(h->prefix), name, (size_t)cut);
		put_text(h->name, sizeof(h->name), name + cut + 1, len - (size_t)cut - 1);
		return;
	}
	put_text(h->name, sizeof(h->name), name, len);
}

static void put_chksum(struct ustar *h)
{
	const uint8_t *b = (const uint8_t *)h;
	unsigned sum = 0;

	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += b[i];
	put_octal(h->chksum, 7, sum);
	h->chksum[6] = '\0';
}

static int put_header(struct gz_out *g, const char *name, char type, mode_t mode, uint64_t size,
	const char *link, int64_t mtime, struct err *e)
{
	struct ustar h = {.magic = "ustar", .version = {'0', '0'}, .typeflag = type};

	put_name(&h, name);
	put_octal(h.mode, sizeof(h.mode), mode & 07777);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), size);
	put_octal(h.mtime, sizeof(h.mtime), (uint64_t)mtime);
	put_text(h.uname, sizeof(h.uname), "root", 4);
	put_text(h.gname, sizeof(h.gname), "root", 4);
	put_octal(h.devmajor, sizeof(h.devmajor), 0);
	put_octal(h.devminor, sizeof(h.devminor), 0);
	if (link)
		put_text(h.linkname, sizeof(h.linkname), link, strlen(link));
	put_chksum(&h);
	return gz_write(g, &h, sizeof(h), e);
}

/* "<len> <key>=<value>\n", where <len> counts its own digits. */
static void pax_record(struct strbuf *b, const char *key, const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, len = body + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + body != len)
		len = body + strlen(digits);
	strbuf_addf(b, "%s %s=%s\n", digits, key, value);
}

/* GNU tar's pattern %d/PaxHeaders/%f, as abuild asks for it. */
static char *pax_name(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *s = slash ? xasprintf("%.*s/PaxHeaders/%s", (int)(slash - name), name, slash + 1)
			: xasprintf("./PaxHeaders/%s", name);

	if (split_point(s, strlen(s)) < 0)
		s[sizeof(((struct ustar *)0)->name)] = '\0'; /* nothing ever looks at it */
	return s;
}

static int put_pax(struct gz_out *g, const char *name, const struct strbuf *records, int64_t mtime,
	struct err *e)
{
	_cleanup_free_ char *n = pax_name(name);
	int r = put_header(g, n, 'x', 0644, records->len, NULL, mtime, e);

	if (r == 0)
		r = gz_write(g, records->s, records->len, e);
	return r < 0 ? r : tar_pad(g, records->len, e);
}

int tar_header(struct gz_out *g, const struct tar_entry *en, int64_t mtime, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("%s%s", en->name, en->type == '5' ? "/" : "");
	_cleanup_strbuf_ struct strbuf pax = {0};
	char hex[HASH_HEX_MAX];
	int r = 0;

	if (en->size > TAR_SIZE_MAX || mtime < 0 || (uint64_t)mtime > TAR_SIZE_MAX)
		return err_set(e, -EFBIG, "'%s' is too large or its time is out of range for tar",
			en->name);
	if (split_point(name, strlen(name)) < 0)
		pax_record(&pax, "path", name);
	if (en->link && strlen(en->link) > sizeof(((struct ustar *)0)->linkname))
		pax_record(&pax, "linkpath", en->link);
	if (en->sha1) {
		hash_hex(en->sha1, hex);
		pax_record(&pax, "APK-TOOLS.checksum.SHA1", hex);
	}
	if (pax.len)
		r = put_pax(g, en->name, &pax, mtime, e);
	return r < 0 ? r : put_header(g, name, en->type, en->mode, en->size, en->link, mtime, e);
}

int tar_pad(struct gz_out *g, uint64_t size, struct err *e)
{
	return gz_write(g, zeros, (size_t)(-size % TAR_BLOCK), e);
}

int tar_file(struct gz_out *g, const char *name, mode_t mode, const void *data, size_t len,
	int64_t mtime, struct err *e)
{
	struct tar_entry en = {.name = name, .type = '0', .mode = mode, .size = len};
	int r = tar_header(g, &en, mtime, e);

	if (r == 0)
		r = gz_write(g, data, len, e);
	return r < 0 ? r : tar_pad(g, len, e);
}

int tar_eof(struct gz_out *g, struct err *e)
{
	return gz_write(g, zeros, sizeof(zeros), e);
}

/*
 * abuild-sign's default is still RSA with SHA-1. RSA256 is understood by every apk since 2.7.0 of
 * 2017 (Alpine 3.6), long before any postmarketOS release that is still alive, and libcrypto's
 * stricter policies refuse to verify SHA-1: so RSA256.
 */
int apk_sign_member(struct spool *out, const struct apk_signkey *key, const void *data, size_t len,
	int64_t mtime, struct err *e)
{
	_cleanup_free_ char *name = xasprintf(".SIGN.RSA256.%s", apk_signkey_name(key));
	_cleanup_free_ uint8_t *sig = NULL;
	struct gz_out g;
	size_t n;
	int r = apk_signkey_sign(key, HASH_SHA256, data, len, &sig, &n, e);

	if (r < 0)
		return r;
	gz_start(&g, out);
	r = tar_file(&g, name, 0644, sig, n, mtime, e);
	if (r < 0) {
		gz_abort(&g);
		return r;
	}
	return gz_end(&g, NULL, e);
}
