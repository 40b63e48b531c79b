// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/ko_memory.h"

#include "pmkmod/kernel/ko_layout.h"

#define PERCPU ".data..percpu"

/* Of one part of it behind another, as module_get_offset() goes on. */
static uint64_t behind(uint64_t at, uint64_t align, uint64_t size)
{
	uint64_t gap = align > 1 && at % align ? align - at % align : 0;

	if (gap > UINT64_MAX - at || size > UINT64_MAX - at - gap)
		return UINT64_MAX;
	return at + gap + size;
}

/*
 * module_frob_arch_sections() of arm, arm64 and riscv says anew what the sections are that it puts
 * trampolines into.
 */
static bool is_made_by_loader(const struct ko_image *im, const char *name)
{
	static const char *const names[] = {".plt", ".init.plt", ".got", ".got.plt",
		".text.ftrace_trampoline", ".init.text.ftrace_trampoline"};

	if (im->eh.e_machine != EM_ARM && im->eh.e_machine != EM_AARCH64 &&
		im->eh.e_machine != EM_RISCV)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(name, names[i]))
			return true;
	return false;
}

static void add_section(struct ko_memory *m, const struct ko_image *im, const struct ko_section *s,
	const struct ko_section *percpu)
{
	const uint64_t both = SHF_WRITE | SHF_EXECINSTR;

	if ((s->sh.sh_flags & both) == both && !m->writable_code && !is_made_by_loader(im, s->name))
		m->writable_code = xstrdup(s->name);
	if (!(s->sh.sh_flags & SHF_ALLOC) || s == percpu)
		return;
	m->size = behind(m->size, s->sh.sh_addralign, s->sh.sh_size);
	if (s->sh.sh_addralign > m->align)
		m->align = s->sh.sh_addralign;
}

/* Is what struct module refers to at this place code that the loader puts somewhere? */
static void judge_function(
	struct ko_memory *m, const struct ko_image *im, const struct ko_elf_symbol *s)
{
	uint64_t at = s->value & ~(uint64_t)1; /* thumb */
	const struct ko_section *in;

	if (m->stray || s->section == SHN_UNDEF || s->section >= im->n_sections)
		return;
	in = &im->sections[s->section];
	if (!(in->sh.sh_flags & SHF_ALLOC))
		m->stray = xasprintf("%s() is in %s, which is not loaded", s->name, in->name);
	else if (at >= in->sh.sh_size)
		m->stray = xasprintf("%s() is at 0x%llx of %s, behind its end", s->name,
			(unsigned long long)s->value, in->name);
	else if (!(in->sh.sh_flags & SHF_EXECINSTR) && !m->not_code)
		m->not_code = xasprintf("%s() is in %s", s->name, in->name);
	if (in->bytes && at < in->len && in->len - at >= 4 && starts_with(s->name, "init_module")) {
		m->init_is_there = true;
		m->init_begins = ko_image_u32(im, in->bytes + at);
	}
}

static void judge_functions(
	struct ko_memory *m, const struct ko_image *im, const struct ko_section *relocations)
{
	const struct ko_section *symbols = ko_image_symbols(im);
	struct ko_relocation r;
	struct ko_elf_symbol s;

	for (size_t i = 0; ko_image_relocation(im, relocations, i, &r); i++)
		if (ko_image_symbol(im, symbols, r.symbol, &s) && s.name &&
			(starts_with(s.name, "init_module") ||
				starts_with(s.name, "cleanup_module")))
			judge_function(m, im, &s);
}

/* Behind an enum and a list_head, unless structures are randomized. */
static void judge_name(struct ko_memory *m, const struct ko_image *im, const struct ko_section *s)
{
	size_t word = ko_image_long_size(im);

	m->name_at = 3 * word;
	if (!s->bytes || s->len < 64 + 2 * word)
		return;
	m->name_empty = !s->bytes[m->name_at];
	m->name_endless = !memchr(s->bytes + m->name_at, '\0', 64 - word);
}

void ko_read_memory(struct ko *k, const struct ko_image *im)
{
	const struct ko_section *this = ko_image_section(im, ".gnu.linkonce.this_module");
	const struct ko_section *percpu = ko_image_section(im, PERCPU);
	struct ko_memory *m = &k->memory;

	if (percpu) {
		m->percpu = percpu->sh.sh_size;
		m->percpu_align = percpu->sh.sh_addralign;
	}
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		add_section(m, im, s, percpu);
		if (this && ko_image_is_relocated(im, s) && &im->sections[s->sh.sh_info] == this)
			judge_functions(m, im, s);
	}
	if (this)
		judge_name(m, im, this);
}

void ko_free_memory(struct ko *k)
{
	free(k->memory.writable_code);
	free(k->memory.stray);
	free(k->memory.not_code);
}
