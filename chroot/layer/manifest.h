/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in a finished tree: each file, folder and link with its mode, size and SHA-256. Written
 * once beside a layer, it tells later whether a disk has changed anything.
 */
#ifndef PMKMOD_LAYER_MANIFEST_H
#define PMKMOD_LAYER_MANIFEST_H

#include <sys/stat.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

enum manifest_type {
	MANIFEST_DIR = 'd',
	MANIFEST_FILE = 'f',
	MANIFEST_LINK = 'l',
	MANIFEST_OTHER = 'o' /* fifo, and the devices that stand for what an overlay removed */
};

struct manifest_entry {
	char *path; /* relative; "." is the top */
	enum manifest_type type;
	unsigned mode; /* 07777; of MANIFEST_OTHER with the kind */
	uint64_t size; /* of a file; device number of MANIFEST_OTHER */
	struct hash sum; /* content of a file, text of a link; HASH_NONE: empty, or neither */
	struct hash xattrs; /* HASH_NONE: there are none */
	struct stat st; /* as it was found; not in the text */
};

/* In the order in which they are printed: a folder, what is in it but folders, then its folders. */
struct manifest {
	struct manifest_entry *v;
	size_t n;
};
void manifest_free(struct manifest *m);

/* Sums of files by inode, so that one that many trees share is read once. */
struct manifest_seen;
struct manifest_seen *manifest_seen_new(void);
void manifest_seen_free(struct manifest_seen *s);

/*
 * Read the tree `dir` and hash its files, by several threads (they have ended when this is back).
 * No symbolic link is followed. `seen` may be NULL. A file that cannot be read is an error.
 */
int manifest_scan(struct manifest *m, const char *dir, struct manifest_seen *seen, struct err *e);

/* As text, sealed; caller frees. */
char *manifest_print(const struct manifest *m, size_t *len);
/* -EBADMSG: it is cut off, altered, or has a name that no tree can have. */
int manifest_parse(struct manifest *m, const char *text, size_t len);

/*
 * What of `have` is not as in `want`, a sentence each, at most `max` of them; returns how many
 * there are in all. Both are sorted anew for it.
 */
size_t manifest_compare(
	struct manifest *want, struct manifest *have, size_t max, struct strvec *differences);

/* Write it to the new file `path`, unsynced. */
int manifest_save(const struct manifest *m, const char *path, struct err *e);
/* Scan `tree` and write its manifest to the new file `path`, unsynced. */
int manifest_write(const char *tree, const char *path, struct err *e);
/*
 * manifest_compare() of the tree and what was written of it. -ENODATA: that is not there, or
 * damaged itself.
 */
int manifest_check(const char *tree, const char *path, struct manifest_seen *seen, size_t max,
	struct strvec *differences, struct err *e);

#endif
