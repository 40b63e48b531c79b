// SPDX-License-Identifier: GPL-3.0-or-later
/* A bounded look at an ELF file: its machine, and whether it needs a loader. */
#include "chroot/sandbox/internal.h"

#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

static uint64_t get(const uint8_t *p, unsigned size, bool big)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[i] << 8 * (big ? size - 1 - i : i);
	return v;
}

/* Where the fields lie in each class: {program headers' offset, their size and number} and, in a
 * program header, {offset, file size}. */
static const struct layout {
	unsigned ehdr, word, phoff, phentsize, phnum;
	unsigned p_size, p_offset, p_filesz;
} layouts[] = {
	[ELFCLASS32] = {sizeof(Elf32_Ehdr), 4, 28, 42, 44, sizeof(Elf32_Phdr), 4, 16},
	[ELFCLASS64] = {sizeof(Elf64_Ehdr), 8, 32, 54, 56, sizeof(Elf64_Phdr), 8, 32},
};

static int read_interp(
	int fd, const struct layout *l, const uint8_t *eh, bool big, struct elf_facts *out)
{
	uint64_t phoff = get(eh + l->phoff, l->word, big);
	unsigned size = (unsigned)get(eh + l->phentsize, 2, big);
	unsigned n = (unsigned)get(eh + l->phnum, 2, big);

	if (size < l->p_size || phoff > INT64_MAX - 65536 * (uint64_t)65536)
		return n ? -ENOEXEC : 0;
	for (unsigned i = 0; i < n; i++) {
		uint8_t ph[sizeof(Elf64_Phdr)];
		uint64_t off, len;

		if (pread(fd, ph, l->p_size, (off_t)(phoff + (uint64_t)i * size)) !=
			(ssize_t)l->p_size)
			return -ENOEXEC;
		if (get(ph, 4, big) != PT_INTERP)
			continue;
		off = get(ph + l->p_offset, l->word, big);
		len = get(ph + l->p_filesz, l->word, big);
		if (len == 0 || len >= sizeof(out->interp) || off > INT64_MAX ||
			pread(fd, out->interp, len, (off_t)off) != (ssize_t)len)
			return -ENOEXEC;
		out->interp[len] = '\0';
		return 0;
	}
	return 0;
}

int elf_peek(const char *path, struct elf_facts *out)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t eh[sizeof(Elf64_Ehdr)] = {0};
	ssize_t n;
	bool big;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return -errno;
	n = pread(fd, eh, sizeof(eh), 0);
	if (n < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(eh, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	out->elf_class = eh[EI_CLASS];
	out->elf_data = eh[EI_DATA];
	if (out->elf_class != ELFCLASS32 && out->elf_class != ELFCLASS64)
		return -ENOEXEC;
	big = out->elf_data == ELFDATA2MSB;
	out->machine = (uint16_t)get(eh + 18, 2, big);
	if (n < (ssize_t)layouts[out->elf_class].ehdr)
		return -ENOEXEC;
	return read_interp(fd, &layouts[out->elf_class], eh, big, out);
}
