// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>

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

static int unpack_entries(
	struct archive *in, struct archive *out, const char *to, const char *shown, struct err *e)
{
	struct archive_entry *en;
	int r;

	while ((r = archive_read_next_header(in, &en)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		_cleanup_free_ char *path = path_join(to, archive_entry_pathname(en));
		const char *link = archive_entry_hardlink(en);
		const void *data;
		la_int64_t offset;
		size_t n;

		if (interrupted())
			return err_set(e, -EINTR, "interrupted");
		archive_entry_set_pathname(en, path);
		if (link) {
			_cleanup_free_ char *full = path_join(to, link);

			archive_entry_set_hardlink(en, full);
		}
		archive_entry_set_perm(en, (archive_entry_perm(en) & 0777) | 0600);
		if (archive_write_header(out, en) < ARCHIVE_WARN)
			return archive_failed(out, shown, e);
		while ((r = archive_read_data_block(in, &data, &n, &offset)) == ARCHIVE_OK)
			if (archive_write_data_block(out, data, n, offset) < ARCHIVE_WARN)
				return archive_failed(out, shown, e);
		if (r != ARCHIVE_EOF)
			return archive_failed(in, shown, e);
	}
	return r == ARCHIVE_EOF ? 0 : archive_failed(in, shown, e);
}

int unpack_archive_file(const char *path, const char *to, const char *shown, struct err *e)
{
	struct archive *in, *out;
	int r = archive_library_load(e);

	if (r < 0)
		return r;
	in = archive_read_new();
	out = archive_write_disk_new();
	archive_read_support_filter_all(in);
	archive_read_support_format_tar(in);
	archive_read_support_format_zip(in);
	/* pathnames are made absolute by us, so "..", not absolute names, is what must be refused
	 */
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM |
						    ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						    ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	if (archive_read_open_filename(in, path, BLOCK) != ARCHIVE_OK)
		r = archive_failed(in, shown, e);
	else
		r = unpack_entries(in, out, to, shown, e);
	archive_read_free(in);
	archive_write_free(out);
	return r;
}

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
