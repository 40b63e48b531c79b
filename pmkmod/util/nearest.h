/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PMKMOD_NEAREST_H
#define PMKMOD_NEAREST_H

#include "chroot/base/str.h"

/* At most `max` of `names` that a mistyped `word` could mean, nearest first (edit distance with
 * transpositions, and names that contain the word). Borrowed strings go to `out`; returns how many.
 */
size_t nearest_names(const char *word, const struct strvec *names, const char **out, size_t max);

#endif
