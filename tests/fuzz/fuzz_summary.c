// SPDX-License-Identifier: GPL-3.0-or-later
/* A package's summary, by anybody: what is taken can be written, and is taken again as the same. */
#include <stdlib.h>
#include <string.h>

#include "pmkmod/export/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct package_summary s, again;
	struct err e = ERR_INIT;
	char *text, *back;

	if (summary_parse(&s, "fuzz", (const char *)data, size, &e) < 0) {
		if (!e.text[0])
			abort(); /* a refusal has a reason */
		return 0;
	}
	text = summary_text(&s);
	/* escapes can make it longer than what is read */
	if (strlen(text) <= SUMMARY_MAX) {
		if (summary_parse(&again, "fuzz", text, strlen(text), &e) < 0)
			abort();
		back = summary_text(&again);
		if (strcmp(text, back) != 0)
			abort();
		free(back);
		summary_free(&again);
	}
	free(text);
	summary_free(&s);
	return 0;
}
