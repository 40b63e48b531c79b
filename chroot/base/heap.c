// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif
#define KEEP (64 << 20)

void heap_prepare(size_t bytes)
{
#ifdef __GLIBC__
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start;
	char *p;

	/* not a mapping of its own for each large piece, which would be new again */
	if (!mallopt(M_MMAP_THRESHOLD, KEEP / 2) || !mallopt(M_TRIM_THRESHOLD, KEEP))
		return;
	p = malloc(bytes);
	if (!p)
		return;
	start = ((uintptr_t)p + page - 1) & ~(page - 1);
	if (bytes > page)
		madvise((void *)start, (bytes - page) & ~(page - 1), MADV_POPULATE_WRITE);
	free(p);
#else
	(void)bytes;
#endif
}
