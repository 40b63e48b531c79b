// SPDX-License-Identifier: GPL-3.0-or-later
/* Which tools build the module, and whether they go together with those that built the kernel. */
#include "pmkmod/preflight/points.h"

#define LLVM_SINCE KERNEL_VERSION_CODE(5, 7) /* LLVM=1 */
#define LLVM_AS_SINCE KERNEL_VERSION_CODE(5, 15) /* LLVM_IAS=1 by default */

/* The linker, where it is not the one that belongs to the compiler. */
static void add_linker(const struct preflight_context *x, struct strvec *args)
{
	bool by_default = x->out->clang && preflight_since(x, LLVM_SINCE);

	if (by_default && kconfig_yes(x->c, "LD_IS_BFD") && x->in->cross)
		strvec_addf(args, "LD=%sld", x->in->cross);
	else if (!by_default && (kconfig_yes(x->c, "LD_IS_LLD") || kconfig_yes(x->c, "LTO_CLANG")))
		strvec_add(args, "LD=ld.lld");
}

/* Documentation/kbuild/llvm.rst of the versions. */
static void add_llvm(const struct preflight_context *x, struct strvec *args)
{
	if (preflight_since(x, LLVM_SINCE)) {
		strvec_add(args, "LLVM=1");
		if (kconfig_yes(x->c, "AS_IS_GNU") && preflight_since(x, LLVM_AS_SINCE))
			strvec_add(args, "LLVM_IAS=0");
		else if (kconfig_yes(x->c, "AS_IS_LLVM") && !preflight_since(x, LLVM_AS_SINCE))
			strvec_add(args, "LLVM_IAS=1");
		return;
	}
	strvec_add(args, "CC=clang");
	if (kconfig_yes(x->c, "LTO_CLANG")) {
		strvec_add(args, "AR=llvm-ar");
		strvec_add(args, "NM=llvm-nm");
	}
	/* Android's kernels before 5.10 */
	if (x->in->cross && *x->in->cross)
		strvec_addf(args, "CLANG_TRIPLE=%s", x->in->cross);
}

static void tell_difference(struct preflight_context *x)
{
	const struct compiler *kernel = &x->out->compiler, *ours = &x->in->ours;
	_cleanup_free_ char *theirs = compiler_show(kernel), *mine = compiler_show(ours);

	x->out->compiler_differs = true;
	if (x->out->strict_compiler)
		preflight_add(x, PREFLIGHT_REFUSE,
			"%s built the kernel, %s would build the module; with CFI, a shadow call "
			"stack, LTO, RANDSTRUCT or gcc plugins (see those points) both must be of "
			"one family and major version. Choose a channel with that compiler, or "
			"name it in `native` of the channel",
			theirs, mine);
	else
		preflight_add(x, PREFLIGHT_NOTE,
			"%s built the kernel, %s builds the module; that mostly works", theirs,
			mine);
}

void preflight_compiler(struct preflight_context *x)
{
	const struct compiler *kernel = &x->out->compiler, *ours = &x->in->ours;
	_cleanup_free_ char *theirs = compiler_show(kernel), *mine = compiler_show(ours);

	if (x->out->clang)
		add_llvm(x, &x->out->make_args);
	add_linker(x, &x->out->make_args);
	if (!kernel->family)
		preflight_add(x, PREFLIGHT_OK, "the configuration does not say which one it was");
	else if (!ours->family)
		preflight_add(x, PREFLIGHT_OK, "%s built the kernel", theirs);
	else if (!compiler_matches(kernel, ours))
		tell_difference(x);
	else
		preflight_add(
			x, PREFLIGHT_OK, "%s built the kernel, %s builds the module", theirs, mine);
}
