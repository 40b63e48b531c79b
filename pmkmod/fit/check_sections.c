// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sections that a module must have to be loaded, because the loader puts its trampolines there:
 * module_frob_arch_sections() in arch/{arm,arm64}/kernel/module-plts.c and
 * arch/riscv/kernel/module-sections.c, module_init_ftrace_plt() in arch/arm64/kernel/module.c. The
 * kernel's linker script for modules makes them; a module built with another lacks them.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

#define V KERNEL_VERSION_CODE

static const struct needed {
	uint16_t machine;
	uint32_t since; /* the loader refuses a module without it since this version */
	uint32_t taken; /* older series took that over, back to this version; 0: they did not */
	const char *section;
	const char *config; /* with this option */
	uint32_t always; /* and since this version without it, too; 0: never */
	const char *also; /* a second option, NULL: none */
} needed[] = {
	/* before, it was named .core.plt */
	{EM_ARM, V(4, 15), 0, ".plt", "ARM_MODULE_PLTS", 0, NULL},
	{EM_ARM, V(4, 15), 0, ".init.plt", "ARM_MODULE_PLTS", 0, NULL},
	{EM_AARCH64, V(4, 6), 0, ".plt", "ARM64_MODULE_PLTS", V(6, 5), NULL},
	{EM_AARCH64, V(4, 19), V(4, 6), ".init.plt", "ARM64_MODULE_PLTS", V(6, 5), NULL},
	{EM_AARCH64, V(5, 6), 0, ".text.ftrace_trampoline", "ARM64_MODULE_PLTS", V(6, 5),
		"DYNAMIC_FTRACE"},
	{EM_AARCH64, V(6, 18), V(6, 4), ".init.text.ftrace_trampoline", "ARM64_MODULE_PLTS",
		V(6, 5), "DYNAMIC_FTRACE"},
	{EM_RISCV, V(4, 18), 0, ".plt", "MODULE_SECTIONS", 0, NULL},
	{EM_RISCV, V(4, 18), 0, ".got", "MODULE_SECTIONS", 0, NULL},
	{EM_RISCV, V(4, 18), 0, ".got.plt", "MODULE_SECTIONS", 0, NULL},
};

/* Does a loader of that option want it? */
static enum known wanted(const struct fit_context *c, const struct needed *n)
{
	enum known first =
		n->always && c->version >= n->always ? KNOWN_YES : fit_config(c, n->config);
	enum known also = n->also ? fit_config(c, n->also) : KNOWN_YES;

	if (first == KNOWN_NO || also == KNOWN_NO)
		return KNOWN_NO;
	return first == KNOWN_YES && also == KNOWN_YES ? KNOWN_YES : KNOWN_NOT;
}

/* Where a series may or may not have taken it over, the kernel's own modules show it. */
static enum fit_result without(const struct fit_context *c, const struct needed *n)
{
	enum known w = wanted(c, n);

	if (w == KNOWN_NO)
		return FIT_PASS;
	if (c->version && c->version < n->since)
		return n->taken && c->version >= n->taken && w == KNOWN_YES && c->k->facts &&
				       strvec_has(&c->k->facts->trampolines, n->section)
			       ? FIT_FAIL
			       : FIT_PASS;
	return w == KNOWN_YES && c->version ? FIT_FAIL : FIT_UNKNOWN;
}

void fit_check_sections(struct fit_context *c, const struct ko *ko)
{
	const struct needed *worst = NULL;
	enum fit_result result = FIT_PASS;

	for (size_t i = 0; i < ARRAY_SIZE(needed) && result != FIT_FAIL; i++) {
		enum fit_result r;

		if (needed[i].machine != ko->elf_machine ||
			strvec_has(&ko->sections, needed[i].section))
			continue;
		r = without(c, &needed[i]);
		if (r == FIT_PASS || (r == FIT_UNKNOWN && worst))
			continue;
		worst = &needed[i];
		result = r;
	}
	if (!worst)
		fit_add(c, ko, "sections", FIT_PASS,
			"it has those that the loader puts trampolines into, or none is needed");
	else
		fit_add(c, ko, "sections", result,
			"it has no section %s, without which a kernel with CONFIG_%s%s%s refuses it%s; "
			"link it with the kernel's own module.lds, as kbuild does",
			worst->section, worst->config, worst->also ? " and CONFIG_" : "",
			worst->also ? worst->also : "",
			result == FIT_FAIL ? "" : ", and whether this one does is not known");
}
