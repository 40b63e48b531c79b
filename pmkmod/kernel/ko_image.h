/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of one .ko: unpacked, and proved to be an ELF file whose parts lie inside it. The rules
 * are the kernel's own (elf_validity_check() in kernel/module/main.c), so that what opens here is
 * what the loader goes on to look at, and every later access stays within the file.
 */
#ifndef PMKMOD_KO_IMAGE_H
#define PMKMOD_KO_IMAGE_H

#include <gelf.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* Modules with debug information reach 100 MiB; nothing the kernel loads is larger than this. */
#define KO_MAX (256u << 20)

/* Behind a signed module: the signature, this, the marker (include/linux/module_signature.h). */
#define KO_SIGNATURE_MARKER "~Module signature appended~\n"
struct ko_signature {
	uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3];
	uint32_t sig_len; /* big endian */
};
enum { KO_SIGNATURE_PGP, KO_SIGNATURE_X509, KO_SIGNATURE_PKCS7 };

struct ko_section {
	const char *name; /* "" where the header names nothing valid */
	GElf_Shdr sh;
	const char *bytes; /* content, NULL for SHT_NOBITS and empty ones */
	size_t len;
};

struct ko_image {
	char *bytes; /* the whole file, unpacked; one NUL behind the end */
	size_t len;
	size_t elf_len; /* without a signature, which the kernel takes off before it looks */
	Elf *elf;
	GElf_Ehdr eh;
	uint8_t elf_class, elf_data;
	struct ko_section *sections;
	size_t n_sections;
	const struct ko_section *modinfo; /* NULL: none */
};

/*
 * Take over `bytes` (malloc'ed, one NUL behind the end), unpack them if need be, and read the
 * section table. The bytes are freed by ko_image_close(), also after an error. -EBADMSG damaged or
 * not ELF, -EFBIG. Any ELF type passes: the caller looks at eh.e_type.
 */
int ko_image_open(struct ko_image *im, char *bytes, size_t len, struct err *e);
void ko_image_close(struct ko_image *im);

/* The first allocated section of that name, as the kernel's find_sec(); NULL: none. */
const struct ko_section *ko_image_section(const struct ko_image *im, const char *name);

/*
 * The values of a .modinfo tag, one a call: start with *pos = 0; NULL at the end. Borrowed. The
 * first value is the one the kernel takes.
 */
const char *ko_image_modinfo(const struct ko_image *im, const char *tag, size_t *pos);

/* A NUL-terminated string at `at` inside a section; NULL if it does not end inside it. */
const char *ko_image_string(const struct ko_section *s, uint64_t at);

/* Numbers in the byte order of the file. */
uint32_t ko_image_u32(const struct ko_image *im, const void *at);
uint64_t ko_image_long(const struct ko_image *im, const void *at); /* 4 or 8 bytes, by class */
size_t ko_image_long_size(const struct ko_image *im);

#endif
