// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The same package with another signature. It is a gzip member of its own before the others, which
 * it covers by a hash over the bytes of the control member: those need not be touched.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/apk/member.h"
#include "chroot/apk/tar_read.h"
#include "chroot/apk/tar_write.h"
#include "chroot/apk/verify.h"
#include "chroot/base/fs.h"

#define CONTROL_MAX (16U << 20)

/* Does this member hold a signature? Package and signatures are verified already. */
static bool is_signature(const struct strbuf *tar, const char *shown)
{
	struct tar_memory mem = {(const uint8_t *)tar->s, tar->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {
		.take = tar_take_memory, .ctx = &mem, .shown = shown, .end_marker_ok = true};

	return tar->s && tar_next(&t, NULL) == 1 && apk_is_sig_name(t.en.name);
}

/* Offsets of the control member: *start, and *end behind it. */
static int find_control(int fd, const char *shown, uint64_t *start, uint64_t *end, struct err *e)
{
	_cleanup_(member_close) struct member m = {0};
	int r = member_open_fd(&m, fd, shown, "an apk package", e);

	while (r == 0 && (r = member_start(&m, NULL, 0, e)) == 1) {
		_cleanup_strbuf_ struct strbuf tar = {0};

		*start = m.offset;
		r = member_read_all(&m, &tar, CONTROL_MAX, "control part", e);
		*end = m.offset;
		if (r == 0 && !is_signature(&tar, shown))
			return 0;
	}
	return r < 0 ? r : err_set(e, -EBADMSG, "%s has no control part", shown);
}

static int read_range(int fd, uint64_t off, char *buf, size_t len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		buf += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

struct out {
	int fd;
};

static int sink_fd(void *ctx, const void *data, size_t len, struct err *e)
{
	const struct out *o = ctx;
	int r = fs_write_all(o->fd, data, len);

	return r < 0 ? err_errno(e, r, "cannot write the package") : 0;
}

/* The signature, then all of the package from its control member on. */
static int write_all(int fd, uint64_t start, const struct spool *signature, int to, struct err *e)
{
	struct out o = {to};
	char buf[65536];
	int r = spool_copy(signature, 0, signature->len, sink_fd, &o, e);

	while (r == 0) {
		ssize_t n = pread(fd, buf, sizeof(buf), (off_t)start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read the package");
		if (n == 0)
			break;
		r = sink_fd(&o, buf, (size_t)n, e);
		start += (uint64_t)n;
	}
	return r;
}

/* *pkg gets what the callback of apk_read() saw. */
static int take_control(void *ctx, const struct apk_control *c, struct err *e)
{
	struct apk_pkg *p = ctx;
	_cleanup_strbuf_ struct strbuf text = {0};

	(void)e;
	*p = (struct apk_pkg){.name = xstrdup(c->pkg.name),
		.version = xstrdup(c->pkg.version),
		.arch = xstrdup(c->pkg.arch),
		.desc = xstrdup(c->pkg.desc),
		.url = xstrdup(c->pkg.url),
		.license = xstrdup(c->pkg.license),
		.origin = xstrdup(c->pkg.origin),
		.maintainer = xstrdup(c->pkg.maintainer),
		.commit = xstrdup(c->pkg.commit),
		.packager = xstrdup(c->pkg.packager),
		.installed_size = c->pkg.installed_size,
		.build_time = c->pkg.build_time,
		.provider_priority = c->pkg.provider_priority,
		.replaces_priority = c->pkg.replaces_priority,
		.identity = c->pkg.identity,
		.datahash = c->pkg.datahash};
	for (size_t i = 0; i < 4; i++) {
		const struct apk_deps *from[] = {
			&c->pkg.depends, &c->pkg.provides, &c->pkg.install_if, &c->pkg.replaces};
		struct apk_deps *to[] = {&p->depends, &p->provides, &p->install_if, &p->replaces};

		for (size_t k = 0; k < from[i]->n; k++) {
			_cleanup_free_ char *word = apk_dep_print(&from[i]->v[k]);
			int r = apk_deps_parse(to[i], word, e);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int resign(int fd, const char *shown, const struct apk_signkey *key, int64_t mtime,
	const char *to, uint64_t *size, struct err *e)
{
	_cleanup_free_ char *control = NULL;
	_cleanup_close_ int out = -1;
	struct spool signature = SPOOL_INIT;
	uint64_t start = 0, end = 0;
	struct stat st;
	int r = find_control(fd, shown, &start, &end, e);

	if (r < 0)
		return r;
	control = xcalloc(1, (size_t)(end - start) + 1);
	r = read_range(fd, start, control, (size_t)(end - start));
	if (r < 0)
		return err_errno(e, r, "cannot read %s", shown);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (out < 0)
		return err_errno(e, -errno, "cannot create '%s'", to);
	r = apk_sign_member(&signature, key, control, (size_t)(end - start), mtime, e);
	if (r == 0)
		r = write_all(fd, start, &signature, out, e);
	if (r == 0 && (fchmod(out, 0644) < 0 || fsync(out) < 0 || fstat(out, &st) < 0))
		r = err_errno(e, -errno, "cannot write '%s'", to);
	if (r == 0)
		*size = (uint64_t)st.st_size;
	else
		unlink(to);
	spool_free(&signature);
	return r;
}

int apk_resign(int fd, const char *shown, const struct apk_keys *keys,
	const struct apk_signkey *key, const char *to, struct apk_pkg *pkg, struct err *e)
{
	const struct apk_reader_ops ops = {.control = take_control};
	struct apk_pkg p = {0};
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, -errno, "cannot read %s", shown);
	r = apk_read(fd, shown, NULL, keys, NULL, &ops, &p, e);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = err_errno(e, -errno, "cannot read %s", shown);
	if (r == 0)
		r = resign(fd, shown, key, p.build_time, to, &p.size, e);
	if (r == 0 && pkg)
		*pkg = p;
	else
		apk_pkg_free(&p);
	return r;
}
