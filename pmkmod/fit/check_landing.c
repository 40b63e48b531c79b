// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Landing pads: processors that have BTI (arm64) or IBT (x86) refuse a jump through a pointer to
 * anything but certain instructions, if the kernel asks for that. Its first such jump into a module
 * is do_one_initcall()'s, and modules are guarded as the kernel is: set_memory_x() sets PTE_GP in
 * arch/arm64/mm/pageattr.c; MSR_IA32_S_CET is for all of the kernel's code
 * (arch/x86/kernel/cpu/common.c).
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

static const struct scheme {
	uint16_t machine;
	const char *config, *processors, *pads;
	uint32_t first[4]; /* words that a function may begin with; 0: no more */
} schemes[] = {
	/* paciasp and pacibsp are "bti c", too */
	{EM_AARCH64, "ARM64_BTI_KERNEL", "BTI (Armv8.5 and later)", "bti c or paciasp",
		{0xd503245f, 0xd50324df, 0xd503233f, 0xd503237f}},
	{EM_X86_64, "X86_KERNEL_IBT", "IBT", "endbr64", {0xfa1e0ff3}},
};

static const struct scheme *scheme_of(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].machine == machine)
			return &schemes[i];
	return NULL;
}

static bool is_pad(const struct scheme *s, uint32_t word)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->first) && s->first[i]; i++)
		if (s->first[i] == word)
			return true;
	return false;
}

void fit_check_landing_pads(struct fit_context *c, const struct ko *ko)
{
	const struct scheme *s = scheme_of(ko->elf_machine);
	enum known asked = s ? fit_config(c, s->config) : KNOWN_NO;

	if (asked == KNOWN_NO)
		fit_add(c, ko, "landing pads", FIT_PASS, "the kernel does not ask for them");
	else if (!ko->memory.init_is_there)
		fit_add(c, ko, "landing pads", FIT_PASS, "it has no init function to be called");
	else if (is_pad(s, ko->memory.init_begins))
		fit_add(c, ko, "landing pads", FIT_PASS, "its init function begins with one");
	else
		fit_add(c, ko, "landing pads", FIT_UNKNOWN,
			"its init function does not begin with %s: a kernel with CONFIG_%s%s crashes "
			"when it calls it, on a processor that has %s; compile it with the kernel's "
			"own options",
			s->pads, s->config,
			asked == KNOWN_YES ? "" : ", which this one may or may not have,",
			s->processors);
}
