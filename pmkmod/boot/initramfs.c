// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The initramfs: a newc cpio, not compressed. Measured with 36 MiB under emulation (seconds of
 * processor time for the whole boot): plain 2.5, gzip 2.8, zstd 2.6, lz4 2.4; only plain is read by
 * every kernel, and packing would cost us more than that.
 */
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/util/archive_library.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"

/* modules.alias of a large kernel has 2 MiB */
#define INDEX_TEXT_MAX (64U << 20)
/* deeper trees are nobody's root */
#define DEPTH_MAX 100
/* newc has eight hex digits for a size */
#define NEWC_FILE_MAX UINT32_MAX

/* What the root has of its own there is of no use in the booted system. */
static const char *const empty_dirs[] = {"boot", "dev", "proc", "run", "sys", "tmp", "usr/src"};

struct writer {
	const struct initramfs_spec *spec;
	struct initramfs_result *out;
	struct archive *a;
	struct strvec keep; /* module files, "kernel/.../x.ko" */
	int64_t ino;
	int depth;
};

static int put_header(struct writer *w, const char *path, const struct stat *st, struct err *e,
	struct archive_entry *en)
{
	archive_entry_set_pathname(en, path);
	archive_entry_set_mode(en, st->st_mode);
	archive_entry_set_size(en, S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? st->st_size : 0);
	archive_entry_set_mtime(en, st->st_mtime, 0);
	/* each name a file of its own: the kernel would look for hard links in equal numbers */
	archive_entry_set_ino64(en, ++w->ino);
	archive_entry_set_nlink(en, 1);
	if (archive_write_header(w->a, en) != ARCHIVE_OK)
		return err_set(e, -EIO, "cannot add '%s' to the initramfs: %s", path,
			archive_error_string(w->a));
	return 0;
}

static void entry_free(struct archive_entry **en)
{
	archive_entry_free(*en);
}

static int put_plain(struct writer *w, const char *path, mode_t mode, struct err *e)
{
	_cleanup_(entry_free) struct archive_entry *en = archive_entry_new();
	struct stat st = {.st_mode = mode};

	return put_header(w, path, &st, e, en);
}

static int put_link(struct writer *w, const char *path, const char *name, struct merged_entry *me,
	struct err *e)
{
	_cleanup_(entry_free) struct archive_entry *en = archive_entry_new();
	char target[4096];
	ssize_t n = readlinkat(me->fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(e, -errno, "cannot read the link '%s'", path);
	target[n] = '\0';
	me->st.st_size = n;
	archive_entry_set_symlink(en, target);
	return put_header(w, path, &me->st, e, en);
}

static int put_bytes(struct writer *w, const char *path, int fd, uint64_t left, struct err *e)
{
	char buf[65536];

	while (left) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, -errno, "cannot read '%s'", path);
		if (n == 0)
			return err_set(e, -EIO, "'%s' became shorter while it was read", path);
		if (archive_write_data(w->a, buf, (size_t)n) != n)
			return err_set(e, -EIO, "cannot write the initramfs '%s': %s",
				w->spec->path, archive_error_string(w->a));
		left -= (uint64_t)n;
	}
	return 0;
}

static int put_file(struct writer *w, const char *path, const char *name, struct merged_entry *me,
	struct err *e)
{
	_cleanup_(entry_free) struct archive_entry *en = archive_entry_new();
	_cleanup_close_ int fd = openat(me->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == EACCES) {
		/* bbsuid and its like (mode 4111): nothing that loading a module needs */
		strvec_add(&w->out->left_out, path);
		return 0;
	}
	if (fd < 0 || fstat(fd, &me->st) < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	if (me->st.st_size > NEWC_FILE_MAX)
		return err_set(e, -EFBIG, "'%s' is too large for an initramfs", path);
	r = put_header(w, path, &me->st, e, en);
	return r < 0 ? r : put_bytes(w, path, fd, (uint64_t)me->st.st_size, e);
}

/*
 * Does `path` go in? Of the modules' folders only the index files and the closure do: a phone's
 * kernel ships up to 300 MiB of modules, and each byte must be unpacked by the emulated machine.
 */
static bool wanted(const struct writer *w, const char *path, bool is_dir)
{
	const char *p = starts_with(path, "usr/") ? path + 4 : path;
	size_t n = strlen(w->spec->release);

	if (!starts_with(p, "lib/modules/"))
		return true;
	p += strlen("lib/modules/");
	if (strncmp(p, w->spec->release, n) != 0 || (p[n] != '/' && p[n] != '\0'))
		return false;
	if (p[n] == '\0' || p[n + 1] == '\0')
		return is_dir;
	p += n + 1;
	if (!is_dir)
		return (!strchr(p, '/') && starts_with(p, "modules.")) || strvec_has(&w->keep, p);
	n = strlen(p);
	for (size_t i = 0; i < w->keep.n; i++)
		if (strncmp(w->keep.v[i], p, n) == 0 && w->keep.v[i][n] == '/')
			return true;
	return false;
}

static bool is_empty_dir(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(empty_dirs); i++)
		if (streq(path, empty_dirs[i]))
			return true;
	return false;
}

static int put_dir(struct writer *w, const struct merged_dir *d, const char *path, struct err *e);

static int put_entry(struct writer *w, const struct merged_dir *d, const char *path,
	const char *name, struct err *e)
{
	struct merged_entry me;
	int r = merged_lookup(d, name, &me);
	bool is_dir;

	if (r == -EACCES)
		strvec_add(&w->out->left_out, path);
	if (r == -ENOENT || r == -EACCES)
		return 0;
	if (r < 0)
		return err_errno(e, r, "cannot look at '%s' of the root to boot", path);
	is_dir = S_ISDIR(me.st.st_mode);
	if (!wanted(w, path, is_dir))
		r = 0;
	else if (is_dir && is_empty_dir(path))
		r = put_plain(w, path, me.st.st_mode, e);
	else if (is_dir) {
		r = put_plain(w, path, me.st.st_mode, e);
		if (r == 0)
			r = put_dir(w, &me.dir, path, e);
	} else if (S_ISLNK(me.st.st_mode))
		r = put_link(w, path, name, &me, e);
	else if (S_ISREG(me.st.st_mode))
		r = put_file(w, path, name, &me, e);
	/* sockets, pipes and devices: nothing a root of packages needs */
	merged_close(&me.dir);
	return r;
}

static int put_dir(struct writer *w, const struct merged_dir *d, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	int r = merged_names(d, &names);

	if (r < 0)
		return err_errno(e, r, "cannot list '/%s' of the root to boot", path);
	if (w->depth == DEPTH_MAX)
		return err_set(e, -ELOOP, "'/%s' of the root to boot is nested too deeply", path);
	w->depth++;
	for (size_t i = 0; i < names.n && r == 0; i++) {
		_cleanup_free_ char *child =
			*path ? path_join(path, names.v[i]) : xstrdup(names.v[i]);

		if (interrupted())
			return err_set(e, -EINTR, "interrupted while the initramfs was made");
		/* our own init takes the place of one the root may have */
		if (!streq(child, "init"))
			r = put_entry(w, d, child, names.v[i], e);
	}
	w->depth--;
	return r;
}

/* Read one modules.* text from wherever the merged root has it; missing is fine. */
static int read_index(const struct merged_dir *root, const char *release, const char *name,
	char **out, struct err *e)
{
	static const char *const places[] = {"lib/modules", "usr/lib/modules"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s/%s", places[i], release, name);
		size_t len;
		int r = merged_read(root, path, INDEX_TEXT_MAX, out, &len, e);

		if (r != -ENOENT)
			return r;
	}
	return 0;
}

static int choose_modules(struct writer *w, const struct merged_dir *root, struct err *e)
{
	_cleanup_(module_index_free) struct module_index ix = {0};
	const struct {
		const char *name;
		char **text;
	} files[] = {
		{"modules.dep", &ix.dep},
		{"modules.softdep", &ix.softdep},
		{"modules.alias", &ix.alias},
		{"modules.builtin", &ix.builtin},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = read_index(root, w->spec->release, files[i].name, files[i].text, e);

		if (r < 0)
			return r;
	}
	module_closure(&ix, w->spec->modules, &w->keep);
	for (size_t i = 0; i < w->spec->modules->n; i++)
		if (module_is_builtin(&ix, w->spec->modules->v[i]))
			strvec_add(&w->out->builtin, w->spec->modules->v[i]);
	return 0;
}

/* A script of ours. */
static int put_script(struct writer *w, const char *path, const char *text, struct err *e)
{
	_cleanup_(entry_free) struct archive_entry *en = archive_entry_new();
	size_t n = strlen(text);
	struct stat st = {.st_mode = S_IFREG | 0755, .st_size = (off_t)n};
	int r = put_header(w, path, &st, e, en);

	if (r == 0 && archive_write_data(w->a, text, n) != (ssize_t)n)
		r = err_set(e, -EIO, "cannot write the initramfs '%s': %s", w->spec->path,
			archive_error_string(w->a));
	return r;
}

/* The mount points our init needs, and the console the kernel opens for it. */
static int put_fixed(struct writer *w, const struct merged_dir *root, struct err *e)
{
	static const char *const dirs[] = {"dev", "proc", "sys", "tmp", "run"};
	_cleanup_(entry_free) struct archive_entry *en = archive_entry_new();
	struct stat st = {.st_mode = S_IFCHR | 0600};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct merged_entry me;
		int r = merged_lookup(root, dirs[i], &me);

		if (r == 0)
			merged_close(&me.dir);
		else
			r = put_plain(w, dirs[i], S_IFDIR | 0755, e);
		if (r < 0)
			return r;
	}
	archive_entry_set_rdevmajor(en, 5);
	archive_entry_set_rdevminor(en, 1);
	return put_header(w, "dev/console", &st, e, en);
}

static int write_all(struct writer *w, const struct merged_dir *root, struct err *e)
{
	_cleanup_close_ int fd =
		open(w->spec->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot create the initramfs '%s'", w->spec->path);
	if (archive_write_set_format_cpio_newc(w->a) != ARCHIVE_OK ||
		archive_write_set_bytes_per_block(w->a, 1 << 20) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(w->a, 4) != ARCHIVE_OK ||
		archive_write_open_fd(w->a, fd) != ARCHIVE_OK)
		return err_set(
			e, -EIO, "cannot start the initramfs: %s", archive_error_string(w->a));
	r = put_dir(w, root, "", e);
	if (r == 0)
		r = put_fixed(w, root, e);
	if (r == 0)
		r = put_script(w, "init", w->spec->init, e);
	if (r == 0 && w->spec->test)
		r = put_script(w, INIT_TEST, w->spec->test, e);
	if (r == 0 && archive_write_close(w->a) != ARCHIVE_OK)
		r = err_set(e, -EIO, "cannot write the initramfs '%s': %s", w->spec->path,
			archive_error_string(w->a));
	if (r == 0 && fstat(fd, &st) == 0)
		w->out->bytes = (uint64_t)st.st_size;
	return r;
}

int initramfs_write(const struct initramfs_spec *s, struct initramfs_result *out, struct err *e)
{
	_cleanup_(merged_close) struct merged_dir root = {0};
	struct writer w = {.spec = s, .out = out};
	int r;

	*out = (struct initramfs_result){0};
	r = merged_open(&root, s->layers, e);
	if (r == 0)
		r = choose_modules(&w, &root, e);
	if (r == 0)
		r = archive_library_load(e);
	if (r == 0) {
		w.a = archive_write_new();
		r = write_all(&w, &root, e);
		/* after a failure libarchive must not try to finish the file */
		if (r < 0)
			archive_write_fail(w.a);
		archive_write_free(w.a);
	}
	strvec_free(&w.keep);
	if (r < 0)
		initramfs_result_free(out);
	return r;
}

void initramfs_result_free(struct initramfs_result *r)
{
	strvec_free(&r->left_out);
	strvec_free(&r->builtin);
	*r = (struct initramfs_result){0};
}
