/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes small .ko files in memory, for the tests: whatever kbuild would never make, too. */
#ifndef PMKMOD_KO_BUILDER_H
#define PMKMOD_KO_BUILDER_H

#include <elf.h>

#include "chroot/base/str.h"

struct kb_version {
	const char *name;
	uint64_t crc;
};
struct kb_symbol {
	const char *name;
	bool weak;
};
struct kb_export {
	const char *name, *ns; /* ns NULL: none */
	uint32_t crc; /* 0: no __crc_ symbol */
	bool gpl;
};

struct kb_reloc {
	uint32_t type;
	uint64_t offset; /* in .text */
	uint32_t symbol;
	uint64_t addend;
	bool end; /* ends the list */
};
struct kb_part { /* a section without content */
	const char *name;
	uint64_t flags, size, align;
};
struct kb_raw_symbol {
	const char *name;
	uint16_t section; /* KB_TEXT, KB_EXTRA_FIRST, SHN_ABS, ... */
	uint64_t value;
	bool weak;
};
#define KB_EXTRA 4

/* Lists end with a NULL name. Zero-initialised members leave the thing out. */
struct kb_spec {
	bool is32;
	uint16_t machine, type; /* 0: EM_AARCH64 (or EM_ARM), ET_REL */
	const char *const *modinfo; /* "tag=value", ..., NULL */
	const struct kb_version *versions;
	bool empty_versions, ext_versions;
	const struct kb_symbol *undefined;
	const struct kb_export *exports;
	const char *common; /* a symbol in SHN_COMMON */
	size_t this_module_size;
	bool no_modinfo, no_this_module, no_symtab;
	uint32_t flags; /* e_flags */
	uint64_t entry; /* e_entry */
	const uint32_t *text; /* the words of .text */
	size_t n_text;
	const struct kb_reloc *relocs; /* of .text */
	bool other_kind; /* the kind of relocation section that the architecture does not use */
	uint64_t init_at, exit_at; /* places in struct module; 0: no such function */
	uint64_t init_value; /* where init_module() is in .text */
	const char *const *extra; /* names of empty sections, KB_EXTRA at most, NULL at the end */
	const struct kb_part *parts; /* instead of those; a NULL name at the end */
	const struct kb_raw_symbol *symbols; /* the first in the table: 1, 2, ... */
	uint64_t text_flags; /* sh_flags of .text; 0: SHF_ALLOC | SHF_EXECINSTR */
	uint32_t rel_info; /* sh_info of .rel.text; 0: that of .text */
	size_t rel_cut; /* bytes missing at the end of .rel.text */
	const char *own_name; /* what struct module has for a name, without an end */
	const char *defined; /* a symbol in .text */
	const char *btf, *btf_base; /* contents of .BTF and .BTF.base */
	size_t btf_len, btf_base_len;
	const char *signature; /* put at the end of the file */
	size_t signature_len;
};

enum {
	KB_NULL,
	KB_MODINFO,
	KB_VERSIONS,
	KB_EXT_CRCS,
	KB_EXT_NAMES,
	KB_THIS,
	KB_KSYMTAB,
	KB_KSYMTAB_GPL,
	KB_KCRCTAB,
	KB_STRINGS,
	KB_TEXT,
	KB_REL_TEXT,
	KB_REL_THIS,
	KB_BTF,
	KB_BTF_BASE,
	KB_EXTRA_FIRST,
	KB_EXTRA_LAST = KB_EXTRA_FIRST + KB_EXTRA - 1,
	KB_SYMTAB,
	KB_STRTAB,
	KB_SHSTRTAB,
	KB_SECTIONS
};

static const char *const kb_names[KB_SECTIONS] = {"", ".modinfo", "__versions",
	"__version_ext_crcs", "__version_ext_names", ".gnu.linkonce.this_module", "__ksymtab",
	"__ksymtab_gpl", "__kcrctab", "__ksymtab_strings", ".text", ".rel.text",
	".rel.gnu.linkonce.this_module", ".BTF", ".BTF.base", "", "", "", "", ".symtab", ".strtab",
	".shstrtab"};

struct kb {
	const struct kb_spec *s;
	struct strbuf content[KB_SECTIONS];
	bool present[KB_SECTIONS];
};

static inline void kb_num(struct strbuf *b, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		strbuf_addc(b, i < 8 ? (char)(v >> (8 * i)) : 0);
}

static inline uint32_t kb_string(struct strbuf *table, const char *s)
{
	uint32_t at = (uint32_t)table->len;

	strbuf_add(table, s, strlen(s) + 1);
	return at;
}

static inline void kb_symbol(
	struct kb *k, const char *name, unsigned info, uint16_t shndx, uint64_t value)
{
	struct strbuf *b = &k->content[KB_SYMTAB];
	uint32_t at = *name ? kb_string(&k->content[KB_STRTAB], name) : 0;

	kb_num(b, at, 4);
	if (k->s->is32) {
		kb_num(b, value, 4);
		kb_num(b, 0, 4);
	}
	kb_num(b, info, 1);
	kb_num(b, 0, 1);
	kb_num(b, shndx, 2);
	if (!k->s->is32) {
		kb_num(b, value, 8);
		kb_num(b, 0, 8);
	}
}

static inline void kb_add_versions(struct kb *k)
{
	size_t word = k->s->is32 ? 4 : 8;

	k->present[KB_VERSIONS] = k->s->empty_versions;
	for (const struct kb_version *v = k->s->versions; v && v->name; v++) {
		if (k->s->ext_versions) {
			k->present[KB_EXT_CRCS] = k->present[KB_EXT_NAMES] = true;
			kb_num(&k->content[KB_EXT_CRCS], v->crc, 4);
			kb_string(&k->content[KB_EXT_NAMES], v->name);
			continue;
		}
		k->present[KB_VERSIONS] = true;
		kb_num(&k->content[KB_VERSIONS], v->crc, word);
		strbuf_adds(&k->content[KB_VERSIONS], v->name);
		for (size_t i = word + strlen(v->name); i < 64; i++)
			strbuf_addc(&k->content[KB_VERSIONS], 0);
	}
}

static inline void kb_add_exports(struct kb *k)
{
	for (const struct kb_export *x = k->s->exports; x && x->name; x++) {
		int table = x->gpl ? KB_KSYMTAB_GPL : KB_KSYMTAB;
		char name[128];

		k->present[table] = k->present[KB_STRINGS] = k->present[KB_KCRCTAB] = true;
		snprintf(name, sizeof(name), "__ksymtab_%s", x->name);
		kb_symbol(k, name, ELF32_ST_INFO(STB_LOCAL, STT_OBJECT), (uint16_t)table,
			k->content[table].len);
		kb_num(&k->content[table], 0, 12);
		snprintf(name, sizeof(name), "__kstrtabns_%s", x->name);
		kb_symbol(k, name, 0, KB_STRINGS,
			kb_string(&k->content[KB_STRINGS], x->ns ? x->ns : ""));
		if (!x->crc)
			continue;
		snprintf(name, sizeof(name), "__crc_%s", x->name);
		kb_symbol(k, name, 0, KB_KCRCTAB, k->content[KB_KCRCTAB].len);
		kb_num(&k->content[KB_KCRCTAB], x->crc, 4);
	}
}

static inline bool kb_rela(const struct kb_spec *s)
{
	return s->is32 == s->other_kind;
}

static inline void kb_relocation(
	struct kb *k, int section, uint64_t offset, uint32_t symbol, uint32_t type, uint64_t addend)
{
	struct strbuf *b = &k->content[section];
	size_t word = k->s->is32 ? 4 : 8;

	kb_num(b, offset, word);
	kb_num(b, k->s->is32 ? symbol << 8 | type : (uint64_t)symbol << 32 | type, word);
	if (kb_rela(k->s))
		kb_num(b, addend, word);
}

static inline const char *kb_extra_name(const struct kb_spec *s, int i)
{
	if (s->parts)
		return s->parts[i].name;
	return s->extra ? s->extra[i] : NULL;
}

/* The next symbol's number. */
static inline uint32_t kb_n_symbols(const struct kb *k)
{
	return (uint32_t)(k->content[KB_SYMTAB].len /
			  (k->s->is32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym)));
}

static inline void kb_function(struct kb *k, const char *name, uint64_t at, uint64_t value)
{
	if (!at)
		return;
	k->present[KB_REL_THIS] = true;
	kb_relocation(
		k, KB_REL_THIS, at, kb_n_symbols(k), k->s->is32 ? R_ARM_ABS32 : R_AARCH64_ABS64, 0);
	kb_symbol(k, name, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), KB_TEXT, value);
}

static inline void kb_add_code(struct kb *k)
{
	const struct kb_spec *s = k->s;

	k->present[KB_TEXT] = true;
	for (size_t i = 0; i < s->n_text; i++)
		kb_num(&k->content[KB_TEXT], s->text[i], 4);
	k->present[KB_REL_TEXT] = s->relocs != NULL;
	for (const struct kb_reloc *r = s->relocs; r && !r->end; r++)
		kb_relocation(k, KB_REL_TEXT, r->offset, r->symbol, r->type, r->addend);
	kb_function(k, "init_module", s->init_at, s->init_value);
	kb_function(k, "cleanup_module", s->exit_at, 0);
	if (s->defined)
		kb_symbol(k, s->defined, ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), KB_TEXT, 0);
	for (int i = 0; i < KB_EXTRA && kb_extra_name(s, i); i++)
		k->present[KB_EXTRA_FIRST + i] = true;
	k->present[KB_BTF] = s->btf != NULL;
	strbuf_add(&k->content[KB_BTF], s->btf ? s->btf : "", s->btf_len);
	k->present[KB_BTF_BASE] = s->btf_base != NULL;
	strbuf_add(&k->content[KB_BTF_BASE], s->btf_base ? s->btf_base : "", s->btf_base_len);
}

static inline void kb_fill(struct kb *k)
{
	const struct kb_spec *s = k->s;

	k->present[KB_NULL] = k->present[KB_SHSTRTAB] = true;
	k->present[KB_SYMTAB] = k->present[KB_STRTAB] = !s->no_symtab;
	k->present[KB_MODINFO] = !s->no_modinfo;
	k->present[KB_THIS] = !s->no_this_module;
	strbuf_addc(&k->content[KB_STRTAB], 0);
	for (const char *const *m = s->modinfo; m && *m; m++)
		kb_string(&k->content[KB_MODINFO], *m);
	for (size_t i = 0; i < (s->this_module_size ? s->this_module_size : 64); i++)
		strbuf_addc(&k->content[KB_THIS], 0);
	if (s->own_name)
		memcpy(k->content[KB_THIS].s + (s->is32 ? 12 : 24), s->own_name,
			strlen(s->own_name));
	kb_symbol(k, "", 0, SHN_UNDEF, 0);
	for (const struct kb_raw_symbol *r = s->symbols; r && r->name; r++)
		kb_symbol(k, r->name, ELF32_ST_INFO(r->weak ? STB_WEAK : STB_GLOBAL, 0), r->section,
			r->value);
	kb_add_versions(k);
	kb_add_exports(k);
	kb_add_code(k);
	kb_symbol(k, "__this_module", ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT), KB_THIS, 0);
	for (const struct kb_symbol *u = s->undefined; u && u->name; u++)
		kb_symbol(k, u->name, ELF32_ST_INFO(u->weak ? STB_WEAK : STB_GLOBAL, 0), SHN_UNDEF,
			0);
	if (s->common)
		kb_symbol(k, s->common, ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT), SHN_COMMON, 4);
}

static inline void kb_ehdr(const struct kb_spec *s, struct strbuf *out, uint64_t shoff)
{
	static const char ident[] = {0x7f, 'E', 'L', 'F'};
	size_t word = s->is32 ? 4 : 8;
	uint16_t machine = s->machine ? s->machine : s->is32 ? EM_ARM : EM_AARCH64;

	strbuf_add(out, ident, sizeof(ident));
	kb_num(out, s->is32 ? ELFCLASS32 : ELFCLASS64, 1);
	kb_num(out, ELFDATA2LSB, 1);
	kb_num(out, EV_CURRENT, 10);
	kb_num(out, s->type ? s->type : ET_REL, 2);
	kb_num(out, machine, 2);
	kb_num(out, EV_CURRENT, 4);
	kb_num(out, s->entry, word);
	kb_num(out, 0, word);
	kb_num(out, shoff, word);
	kb_num(out, s->flags, 4);
	kb_num(out, s->is32 ? 52 : 64, 2);
	kb_num(out, 0, 4);
	kb_num(out, s->is32 ? 40 : 64, 2);
	kb_num(out, KB_SECTIONS, 2);
	kb_num(out, KB_SHSTRTAB, 2);
}

static inline void kb_shdr(struct strbuf *out, bool is32, uint32_t name, uint32_t type,
	uint64_t flags, uint64_t offset, uint64_t size, uint32_t link, uint32_t info,
	uint64_t entry, uint64_t align)
{
	size_t word = is32 ? 4 : 8;

	kb_num(out, name, 4);
	kb_num(out, type, 4);
	kb_num(out, flags, word);
	kb_num(out, 0, word);
	kb_num(out, offset, word);
	kb_num(out, size, word);
	kb_num(out, link, 4);
	kb_num(out, info, 4);
	kb_num(out, align, word);
	kb_num(out, entry, word);
}

static inline void kb_rel_header(
	const struct kb *k, int i, uint32_t name, uint64_t at, struct strbuf *out)
{
	uint32_t target = i == KB_REL_TEXT ? KB_TEXT : KB_THIS;
	size_t cut = i == KB_REL_TEXT ? k->s->rel_cut : 0;

	if (i == KB_REL_TEXT && k->s->rel_info)
		target = k->s->rel_info;
	kb_shdr(out, k->s->is32, name, kb_rela(k->s) ? SHT_RELA : SHT_REL, 0, at,
		k->content[i].len - cut, KB_SYMTAB, target,
		(kb_rela(k->s) ? 3 : 2) * (k->s->is32 ? 4 : 8), 8);
}

static inline void kb_header(
	const struct kb *k, int i, uint32_t name, uint64_t at, struct strbuf *out)
{
	const struct kb_part *part =
		k->s->parts && i >= KB_EXTRA_FIRST && i <= KB_EXTRA_LAST && k->present[i]
			? &k->s->parts[i - KB_EXTRA_FIRST]
			: NULL;
	uint64_t code = k->s->text_flags ? k->s->text_flags : SHF_ALLOC | SHF_EXECINSTR;
	uint64_t flags = i == KB_TEXT ? code : SHF_ALLOC, entry = 0;
	uint32_t type = SHT_PROGBITS, link = 0;
	bool is32 = k->s->is32;

	if (i == KB_NULL || !k->present[i]) {
		kb_shdr(out, is32, 0, SHT_NULL, 0, 0, 0, 0, 0, 0, 0);
		return;
	}
	if (part) {
		kb_shdr(out, is32, name, SHT_NOBITS, part->flags, at, part->size, 0, 0, 0,
			part->align);
		return;
	}
	if (i == KB_REL_TEXT || i == KB_REL_THIS) {
		kb_rel_header(k, i, name, at, out);
		return;
	}
	if (i == KB_SYMTAB || i == KB_STRTAB || i == KB_SHSTRTAB || i == KB_BTF || i == KB_BTF_BASE)
		flags = 0;
	if (i == KB_STRTAB || i == KB_SHSTRTAB)
		type = SHT_STRTAB;
	if (i == KB_SYMTAB) {
		type = SHT_SYMTAB;
		link = KB_STRTAB;
		entry = is32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
	}
	kb_shdr(out, is32, name, type, flags, at, k->content[i].len, link, 0, entry, 8);
}

/* The file's bytes; the caller frees. */
static inline char *kb_build(const struct kb_spec *s, size_t *len)
{
	struct kb k = {.s = s};
	struct strbuf body = {0}, table = {0}, out = {0};
	uint32_t names[KB_SECTIONS];
	size_t head = s->is32 ? 52 : 64;

	kb_fill(&k);
	for (int i = 0; i < KB_SECTIONS; i++)
		names[i] = kb_string(&k.content[KB_SHSTRTAB],
			i >= KB_EXTRA_FIRST && i <= KB_EXTRA_LAST && k.present[i]
				? kb_extra_name(s, i - KB_EXTRA_FIRST)
			: i == KB_REL_TEXT && kb_rela(s) ? ".rela.text"
							 : kb_names[i]);
	for (int i = 0; i < KB_SECTIONS; i++) {
		while (body.len % 8)
			strbuf_addc(&body, 0);
		kb_header(&k, i, names[i], head + body.len, &table);
		strbuf_add(&body, k.content[i].s ? k.content[i].s : "", k.content[i].len);
		strbuf_free(&k.content[i]);
	}
	while (body.len % 8)
		strbuf_addc(&body, 0);
	kb_ehdr(s, &out, head + body.len);
	strbuf_add(&out, body.s, body.len);
	strbuf_add(&out, table.s, table.len);
	if (s->signature)
		strbuf_add(&out, s->signature, s->signature_len);
	strbuf_free(&body);
	strbuf_free(&table);
	*len = out.len;
	return strbuf_steal(&out);
}

#endif
