// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/ko_code.h"

#include "pmkmod/kernel/ko_layout.h"

/* Relocations that livepatching applies, each when its object is loaded (include/linux/elf.h). */
#define SHF_RELA_LIVEPATCH 0x00100000
/* Kinds of relocations in one file. */
#define TYPES_MAX 1024

static struct ko_reloc *reloc_of(struct ko *k, uint32_t type, bool rela, const char *section)
{
	for (size_t i = 0; i < k->n_relocs; i++)
		if (k->relocs[i].type == type && k->relocs[i].rela == rela)
			return &k->relocs[i];
	/* more than any machine has: one that nobody knows is among them already */
	if (k->n_relocs == TYPES_MAX)
		return &k->relocs[k->n_relocs - 1];
	k->relocs = xrealloc(k->relocs, k->n_relocs + 1, sizeof(*k->relocs));
	k->relocs[k->n_relocs] =
		(struct ko_reloc){.type = type, .rela = rela, .section = xstrdup(section)};
	return &k->relocs[k->n_relocs++];
}

static size_t n_symbols(const struct ko_image *im)
{
	size_t entry = im->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	for (size_t i = im->n_sections; i-- > 1;)
		if (im->sections[i].sh.sh_type == SHT_SYMTAB)
			return im->sections[i].len / entry;
	return 0;
}

/* Relocations that write nothing may stand at the very end of a section. */
static bool writes(uint16_t machine, uint32_t type)
{
	static const struct {
		uint16_t machine;
		uint32_t type;
	} harmless[] = {
		{EM_AARCH64, R_AARCH64_NONE},
		{EM_RISCV, R_RISCV_RELAX},
		{EM_RISCV, R_RISCV_ALIGN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (harmless[i].machine == machine && harmless[i].type == type)
			return false;
	/* type 0 does nothing everywhere, but on arm its place is checked like that of others */
	return type != 0 || machine == EM_ARM;
}

static void find_flaw(struct ko *k, const struct ko_section *target, const struct ko_relocation *r,
	size_t symbols)
{
	/* apply_relocate() of arm wants a whole word there */
	uint64_t width = k->elf_machine == EM_ARM ? 4 : 1;

	if (k->reloc_flaw)
		return;
	if (r->symbol >= symbols)
		k->reloc_flaw = xasprintf(
			"one for %s refers to symbol %u of %zu", target->name, r->symbol, symbols);
	else if (writes(k->elf_machine, r->type) &&
		 (target->sh.sh_size < width || r->offset > target->sh.sh_size - width))
		k->reloc_flaw = xasprintf("one for %s is at 0x%llx, behind its end", target->name,
			(unsigned long long)r->offset);
}

/* x86_64's loader refuses to write where something is: it takes that for a second relocation. */
static void find_nonzero(
	struct ko *k, const struct ko_section *target, const struct ko_relocation *r)
{
	size_t width = r->type == R_X86_64_64 || r->type == R_X86_64_PC64 ? 8 : 4;

	if (k->elf_machine != EM_X86_64 || k->reloc_nonzero || r->type == R_X86_64_NONE ||
		!target->bytes || target->len < width || r->offset > target->len - width)
		return;
	for (size_t i = 0; i < width; i++) {
		if (!target->bytes[r->offset + i])
			continue;
		k->reloc_nonzero =
			xasprintf("%s+0x%llx", target->name, (unsigned long long)r->offset);
		return;
	}
}

static void read_relocations(
	struct ko *k, const struct ko_image *im, const struct ko_section *s, size_t symbols)
{
	const struct ko_section *target = &im->sections[s->sh.sh_info];
	bool rela = s->sh.sh_type == SHT_RELA;
	struct ko_reloc *seen = NULL;
	struct ko_relocation r;

	/* an empty section of the wrong kind is refused, too */
	if (!ko_image_relocation(im, s, 0, &r))
		reloc_of(k, 0, rela, target->name);
	for (size_t i = 0; ko_image_relocation(im, s, i, &r); i++) {
		if (!seen || seen->type != r.type)
			seen = reloc_of(k, r.type, rela, target->name);
		seen->count++;
		find_flaw(k, target, &r, symbols);
		if (rela)
			find_nonzero(k, target, &r);
	}
}

/* Does the instruction change general register 18, by calculating or loading it? */
static bool writes_x18(uint32_t w)
{
	uint32_t group = w >> 25 & 0xf, rd = w & 31;
	bool vector = w >> 26 & 1, load = w >> 22 & 1;

	if ((group & 0xe) == 0x8 || (group & 0x7) == 0x5)
		return rd == 18;
	/* of loads and stores those with an immediate offset, which are most */
	if ((w & 0x3a000000) == 0x38000000)
		return rd == 18 && !vector && load;
	if ((w & 0x3a000000) == 0x28000000 && !vector && load)
		return rd == 18 || (w >> 10 & 31) == 18;
	return false;
}

static void read_instruction(struct ko_code *c, uint32_t w)
{
	if (w == 0xf800865e)
		c->scs_pushes++;
	else if (w == 0xd503233f)
		c->pac++;
	else if ((w & 0xfe407fff) == 0xa8007bfd)
		c->frames++;
	else if ((w & 0xffe0001f) == 0xd4200000 && (w >> 5 & 0xfc00) == 0x8000)
		c->kcfi_checks++;
	else if ((w & 0xffffffe0) == 0xd5384100)
		c->task_guards++;
	else if (writes_x18(w))
		c->x18_writes++;
}

static void read_instructions(struct ko *k, const struct ko_image *im)
{
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if ((s->sh.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) != (SHF_ALLOC | SHF_EXECINSTR))
			continue;
		for (size_t at = 0; at + 4 <= s->len; at += 4)
			read_instruction(&k->code, ko_image_u32(im, s->bytes + at));
	}
}

/* any_section_objs(): the first of that name, allocated or not. */
static void copy_section(const struct ko_image *im, const char *name, char **to, size_t *len)
{
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if (!streq(s->name, name))
			continue;
		*len = s->len;
		*to = xcalloc(s->len + 1, 1);
		if (s->len)
			memcpy(*to, s->bytes, s->len);
		return;
	}
}

void ko_read_code(struct ko *k, const struct ko_image *im)
{
	size_t symbols = n_symbols(im);

	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		strvec_add(&k->sections, s->name);
		if (ko_image_is_relocated(im, s) && !(s->sh.sh_flags & SHF_RELA_LIVEPATCH))
			read_relocations(k, im, s, symbols);
	}
	copy_section(im, ".BTF", &k->btf, &k->btf_len);
	copy_section(im, ".BTF.base", &k->btf_base, &k->btf_base_len);
	if (k->elf_machine == EM_AARCH64)
		read_instructions(k, im);
}

void ko_free_code(struct ko *k)
{
	for (size_t i = 0; i < k->n_relocs; i++)
		free(k->relocs[i].section);
	free(k->relocs);
	free(k->reloc_flaw);
	free(k->reloc_nonzero);
	free(k->btf);
	free(k->btf_base);
	strvec_free(&k->sections);
}
