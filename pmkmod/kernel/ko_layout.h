/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a module's own struct module has the members that modpost or the linker fill in. */
#ifndef PMKMOD_KO_LAYOUT_H
#define PMKMOD_KO_LAYOUT_H

#include "pmkmod/kernel/kernel.h"
#include "pmkmod/kernel/ko_image.h"

/*
 * Read .gnu.linkonce.this_module and what relocates it. Members that the module does not have (no
 * init function, no name) stay 0. Format knowledge: add_header() in scripts/mod/modpost.c, struct
 * module in include/linux/module.h; the word before a function is its type's hash where the kernel
 * is built with -fsanitize=kcfi (clang's documentation of ControlFlowIntegrity, KCFI).
 */
void ko_image_layout(const struct ko_image *im, const char *name, struct module_layout *out);

/* Names of the sections there that module.lds makes for the loader to put code of its own into. */
void ko_image_trampolines(const struct ko_image *im, struct strvec *out);

/* One relocation, of either kind and class. */
struct ko_relocation {
	uint64_t offset;
	uint64_t addend; /* of a SHT_RELA section, else 0 */
	uint32_t type, symbol;
};
/* Relocation number `i` of a SHT_REL or SHT_RELA section; false behind its end. */
bool ko_image_relocation(
	const struct ko_image *im, const struct ko_section *s, size_t i, struct ko_relocation *out);
struct ko_elf_symbol {
	const char *name; /* borrowed; NULL: it lies outside of the table of names */
	uint64_t value;
	uint16_t section; /* st_shndx */
	uint8_t info; /* st_info */
};
/* The symbol table as the loader finds it; NULL: there is none. */
const struct ko_section *ko_image_symbols(const struct ko_image *im);
/* Symbol number `i` of that table, read in place; false behind its end, or without a table. */
bool ko_image_symbol(const struct ko_image *im, const struct ko_section *table, size_t i,
	struct ko_elf_symbol *out);
/* As the loader does: does it look at this section's relocations at all? */
bool ko_image_is_relocated(const struct ko_image *im, const struct ko_section *s);

#endif
