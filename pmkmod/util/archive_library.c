// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * libarchive's functions by their own names, each resolved on its first call: who uses them writes
 * ordinary libarchive code against <archive.h>, whose prototypes check the table below.
 */
#include "pmkmod/util/archive_library.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <stdlib.h>

static void *library;

int archive_library_load(struct err *e)
{
	if (!library)
		library = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(e, -ENOSYS,
			"unpacking and packing archives needs libarchive, which cannot be loaded (%s)\n"
			"install it: apt-get install libarchive13",
			dlerror());
	return 0;
}

/* A missing function is a libarchive older than the headers: nothing sensible can follow. */
static void *symbol(const char *name)
{
	void *p = library ? dlsym(library, name) : NULL;

	if (!p)
		abort();
	return p;
}

#define LAZY(result, name, parameters, arguments)                                                  \
	result name parameters                                                                     \
	{                                                                                          \
		static result(*function) parameters;                                               \
                                                                                                   \
		if (!function)                                                                     \
			*(void **)&function = symbol(#name);                                       \
		return function arguments;                                                         \
	}
#define LAZY_VOID(name, parameters, arguments)                                                     \
	void name parameters                                                                       \
	{                                                                                          \
		static void(*function) parameters;                                                 \
                                                                                                   \
		if (!function)                                                                     \
			*(void **)&function = symbol(#name);                                       \
		function arguments;                                                                \
	}

#define A struct archive *a
#define E struct archive_entry *e

LAZY(int, archive_errno, (A), (a))
LAZY(const char *, archive_error_string, (A), (a))
LAZY(int, archive_filter_code, (A, int n), (a, n))
LAZY(struct archive *, archive_read_new, (void), ())
LAZY(int, archive_read_free, (A), (a))
LAZY(la_ssize_t, archive_read_data, (A, void *p, size_t n), (a, p, n))
LAZY(int, archive_read_data_block, (A, const void **p, size_t *n, la_int64_t *o), (a, p, n, o))
LAZY(int, archive_read_next_header, (A, struct archive_entry **e), (a, e))
LAZY(int, archive_read_open,
	(A, void *p, archive_open_callback *o, archive_read_callback *r, archive_close_callback *c),
	(a, p, o, r, c))
LAZY(int, archive_read_open_filename, (A, const char *name, size_t block), (a, name, block))
LAZY(int, archive_read_open_memory, (A, const void *p, size_t n), (a, p, n))
LAZY(int, archive_read_support_filter_all, (A), (a))
LAZY(int, archive_read_support_filter_bzip2, (A), (a))
LAZY(int, archive_read_support_filter_gzip, (A), (a))
LAZY(int, archive_read_support_filter_lzma, (A), (a))
LAZY(int, archive_read_support_filter_xz, (A), (a))
LAZY(int, archive_read_support_filter_lz4, (A), (a))
LAZY(int, archive_read_support_filter_zstd, (A), (a))
LAZY(int, archive_read_support_format_ar, (A), (a))
LAZY(int, archive_read_support_format_raw, (A), (a))
LAZY(int, archive_read_support_format_tar, (A), (a))
LAZY(int, archive_read_support_format_zip, (A), (a))
LAZY(struct archive *, archive_write_new, (void), ())
LAZY(struct archive *, archive_write_disk_new, (void), ())
LAZY(int, archive_write_disk_set_options, (A, int flags), (a, flags))
LAZY(int, archive_write_header, (A, E), (a, e))
LAZY(la_ssize_t, archive_write_data, (A, const void *p, size_t n), (a, p, n))
LAZY(la_ssize_t, archive_write_data_block, (A, const void *p, size_t n, la_int64_t o), (a, p, n, o))
LAZY(int, archive_write_close, (A), (a))
LAZY(int, archive_write_fail, (A), (a))
LAZY(int, archive_write_free, (A), (a))
LAZY(int, archive_write_open_fd, (A, int fd), (a, fd))
LAZY(int, archive_write_set_bytes_in_last_block, (A, int n), (a, n))
LAZY(int, archive_write_set_bytes_per_block, (A, int n), (a, n))
LAZY(int, archive_write_set_format_cpio_newc, (A), (a))
LAZY(struct archive_entry *, archive_entry_new, (void), ())
LAZY_VOID(archive_entry_free, (E), (e))
LAZY(__LA_MODE_T, archive_entry_filetype, (E), (e))
LAZY(const char *, archive_entry_hardlink, (E), (e))
LAZY(const char *, archive_entry_pathname, (E), (e))
LAZY(__LA_MODE_T, archive_entry_perm, (E), (e))
LAZY_VOID(archive_entry_set_ino64, (E, la_int64_t n), (e, n))
LAZY_VOID(archive_entry_set_hardlink, (E, const char *name), (e, name))
LAZY_VOID(archive_entry_set_mode, (E, __LA_MODE_T mode), (e, mode))
LAZY_VOID(archive_entry_set_mtime, (E, time_t t, long ns), (e, t, ns))
LAZY_VOID(archive_entry_set_nlink, (E, unsigned int n), (e, n))
LAZY_VOID(archive_entry_set_pathname, (E, const char *name), (e, name))
LAZY_VOID(archive_entry_set_perm, (E, __LA_MODE_T mode), (e, mode))
LAZY_VOID(archive_entry_set_rdevmajor, (E, dev_t d), (e, d))
LAZY_VOID(archive_entry_set_rdevminor, (E, dev_t d), (e, d))
LAZY_VOID(archive_entry_set_size, (E, la_int64_t n), (e, n))
LAZY_VOID(archive_entry_set_symlink, (E, const char *target), (e, target))
