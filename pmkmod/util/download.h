/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetching a URL into a file: http(s) by libcurl, which is loaded only then, and file:// directly.
 */
#ifndef PMKMOD_DOWNLOAD_H
#define PMKMOD_DOWNLOAD_H

#include <stdint.h>

#include "chroot/base/err.h"

struct download_limits {
	uint64_t max_bytes; /* a longer answer is refused, 0: none */
	unsigned timeout_s; /* without any byte */
};

/*
 * Fetch `url` to `path`, which appears only when complete (temporary name, rename). Errors: -ENOENT
 * the server or folder does not have it, -ENETUNREACH anything of the network, -EFBIG too long,
 * -EINTR interrupted; exit code 31.
 */
int download(const char *url, const char *path, const struct download_limits *l, struct err *e);

/* The path of a file:// URL (percent escapes decoded), NULL for other URLs; caller frees. */
char *file_url_path(const char *url);

#endif
