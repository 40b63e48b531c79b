// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A result's folder, read. Whoever can write to it may do so meanwhile, so each file is opened
 * once, and what is checked is what was copied. Nothing in it is followed or waited for.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (4ULL << 30)
#define KEY_MAX 65536
#define KEYS_MAX 64

struct intake {
	char *dir; /* for messages */
	const char *to; /* NULL: nothing is kept */
	int fd;
	struct err *e;
};

static int wrong(const struct intake *t, const char *name, const char *what)
{
	return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG, "%s/%s %s", t->dir, name, what);
}

/* A regular file of the folder `dirfd`, and its size. */
static int open_plain(const struct intake *t, int dirfd, const char *name, uint64_t *size)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP
			       ? wrong(t, name, "is a symbolic link, which no worker makes")
			       : err_exit(t->e, EXIT_UNTRUSTED, -errno, "cannot open '%s/%s': %s",
					 t->dir, name, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return wrong(t, name, "is no regular file");
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

/* `size` bytes and no more, into `out` (-1: nowhere) and the sum. */
static int copy_bytes(
	const struct intake *t, int in, int out, uint64_t size, const char *name, struct hash *sum)
{
	_cleanup_free_ char *buf = xcalloc(1, 1 << 17);
	struct hash_ctx c;
	uint64_t done = 0;
	ssize_t n = 1;
	int r = 0;

	hash_start(&c, HASH_SHA256);
	while (r == 0 && n > 0 && done <= size) {
		n = read(in, buf, 1 << 17);
		if (n < 0 && errno == EINTR && !interrupted()) {
			n = 1;
			continue;
		}
		if (n < 0)
			r = err_errno(t->e, -errno, "cannot read '%s/%s'", t->dir, name);
		if (n > 0) {
			hash_update(&c, buf, (size_t)n);
			done += (uint64_t)n;
			r = out < 0 ? 0 : fs_write_all(out, buf, (size_t)n);
			if (r < 0)
				err_errno(t->e, r, "cannot copy '%s/%s' to '%s'", t->dir, name,
					t->to);
		}
	}
	hash_end(&c, sum);
	return r < 0 || done == size ? r : wrong(t, name, "changes while it is read");
}

static int copy_open(const struct intake *t, int in, uint64_t size, const char *name,
	const char *to, struct hash *sum)
{
	_cleanup_close_ int out = -1;

	if (to) {
		_cleanup_free_ char *path = path_join(to, name);

		out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (out < 0)
			return err_errno(t->e, -errno, "cannot make '%s'", path);
	}
	return copy_bytes(t, in, out, size, name, sum);
}

static int take_file(const struct intake *t, const struct farm_file *f)
{
	uint64_t size;
	struct hash sum;
	_cleanup_close_ int in = open_plain(t, t->fd, f->name, &size);
	int r;

	if (in < 0)
		return in;
	if (size != f->size || size > FILE_MAX)
		return wrong(t, f->name, "has another size than the result says");
	r = copy_open(t, in, size, f->name, t->to, &sum);
	if (r < 0 || hash_eq(&sum, &f->sum))
		return r;
	return wrong(t, f->name, "is not what the result says (sha256)");
}

/* ---- public keys: not in the text, since they only have to fit the packages ---- */

static int take_key(const struct intake *t, int dirfd, const char *name, const char *to)
{
	uint64_t size;
	struct hash sum;
	_cleanup_close_ int in = open_plain(t, dirfd, name, &size);

	if (in < 0)
		return in;
	return size > KEY_MAX ? wrong(t, name, "is too large for a key")
			      : copy_open(t, in, size, name, to, &sum);
}

static int take_keys(const struct intake *t)
{
	_cleanup_free_ char *to = path_join(t->to, "key");
	int fd = openat(t->fd, "key", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	size_t n = 0;
	int r = fs_mkdirs(to, 0700, t->e);

	if (!d && fd >= 0)
		close(fd);
	/* without it nobody vouches for the packages, which is told of each of them */
	while (r == 0 && d && (de = readdir(d))) {
		if (de->d_name[0] == '.' || !ends_with(de->d_name, ".rsa.pub"))
			continue;
		r = ++n > KEYS_MAX ? wrong(t, "key", "has too many keys")
				   : take_key(t, fd, de->d_name, to);
	}
	if (d)
		closedir(d);
	return r;
}

/* ---- the whole ---- */

bool farm_has_result(const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *path = xasprintf("%s/results/%s", p->dir, hash);
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Neither of the two folders may lead elsewhere. */
static int open_result(struct intake *t, const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *results = path_join(p->dir, "results");
	_cleanup_close_ int fd = open(results, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	t->fd = fd < 0 ? -1 : openat(fd, hash, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->fd >= 0)
		return 0;
	return err_exit(t->e, EXIT_UNTRUSTED, -errno, "cannot open the result '%s': %s", t->dir,
		strerror(errno));
}

static int read_text(const struct intake *t, struct farm_result *r)
{
	_cleanup_free_ char *text = NULL, *shown = path_join(t->dir, "result");
	uint64_t size;
	_cleanup_close_ int fd = open_plain(t, t->fd, "result", &size);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	if (size > FARM_RESULT_MAX)
		return wrong(t, "result", "is too large");
	text = xcalloc(1, size + 1);
	while (n > 0 && len < size) {
		n = read(fd, text + len, size - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return err_errno(t->e, -errno, "cannot read '%s'", shown);
	return farm_result_parse(r, shown, text, len, t->e);
}

static int check_words(const struct intake *t, const struct farm_result *r, const char *hash)
{
	if (!streq(r->hash, hash))
		return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG,
			"%s is the result of another cell (%.12s)", t->dir, r->hash);
	if (!streq(r->pmkmod, PMKMOD_VERSION))
		return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG,
			"%s was made by pmkmod %s on %s, and this is pmkmod %s: what they build may differ",
			t->dir, r->pmkmod, r->host, PMKMOD_VERSION);
	return 0;
}

int farm_result_take(struct farm_result *r, const struct farm_plan *p, const char *hash,
	const char *to, struct err *e)
{
	struct intake t = {.dir = xasprintf("%s/results/%s", p->dir, hash), .to = to, .e = e};
	int c = open_result(&t, p, hash);

	*r = (struct farm_result){0};
	if (c == 0)
		c = read_text(&t, r);
	if (c == 0)
		c = check_words(&t, r, hash);
	for (size_t i = 0; c == 0 && i < r->n_files; i++)
		c = take_file(&t, &r->files[i]);
	if (c == 0 && to)
		c = take_keys(&t);
	if (c < 0)
		farm_result_free(r);
	if (t.fd >= 0)
		close(t.fd);
	free(t.dir);
	return c;
}
