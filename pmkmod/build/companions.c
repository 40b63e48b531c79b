// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/companions.h"

#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/context.h"

const struct companion *companion_get(const struct companions *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].name, name))
			return &c->v[i];
	return NULL;
}

bool companion_find(
	struct companions *out, const struct context *x, const char *device, const char *name)
{
	struct cell_result result = {0};
	struct companion *c;
	_cleanup_free_ char *symvers = NULL;

	if (companion_get(out, name))
		return true;
	if (!cell_latest_built(x, device, name, &result, &symvers))
		return false;
	out->v = xrealloc(out->v, out->n + 1, sizeof(*out->v));
	c = &out->v[out->n++];
	*c = (struct companion){.name = xstrdup(name), .release = steal_ptr(result.release)};
	if (hash_file(AT_FDCWD, symvers, HASH_SHA256, &c->sum, NULL) == 0)
		c->symvers = steal_ptr(symvers);
	else
		c->sum = (struct hash){0};
	cell_result_free(&result);
	return true;
}

void companions_free(struct companions *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].symvers);
		free(c->v[i].release);
	}
	free(c->v);
	*c = (struct companions){0};
}
