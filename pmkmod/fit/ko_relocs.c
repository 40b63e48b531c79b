// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/ko_relocs.h"

#include "pmkmod/fit/reloc_table.h"
#include "pmkmod/kernel/ko_layout.h"

/* Relocations that livepatching applies, each when its object is loaded (include/linux/elf.h). */
#define SHF_RELA_LIVEPATCH 0x00100000
/* Kinds of relocations in one file. */
#define TYPES_MAX 1024

/* What stays the same for the relocations of one section. */
struct relocating {
	struct ko *k;
	const struct ko_image *im;
	const struct ko_section *target, *symbols, *percpu;
	size_t n_symbols;
	uint64_t free_behind; /* bytes behind the target that nobody misses */
	unsigned char *seen; /* a bit for each byte of the target; NULL: twice does no harm */
	bool rela;
};

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

/* Symbol numbers that there are, whether or not they can be read. */
static size_t n_symbols(const struct ko_image *im, const struct ko_section *symbols)
{
	size_t entry = im->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	return symbols ? symbols->len / entry : 0;
}

/* Do layout_sections() and its like put them one behind the other? */
static bool side_by_side(const struct ko_section *a, const struct ko_section *b)
{
	const uint64_t kind = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;

	/* rewrite_section_headers() takes SHF_ALLOC from these */
	if (streq(b->name, ".modinfo") || starts_with(b->name, "__version"))
		return false;
	return (a->sh.sh_flags & kind) == (b->sh.sh_flags & kind) &&
	       starts_with(a->name, ".init") == starts_with(b->name, ".init");
}

/*
 * How many bytes the loader leaves free behind a section at least, so that the next one is aligned:
 * a table that ends within an entry does no harm there, since the loader counts whole ones.
 */
static uint64_t free_behind(const struct ko_image *im, const struct ko_section *s)
{
	uint64_t align = s->sh.sh_addralign;

	if (s->sh.sh_flags & SHF_EXECINSTR)
		return 0;
	for (const struct ko_section *n = s + 1; n < im->sections + im->n_sections; n++) {
		if (!side_by_side(s, n))
			continue;
		if (n->sh.sh_addralign < align)
			align = n->sh.sh_addralign;
		break;
	}
	return align > 1 && s->sh.sh_size % align ? align - s->sh.sh_size % align : 0;
}

static void find_flaw(struct relocating *x, const struct ko_relocation *r)
{
	struct ko *k = x->k;
	uint64_t width = reloc_width(k->elf_machine, r->type), size = x->target->sh.sh_size;

	/* but the loader of arm looks */
	if (size <= KO_MAX && k->elf_machine != EM_ARM)
		size += x->free_behind;
	if (k->reloc_flaw)
		return;
	if (r->symbol >= x->n_symbols)
		k->reloc_flaw = xasprintf("one for %s refers to symbol %u of %zu", x->target->name,
			r->symbol, x->n_symbols);
	else if (width && (size < width || r->offset > size - width))
		k->reloc_flaw = xasprintf("one for %s is at 0x%llx, behind its end",
			x->target->name, (unsigned long long)r->offset);
}

/* x86_64's loader refuses to write where something is: it takes that for a second relocation. */
static void find_nonzero(struct relocating *x, const struct ko_relocation *r)
{
	size_t width = reloc_width(EM_X86_64, r->type);

	if (x->k->elf_machine != EM_X86_64 || x->k->reloc_nonzero || !x->rela || !width ||
		!x->target->bytes || x->target->len < width || r->offset > x->target->len - width)
		return;
	for (size_t i = 0; i < width; i++) {
		if (!x->target->bytes[r->offset + i])
			continue;
		x->k->reloc_nonzero =
			xasprintf("%s+0x%llx", x->target->name, (unsigned long long)r->offset);
		return;
	}
}

/*
 * Those without addends take it from the place, so a second one adds to what the first made; those
 * of x86_64 find a place that is not empty. R_ARM_V4BX leaves alone what others change.
 */
static void find_twice(struct relocating *x, const struct ko_relocation *r)
{
	unsigned char bit = (unsigned char)(1u << (r->offset & 7));

	if (!x->seen || x->k->reloc_twice || r->offset >= x->target->len || !r->type ||
		(x->k->elf_machine == EM_ARM && r->type == 40))
		return;
	if (x->seen[r->offset / 8] & bit)
		x->k->reloc_twice =
			xasprintf("%s+0x%llx", x->target->name, (unsigned long long)r->offset);
	x->seen[r->offset / 8] |= bit;
}

/* Does what the symbol stands for become an address in the kernel? */
static enum {
	ADDRESS_NO,
	ADDRESS_YES,
	ADDRESS_PERHAPS
} is_address(const struct relocating *x, const struct ko_elf_symbol *s)
{
	if (s->section == SHN_UNDEF && GELF_ST_BIND(s->info) == STB_WEAK)
		return ADDRESS_NO;
	/* the kernel's per-CPU variables of x86_64 begin at 0, and it exports some */
	if (s->section == SHN_UNDEF)
		return x->k->elf_machine == EM_X86_64 ? ADDRESS_PERHAPS : ADDRESS_YES;
	/* so do the module's own */
	return s->section < x->im->n_sections && &x->im->sections[s->section] != x->percpu
		       ? ADDRESS_YES
		       : ADDRESS_NO;
}

/* Addresses are near the end of all there are: nothing added to them makes them small. */
static void find_overflow(
	struct relocating *x, const struct ko_relocation *r, const struct ko_elf_symbol *s)
{
	unsigned bits = reloc_bits(x->k->elf_machine, r->type);
	uint64_t value = s->value + r->addend;
	bool small = r->addend + ((uint64_t)1 << 31) < (uint64_t)1 << 32;
	int address = is_address(x, s);

	if (!bits || (x->k->reloc_overflow && !x->k->reloc_overflow_unsure))
		return;
	if (s->section == SHN_ABS ? !(value >> bits) : address == ADDRESS_NO || !small)
		return;
	free(x->k->reloc_overflow);
	x->k->reloc_overflow = xasprintf("at %s+0x%llx '%s' has to fit into %u bits",
		x->target->name, (unsigned long long)r->offset, s->name ? s->name : "", bits);
	x->k->reloc_overflow_type = r->type;
	x->k->reloc_overflow_unsure = s->section != SHN_ABS && address == ADDRESS_PERHAPS;
}

/* A branch to what is not code. */
static void find_stray(
	struct relocating *x, const struct ko_relocation *r, const struct ko_elf_symbol *s)
{
	const struct ko_section *in;

	if (x->k->reloc_stray || x->k->reloc_not_code ||
		!reloc_is_branch(x->k->elf_machine, r->type))
		return;
	if (s->section == SHN_ABS && !s->value)
		x->k->reloc_stray = xasprintf("%s+0x%llx calls address 0", x->target->name,
			(unsigned long long)r->offset);
	if (s->section == SHN_UNDEF || s->section >= x->im->n_sections)
		return;
	in = &x->im->sections[s->section];
	if (!(in->sh.sh_flags & SHF_ALLOC))
		x->k->reloc_stray =
			xasprintf("%s+0x%llx calls something in %s, which is not loaded",
				x->target->name, (unsigned long long)r->offset, in->name);
	else if (!(in->sh.sh_flags & SHF_EXECINSTR))
		x->k->reloc_not_code = xasprintf("%s+0x%llx calls something in %s", x->target->name,
			(unsigned long long)r->offset, in->name);
}

static void judge_symbol(struct relocating *x, const struct ko_relocation *r)
{
	struct ko_elf_symbol s;

	if ((!reloc_bits(x->k->elf_machine, r->type) &&
		    !reloc_is_branch(x->k->elf_machine, r->type)) ||
		!ko_image_symbol(x->im, x->symbols, r->symbol, &s))
		return;
	find_overflow(x, r, &s);
	find_stray(x, r, &s);
}

static void read_relocations(struct ko *k, const struct ko_image *im, const struct ko_section *s)
{
	struct relocating x = {.k = k,
		.im = im,
		.target = &im->sections[s->sh.sh_info],
		.symbols = ko_image_symbols(im),
		.percpu = ko_image_section(im, ".data..percpu"),
		.rela = s->sh.sh_type == SHT_RELA};
	bool once = k->elf_machine == EM_X86_64 || (k->elf_machine == EM_ARM && !x.rela) ||
		    (k->elf_machine == EM_386 && !x.rela);
	struct ko_reloc *seen = NULL;
	struct ko_relocation r;

	x.free_behind = free_behind(im, x.target);
	x.n_symbols = n_symbols(im, x.symbols);
	x.seen = once ? xcalloc(x.target->len / 8 + 1, 1) : NULL;
	/* an empty section of the wrong kind is refused, too */
	if (!ko_image_relocation(im, s, 0, &r))
		reloc_of(k, 0, x.rela, x.target->name);
	for (size_t i = 0; ko_image_relocation(im, s, i, &r); i++) {
		if (!seen || seen->type != r.type)
			seen = reloc_of(k, r.type, x.rela, x.target->name);
		seen->count++;
		find_flaw(&x, &r);
		find_nonzero(&x, &r);
		find_twice(&x, &r);
		judge_symbol(&x, &r);
	}
	free(x.seen);
}

/* The section that it is for by its name: ".rela.text" -> ".text"; NULL: it says nothing. */
static const struct ko_section *meant_by_name(const struct ko_image *im, const struct ko_section *s)
{
	const char *prefix = s->sh.sh_type == SHT_RELA ? ".rela" : ".rel";

	if (!starts_with(s->name, prefix))
		return NULL;
	return ko_image_section(im, s->name + strlen(prefix));
}

/* Relocations that the loader leaves out, or takes for those of another section. */
static void find_lost(struct ko *k, const struct ko_image *im, const struct ko_section *s)
{
	size_t entry = (s->sh.sh_type == SHT_RELA ? 3 : 2) * ko_image_long_size(im);
	const struct ko_section *meant = meant_by_name(im, s);
	bool there = s->sh.sh_info < im->n_sections;

	if (k->reloc_lost || !s->len)
		return;
	if (meant && (!there || !streq(im->sections[s->sh.sh_info].name, meant->name)))
		k->reloc_lost = xasprintf("%s is not for the section that it is named after (%s)",
			s->name, there ? im->sections[s->sh.sh_info].name : "there is none such");
	else if (ko_image_is_relocated(im, s) && s->len % entry)
		k->reloc_lost = xasprintf("the last one of %s is cut off", s->name);
}

void ko_read_relocs(struct ko *k, const struct ko_image *im)
{
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if ((s->sh.sh_type != SHT_REL && s->sh.sh_type != SHT_RELA) ||
			(s->sh.sh_flags & SHF_RELA_LIVEPATCH))
			continue;
		find_lost(k, im, s);
		if (ko_image_is_relocated(im, s))
			read_relocations(k, im, s);
	}
}

void ko_free_relocs(struct ko *k)
{
	char *const strings[] = {k->reloc_flaw, k->reloc_nonzero, k->reloc_twice, k->reloc_lost,
		k->reloc_overflow, k->reloc_stray, k->reloc_not_code};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < k->n_relocs; i++)
		free(k->relocs[i].section);
	free(k->relocs);
}
