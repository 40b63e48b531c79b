// SPDX-License-Identifier: GPL-3.0-or-later
/* Points that concern the file as such: what it is for, its frame. */
#include "pmkmod/fit/check.h"

#include <elf.h>

#define UNIQUE_SINCE KERNEL_VERSION_CODE(6, 4)
#define MARKED_SINCE KERNEL_VERSION_CODE(6, 12)
#define LIVEPATCH_SINCE KERNEL_VERSION_CODE(4, 6)
#define STRUCT_SIZE_SINCE KERNEL_VERSION_CODE(6, 6)

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{EM_386, "32-bit x86"},
	{EM_ARM, "32-bit ARM"},
	{EM_X86_64, "x86_64"},
	{EM_AARCH64, "64-bit ARM"},
	{EM_RISCV, "RISC-V"},
	{EM_PPC, "32-bit PowerPC"},
	{EM_PPC64, "64-bit PowerPC"},
	{EM_S390, "S/390"},
	{EM_MIPS, "MIPS"},
	{258, "LoongArch"},
};

static const char *machine_name(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return "an unknown machine";
}

/* elf_check_arch() of the architecture; the class decides which structures the loader reads. */
void fit_check_machine(struct fit_context *c, const struct ko *ko)
{
	const struct arch_info *a = c->k->arch;

	if (!a) {
		fit_add(c, ko, "machine", FIT_UNKNOWN, "%s; the kernel's architecture is not known",
			machine_name(ko->elf_machine));
		return;
	}
	if (ko->elf_machine != a->elf_machine || ko->elf_class != a->elf_class ||
		ko->elf_data != a->elf_data) {
		fit_add(c, ko, "machine", FIT_FAIL,
			"it is a %d-bit %s-endian module for %s (ELF machine %u), the kernel is %s; it "
			"was built for another architecture",
			ko->elf_class == ELFCLASS64 ? 64 : 32,
			ko->elf_data == ELFDATA2MSB ? "big" : "little",
			machine_name(ko->elf_machine), ko->elf_machine, a->alpine);
		return;
	}
	fit_add(c, ko, "machine", FIT_PASS, "%s, %d bits", machine_name(ko->elf_machine),
		ko->elf_class == ELFCLASS64 ? 64 : 32);
}

/*
 * sizeof(struct module) depends on a dozen options. Since 6.6 elf_validity_check() compares it;
 * before that the kernel takes such a module and reads its init function from a wrong place.
 */
static bool module_struct_fits(struct fit_context *c, const struct ko *ko)
{
	uint64_t want = c->k->facts ? c->k->facts->this_module_size : 0;

	if (!want || ko->this_module_size == want)
		return true;
	fit_add(c, ko, "structure", FIT_FAIL,
		"its struct module has %llu bytes, that of the kernel's own modules %llu: it was built "
		"with another configuration; %s",
		(unsigned long long)ko->this_module_size, (unsigned long long)want,
		c->version >= STRUCT_SIZE_SINCE ? "the kernel refuses that"
						: "the kernel would load it and crash");
	return false;
}

/* What elf_validity_check() and its successors became strict about. */
static bool sections_are_sound(struct fit_context *c, const struct ko *ko)
{
	if (ko->twice && c->version >= UNIQUE_SINCE)
		fit_add(c, ko, "structure", FIT_FAIL,
			"%s is in it twice, which the kernel refuses (6.4 and later)", ko->twice);
	else if (ko->unmarked && c->version >= MARKED_SINCE)
		fit_add(c, ko, "structure", FIT_FAIL,
			"%s does not have the type of a string table, which the kernel refuses (6.12 "
			"and later)",
			ko->unmarked);
	else
		return true;
	return false;
}

void fit_check_structure(struct fit_context *c, const struct ko *ko)
{
	if (fit_config(c, "MODULES") == KNOWN_NO && c->k->config) {
		fit_add(c, ko, "structure", FIT_FAIL,
			"the kernel has no CONFIG_MODULES: it loads no module at all, only another "
			"kernel would");
		return;
	}
	if (ko->common_symbol) {
		fit_add(c, ko, "structure", FIT_FAIL,
			"'%s' is a common symbol, which the loader refuses; compile with -fno-common",
			ko->common_symbol);
		return;
	}
	if (!ko->this_module_size) {
		fit_add(c, ko, "structure", FIT_FAIL,
			"its .gnu.linkonce.this_module section is empty; it was not finished by modpost");
		return;
	}
	if (!module_struct_fits(c, ko) || !sections_are_sound(c, ko))
		return;
	/* check_modinfo_livepatch(), since 4.6; before that nobody looks */
	if (ko->is_livepatch && fit_config(c, "LIVEPATCH") == KNOWN_NO &&
		(!c->version || c->version >= LIVEPATCH_SINCE)) {
		fit_add(c, ko, "structure", FIT_FAIL,
			"it is a live patch, and a kernel without CONFIG_LIVEPATCH refuses those");
		return;
	}
	fit_add(c, ko, "structure", FIT_PASS,
		"sections and symbol table are as the loader wants them");
}
