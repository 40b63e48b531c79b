/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much a build may write in all, beside the limit of each file. */
#ifndef PMKMOD_DISK_LIMIT_H
#define PMKMOD_DISK_LIMIT_H

#include <stdint.h>

#include "chroot/base/err.h"

struct disk_limit {
	const char *dir; /* whose files count */
	uint64_t max; /* bytes; 0: no limit */
	uint64_t free_then; /* on its file system, when its files were counted last */
};

/* Begin to watch `dir`; `max` is the limit in bytes. */
void disk_limit_start(struct disk_limit *l, const char *dir, uint64_t max);
/* For sandbox_spec.tick. -EDQUOT with a sentence if the folder holds more than it may. */
int disk_limit_tick(void *limit, struct err *e);

#endif
