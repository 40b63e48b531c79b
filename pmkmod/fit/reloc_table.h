/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which relocations the module loader of which kernel applies. */
#ifndef PMKMOD_RELOC_TABLE_H
#define PMKMOD_RELOC_TABLE_H

#include "pmkmod/fit/fit.h"

struct reloc_rule {
	uint32_t type;
	const char *name;
	uint32_t since; /* kernel_version_code() of the first that has it; 0: all that matter */
	bool spread; /* older series may have it too: stable or vendor kernels took it */
	const char *config; /* only with this option; "!X": only without */
};
struct reloc_loader {
	uint16_t machine;
	bool rela; /* it applies SHT_RELA, else SHT_REL; the other kind is refused */
	const struct reloc_rule *rules;
	size_t n_rules;
};
/* NULL: an architecture whose loader is not known here. */
const struct reloc_loader *reloc_loader_of(uint16_t machine);
/* NULL: no version of that loader applies it. */
const struct reloc_rule *reloc_rule_of(const struct reloc_loader *l, uint32_t type);
/* How many bytes the loader writes at its place; 0: none. */
size_t reloc_width(uint16_t machine, uint32_t type);
/* Is it a branch, so that its symbol is code? */
bool reloc_is_branch(uint16_t machine, uint32_t type);
/*
 * The bits that the loader wants its value to fit into, which no address in the kernel does; 0: it
 * does not look, or addresses do fit.
 */
unsigned reloc_bits(uint16_t machine, uint32_t type);
/* "R_ARM_CALL", also of some that no loader applies; else "an unknown one". */
const char *reloc_name(const struct reloc_loader *l, uint32_t type);

#endif
