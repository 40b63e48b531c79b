// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/member.h"

#include <unistd.h>

#define IN_SIZE 131072

/* More compressed bytes into an empty input; a full end of file is no error here. */
static int refill(struct member *m, struct err *e)
{
	ssize_t n;

	if (m->z.avail_in || m->eof)
		return 0;
	if (m->fd < 0) {
		m->z.next_in = (Bytef *)m->mem;
		m->z.avail_in = m->mem_left > INT32_MAX ? INT32_MAX : (uInt)m->mem_left;
		m->mem += m->z.avail_in;
		m->mem_left -= m->z.avail_in;
		m->eof = !m->z.avail_in;
		return 0;
	}
	do
		n = read(m->fd, m->buf, IN_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, -errno, "cannot read %s", m->shown);
	m->z.next_in = m->buf;
	m->z.avail_in = (uInt)n;
	m->eof = n == 0;
	return 0;
}

/* At least `want` bytes (few) in one piece, if the file has them: for looking at magic numbers. */
static int refill_to(struct member *m, size_t want, struct err *e)
{
	int r = refill(m, e);

	if (r < 0 || m->fd < 0)
		return r;
	if (m->z.avail_in >= want)
		return 0;
	if (m->z.avail_in)
		memmove(m->buf, m->z.next_in, m->z.avail_in);
	m->z.next_in = m->buf;
	while (m->z.avail_in < want && !m->eof) {
		ssize_t n = read(m->fd, m->buf + m->z.avail_in, IN_SIZE - m->z.avail_in);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read %s", m->shown);
		m->eof = n == 0;
		m->z.avail_in += (uInt)n;
	}
	return 0;
}

static bool at_gzip(const struct member *m)
{
	return m->z.avail_in >= 2 && m->z.next_in[0] == 0x1f && m->z.next_in[1] == 0x8b;
}

static int open_common(struct member *m, const char *what, struct err *e)
{
	static const char *const v3[] = {"ADB.", "ADBd", "ADBc"};
	int r = refill_to(m, 4, e);

	if (r < 0)
		return r;
	if (!m->z.avail_in)
		return err_set(e, -EBADMSG, "%s is empty, not %s", m->shown, what);
	for (size_t i = 0; i < ARRAY_SIZE(v3); i++)
		if (m->z.avail_in >= 4 && memcmp(m->z.next_in, v3[i], 4) == 0)
			return err_set(e, -EPROTONOSUPPORT,
				"%s is in the format of apk v3 (ADB); pmkmod reads apk v2 (gzip). "
				"Use a repository or a package in the v2 format",
				m->shown);
	if (!at_gzip(m))
		return err_set(e, -EBADMSG, "%s is not %s: it does not start with gzip data",
			m->shown, what);
	/* 15: the largest window; +16: gzip, with header and checksum verified by zlib */
	if (inflateInit2(&m->z, 15 + 16) != Z_OK)
		abort();
	m->z_ready = true;
	return 0;
}

int member_open_fd(struct member *m, int fd, const char *shown, const char *what, struct err *e)
{
	*m = (struct member){.fd = fd, .shown = shown, .buf = xrealloc(NULL, IN_SIZE, 1)};
	return open_common(m, what, e);
}

int member_open_mem(struct member *m, const void *data, size_t len, const char *shown,
	const char *what, struct err *e)
{
	*m = (struct member){.fd = -1, .shown = shown, .mem = data, .mem_left = len};
	return open_common(m, what, e);
}

static void stop_sums(struct member *m)
{
	for (size_t i = 0; i < MEMBER_SUMS; i++)
		hash_abort(&m->running[i]);
}

void member_close(struct member *m)
{
	stop_sums(m);
	if (m->z_ready)
		inflateEnd(&m->z);
	free(m->buf);
	*m = (struct member){.fd = -1};
}

int member_start(struct member *m, const enum hash_alg *algs, size_t n_algs, struct err *e)
{
	int r = refill_to(m, 2, e);

	if (r < 0)
		return r;
	if (!m->z.avail_in)
		return 0;
	if (!at_gzip(m))
		return err_set(e, -EBADMSG,
			"%s: something that is not gzip data follows its part %u at byte %llu; "
			"apk refuses such a file too",
			m->shown, m->count, (unsigned long long)m->offset);
	if (inflateReset(&m->z) != Z_OK)
		abort();
	stop_sums(m);
	m->n_sums = n_algs;
	for (size_t i = 0; i < n_algs; i++)
		hash_start(&m->running[i], algs[i]);
	m->inside = true;
	m->count++;
	return 1;
}

static int damaged(const struct member *m, const char *how, struct err *e)
{
	return err_set(e, -EBADMSG, "%s is damaged: its part %u %s at byte %llu; fetch it again",
		m->shown, m->count, how, (unsigned long long)m->offset);
}

/* One call of inflate(), and the sums over what it consumed. */
static int step(struct member *m, struct err *e)
{
	const Bytef *before;
	size_t used;
	int r = refill(m, e), z;

	if (r < 0)
		return r;
	if (!m->z.avail_in)
		return damaged(m, "ends too early (an interrupted download?)", e);
	before = m->z.next_in;
	z = inflate(&m->z, Z_NO_FLUSH);
	if (z == Z_MEM_ERROR)
		abort();
	used = (size_t)(m->z.next_in - before);
	for (size_t i = 0; i < m->n_sums; i++)
		hash_update(&m->running[i], before, used);
	m->offset += used;
	if (z == Z_STREAM_END) {
		for (size_t i = 0; i < m->n_sums; i++)
			hash_end(&m->running[i], &m->sum[i]);
		m->inside = false;
		return 0;
	}
	return z == Z_OK || z == Z_BUF_ERROR ? 0 : damaged(m, "has wrong gzip data", e);
}

int member_read(struct member *m, void *out, size_t want, size_t *got, struct err *e)
{
	int r = 0;

	m->z.next_out = out;
	m->z.avail_out = (uInt)want;
	while (r == 0 && m->inside && m->z.avail_out)
		r = step(m, e);
	*got = want - m->z.avail_out;
	return r;
}

/* Room for more in large steps, so that hardly anything is copied while it grows. */
static void make_room(struct strbuf *b, size_t max)
{
	size_t cap = b->cap < 65536 ? 65536 : b->cap * 2;

	/* one byte to notice what is too much, one for the terminator */
	if (cap > max + 2)
		cap = max + 2;
	if (cap <= b->cap)
		return;
	b->s = xrealloc(b->s, cap, 1);
	b->cap = cap;
}

int member_read_all(
	struct member *m, struct strbuf *out, size_t max, const char *part, struct err *e)
{
	size_t got, want;

	do {
		int r;

		if (out->len + 1 >= out->cap)
			make_room(out, max);
		want = out->cap - out->len - 1;
		r = member_read(m, out->s + out->len, want, &got, e);
		out->len += got;
		out->s[out->len] = '\0';
		if (r < 0)
			return r;
		if (out->len > max)
			return err_set(e, -EFBIG, "%s: its %s unpacks to more than %zu bytes",
				m->shown, part, max);
	} while (got == want);
	return 0;
}
