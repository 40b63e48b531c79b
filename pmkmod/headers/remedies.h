/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PMKMOD_REMEDIES_H
#define PMKMOD_REMEDIES_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/kernel/kernel.h"

struct remedy_input {
	const char *source, *shadow;
	const struct kconfig *config;
	const struct arch_info *arch;
	uint32_t version;
	bool clang;
	unsigned cc_major, hostcc_major;
	const char *cc_triplet;
};
struct remedies {
	struct strvec names, cc_flags, hostcc_flags, make_args;
};
int remedies_find(struct remedies *out, const struct remedy_input *in, struct err *e);
void remedies_free(struct remedies *r);

#endif
