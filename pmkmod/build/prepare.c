// SPDX-License-Identifier: GPL-3.0-or-later
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_install.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/util/archive_library.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"

/* The only entry of a folder, if it is a folder; NULL otherwise. Caller frees. */
static char *only_folder(const char *dir)
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

static int move(const char *from, const char *to, struct err *e)
{
	return rename(from, to) < 0 ? err_errno(e, -errno, "cannot move '%s' to '%s'", from, to)
				    : 0;
}

/* ---- source = package:NAME ---- */

static int no_script(void *ctx, const char *root, const char *const *argv, struct err *e)
{
	(void)ctx, (void)root, (void)argv, (void)e;
	return 0; /* only the files of a source package are wanted, nothing of it is run */
}

static char *cached_file(void *ctx, const struct apk_pkg *p)
{
	return repos_cached(ctx, p);
}

static const struct apk_pkg *source_package(struct plan *p, struct err *e)
{
	const struct apk_pkg *pkg;

	if (repos_parse(&p->target_repos, e) < 0)
		return NULL;
	pkg = repos_newest(&p->target_repos, p->target.source.name);
	if (!pkg)
		err_set(e, -ENOENT, "package %s has vanished from the index",
			p->target.source.name);
	return pkg;
}

static int unpack_package(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	const struct apk_pkg *pkg = source_package(p, e);
	_cleanup_free_ char *root = path_join(j->work.dir, "source-root");
	_cleanup_free_ char *src = path_join(root, "usr/src");
	_cleanup_free_ char *only = NULL;
	_cleanup_strvec_ struct strvec warnings = {0};
	struct apk_change change = {.new_pkg = pkg};
	struct apk_solution sol = {.changes = &change, .n_changes = 1};
	struct apk_universe u = {0};
	struct apk_deps world = {0};
	struct apk_install_opts o = {.run = no_script, .file_of = cached_file, .file_ctx = p->x};
	int r;

	if (!pkg)
		return e ? e->code : -ENOENT;
	r = apk_install(root, &u, &sol, &world, &o, &warnings, e);
	if (r < 0) {
		if (e && !e->exit_code && r == -EBADMSG)
			e->exit_code = EXIT_UNTRUSTED;
		return r;
	}
	only = only_folder(src);
	if (!only && !fs_is_dir(src))
		return err_set(e, -ENOENT, "package %s ships nothing below /usr/src", pkg->name);
	if (!p->version) {
		const char *dash = strrchr(pkg->version, '-');

		p->version = xstrndup(
			pkg->version, dash ? (size_t)(dash - pkg->version) : strlen(pkg->version));
	}
	return move(only ? only : src, j->source_dir, e);
}

/* ---- source = URL of an archive ---- */

static int fetch_archive(struct plan *p, char **path, struct err *e)
{
	_cleanup_free_ char *dir = path_join(p->x->cache, "sources");
	struct download_limits l = {0};
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];
	struct hash h;
	int r = fs_mkdirs(dir, 0700, e);

	hash_hex(&p->module.sha256, want);
	*path = path_join(dir, want);
	if (r == 0)
		r = repos_download_limits(p->x, &l, e);
	if (r == 0 && !fs_exists(*path))
		r = download(p->module.location, *path, &l, e);
	if (r == 0)
		r = hash_file(AT_FDCWD, *path, HASH_SHA256, &h, e);
	if (r < 0 || hash_eq(&h, &p->module.sha256))
		return r;
	unlink(*path);
	hash_hex(&h, have);
	if (e)
		e->exit_code = EXIT_UNTRUSTED;
	return err_set(e, -EBADMSG,
		"%s is not what the recipe %s expects\n  expected sha256 %s\n  found    sha256 %s",
		p->module.location, p->module.recipe, want, have);
}

static int archive_failed(struct archive *a, const char *url, struct err *e)
{
	if (e)
		e->exit_code = EXIT_UNTRUSTED;
	return err_set(e, -EBADMSG, "cannot unpack %s: %s", url, archive_error_string(a));
}

static int unpack_entries(
	struct archive *in, struct archive *out, const char *to, const char *url, struct err *e)
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
			return archive_failed(out, url, e);
		while ((r = archive_read_data_block(in, &data, &n, &offset)) == ARCHIVE_OK)
			if (archive_write_data_block(out, data, n, offset) < ARCHIVE_WARN)
				return archive_failed(out, url, e);
		if (r != ARCHIVE_EOF)
			return archive_failed(in, url, e);
	}
	return r == ARCHIVE_EOF ? 0 : archive_failed(in, url, e);
}

static int unpack_archive(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *path = NULL, *only = NULL;
	_cleanup_free_ char *to = path_join(j->work.dir, "unpacked");
	struct archive *in, *out;
	int r = fetch_archive(p, &path, e);

	if (r == 0)
		r = fs_mkdirs(to, 0700, e);
	if (r == 0)
		r = archive_library_load(e);
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
	if (archive_read_open_filename(in, path, 65536) != ARCHIVE_OK)
		r = archive_failed(in, p->module.location, e);
	else
		r = unpack_entries(in, out, to, p->module.location, e);
	archive_read_free(in);
	archive_write_free(out);
	if (r < 0)
		return r;
	only = only_folder(to);
	return move(only ? only : to, j->source_dir, e);
}

static const char *const not_copied[] = {".git", NULL};

static int get_source(struct job *j, struct err *e)
{
	const struct module *m = &j->plan->module;

	switch (m->kind) {
	case SOURCE_PACKAGE:
		return unpack_package(j, e);
	case SOURCE_ARCHIVE:
		return unpack_archive(j, e);
	case SOURCE_FOLDER:
		return fs_copy_tree(m->location, j->source_dir, not_copied, e);
	}
	return -EINVAL;
}

static bool has_kbuild_file(const char *dir)
{
	static const char *const names[] = {"Kbuild", "Makefile", "makefile", "GNUmakefile"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(dir, names[i]);

		if (fs_exists(path))
			return true;
	}
	return false;
}

int job_prepare(struct job *j, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *build = NULL;
	char name[17];
	int r;

	snprintf(name, sizeof(name), "%.16s", p->cell);
	r = work_open(&j->work, p->x, name, e);
	if (r < 0)
		return r;
	build = path_join(j->work.dir, "build");
	j->source_dir = path_join(build, "src");
	j->out_dir = path_join(build, "out");
	r = fs_mkdirs(j->out_dir, 0700, e);
	if (r == 0)
		r = get_source(j, e);
	if (r < 0) {
		if (e && !e->exit_code && r == -ENOSPC)
			e->exit_code = EXIT_NO_SPACE;
		return r;
	}
	if (!p->version)
		p->version = module_folder_version(j->source_dir);
	j->kbuild_dir = p->module.subdir ? path_join(j->source_dir, p->module.subdir)
					 : xstrdup(j->source_dir);
	if (!fs_is_dir(j->kbuild_dir) || !has_kbuild_file(j->kbuild_dir)) {
		if (e)
			e->exit_code = EXIT_NO_MODULE;
		return err_set(e, -ENOENT,
			"%s: the source has neither Kbuild nor Makefile in %s; `subdir =` of the recipe "
			"says where it is",
			p->module.name, p->module.subdir ? p->module.subdir : "its top folder");
	}
	return 0;
}
