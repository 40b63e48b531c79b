// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/ko_symbols.h"

#include "pmkmod/kernel/name_index.h"

/* struct modversion_info: an unsigned long and a name, 64 bytes together on every architecture. */
#define VERSION_ENTRY 64
/* include/linux/livepatch.h */
#define SHN_LIVEPATCH 0xff20
/*
 * What the names of all symbols may have together. In a table of names without ends each symbol may
 * have the whole of it.
 */
#define NAMES_MAX (128u << 20)

static void add_version(struct ko *k, size_t *cap, char *name, uint64_t crc)
{
	if (k->n_versions == *cap) {
		*cap = *cap ? *cap * 2 : 64;
		k->versions = xrealloc(k->versions, *cap, sizeof(*k->versions));
	}
	k->versions[k->n_versions++] = (struct ko_version){name, crc};
}

/* Numbers in one section, as many NUL-terminated names in the other. */
static void read_ext_versions(struct ko *k, const struct ko_image *im,
	const struct ko_section *crcs, const struct ko_section *names)
{
	size_t cap = 0, at = 0;

	for (size_t i = 0; i + 4 <= crcs->len; i += 4) {
		const char *name = ko_image_string(names, at);

		if (!name)
			break;
		at += strlen(name) + 1;
		add_version(k, &cap, xstrdup(name), ko_image_u32(im, crcs->bytes + i));
	}
}

void ko_read_versions(struct ko *k, const struct ko_image *im)
{
	const struct ko_section *plain = ko_image_section(im, "__versions");
	const struct ko_section *crcs = ko_image_section(im, "__version_ext_crcs");
	const struct ko_section *names = ko_image_section(im, "__version_ext_names");
	size_t cap = 0, crc_len = ko_image_long_size(im);

	k->has_versions_section = plain != NULL;
	if (crcs && names) {
		k->has_ext_versions = true;
		read_ext_versions(k, im, crcs, names);
	} else if (plain) {
		for (size_t at = 0; at + VERSION_ENTRY <= plain->len; at += VERSION_ENTRY) {
			const char *entry = plain->bytes + at;

			add_version(k, &cap, xstrndup(entry + crc_len, VERSION_ENTRY - crc_len),
				ko_image_long(im, entry));
		}
	}
	k->has_versions = k->n_versions > 0;
}

/* The symbol table while it is walked. */
struct walk {
	struct ko *k;
	const struct ko_image *im;
	const struct ko_section *symtab, *strtab;
	Elf_Data *data;
	struct name_index versions; /* name -> index of k->versions */
	struct name_index exports; /* name -> index of k->exported */
	size_t cap_undefined, cap_exported;
	size_t named; /* bytes of names seen */
};

static int find_symtab(struct walk *w, struct err *e)
{
	const struct ko_image *im = w->im;

	for (size_t i = 1; i < im->n_sections && !w->symtab; i++) {
		if (im->sections[i].sh.sh_type != SHT_SYMTAB)
			continue;
		w->symtab = &im->sections[i];
		w->strtab = &im->sections[w->symtab->sh.sh_link];
		w->data = elf_getdata(elf_getscn(im->elf, i), NULL);
	}
	if (!w->symtab || !w->symtab->len)
		return err_set(e, -EINVAL,
			"it has no symbol table, so the kernel cannot link it; strip a module with "
			"--strip-debug at most");
	if (!w->data)
		return err_set(e, -EBADMSG, "its symbol table cannot be read");
	if (!w->strtab->bytes)
		return err_set(e, -EBADMSG, "its symbol table has no names");
	return 0;
}

static void add_undefined(struct walk *w, const char *name, bool weak)
{
	struct ko *k = w->k;
	const uint32_t *at = name_index_get(&w->versions, name);
	struct ko_symbol *s;

	if (k->n_undefined == w->cap_undefined) {
		w->cap_undefined = w->cap_undefined ? w->cap_undefined * 2 : 64;
		k->undefined = xrealloc(k->undefined, w->cap_undefined, sizeof(*k->undefined));
	}
	s = &k->undefined[k->n_undefined++];
	*s = (struct ko_symbol){.name = xstrdup(name), .weak = weak, .has_crc = at != NULL};
	if (at)
		s->crc = (uint32_t)k->versions[*at].crc;
}

/* __ksymtab_<name> lies in the table that says who may use it. */
static void add_export(struct walk *w, const char *name, const GElf_Sym *sym)
{
	struct ko *k = w->k;
	const char *table = w->im->sections[sym->st_shndx].name;
	struct ko_export *x;

	if (name_index_get(&w->exports, name))
		return;
	if (k->n_exported == w->cap_exported) {
		w->cap_exported = w->cap_exported ? w->cap_exported * 2 : 16;
		k->exported = xrealloc(k->exported, w->cap_exported, sizeof(*k->exported));
	}
	x = &k->exported[k->n_exported];
	*x = (struct ko_export){.name = xstrdup(name),
		.ns = xstrdup(""),
		.gpl = starts_with(table, "__ksymtab_gpl") || starts_with(table, "___ksymtab_gpl")};
	name_index_add(&w->exports, x->name, (uint32_t)k->n_exported++);
	strvec_add(&k->exports, name);
}

static struct ko_export *export_of(struct walk *w, const char *name)
{
	const uint32_t *at = name_index_get(&w->exports, name);

	return at ? &w->k->exported[*at] : NULL;
}

/*
 * __crc_<name> is an absolute symbol whose value is the CRC (genksyms until 5.18), or the place of
 * the CRC in __kcrctab* (MODULE_REL_CRCS, and every kernel since).
 */
static void set_export_crc(struct walk *w, const char *name, const GElf_Sym *sym)
{
	struct ko_export *x = export_of(w, name);
	const struct ko_section *s;

	if (!x)
		return;
	if (sym->st_shndx == SHN_ABS) {
		x->crc = (uint32_t)sym->st_value;
		x->has_crc = true;
		return;
	}
	s = &w->im->sections[sym->st_shndx];
	if (s->bytes && s->len >= 4 && sym->st_value <= s->len - 4) {
		x->crc = ko_image_u32(w->im, s->bytes + sym->st_value);
		x->has_crc = true;
	}
}

/* __kstrtabns_<name> is the place of the namespace's text (since 5.4). */
static void set_export_namespace(struct walk *w, const char *name, const GElf_Sym *sym)
{
	struct ko_export *x = export_of(w, name);
	const char *ns;

	if (!x || sym->st_shndx >= w->im->n_sections)
		return;
	ns = ko_image_string(&w->im->sections[sym->st_shndx], sym->st_value);
	if (!ns)
		return;
	free(x->ns);
	x->ns = xstrdup(ns);
}

/* __flags_<name> is a byte of __kflagstab (since 7.1): KSYM_FLAG_GPL_ONLY; no GPL table there. */
static void set_export_flags(struct walk *w, const char *name, const GElf_Sym *sym)
{
	struct ko_export *x = export_of(w, name);
	const struct ko_section *s;

	if (!x || sym->st_shndx >= w->im->n_sections)
		return;
	s = &w->im->sections[sym->st_shndx];
	if (s->bytes && sym->st_value < s->len && strstr(s->name, "kflagstab"))
		x->gpl |= s->bytes[sym->st_value] & 1;
}

static int get_symbol(struct walk *w, int i, GElf_Sym *sym, const char **name, struct err *e)
{
	if (!gelf_getsym(w->data, i, sym))
		return err_set(e, -EBADMSG, "its symbol table cannot be read");
	*name = ko_image_string(w->strtab, sym->st_name);
	if (!*name)
		return err_set(e, -EBADMSG,
			"the name of symbol %d lies outside of the file, or has no end; copy it anew, "
			"or build it again",
			i);
	w->named += strlen(*name);
	if (w->named > NAMES_MAX)
		return err_set(e, -EBADMSG,
			"the names of its symbols overlap: it is damaged, copy it anew, or build it "
			"again");
	return 0;
}

/* Symbols that clang makes, and by which it can be told with what options. */
static void note_marker(struct ko *k, const char *name)
{
	if (streq(name, "__cfi_check"))
		k->has_cfi_check = true;
	else if (streq(name, "__cfi_init_module"))
		k->has_cfi_preamble = true;
}

static int note_symbol(struct walk *w, int i, struct err *e)
{
	const char *name;
	GElf_Sym sym;
	int r = get_symbol(w, i, &sym, &name, e);

	if (r < 0)
		return r;
	switch (sym.st_shndx) {
	case SHN_UNDEF:
		add_undefined(w, name, GELF_ST_BIND(sym.st_info) == STB_WEAK);
		return 0;
	case SHN_COMMON:
		if (!w->k->common_symbol && !starts_with(name, "__gnu_lto"))
			w->k->common_symbol = xstrdup(name);
		return 0;
	case SHN_ABS:
	case SHN_LIVEPATCH:
		return 0;
	}
	if (sym.st_shndx >= w->im->n_sections)
		return err_set(e, -EBADMSG, "symbol '%s' is in section %u of %zu", name,
			sym.st_shndx, w->im->n_sections);
	note_marker(w->k, name);
	if (starts_with(name, "__ksymtab_") &&
		strstr(w->im->sections[sym.st_shndx].name, "__ksymtab"))
		add_export(w, name + strlen("__ksymtab_"), &sym);
	return 0;
}

/* Second round: what belongs to the exports the first one found. */
static int note_details(struct walk *w, int i, struct err *e)
{
	static const struct {
		const char *prefix;
		void (*set)(struct walk *w, const char *name, const GElf_Sym *sym);
	} details[] = {
		{"__crc_", set_export_crc},
		{"__kstrtabns_", set_export_namespace},
		{"__flags_", set_export_flags},
	};
	const char *name;
	GElf_Sym sym;
	int r = get_symbol(w, i, &sym, &name, e);

	if (r < 0 || sym.st_shndx == SHN_UNDEF)
		return r;
	if (sym.st_shndx != SHN_ABS && sym.st_shndx >= w->im->n_sections)
		return 0;
	for (size_t d = 0; d < ARRAY_SIZE(details); d++)
		if (starts_with(name, details[d].prefix))
			details[d].set(w, name + strlen(details[d].prefix), &sym);
	return 0;
}

int ko_read_symbols(struct ko *k, const struct ko_image *im, struct err *e)
{
	size_t entry = im->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct walk w = {.k = k, .im = im};
	int r = find_symtab(&w, e), n = 0;

	if (r == 0)
		n = (int)(w.symtab->len / entry);
	for (size_t i = 0; i < k->n_versions; i++)
		name_index_add(&w.versions, k->versions[i].name, (uint32_t)i);
	for (int i = 1; r == 0 && i < n; i++)
		r = note_symbol(&w, i, e);
	for (int i = 1; r == 0 && i < n && k->n_exported; i++)
		r = note_details(&w, i, e);
	name_index_free(&w.versions);
	name_index_free(&w.exports);
	return r;
}

void ko_free_symbols(struct ko *k)
{
	for (size_t i = 0; i < k->n_versions; i++)
		free(k->versions[i].name);
	for (size_t i = 0; i < k->n_undefined; i++)
		free(k->undefined[i].name);
	for (size_t i = 0; i < k->n_exported; i++) {
		free(k->exported[i].name);
		free(k->exported[i].ns);
	}
	free(k->versions);
	free(k->undefined);
	free(k->exported);
}
