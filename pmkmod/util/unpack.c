// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/archive_library.h"
#include "pmkmod/util/exit_codes.h"

#define BLOCK 65536
/* of a compressed patch; real ones have at most some MiB */
#define COMPRESSED_MAX (256u << 20)

char *only_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	char *found = NULL;
	int n = 0;

	while (d && (de = readdir(d))) {
		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		n++;
		free(found);
		found = path_join(dir, de->d_name);
	}
	if (d)
		closedir(d);
	if (n == 1 && fs_is_dir(found))
		return found;
	free(found);
	return NULL;
}

static int archive_failed(struct archive *a, const char *shown, struct err *e)
{
	int code = archive_errno(a);

	if (code == ENOSPC || code == EDQUOT) {
		return err_exit(
			e, EXIT_NO_SPACE, -code, "cannot unpack %s: the disk is full", shown);
	}
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "cannot unpack %s: %s", shown,
		archive_error_string(a));
}

struct unpacking {
	struct archive *in, *out;
	const char *to, *shown;
	struct unpack_limits l;
	uint64_t bytes, entries;
	struct err *e;
};

static int over_limit(const struct unpacking *u)
{
	return err_exit(u->e, EXIT_UNTRUSTED, -EFBIG,
		"%s holds more than %llu MiB or %llu files: it is not unpacked any further",
		u->shown, (unsigned long long)u->l.max_bytes >> 20,
		(unsigned long long)u->l.max_entries);
}

/* "./usr/src/x" -> "usr/src/x" */
static const char *plain_name(const char *name)
{
	while (starts_with(name, "./"))
		name += 2 + strspn(name + 2, "/");
	return name + strspn(name, "/");
}

static bool is_wanted(const struct unpacking *u, const char *name)
{
	size_t n = u->l.below ? strlen(u->l.below) : 0;

	name = plain_name(name);
	return n == 0 || (strncmp(name, u->l.below, n) == 0 && (name[n] == '/' || !name[n]));
}

static bool has_dotdot(const char *name)
{
	for (const char *s = name; s; s = strchr(s, '/')) {
		s += *s == '/';
		if (starts_with(s, "..") && (s[2] == '/' || !s[2]))
			return true;
	}
	return false;
}

static int refused(const struct unpacking *u, const char *name, const char *what)
{
	return err_exit(u->e, EXIT_UNTRUSTED, -EINVAL, "%s is not unpacked: '%.200s' %s", u->shown,
		name, what);
}

/* Paths below u->to for the entry; what no source has is refused. */
static int place_entry(const struct unpacking *u, struct archive_entry *en)
{
	const char *name = archive_entry_pathname(en), *link = archive_entry_hardlink(en);
	_cleanup_free_ char *path = NULL;

	if (!name)
		return refused(u, "(a name in no known encoding)", "cannot be written");
	switch (archive_entry_filetype(en)) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case 0: /* a hard link */
		break;
	default:
		return refused(u, name, "is a device, pipe or socket");
	}
	if (has_dotdot(name) || (link && has_dotdot(link)))
		return refused(u, name, "leads out of it (\"..\")");
	path = path_join(u->to, plain_name(name));
	if (link) {
		_cleanup_free_ char *full = path_join(u->to, plain_name(link));

		archive_entry_set_hardlink(en, full);
	}
	archive_entry_set_pathname(en, path);
	archive_entry_set_perm(en, (archive_entry_perm(en) & 0777) | 0600);
	return 0;
}

static int unpack_entry(struct unpacking *u, struct archive_entry *en)
{
	const void *data;
	la_int64_t offset;
	size_t n;
	int r = place_entry(u, en);

	if (r < 0)
		return r;
	if (archive_write_header(u->out, en) < ARCHIVE_WARN)
		return archive_failed(u->out, u->shown, u->e);
	while ((r = archive_read_data_block(u->in, &data, &n, &offset)) == ARCHIVE_OK) {
		/* a hole takes no space, but whoever copies the file writes it */
		u->bytes += n;
		if (u->bytes > u->l.max_bytes || offset < 0 || (uint64_t)offset > u->l.max_bytes)
			return over_limit(u);
		if (interrupted())
			return err_set(u->e, -EINTR, "interrupted");
		if (archive_write_data_block(u->out, data, n, offset) < ARCHIVE_WARN)
			return archive_failed(u->out, u->shown, u->e);
	}
	return r == ARCHIVE_EOF ? 0 : archive_failed(u->in, u->shown, u->e);
}

static int unpack_entries(struct unpacking *u)
{
	struct archive_entry *en;
	int r;

	while ((r = archive_read_next_header(u->in, &en)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(en);

		if (interrupted())
			return err_set(u->e, -EINTR, "interrupted");
		if (++u->entries > u->l.max_entries)
			return over_limit(u);
		if (name && !is_wanted(u, name))
			continue;
		r = unpack_entry(u, en);
		if (r < 0)
			return r;
	}
	return r == ARCHIVE_EOF ? 0 : archive_failed(u->in, u->shown, u->e);
}

static struct archive *new_reader(void)
{
	struct archive *in = archive_read_new();

	archive_read_support_filter_all(in);
	archive_read_support_format_tar(in);
	archive_read_support_format_zip(in);
	return in;
}

static struct archive *new_writer(void)
{
	struct archive *out = archive_write_disk_new();

	/* pathnames are made absolute by us, so "..", not absolute names, is what must be refused
	 */
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
						    ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						    ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	return out;
}

static struct unpacking start_unpacking(
	const char *to, const char *shown, const struct unpack_limits *l, struct err *e)
{
	struct unpacking u = {
		.in = new_reader(), .out = new_writer(), .to = to, .shown = shown, .l = *l, .e = e};

	if (!u.l.max_bytes)
		u.l.max_bytes = 16ULL << 30;
	if (!u.l.max_entries)
		u.l.max_entries = 2000000;
	return u;
}

static void end_unpacking(struct unpacking *u)
{
	archive_read_free(u->in);
	archive_write_free(u->out);
}

int unpack_archive_limited(const char *path, const char *to, const char *shown,
	const struct unpack_limits *l, struct err *e)
{
	struct unpacking u;
	int r = archive_library_load(e);

	if (r < 0)
		return r;
	u = start_unpacking(to, shown, l, e);
	if (archive_read_open_filename(u.in, path, BLOCK) != ARCHIVE_OK)
		r = archive_failed(u.in, shown, e);
	else
		r = unpack_entries(&u);
	end_unpacking(&u);
	return r;
}

int unpack_archive_file(const char *path, const char *to, const char *shown, struct err *e)
{
	return unpack_archive_limited(path, to, shown, &(struct unpack_limits){0}, e);
}

/* ---- Debian packages: an archive in an ar(5) archive ---- */

struct member {
	struct archive *ar;
	bool failed; /* the outer archive; its words say why */
	char buf[BLOCK];
};

static la_ssize_t read_member(struct archive *in, void *client, const void **data)
{
	struct member *m = client;
	la_ssize_t n = archive_read_data(m->ar, m->buf, sizeof(m->buf));

	(void)in;
	*data = m->buf;
	if (n < 0)
		m->failed = true;
	return n;
}

/* Go to the member with the files. */
static int find_data(struct archive *ar, const char *shown, struct err *e)
{
	struct archive_entry *en;
	bool first = true;
	int r;

	while ((r = archive_read_next_header(ar, &en)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(en);

		if (first && (!name || !streq(name, "debian-binary")))
			break;
		first = false;
		if (name && starts_with(name, "data.tar"))
			return 0;
	}
	if (r == ARCHIVE_FATAL)
		return archive_failed(ar, shown, e);
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"%s is no Debian package, or its end is missing: it has no %s", shown,
		first ? "debian-binary as its first member" : "data.tar");
}

int unpack_deb_limited(const char *path, const char *to, const char *shown,
	const struct unpack_limits *l, struct err *e)
{
	struct member *m;
	struct unpacking u;
	int r = archive_library_load(e);

	if (r < 0)
		return r;
	m = xcalloc(1, sizeof(*m));
	m->ar = archive_read_new();
	u = start_unpacking(to, shown, l, e);
	archive_read_support_format_ar(m->ar);
	if (archive_read_open_filename(m->ar, path, BLOCK) != ARCHIVE_OK)
		r = archive_failed(m->ar, shown, e);
	else
		r = find_data(m->ar, shown, e);
	if (r == 0 && archive_read_open(u.in, m, NULL, read_member, NULL) != ARCHIVE_OK)
		r = archive_failed(u.in, shown, e);
	else if (r == 0)
		r = unpack_entries(&u);
	if (m->failed)
		r = archive_failed(m->ar, shown, e);
	end_unpacking(&u);
	archive_read_free(m->ar);
	free(m);
	return r;
}

/* ---- single compressed files ---- */

static int copy_data(struct archive *in, int fd, const char *shown, struct err *e)
{
	char *buf = xcalloc(BLOCK, 1);
	size_t total = 0;
	la_ssize_t n;
	int r = 0;

	while (r == 0 && (n = archive_read_data(in, buf, BLOCK)) != 0) {
		total += n > 0 ? (size_t)n : 0;
		if (n < 0)
			r = archive_failed(in, shown, e);
		else if (total > COMPRESSED_MAX)
			r = err_set(e, -EFBIG, "%s holds more than %u MiB", shown,
				COMPRESSED_MAX >> 20);
		else if (fs_write_all(fd, buf, (size_t)n) < 0)
			r = err_errno(e, -errno, "cannot write what %s holds", shown);
	}
	free(buf);
	return r;
}

int unpack_compressed_file(const char *path, const char *to, const char *shown, struct err *e)
{
	_cleanup_close_ int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct archive_entry *en;
	struct archive *in;
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create '%s'", to);
	r = archive_library_load(e);
	if (r < 0)
		return r;
	in = archive_read_new();
	archive_read_support_filter_all(in);
	archive_read_support_format_raw(in);
	if (archive_read_open_filename(in, path, BLOCK) != ARCHIVE_OK ||
		archive_read_next_header(in, &en) != ARCHIVE_OK)
		r = archive_failed(in, shown, e);
	else
		r = copy_data(in, fd, shown, e);
	archive_read_free(in);
	return r;
}
