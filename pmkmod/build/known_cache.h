/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was read of a kernel package for checks, kept: recovering its exports takes half a second.
 */
#ifndef PMKMOD_KNOWN_CACHE_H
#define PMKMOD_KNOWN_CACHE_H

#include "chroot/base/hash.h"
#include "chroot/base/str.h"

struct known_texts { /* each NULL: not known; owned */
	char *config, *config_from, *symvers, *symvers_from;
	char *vermagic, *release, *arch; /* of the image; "aarch64" */
	char *notes; /* lines */
};
/* -ENOENT: nothing whole is kept, or it is another pmkmod's. */
int known_texts_load(struct known_texts *t, const char *cache_dir, const struct hash *identity,
	const char *flavor);
/* A cache that cannot be written only costs time, so nobody is told. */
void known_texts_save(const struct known_texts *t, const char *cache_dir,
	const struct hash *identity, const char *flavor);
/* For the fuzz target: the text of a file of the cache. */
int known_texts_parse(struct known_texts *t, const char *text, size_t len);
char *known_texts_print(const struct known_texts *t, size_t *len);
void known_texts_free(struct known_texts *t);

#endif
