// SPDX-License-Identifier: GPL-3.0-or-later
/* Bytes in memory while they are few, in an unlinked temporary file once they are many. */
#include "chroot/apk/tar_write.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define SPOOL_MEMORY_MAX (4u << 20)

/* /tmp is often memory, which is what shall be spared: it comes last. */
static int open_unlinked(struct err *e)
{
	const char *dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && fd < 0; i++) {
		_cleanup_free_ char *tmp = NULL;

		if (!dirs[i] || !*dirs[i])
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			break;
		tmp = path_join(dirs[i], "pmkmod.XXXXXX"); /* no O_TMPFILE there, as on NFS */
		fd = mkostemp(tmp, O_CLOEXEC);
		if (fd >= 0)
			unlink(tmp);
	}
	if (fd < 0)
		return err_errno(
			e, -errno, "cannot create a temporary file in $TMPDIR, /var/tmp or /tmp");
	return fd;
}

int spool_add(struct spool *s, const void *data, size_t len, struct err *e)
{
	int r;

	if (s->fd < 0 && s->len + len <= SPOOL_MEMORY_MAX) {
		strbuf_add(&s->mem, data, len);
		s->len += len;
		return 0;
	}
	if (s->fd < 0) {
		r = open_unlinked(e);
		if (r < 0)
			return r;
		s->fd = r;
		r = fs_write_all(s->fd, s->mem.s, s->mem.len);
		if (r < 0)
			return err_errno(e, r, "cannot write to a temporary file");
		strbuf_free(&s->mem);
	}
	r = fs_write_all(s->fd, data, len);
	if (r < 0)
		return err_errno(e, r, "cannot write to a temporary file");
	s->len += len;
	return 0;
}

int spool_copy(
	const struct spool *s, uint64_t off, uint64_t len, byte_sink sink, void *ctx, struct err *e)
{
	char buf[65536];
	int r = 0;

	if (s->fd < 0)
		return len ? sink(ctx, s->mem.s + off, (size_t)len, e) : 0;
	while (len && r == 0) {
		size_t want = len < sizeof(buf) ? (size_t)len : sizeof(buf);
		ssize_t n = pread(s->fd, buf, want, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, n ? -errno : -EIO, "cannot read a temporary file");
		r = sink(ctx, buf, (size_t)n, e);
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return r;
}

void spool_free(struct spool *s)
{
	strbuf_free(&s->mem);
	cleanup_close(&s->fd);
	*s = (struct spool)SPOOL_INIT;
}
