// SPDX-License-Identifier: GPL-3.0-or-later
/* A worker's result, by anybody: what is taken can be written, and is taken again as the same. */
#include <stdlib.h>
#include <string.h>

#include "pmkmod/matrix/farm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What of it becomes a path. */
static void check_names(const struct farm_result *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const char *name = r->files[i].name;

		if (!*name || *name == '.' || strchr(name, '/'))
			abort();
	}
	if (r->cell.built != (r->cell.apk != NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct farm_result r, again;
	struct strbuf text = {0}, back = {0};
	struct err e = ERR_INIT;

	if (farm_result_parse(&r, "fuzz", (const char *)data, size, &e) < 0) {
		if (!e.text[0])
			abort(); /* a refusal has a reason */
		return 0;
	}
	check_names(&r);
	farm_result_print(&r, &text);
	if (farm_result_parse(&again, "fuzz", text.s, text.len, &e) < 0)
		abort();
	farm_result_print(&again, &back);
	if (strcmp(text.s, back.s) != 0)
		abort();
	strbuf_free(&text);
	strbuf_free(&back);
	farm_result_free(&r);
	farm_result_free(&again);
	return 0;
}
