/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching URLs into files: http(s) by libcurl, which is loaded only then, and file:// directly.
 * Several at a time; what may pass is tried again; what was cut is gone on with (util/partial.h);
 * other places are asked (util/mirrors.h).
 */
#ifndef PMKMOD_DOWNLOAD_H
#define PMKMOD_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"

struct mirrors;
struct progress;

/* What a download may take, and where its troubles and its progress go. */
struct download_limits {
	uint64_t max_bytes; /* a longer answer is refused, 0: none */
	unsigned timeout_s; /* without any byte */
	unsigned retries; /* so often what may pass is tried again ... */
	unsigned backoff_ms; /* ... after this time, which doubles each time */
	unsigned parallel; /* downloads at a time, 0: one */
	struct mirrors *mirrors; /* NULL: none are known */
	struct progress *progress; /* NULL: nothing is shown */
};

struct download {
	const char *url;
	const char *path; /* appears only when complete and verified */
	const char *name; /* what an error begins with, NULL: nothing */
	uint64_t size; /* what is expected, for the progress; 0: not known */
	uint64_t max_bytes; /* 0: that of the limits */
	/*
	 * Is the file at `path` what it should be? With it, what was cut is gone on with and other
	 * mirrors are asked for what one does not have: whatever comes together is looked at here.
	 * A file of that kind that is already there is left alone. NULL: neither. An error tells
	 * `url`.
	 */
	int (*verify)(void *ctx, const char *path, struct err *e);
	void *ctx;
	/* Another file may be there each time (an index): it is fetched although there is one,
	 * which stays if that comes to nothing, and never pieced together. */
	bool moving;
	struct err *failure; /* not NULL: its failure is told there and stops no others */
};

struct download_stats {
	size_t files;
	uint64_t bytes; /* that came over the network */
	double seconds;
};

/*
 * Fetch them all, the first ones first. On an error later ones are stopped at once and earlier ones
 * after some seconds; of several errors that of the first in the list is told. What is complete
 * stays. `what` ("packages") is for the
 * progress; `stats` (may be NULL) is added to.
 *
 * Tried again is what may pass: no connection or none any more, time-outs, no address, HTTP 408,
 * 425, 429, 500, 502, 503, 504. Errors: -ENOENT the server or folder does not have it, -ENETUNREACH
 * anything of the network, -EFBIG too long, -EINTR interrupted, what verify() says; exit code 31 if
 * there is no better one.
 */
int download_all(struct download *v, size_t n, const char *what, const struct download_limits *l,
	struct download_stats *stats, struct err *e);

/* One file of which nothing is known before. */
int download(const char *url, const char *path, const struct download_limits *l, struct err *e);

/* The path of a file:// URL (percent escapes decoded), NULL for other URLs; caller frees. */
char *file_url_path(const char *url);

/* "34 of 120 MiB", or "34 MiB" if `of` is 0; appended to `b`. */
struct strbuf;
void download_show_bytes(struct strbuf *b, uint64_t bytes, uint64_t of);

#endif
