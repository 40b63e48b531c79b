/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which kernels the repositories have, as far as that is known without asking a mirror. */
#ifndef PMKMOD_INDEX_KERNELS_H
#define PMKMOD_INDEX_KERNELS_H

#include "pmkmod/build/repos.h"

struct index_kernel {
	char *name, *version; /* "linux-lts", "6.18.55-r0": the newest there is */
	struct hash identity;
	bool headers; /* there is a <name>-dev of exactly that version */
};
struct index_kernels {
	struct index_kernel *v;
	size_t n;
};
/*
 * Those in the indexes at hand of one architecture. Remembered below paths.cache for as long as the
 * indexes are the same; nothing is fetched, and an index that cannot be trusted has none.
 */
void index_kernels_read(struct index_kernels *k, const struct context *x, const struct channel *ch,
	const struct arch_info *arch);
/* NULL: it is not there. Borrowed. */
const struct index_kernel *index_kernel(const struct index_kernels *k, const char *name);
void index_kernels_free(struct index_kernels *k);

/*
 * What `uname -r` says of it: kernel.release in its package, if pmkmod has looked into that package
 * before; NULL otherwise. Caller frees.
 */
char *index_kernel_release(
	const struct index_kernel *k, const struct context *x, const char *flavor);

#endif
