// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/kernel/ko_layout.h"

#define THIS_MODULE ".gnu.linkonce.this_module"
#define ARM64_NOP 0xd503201f
#define RISCV_NOP 0x00000013
/* -fpatchable-function-entry=M,N puts N of them between the hash and the function. */
#define NOPS_MAX 32
#define FUNCTIONS_MAX 256

bool ko_image_is_relocated(const struct ko_image *im, const struct ko_section *s)
{
	return (s->sh.sh_type == SHT_REL || s->sh.sh_type == SHT_RELA) &&
	       s->sh.sh_info < im->n_sections &&
	       (im->sections[s->sh.sh_info].sh.sh_flags & SHF_ALLOC);
}

bool ko_image_relocation(
	const struct ko_image *im, const struct ko_section *s, size_t i, struct ko_relocation *out)
{
	size_t word = ko_image_long_size(im);
	size_t entry = (s->sh.sh_type == SHT_RELA ? 3 : 2) * word;
	const char *at;
	uint64_t info;

	if (i >= s->len / entry)
		return false;
	at = s->bytes + i * entry;
	info = ko_image_long(im, at + word);
	out->offset = ko_image_long(im, at);
	out->addend = s->sh.sh_type == SHT_RELA ? ko_image_long(im, at + 2 * word) : 0;
	out->type = word == 8 ? (uint32_t)GELF_R_TYPE(info) : ELF32_R_TYPE((uint32_t)info);
	out->symbol = word == 8 ? (uint32_t)GELF_R_SYM(info) : ELF32_R_SYM((uint32_t)info);
	return true;
}

const struct ko_section *ko_image_symbols(const struct ko_image *im)
{
	for (size_t i = im->n_sections; i-- > 1;)
		if (im->sections[i].sh.sh_type == SHT_SYMTAB)
			return &im->sections[i];
	return NULL;
}

/* Read in place: libelf would convert a whole table for two symbols. */
bool ko_image_symbol(const struct ko_image *im, const struct ko_section *table, size_t i,
	struct ko_elf_symbol *out)
{
	bool wide = im->elf_class == ELFCLASS64;
	size_t entry = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	const char *at, *section;

	if (!table || i >= table->len / entry)
		return false;
	at = table->bytes + i * entry;
	out->name = ko_image_string(&im->sections[table->sh.sh_link], ko_image_u32(im, at));
	out->value = ko_image_long(
		im, at + (wide ? offsetof(Elf64_Sym, st_value) : offsetof(Elf32_Sym, st_value)));
	out->info = (uint8_t)at[wide ? offsetof(Elf64_Sym, st_info) : offsetof(Elf32_Sym, st_info)];
	section = at + (wide ? offsetof(Elf64_Sym, st_shndx) : offsetof(Elf32_Sym, st_shndx));
	out->section = im->elf_data == ELFDATA2MSB
			       ? (uint16_t)((uint8_t)section[0] << 8 | (uint8_t)section[1])
			       : (uint16_t)((uint8_t)section[1] << 8 | (uint8_t)section[0]);
	return true;
}

/* The word before the function, passing the nops that tracing may want in between. */
static uint32_t hash_before(const struct ko_image *im, const struct ko_elf_symbol *s)
{
	uint64_t at = s->value & ~(uint64_t)1; /* thumb */
	const struct ko_section *text;

	if (s->section == SHN_UNDEF || s->section >= im->n_sections)
		return 0;
	text = &im->sections[s->section];
	if (!text->bytes || at > text->len)
		return 0;
	for (int i = 0; i < NOPS_MAX && at >= 4; i++) {
		uint32_t word = ko_image_u32(im, text->bytes + (at -= 4));

		if (word != ARM64_NOP && word != RISCV_NOP)
			return word;
	}
	return 0;
}

/* init and exit: the two functions the section refers to. */
static void find_functions(
	const struct ko_image *im, const struct ko_section *relocations, struct module_layout *out)
{
	const struct ko_section *symbols = ko_image_symbols(im);
	struct ko_relocation r;
	struct ko_elf_symbol s;

	/* it has two or three */
	for (size_t i = 0; i < FUNCTIONS_MAX && ko_image_relocation(im, relocations, i, &r); i++) {
		if (!ko_image_symbol(im, symbols, r.symbol, &s) || !s.name)
			continue;
		/* with the jump tables of clang's CFI before 6.1 it is init_module.cfi_jt */
		if (starts_with(s.name, "init_module")) {
			out->init = r.offset;
			out->init_hash = hash_before(im, &s);
		} else if (starts_with(s.name, "cleanup_module")) {
			out->exit = r.offset;
		}
	}
}

/* Where the section has the module's name, which is the first text in it. */
static uint64_t find_name(const struct ko_section *s, const char *name)
{
	size_t n = strlen(name) + 1;

	for (size_t i = 0; n > 1 && i + n <= s->len; i++)
		if (memcmp(s->bytes + i, name, n) == 0)
			return i;
	return 0;
}

void ko_image_layout(const struct ko_image *im, const char *name, struct module_layout *out)
{
	const struct ko_section *this = ko_image_section(im, THIS_MODULE);

	*out = (struct module_layout){0};
	if (!this)
		return;
	out->size = this->sh.sh_size;
	if (this->bytes && name)
		out->name = find_name(this, name);
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if (ko_image_is_relocated(im, s) && &im->sections[s->sh.sh_info] == this)
			find_functions(im, s, out);
	}
}

void ko_image_trampolines(const struct ko_image *im, struct strvec *out)
{
	static const char *const names[] = {".plt", ".init.plt", ".got", ".got.plt",
		".text.ftrace_trampoline", ".init.text.ftrace_trampoline"};

	strvec_free(out);
	for (size_t i = 1; i < im->n_sections; i++)
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			if (streq(im->sections[i].name, names[j]))
				strvec_add(out, names[j]);
}
