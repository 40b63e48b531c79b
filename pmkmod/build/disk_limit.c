// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/disk_limit.h"

#include <fts.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "chroot/base/str.h"
#include "pmkmod/util/exit_codes.h"

/* Files are counted anew only after the file system has lost this much, for counting takes time. */
#define STEP (64ULL << 20)

static uint64_t free_bytes(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) < 0 ? UINT64_MAX : (uint64_t)v.f_bavail * v.f_frsize;
}

static uint64_t used_bytes(const char *dir)
{
	_cleanup_free_ char *top = xstrdup(dir);
	char *const tops[] = {top, NULL};
	FTS *f = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	uint64_t sum = 0;
	FTSENT *en;

	while (f && (en = fts_read(f)))
		if (en->fts_info == FTS_F)
			sum += (uint64_t)en->fts_statp->st_blocks * 512;
	if (f)
		fts_close(f);
	return sum;
}

void disk_limit_start(struct disk_limit *l, const char *dir, uint64_t max)
{
	*l = (struct disk_limit){.dir = dir, .max = max, .free_then = free_bytes(dir)};
}

int disk_limit_tick(void *limit, struct err *e)
{
	struct disk_limit *l = limit;
	uint64_t now, used;

	if (!l->max)
		return 0;
	now = free_bytes(l->dir);
	if (now + (l->max < STEP ? l->max : STEP) > l->free_then)
		return 0;
	l->free_then = now;
	used = used_bytes(l->dir);
	if (used <= l->max)
		return 0;
	err_exit(e, EXIT_NO_SPACE, -EDQUOT,
		"the build has written %llu MiB, more than the %llu MiB it may, and was stopped",
		(unsigned long long)(used >> 20), (unsigned long long)(l->max >> 20));
	return err_hint(e, "if it needs that much: -o build.max_disk=%lluG",
		(unsigned long long)((used >> 30) * 2 + 1));
}
