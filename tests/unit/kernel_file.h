/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The smallest kernel image that is one: an arm64 Image with a banner, and what a test wants in it.
 */
#ifndef PMKMOD_TESTS_KERNEL_FILE_H
#define PMKMOD_TESTS_KERNEL_FILE_H

#include <stdlib.h>
#include <string.h>

#include "chroot/base/fs.h"

/* Written to `path`, these bytes at its end. */
static inline int kernel_file_write(const char *path, const void *bytes, size_t len)
{
	char *image = xcalloc(4096 + len, 1);
	int r;

	memcpy(image + 0x38, "ARM\x64", 4);
	strcpy(image + 64, "Linux version 6.1.0 (a@b) (gcc 12) #1 SMP\n");
	memcpy(image + 4096, bytes, len);
	r = fs_write_atomic(path, image, 4096 + len, 0600, NULL);
	free(image);
	return r;
}

#endif
