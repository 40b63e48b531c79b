/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over a kernel's package: its image, and the exports of its modules. */
#ifndef PMKMOD_IMAGE_PACKAGE_H
#define PMKMOD_IMAGE_PACKAGE_H

#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* Named .apk, and compressed as packages of the second format are. */
bool is_apk_package(const char *path);

/* What the modules below one lib/modules/<release>/ export. */
struct package_modules {
	char *release;
	struct strbuf lines; /* of a Module.symvers */
	size_t modules, exporting, exports, gpl, with_ns, without_crc;
	struct strvec doubts;
};
struct kernel_package {
	char *image; /* content of the most usual image in boot/; NULL: none */
	char *image_name;
	size_t image_len;
	struct package_modules *folders;
	size_t n_folders;
};
/* -ENOENT, -EBADMSG ... as apk_read(), -EFBIG an image that is too large. */
int kernel_package_read(
	struct kernel_package *p, const char *path, bool with_modules, struct err *e);
/* The image alone; *bytes belongs to the caller. -ENOTSUP: the package holds none. */
int kernel_package_image(const char *path, char **bytes, size_t *len, struct err *e);
void kernel_package_free(struct kernel_package *p);

#endif
