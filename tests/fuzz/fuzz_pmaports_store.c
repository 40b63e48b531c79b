// SPDX-License-Identifier: GPL-3.0-or-later
/* The block that a tree is kept as. What is behind its head comes from a cache file. */
#include "pmkmod/pmaports/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const char *s)
{
	if (s && strlen(s) > 1u << 24)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t head = sizeof(STORE_MAGIC) - 1 + STORE_HASH;
	char *block = xcalloc(head + size, 1);
	const struct pmaports_device *d;
	struct pmaports *t;
	size_t n;

	/* the hash is that of whoever wrote it: it must not be what keeps the reader safe */
	memcpy(block, STORE_MAGIC, sizeof(STORE_MAGIC) - 1);
	if (size)
		memcpy(block + head, data, size);
	if (store_decode(&t, block, head + size, false) < 0)
		return 0;
	d = pmaports_devices(t, &n);
	for (size_t i = 0; i < n; i++) {
		if (pmaports_find(t, d[i].name) != &d[i] || !d[i].n_kernels)
			abort();
		for (size_t k = 0; k < d[i].n_kernels; k++) {
			look(d[i].kernels[k].why);
			look(d[i].kernels[k].notes);
			if (d[i].kernels[k].verdict >= N_VERDICTS)
				abort();
		}
	}
	pmaports_free(t);
	return 0;
}
