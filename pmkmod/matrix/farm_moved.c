// SPDX-License-Identifier: GPL-3.0-or-later
/* Which hash a cell has turned out to have; believed by workers alone, and by who only counts. */
#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"

static char *moved_path(const struct farm_plan *p, const char *hash)
{
	return xasprintf("%s/moved/%s", p->dir, hash);
}

char *farm_moved(const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *path = moved_path(p, hash), *text = NULL;

	if (fs_read_regular(path, HASH_HEX_MAX, &text, NULL, NULL) < 0 || strlen(text) != 64 ||
		strspn(text, "0123456789abcdef") != 64)
		return NULL;
	return steal_ptr(text);
}

int farm_moved_note(const struct farm_plan *p, const char *hash, const char *to, struct err *e)
{
	_cleanup_free_ char *path = moved_path(p, hash);

	return fs_write_atomic(path, to, strlen(to), 0644, e);
}
