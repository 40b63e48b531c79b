// SPDX-License-Identifier: GPL-3.0-or-later
/* e_flags and e_entry, of which only arm's elf_check_arch() (arch/arm/kernel/elf.c) looks at any.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

#define APCS_26 0x8 /* EF_ARM_APCS_26: code for processors before 1995 */

void fit_check_flags(struct fit_context *c, const struct ko *ko)
{
	bool old_abi = (ko->elf_flags & EF_ARM_EABIMASK) == EF_ARM_EABI_UNKNOWN;

	if (ko->elf_machine != EM_ARM) {
		fit_add(c, ko, "flags", FIT_PASS, "0x%x, at which the loader does not look",
			ko->elf_flags);
		return;
	}
	if ((ko->entry & 3) == 2) {
		fit_add(c, ko, "flags", FIT_FAIL,
			"its entry point 0x%llx is no address of an instruction, which the kernel "
			"refuses",
			(unsigned long long)ko->entry);
		return;
	}
	if (old_abi && (ko->elf_flags & APCS_26)) {
		fit_add(c, ko, "flags", FIT_FAIL,
			"0x%x says that it is for processors with 26-bit addresses, which the kernel "
			"refuses; build it for EABI version 5",
			ko->elf_flags);
		return;
	}
	if (old_abi)
		fit_add(c, ko, "flags", FIT_PASS,
			"0x%x names no EABI version; the loader takes that, but it is not what kbuild "
			"makes",
			ko->elf_flags);
	else
		fit_add(c, ko, "flags", FIT_PASS, "EABI version %u", ko->elf_flags >> 24);
}
