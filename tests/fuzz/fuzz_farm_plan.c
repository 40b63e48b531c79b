// SPDX-License-Identifier: GPL-3.0-or-later
/* plan.json of a shared folder, by anybody. */
#include <stdlib.h>
#include <string.h>

#include "pmkmod/matrix/farm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct farm_plan p;
	struct err e = ERR_INIT;

	/* as it is read: with a NUL behind it, and perhaps some before */
	if (strlen(text) != size)
		return 0;
	if (farm_plan_parse(&p, "fuzz", text, size, &e) < 0) {
		if (!e.text[0] || p.n || p.cells)
			abort();
		return 0;
	}
	if (!p.devices || !p.modules)
		abort();
	for (size_t i = 0; i < p.n; i++) {
		const struct farm_cell *c = &p.cells[i];

		if (strlen(c->hash) != 64 || strchr(c->hash, '/') || !c->device || !c->module ||
			!c->headers || !(c->text || c->open))
			abort();
		if (!farm_plan_find(&p, c->hash) ||
			!farm_plan_at(&p, c->device, c->choice, c->module))
			abort();
	}
	for (size_t i = 0, next = 0, from, to; i < 3; i++) {
		farm_plan_share(&p, i, 3, &from, &to);
		if (from != next || to < from || (i == 2 && to != p.n))
			abort();
		next = to;
	}
	farm_plan_free(&p);
	return 0;
}
