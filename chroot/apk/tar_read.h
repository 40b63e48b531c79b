/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A strict reader of the one tar dialect that apk packages use: ustar with PAX headers. What apk
 * and other programs understand differently is refused rather than guessed.
 */
#ifndef PMKMOD_APK_TAR_READ_H
#define PMKMOD_APK_TAR_READ_H

#include <limits.h>

#include "chroot/apk/apk_read.h"

/* Where the bytes come from: at most `want` of them, valid until the next call; *got 0 at the end.
 */
typedef int (*tar_take)(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e);

struct tar_reader {
	/* set these, all else zero */
	tar_take take;
	void *ctx;
	const char *shown; /* for messages; borrowed */
	bool end_marker_ok; /* zero blocks at the end are allowed */
	struct apk_limits limits; /* 0: none */
	uint64_t size; /* of the file that the archive comes in, for max_ratio; 0: unknown */

	struct apk_entry en; /* the present entry; its strings point into this struct */
	/* the rest is private */
	uint64_t content, padding; /* not read yet */
	uint64_t unpacked, entries; /* so far */
	uint8_t header[512];
	struct strbuf pax, long_name;
	bool pax_seen, long_seen;
	const char *pax_path, *pax_link;
	size_t xattr_cap;
	char name[PATH_MAX], link[PATH_MAX], uname[33], gname[33];
};

/* 1: t->en is the next entry, 0: end. What was not read of the present content is skipped. */
int tar_next(struct tar_reader *t, struct err *e);
/* The next piece of the present entry's content; *n 0 at its end. */
int tar_data(struct tar_reader *t, const uint8_t **p, size_t *n, struct err *e);
/* The whole content, at most `max` bytes (else -EFBIG), appended to `out`. */
int tar_content(struct tar_reader *t, struct strbuf *out, size_t max, struct err *e);
void tar_reader_free(struct tar_reader *t); /* frees what it holds */

/* A tar_take over memory. */
struct tar_memory {
	const uint8_t *p;
	size_t left;
};
int tar_take_memory(void *ctx, size_t want, const uint8_t **p, size_t *got, struct err *e);

/*
 * NULL if `name` is a path below the root that every reader takes for the same file; else why not,
 * as the end of a sentence ("has a component '..'").
 */
const char *apk_path_problem(const char *name);

#endif
