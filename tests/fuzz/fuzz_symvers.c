// SPDX-License-Identifier: GPL-3.0-or-later
/* Module.symvers of any age. */
#include "pmkmod/kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symvers *s = NULL;
	struct err e = ERR_INIT;
	const struct symvers_entry *en;
	size_t kept = 0;
	int r;

	symvers_new(&s);
	r = symvers_parse(s, "fuzz", (const char *)data, size, &e);
	if ((r < 0) != (e.text[0] != '\0'))
		abort();
	for (en = symvers_find(s, "printk"); en; en = symvers_next(s, en))
		kept += strlen(en->owner) + strlen(en->export) + strlen(en->ns) + 1;
	if (kept && !symvers_count(s))
		abort();
	symvers_free(s);
	return 0;
}
