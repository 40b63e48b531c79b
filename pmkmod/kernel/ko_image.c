// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/kernel/ko_image.h"

#include <arpa/inet.h>
#include <endian.h>

#include "pmkmod/kernel/inflate.h"

/* Sections do not overlap; so much more than the file they may have in it before that is work. */
#define OVERLAP_MAX 16
/* What the names of all sections may have together, of which nobody reads more. */
#define NAMES_MAX (16u << 20)

static int damaged(struct err *e, const char *what)
{
	return err_set(
		e, -EBADMSG, "it is a damaged ELF file: %s; copy it anew, or build it again", what);
}

static bool inside(const struct ko_image *im, uint64_t at, uint64_t len)
{
	return at <= im->elf_len && len <= im->elf_len - at;
}

const char *ko_image_string(const struct ko_section *s, uint64_t at)
{
	if (!s->bytes || at >= s->len || !memchr(s->bytes + at, 0, s->len - at))
		return NULL;
	return s->bytes + at;
}

/* What comes out of one compression may be another: a module in a nested archive. */
static int not_elf(const struct ko_image *im, struct err *e)
{
	const char *other = unreadable_compression(im->bytes, im->len);
	const char *archive = archive_of(im->bytes, im->len);

	if (!im->len)
		return err_set(e, -EBADMSG, "it is empty; copy it anew, or build it again");
	if (other)
		return err_set(e, -EBADMSG,
			"it is a %s file, which neither the kernel nor kmod can unpack; modules may be "
			"compressed by gzip, xz or zstd",
			other);
	if (archive)
		return err_set(e, -EBADMSG,
			"it is %s, which neither the kernel nor kmod looks into; unpack it, and give "
			"the .ko files that are in it",
			archive);
	if (compression_of(im->bytes, im->len) != KO_PLAIN)
		return err_set(e, -EBADMSG,
			"it is compressed twice, and the kernel and kmod unpack a module once; unpack "
			"it once");
	return err_set(e, -EBADMSG,
		"it is not an ELF file, so no module; give a .ko that kbuild has made, or an .apk "
		"package");
}

/*
 * module_sig_check() and mod_verify_sig() make the module shorter by what they understand. What is
 * wrong with the rest is for those to say who judge signatures.
 */
static size_t without_signature(const struct ko_image *im)
{
	const size_t marker = strlen(KO_SIGNATURE_MARKER);
	struct ko_signature s;
	size_t rest, behind;

	if (im->len <= marker ||
		memcmp(im->bytes + im->len - marker, KO_SIGNATURE_MARKER, marker) != 0)
		return im->len;
	rest = im->len - marker;
	if (rest <= sizeof(s))
		return rest;
	memcpy(&s, im->bytes + rest - sizeof(s), sizeof(s));
	behind = sizeof(s) + ntohl(s.sig_len);
	if (s.id_type == KO_SIGNATURE_X509) /* its name and key identifier are outside of sig_len */
		behind += (size_t)s.signer_len + s.key_id_len;
	else if (s.id_type != KO_SIGNATURE_PKCS7)
		return rest;
	return behind < rest ? rest - behind : rest;
}

/* The kernel does not ask which version of ELF a file claims to have, libelf does. */
static void open_elf(struct ko_image *im)
{
	char version = im->bytes[EI_VERSION];

	im->bytes[EI_VERSION] = EV_CURRENT;
	im->elf = elf_memory(im->bytes, im->elf_len);
	im->bytes[EI_VERSION] = version;
}

/* The header and the extent of the section table, before libelf looks at it. */
static int check_header(struct ko_image *im, struct err *e)
{
	size_t entry, header;

	if (im->elf_len < SELFMAG || memcmp(im->bytes, ELFMAG, SELFMAG) != 0)
		return not_elf(im, e);
	if (im->elf_len < EI_NIDENT)
		return damaged(e, "it ends within its header");
	im->elf_class = (uint8_t)im->bytes[EI_CLASS];
	im->elf_data = (uint8_t)im->bytes[EI_DATA];
	if ((im->elf_class != ELFCLASS32 && im->elf_class != ELFCLASS64) ||
		(im->elf_data != ELFDATA2LSB && im->elf_data != ELFDATA2MSB))
		return damaged(e, "its class or byte order is none there is");
	header = im->elf_class == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	if (im->elf_len < header)
		return damaged(e, "it ends within its header");
	open_elf(im);
	if (!im->elf || elf_kind(im->elf) != ELF_K_ELF || !gelf_getehdr(im->elf, &im->eh))
		return damaged(e, "its header cannot be read");
	entry = im->elf_class == ELFCLASS64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	if (im->eh.e_shnum == 0)
		return err_set(e, -EBADMSG, "it is an ELF file without sections, so no module");
	if (im->eh.e_shentsize != entry || !inside(im, im->eh.e_shoff, im->eh.e_shnum * entry))
		return damaged(e, "its table of sections lies outside of it");
	if (im->eh.e_shstrndx == SHN_UNDEF || im->eh.e_shstrndx >= im->eh.e_shnum)
		return damaged(e, "it does not say where the names of its sections are");
	return 0;
}

static int read_section(struct ko_image *im, size_t i, struct err *e)
{
	struct ko_section *s = &im->sections[i];
	Elf_Scn *scn = elf_getscn(im->elf, i);

	s->name = "";
	if (!scn || !gelf_getshdr(scn, &s->sh))
		return damaged(e, "a section header cannot be read");
	if (i == 0 && (s->sh.sh_type != SHT_NULL || s->sh.sh_size || s->sh.sh_addr))
		return damaged(e, "its first section header is not empty");
	if (s->sh.sh_type == SHT_NULL || s->sh.sh_type == SHT_NOBITS)
		return 0;
	if (!inside(im, s->sh.sh_offset, s->sh.sh_size))
		return err_set(e, -EBADMSG,
			"it is cut off or damaged: section %zu lies outside of the file; copy it anew, "
			"or build it again",
			i);
	s->len = s->sh.sh_size;
	s->bytes = s->len ? im->bytes + s->sh.sh_offset : NULL;
	if (s->sh.sh_type == SHT_SYMTAB &&
		(s->sh.sh_link == SHN_UNDEF || s->sh.sh_link >= im->n_sections))
		return damaged(e, "its symbol table has no string table");
	return 0;
}

static int name_sections(struct ko_image *im, struct err *e)
{
	const struct ko_section *names = &im->sections[im->eh.e_shstrndx];
	size_t total = 0;

	if (!names->bytes || names->bytes[names->len - 1] != '\0')
		return damaged(e, "the names of its sections have no end");
	for (size_t i = 1; i < im->n_sections; i++) {
		struct ko_section *s = &im->sections[i];
		const char *name = ko_image_string(names, s->sh.sh_name);

		total += name ? strlen(name) : 0;
		if (total > NAMES_MAX)
			return damaged(e, "the names of its sections overlap");
		if (name)
			s->name = name;
		else if (s->sh.sh_type != SHT_NULL)
			return damaged(e, "a section's name lies outside of the table of names");
	}
	im->modinfo = ko_image_section(im, ".modinfo");
	return 0;
}

/* The kernel takes overlapping sections; of those that lie over each other many times nobody can
 * say anything in time. */
static int check_overlap(const struct ko_image *im, struct err *e)
{
	uint64_t total = 0;

	for (size_t i = 0; i < im->n_sections; i++)
		total += im->sections[i].len;
	return total / OVERLAP_MAX > im->len ? damaged(e, "its sections lie over each other") : 0;
}

int ko_image_open(struct ko_image *im, char *bytes, size_t len, struct err *e)
{
	int r;

	*im = (struct ko_image){.bytes = bytes, .len = len};
	r = inflate_in_place(&im->bytes, &im->len, KO_MAX, e);
	if (r < 0)
		return r;
	im->elf_len = without_signature(im);
	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(e, -ENOTSUP, "libelf is older than the ELF version in use");
	r = check_header(im, e);
	if (r < 0)
		return r;
	im->n_sections = im->eh.e_shnum;
	im->sections = xcalloc(im->n_sections, sizeof(*im->sections));
	for (size_t i = 0; i < im->n_sections; i++) {
		r = read_section(im, i, e);
		if (r < 0)
			return r;
	}
	r = check_overlap(im, e);
	return r < 0 ? r : name_sections(im, e);
}

void ko_image_close(struct ko_image *im)
{
	if (im->elf)
		elf_end(im->elf);
	free(im->sections);
	free(im->bytes);
	*im = (struct ko_image){0};
}

const struct ko_section *ko_image_section(const struct ko_image *im, const char *name)
{
	for (size_t i = 1; i < im->n_sections; i++)
		if ((im->sections[i].sh.sh_flags & SHF_ALLOC) && streq(im->sections[i].name, name))
			return &im->sections[i];
	return NULL;
}

const char *ko_image_modinfo(const struct ko_image *im, const char *tag, size_t *pos)
{
	const struct ko_section *s = im->modinfo;
	size_t n = strlen(tag);

	while (s && *pos < s->len) {
		const char *entry = ko_image_string(s, *pos);

		if (!entry)
			break;
		*pos += strlen(entry) + 1;
		if (strncmp(entry, tag, n) == 0 && entry[n] == '=')
			return entry + n + 1;
	}
	return NULL;
}

uint32_t ko_image_u32(const struct ko_image *im, const void *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return im->elf_data == ELFDATA2MSB ? be32toh(v) : le32toh(v);
}

size_t ko_image_long_size(const struct ko_image *im)
{
	return im->elf_class == ELFCLASS64 ? 8 : 4;
}

uint64_t ko_image_long(const struct ko_image *im, const void *at)
{
	uint64_t v;

	if (im->elf_class != ELFCLASS64)
		return ko_image_u32(im, at);
	memcpy(&v, at, sizeof(v));
	return im->elf_data == ELFDATA2MSB ? be64toh(v) : le64toh(v);
}
