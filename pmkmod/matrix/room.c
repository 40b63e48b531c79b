// SPDX-License-Identifier: GPL-3.0-or-later
/* How much memory is left: proc(5) /proc/meminfo; Documentation/admin-guide/cgroup-v2.rst. */
#include <inttypes.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/engine.h"

#define CGROUPS "/sys/fs/cgroup"
#define TEXT_MAX (1 << 20)

/* The number behind `word` at the beginning of a line; UINT64_MAX: there is none, or no number. */
static uint64_t number(const char *path, const char *word)
{
	_cleanup_free_ char *text = NULL;
	const char *at;
	uint64_t n;

	if (fs_read(path, TEXT_MAX, &text, NULL, NULL) < 0)
		return UINT64_MAX;
	at = text;
	while (at && !starts_with(at, word))
		at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
	return at && sscanf(at + strlen(word), "%" SCNu64, &n) == 1 ? n : UINT64_MAX;
}

/* Of one control group: its limit less what it has and could not give back at once. */
static uint64_t left_in(const char *group)
{
	_cleanup_free_ char *max = path_join(group, "memory.max");
	_cleanup_free_ char *current = path_join(group, "memory.current");
	_cleanup_free_ char *stat = path_join(group, "memory.stat");
	uint64_t limit = number(max, ""), used = number(current, "");
	uint64_t cache = number(stat, "inactive_file ");

	if (limit == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	if (cache != UINT64_MAX)
		used = used > cache ? used - cache : 0;
	return limit > used ? limit - used : 0;
}

uint64_t memory_available(void)
{
	uint64_t kib = number("/proc/meminfo", "MemAvailable:"), least = UINT64_MAX;
	_cleanup_free_ char *groups = NULL, *path = NULL;
	const char *own;

	if (kib != UINT64_MAX)
		least = kib << 10;
	if (fs_read("/proc/self/cgroup", TEXT_MAX, &groups, NULL, NULL) < 0)
		return least;
	own = starts_with(groups, "0::/") ? groups : strstr(groups, "\n0::/");
	if (!own)
		return least;
	own = strchr(own, '/');
	path = xasprintf(CGROUPS "%.*s", (int)strcspn(own, "\n"), own);
	while (strlen(path) >= strlen(CGROUPS)) {
		uint64_t left = left_in(path);

		least = left < least ? left : least;
		*strrchr(path, '/') = '\0';
	}
	return least;
}
