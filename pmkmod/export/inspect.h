/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an apk package is, and, of one that pmkmod has made, which kernel it is for. */
#ifndef PMKMOD_EXPORT_INSPECT_H
#define PMKMOD_EXPORT_INSPECT_H

#include "chroot/apk/apk_read.h"
#include "pmkmod/export/summary.h"

struct inspected_module {
	char *path; /* inside the package */
	char *name, *version, *license, *vermagic; /* NULL: it does not say */
	struct strvec depends, softdeps, firmware; /* firmware: files that it asks for */
	char *hardware; /* "usb 10, of 2": aliases that have it loaded; NULL: none */
	bool is_signed;
	char *problem; /* why it cannot be read; then only the path is known */
};

struct inspection {
	struct apk_control c; /* signers: whose signatures it has */
	char *untrusted; /* why no known key vouches for it; NULL: one does, c.signed_by */
	bool altered; /* a known key has signed it, but not what it is now */
	bool by_pmkmod; /* it says so; `untrusted` tells what that is worth */
	bool has_summary; /* else it is a meta package, headers, or an older pmkmod's */
	struct package_summary summary;
	char *summary_problem; /* why the summary it has is none; NULL: it is one, or there is none
				*/
	struct inspected_module *modules; /* only of those by pmkmod */
	size_t n_modules, n_more; /* beyond these, which are not looked into */
	struct strvec
		others; /* files that are neither modules nor the summary; the first of them */
	char *autoload; /* path of its modules-load.d file; NULL: none */
	bool by_hardware; /* one of the modules has an alias of hardware */
	char *report; /* path of the fit report beside it; NULL: none, or another package's */
};
/*
 * Read the package in the file `path`: any apk, checked throughout (apk_read()); how many modules
 * of it are looked at is meant for module packages alone. `keys` are those that are known.
 * -EBADMSG, -EFBIG, -EPROTONOSUPPORT; -EINVAL: no regular file.
 */
int inspect_package(
	struct inspection *out, const char *path, const struct apk_keys *keys, struct err *e);
/* The control part of it alone, and who vouches for that; otherwise the same. */
int inspect_head(
	struct inspection *out, const char *path, const struct apk_keys *keys, struct err *e);
void inspection_free(struct inspection *i);

#endif
