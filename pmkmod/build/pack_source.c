// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/pack_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/tar_write.h"
#include "chroot/base/fs.h"

#define FILE_MAX (256u << 20)
#define DEPTH_MAX 64

struct packer {
	struct gz_out *gz;
	const char *top; /* folder in the archive */
};

static int pack_folder(
	const struct packer *k, const char *dir, const char *name, unsigned depth, struct err *e);

static int pack_entry(
	const struct packer *k, const char *path, const char *name, unsigned depth, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	char target[4096];
	struct stat st;
	ssize_t n;
	size_t len;
	int r;

	if (lstat(path, &st) < 0)
		return err_errno(e, -errno, "cannot read '%s'", path);
	if (S_ISDIR(st.st_mode))
		return pack_folder(k, path, name, depth + 1, e);
	if (S_ISLNK(st.st_mode)) {
		struct tar_entry en = {.name = name, .type = '2', .mode = 0777, .link = target};

		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return err_errno(e, -errno, "cannot read '%s'", path);
		target[n] = '\0';
		return tar_header(k->gz, &en, 0, e);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is neither file, folder nor link", path);
	r = fs_read(path, FILE_MAX, &data, &len, e);
	return r < 0 ? r : tar_file(k->gz, name, st.st_mode & 0111 ? 0755 : 0644, data, len, 0, e);
}

static int pack_folder(
	const struct packer *k, const char *dir, const char *name, unsigned depth, struct err *e)
{
	const struct tar_entry en = {.name = name, .type = '5', .mode = 0755};
	_cleanup_strvec_ struct strvec names = {0};
	struct dirent *de;
	DIR *d;
	int r;

	if (depth > DEPTH_MAX)
		return err_set(e, -ELOOP, "'%s' is nested too deeply", dir);
	d = opendir(dir);
	if (!d)
		return err_errno(e, -errno, "cannot read '%s'", dir);
	while ((de = readdir(d)))
		/* the build leaves git's folder out, too */
		if (!streq(de->d_name, ".") && !streq(de->d_name, "..") &&
			!(depth == 0 && streq(de->d_name, ".git")))
			strvec_add(&names, de->d_name);
	closedir(d);
	strvec_sort(&names);
	r = tar_header(k->gz, &en, 0, e);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		_cleanup_free_ char *path = path_join(dir, names.v[i]);
		_cleanup_free_ char *inside = xasprintf("%s/%s", name, names.v[i]);

		r = pack_entry(k, path, inside, depth, e);
	}
	return r;
}

static int sink_file(void *ctx, const void *data, size_t len, struct err *e)
{
	int r = fs_write_all(*(int *)ctx, data, len);

	return r < 0 ? err_errno(e, r, "cannot write the source archive") : 0;
}

int pack_source(const char *folder, const char *top, const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct spool s = SPOOL_INIT;
	struct gz_out gz;
	const struct packer k = {&gz, top};
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot write '%s'", path);
	gz_start(&gz, &s);
	r = pack_folder(&k, folder, top, 0, e);
	if (r == 0)
		r = tar_eof(&gz, e);
	if (r < 0)
		gz_abort(&gz);
	else
		r = gz_end(&gz, NULL, e);
	if (r == 0)
		r = spool_copy(&s, 0, s.len, sink_file, &fd, e);
	spool_free(&s);
	return r;
}
