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
#define HUGE_PAGE ((uintptr_t)2 << 20) /* elsewhere larger: then none is made */

static uintptr_t up_to(uintptr_t at, uintptr_t unit)
{
	return (at + unit - 1) & ~(unit - 1);
}

void heap_prepare(size_t bytes)
{
#ifdef __GLIBC__
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start, end;
	char *p;

	/* not a mapping of its own for each large piece, which would be new again */
	if (!mallopt(M_MMAP_THRESHOLD, KEEP / 2) || !mallopt(M_TRIM_THRESHOLD, KEEP))
		return;
	p = malloc(bytes);
	if (!p)
		return;
	start = up_to((uintptr_t)p, HUGE_PAGE);
	end = (uintptr_t)p + bytes;
	if (start < end)
		madvise((void *)start, end - start, MADV_HUGEPAGE);
	start = up_to((uintptr_t)p, page);
	if (start < end)
		madvise((void *)start, (end - start) & ~(page - 1), MADV_POPULATE_WRITE);
	free(p);
#else
	(void)bytes;
#endif
}
