// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/headers/remedies.h"

int remedies_find(struct remedies *out, const struct remedy_input *in, struct err *e)
{
	(void)e;
	*out = (struct remedies){0};
	if (in->clang)
		strvec_add(&out->make_args, "LLVM=1");
	return 0;
}

void remedies_free(struct remedies *r)
{
	strvec_free(&r->names);
	strvec_free(&r->cc_flags);
	strvec_free(&r->hostcc_flags);
	strvec_free(&r->make_args);
}
