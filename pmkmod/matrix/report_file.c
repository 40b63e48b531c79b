// SPDX-License-Identifier: GPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/report.h"

int report_begin(struct report_file *r, const char *path, struct err *e)
{
	int fd;

	*r = (struct report_file){.path = xstrdup(path), .tmp = xasprintf("%s.tmp.XXXXXX", path)};
	fd = mkostemp(r->tmp, O_CLOEXEC);
	if (fd >= 0 && (r->f = fdopen(fd, "w")))
		return 0;
	err_errno(e, -errno, "cannot create a temporary file beside the report '%s'", path);
	if (fd >= 0) {
		close(fd);
		unlink(r->tmp);
	}
	free(r->path);
	free(r->tmp);
	*r = (struct report_file){0};
	return e ? e->code : -EIO;
}

static int finish(struct report_file *r)
{
	mode_t mask = umask(022);

	umask(mask);
	errno = EIO;
	if (ferror(r->f) || fflush(r->f) != 0)
		return -errno;
	/* a web server or another user shall be able to read it as any file its owner makes */
	if (fchmod(fileno(r->f), 0666 & ~mask) < 0 || fsync(fileno(r->f)) < 0)
		return -errno;
	return 0;
}

int report_end(struct report_file *r, int code, struct err *e)
{
	if (code == 0) {
		code = finish(r);
		if (code == 0 && rename(r->tmp, r->path) < 0)
			code = -errno;
		if (code < 0)
			err_errno(e, code, "cannot write the report '%s'", r->path);
	}
	fclose(r->f);
	if (code < 0)
		unlink(r->tmp);
	else
		fs_sync_parent(r->path);
	free(r->path);
	free(r->tmp);
	*r = (struct report_file){0};
	return code;
}
