/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PMKMOD_TEST_PEAK_MEMORY_H
#define PMKMOD_TEST_PEAK_MEMORY_H

#include <stdio.h>
#include <stdlib.h>

#include "chroot/base/fs.h"

/* VmHWM of this process alone, in KiB: what wait4(2) tells would include whoever started it. */
static inline long peak_kib(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (starts_with(line, "VmHWM:"))
			kib = strtol(line + strlen("VmHWM:"), NULL, 10);
	return kib;
}

#endif
