// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/image/image.h"

#include "chroot/base/fs.h"
#include "pmkmod/image/package.h"

int kernel_image_read(struct kernel_image *im, const char *path, struct err *e)
{
	char *bytes = NULL;
	size_t len = 0;
	int r;

	*im = (struct kernel_image){0};
	if (is_apk_package(path))
		r = kernel_package_image(path, &bytes, &len, e);
	else
		r = fs_read_regular(path, KERNEL_IMAGE_MAX, &bytes, &len, e);
	if (r < 0)
		return r;
	r = kernel_image_unwrap(im, bytes, len, e);
	return r < 0 ? err_prefix(e, "cannot use the kernel image '%s'", path) : 0;
}
