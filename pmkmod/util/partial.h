/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file on its way: written under another name, and renamed once it is complete. What is known by
 * its content can be gone on with, in the same run or in a later one; it is kept as
 *
 *   <path>.part           the bytes so far, locked (flock) by the one that writes
 *   <path>.part.if-range  what the server calls this version of the file: ETag or Last-Modified
 *
 * Anything else, and what another pmkmod is just fetching, gets a name of its own
 * (<path>.tmp.XXXXXX), which is never gone on with.
 */
#ifndef PMKMOD_PARTIAL_H
#define PMKMOD_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"

#define PARTIAL_DAYS 7 /* after which nobody will go on with it */

struct partial {
	char *path; /* NULL: not open */
	char *note; /* .part.if-range; NULL: not to be gone on with */
	char *validator; /* what is in it, NULL: none */
	int fd;
	uint64_t size; /* bytes that are there */
	uint64_t before; /* so many of them were there before the last request */
};
#define PARTIAL_INIT                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Open or create what is to become `path`. Closed by partial_close(), complete or not. */
int partial_open(struct partial *p, const char *path, bool keep, struct err *e);
/* Throw away what is there. 0 or negative errno. */
int partial_restart(struct partial *p);
/* Append. 0 or negative errno. */
int partial_write(struct partial *p, const void *data, size_t len);
/* Append the file at `path`; `max` (0: none) as for downloads. */
int partial_copy(struct partial *p, const char *path, uint64_t max, struct err *e);
/* Remember what If-Range will ask for; NULL or something unusable: nothing. */
void partial_set_validator(struct partial *p, const char *validator);
/* Give it its name: it is complete. */
int partial_complete(struct partial *p, const char *path, struct err *e);
/* keep: leave an incomplete one to be gone on with, if it is of that kind and not empty. */
void partial_close(struct partial *p, bool keep);

/* Remove what interrupted runs left in the folder and nobody went on with for PARTIAL_DAYS. */
void partial_sweep(const char *dir);

#endif
