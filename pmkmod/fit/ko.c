// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/fit.h"

#include <arpa/inet.h>

#include "chroot/base/fs.h"
#include "pmkmod/fit/ko_code.h"
#include "pmkmod/fit/ko_memory.h"
#include "pmkmod/fit/ko_relocs.h"
#include "pmkmod/fit/ko_symbols.h"
#include "pmkmod/kernel/inflate.h"
#include "pmkmod/kernel/ko_layout.h"
#include "pmkmod/kernel/modules.h"
#include "pmkmod/kernel/name_index.h"

static int not_a_module(struct err *e, const char *why)
{
	return err_set(e, -EINVAL, "it is no kernel module: %s", why);
}

static char *first_info(const struct ko_image *im, const char *tag)
{
	size_t pos = 0;

	return xstrdup(ko_image_modinfo(im, tag, &pos));
}

static void all_infos(const struct ko_image *im, const char *tag, struct strvec *out)
{
	const char *v;
	size_t pos = 0;

	while ((v = ko_image_modinfo(im, tag, &pos)))
		strvec_add(out, v);
}

static void read_softdeps(struct ko *k, const struct ko_image *im)
{
	const char *v;
	size_t pos = 0;

	while ((v = ko_image_modinfo(im, "softdep", &pos)))
		if (k->n_softdeps++ == 0)
			softdep_names(v, &k->softdeps);
}

static void read_modinfo(struct ko *k, const struct ko_image *im)
{
	const struct {
		const char *tag;
		char **to;
	} singles[] = {
		{"name", &k->name},
		{"vermagic", &k->vermagic},
		{"license", &k->license},
		{"version", &k->version},
		{"description", &k->description},
		{"srcversion", &k->srcversion},
	};
	_cleanup_free_ char *depends = first_info(im, "depends");
	_cleanup_free_ char *intree = first_info(im, "intree");
	_cleanup_free_ char *livepatch = first_info(im, "livepatch");

	for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
		*singles[i].to = first_info(im, singles[i].tag);
	if (!k->name) /* only since 4.9 */
		k->name = module_name_of(k->path);
	if (depends)
		strvec_split(&k->depends, depends, ",");
	k->intree = intree != NULL;
	k->is_livepatch = livepatch != NULL;
	read_softdeps(k, im);
	all_infos(im, "alias", &k->aliases);
	all_infos(im, "firmware", &k->firmware);
	all_infos(im, "import_ns", &k->import_ns);
}

/* What module_sig_check() and mod_check_sig() find at the end of the file. */
static void read_signature(struct ko *k, const struct ko_image *im)
{
	size_t marker = strlen(KO_SIGNATURE_MARKER), rest;
	struct ko_signature ms;

	if (im->len <= marker ||
		memcmp(im->bytes + im->len - marker, KO_SIGNATURE_MARKER, marker) != 0)
		return;
	k->is_signed = true;
	rest = im->len - marker;
	if (rest <= sizeof(ms)) {
		k->signature_flaw = xstrdup("nothing stands before its marker");
		return;
	}
	memcpy(&ms, im->bytes + rest - sizeof(ms), sizeof(ms));
	if (ntohl(ms.sig_len) >= rest - sizeof(ms))
		k->signature_flaw = xstrdup("it claims to be longer than the file");
	else if (ms.id_type == KO_SIGNATURE_PKCS7 &&
		 (ms.algo || ms.hash || ms.signer_len || ms.key_id_len || ms.pad[0] || ms.pad[1] ||
			 ms.pad[2]))
		k->signature_flaw = xstrdup("fields that must be zero are not");
}

/* find_any_unique_sec() and elf_validity_cache_index_sym() count all of them. */
static void read_oddities(struct ko *k, const struct ko_image *im)
{
	static const char *const unique[] = {".modinfo", ".gnu.linkonce.this_module"};
	size_t counts[ARRAY_SIZE(unique)] = {0}, symtabs = 0;

	if (im->sections[im->eh.e_shstrndx].sh.sh_type != SHT_STRTAB)
		k->unmarked = "the table of section names";
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		for (size_t j = 0; j < ARRAY_SIZE(unique); j++)
			if (streq(s->name, unique[j]) && ++counts[j] > 1)
				k->twice = unique[j];
		if (s->sh.sh_type != SHT_SYMTAB)
			continue;
		if (++symtabs > 1)
			k->twice = "the symbol table";
		if (im->sections[s->sh.sh_link].sh.sh_type != SHT_STRTAB)
			k->unmarked = "the table of symbol names";
	}
}

/* What the loader cannot do without (setup_load_info()). */
static int read_frame(struct ko *k, const struct ko_image *im, struct err *e)
{
	const struct ko_section *this_module;

	k->elf_class = im->elf_class;
	k->elf_data = im->elf_data;
	k->elf_machine = im->eh.e_machine;
	k->elf_type = im->eh.e_type;
	k->elf_flags = im->eh.e_flags;
	k->entry = im->eh.e_entry;
	if (k->elf_type != ET_REL)
		return not_a_module(
			e, "it is a program or a library, modules are relocatable files");
	this_module = ko_image_section(im, ".gnu.linkonce.this_module");
	/* either alone is taken for a module; without .modinfo it is one that says nothing */
	if (!this_module && !ko_image_section(im, ".modinfo"))
		return not_a_module(e, "it has no .modinfo section");
	if (!this_module)
		return not_a_module(e,
			"it has no .gnu.linkonce.this_module section; this may be an "
			"object file that modpost has not finished");
	if (this_module->sh.sh_type == SHT_NOBITS)
		return not_a_module(e,
			"its .gnu.linkonce.this_module section has no content; it was not finished "
			"by modpost, or stripped");
	k->this_module_size = this_module->sh.sh_size;
	read_oddities(k, im);
	for (size_t i = 1; i < im->n_sections && !k->has_debug; i++)
		k->has_debug = starts_with(im->sections[i].name, ".debug_") ||
			       starts_with(im->sections[i].name, ".zdebug_");
	return 0;
}

/* The xz file format, 2.1.1: the stream flags behind the magic name the kind of check. */
static void read_compression(struct ko *k, const char *bytes, size_t len)
{
	k->compression = compression_of(bytes, len);
	if (k->compression == KO_XZ && len > 7)
		k->xz_check = bytes[7] & 0xf;
}

/*
 * What struct module says is what the kernel goes by (find_module(), mod_sysfs_init()): behind an
 * enum and a list_head, unless structures are randomized; then it says nothing there.
 */
static void read_own_name(struct ko *k, const struct ko_image *im)
{
	const struct ko_section *s = ko_image_section(im, ".gnu.linkonce.this_module");
	size_t word = im->elf_class == ELFCLASS64 ? 8 : 4, at = 3 * word, max = 64 - word;
	const char *name;

	if (!s || !s->bytes || s->len < at + max || s->bytes[at - 1])
		return;
	name = s->bytes + at;
	if (!*name || !memchr(name, '\0', max))
		return;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == '/' || *c == 0x7f)
			return;
	free(k->name);
	k->name = xstrdup(name);
}

/* Takes over `bytes`. */
static int parse(struct ko *k, const char *path, char *bytes, size_t len, struct err *e)
{
	struct ko_image im;
	int r;

	*k = (struct ko){.path = xstrdup(path)};
	read_compression(k, bytes, len);
	r = ko_image_open(&im, bytes, len, e);
	if (r == 0)
		r = read_frame(k, &im, e);
	if (r == 0) {
		read_modinfo(k, &im);
		read_signature(k, &im);
		ko_read_versions(k, &im);
		ko_image_layout(&im, k->name, &k->layout);
		read_own_name(k, &im);
		ko_read_memory(k, &im);
		ko_read_code(k, &im);
		ko_read_relocs(k, &im);
		r = ko_read_symbols(k, &im, e);
	}
	ko_image_close(&im);
	if (r < 0) {
		ko_free(k);
		return err_prefix(e, "module '%s'", path);
	}
	return 0;
}

int ko_parse(struct ko *k, const char *path, const void *bytes, size_t len, struct err *e)
{
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, bytes, len);
	return parse(k, path, copy, len, e);
}

int ko_read(struct ko *k, const char *path, struct err *e)
{
	char *bytes = NULL;
	size_t len = 0;
	int r = fs_read_regular(path, KO_MAX, &bytes, &len, e);

	if (r < 0) {
		*k = (struct ko){0};
		return r;
	}
	return parse(k, path, bytes, len, e);
}

void ko_free(struct ko *k)
{
	char *const strings[] = {k->path, k->name, k->vermagic, k->license, k->version,
		k->description, k->srcversion, k->signature_flaw, k->common_symbol};
	struct strvec *const lists[] = {
		&k->depends, &k->softdeps, &k->aliases, &k->firmware, &k->import_ns, &k->exports};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_free(lists[i]);
	ko_free_symbols(k);
	ko_free_memory(k);
	ko_free_code(k);
	ko_free_relocs(k);
	*k = (struct ko){0};
}
