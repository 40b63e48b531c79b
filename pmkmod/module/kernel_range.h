/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ranges of kernel releases, as recipes have them: words that must all hold, separated by blanks or
 * commas: ">=5.4 <6.8 !6.1.5". An operator is >=, <=, >, <, = or !; a version alone means "=".
 *
 * Numbers are compared, and only as many as the word has: "6.1" is the whole series, so "<=6.1" has
 * 6.1.5 and ">6.1" begins at 6.2. A release candidate is below its release: 6.1.0-rc3 is <6.1 and
 * >=6.1-rc2. What follows the numbers of a release ("-sdm845", "-0-lts") does not count.
 */
#ifndef PMKMOD_KERNEL_RANGE_H
#define PMKMOD_KERNEL_RANGE_H

#include <stdbool.h>

#include "chroot/base/err.h"

/* -EINVAL (exit code 2) with the word that is none. NULL, "" and "any" are every kernel. */
int kernel_range_check(const char *range, struct err *e);
/*
 * Is `release` ("6.6.30-0-lts") in the range? A release that begins with no number is in none but
 * "any"; a range that kernel_range_check() refuses has none.
 */
bool kernel_range_has(const char *range, const char *release);

#endif
