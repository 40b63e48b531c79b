// SPDX-License-Identifier: GPL-3.0-or-later
/* Points that concern the file as such: what it is for, its frame, its name. */
#include "pmkmod/fit/check.h"

#include <ctype.h>
#include <elf.h>

#define UNIQUE_SINCE KERNEL_VERSION_CODE(6, 4)
#define MARKED_SINCE KERNEL_VERSION_CODE(6, 12)
#define LIVEPATCH_SINCE KERNEL_VERSION_CODE(4, 6)
#define FORTIFIED_SINCE KERNEL_VERSION_CODE(4, 13)
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

/* The text with its NUL, not as the end of a longer one. */
static bool has_word(const char *bytes, size_t len, const char *word)
{
	const char *at = bytes, *end = bytes + len;

	for (; (at = memmem(at, (size_t)(end - at), word, strlen(word) + 1)); at++)
		if (at == bytes || (!isalnum((unsigned char)at[-1]) && at[-1] != '_'))
			return true;
	return false;
}

/*
 * "name" or "name.parameter" of the kernel's own parts that bear this name. The kernel's image has
 * the parameters under the name that counts, which a few parts change (MODULE_PARAM_PREFIX).
 */
static bool bears_name(struct fit_context *c, const char *attribute, const char *name)
{
	const struct kernel_image *im;
	size_t n = strlen(name);

	if (!starts_with(attribute, name) || (attribute[n] && attribute[n] != '.'))
		return false;
	im = attribute[n] ? fit_whole_image(c) : NULL;
	return !im || has_word(im->bytes, im->len, attribute);
}

/* mod_sysfs_init(): /sys/module/<name> is there already, for parameters or a version
 * (kernel/module/sysfs.c). */
static bool name_is_taken(struct fit_context *c, const struct ko *ko)
{
	const struct kernel_facts *f = c->k->facts;

	for (size_t i = 0; i < f->builtin_attributes.n; i++)
		if (bears_name(c, f->builtin_attributes.v[i], ko->name))
			return true;
	return false;
}

static void tell_builtin_name(struct fit_context *c, const struct ko *ko)
{
	if (c->k->facts->builtin_attributes.n)
		fit_add(c, ko, "name", FIT_PASS,
			"'%s' is built into the kernel too, without parameters or a version, so that "
			"the kernel does not mind",
			ko->name);
	else
		fit_add(c, ko, "name", FIT_UNKNOWN,
			"'%s' is built into the kernel; if that has parameters or a version, the "
			"kernel refuses a module of the same name",
			ko->name);
}

/* Is the name, which find_module() and mod_sysfs_init() go by, where the kernel looks for it? */
static bool is_ordered(const struct fit_context *c, const struct ko *ko)
{
	uint64_t at = c->k->facts ? c->k->facts->layout.name : 0;

	if (at)
		return at == ko->memory.name_at;
	return fit_config(c, "MODULES") == KNOWN_YES && fit_config(c, "RANDSTRUCT") != KNOWN_YES &&
	       fit_config(c, "GCC_PLUGIN_RANDSTRUCT") != KNOWN_YES;
}

static bool has_name(struct fit_context *c, const struct ko *ko)
{
	enum known fortified = fit_config(c, "FORTIFY_SOURCE");

	if (!is_ordered(c, ko) || (!ko->memory.name_empty && !ko->memory.name_endless))
		return true;
	if (ko->memory.name_empty)
		fit_add(c, ko, "name", FIT_FAIL,
			"its struct module has no name, and the kernel refuses that; it was not "
			"finished by modpost");
	else if (fortified == KNOWN_NO || (c->version && c->version < FORTIFIED_SINCE))
		return true;
	else
		fit_add(c, ko, "name", fortified == KNOWN_YES ? FIT_FAIL : FIT_UNKNOWN,
			"the name in its struct module has no end, at which a kernel with "
			"CONFIG_FORTIFY_SOURCE crashes");
	return false;
}

/* A second module of one name cannot be loaded; one built in may have taken /sys/module/<name>. */
void fit_check_name(struct fit_context *c, const struct ko *ko)
{
	const uint32_t *at = name_index_get(&c->modules, ko->name);

	for (size_t i = 0; i < c->n_kos; i++) {
		if (&c->kos[i] == ko || !streq(c->kos[i].name, ko->name))
			continue;
		fit_add(c, ko, "name", FIT_FAIL,
			"'%s' and '%s' are both named '%s': only one of them can be loaded",
			ko->path, c->kos[i].path, ko->name);
		return;
	}
	if (!has_name(c, ko))
		return;
	/* core_param() of kernel/panic.c and others are below /sys/module/kernel */
	if (streq(ko->name, "kernel"))
		fit_add(c, ko, "name", FIT_FAIL,
			"the kernel's own parameters have the name 'kernel', and it refuses a module "
			"of that name; rename it");
	else if (!c->k->facts)
		fit_add(c, ko, "name", FIT_UNKNOWN,
			"'%s'; which modules the kernel package ships is not known", ko->name);
	else if (name_is_taken(c, ko))
		fit_add(c, ko, "name", FIT_FAIL,
			"the kernel itself has parameters or a version under the name '%s', and refuses "
			"a module of that name; rename it",
			ko->name);
	else if (!at)
		fit_add(c, ko, "name", FIT_PASS, "no module of the kernel is named '%s'", ko->name);
	else if (*at == SHIPPED_MODULE)
		fit_add(c, ko, "name", FIT_PASS,
			"the kernel package ships a module '%s' too; only one of them can be loaded, "
			"and modprobe takes the one below updates/ or extra/",
			ko->name);
	else
		tell_builtin_name(c, ko);
}
