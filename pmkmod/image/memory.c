// SPDX-License-Identifier: GPL-3.0-or-later
#include <elf.h>
#include <endian.h>
#include <gelf.h>

#include "pmkmod/image/exports.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

uint32_t memory_u32(const struct image_memory *m, size_t at)
{
	uint32_t v;

	memcpy(&v, m->p + at, sizeof(v));
	return le32toh(v);
}

uint64_t memory_word(const struct image_memory *m, size_t at, unsigned bytes)
{
	uint64_t v;

	if (bytes == 4)
		return memory_u32(m, at);
	memcpy(&v, m->p + at, sizeof(v));
	return le64toh(v);
}

/* Of a segment that holds bytes of the file. */
struct segment {
	uint64_t address, offset, size;
};

/* How many, or -EBADMSG. */
static int read_segments(
	Elf *elf, const struct kernel_image *im, struct segment *out, size_t max, struct err *e)
{
	size_t headers = 0, n = 0;

	if (elf_getphdrnum(elf, &headers) != 0)
		headers = 0;
	for (size_t i = 0; i < headers && n < max; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD || !ph.p_filesz)
			continue;
		if (ph.p_offset > im->len || ph.p_filesz > im->len - ph.p_offset ||
			ph.p_vaddr > UINT64_MAX - ph.p_filesz)
			return err_set(e, -EBADMSG,
				"the vmlinux is cut off or damaged: a segment would be at %llu to %llu "
				"of %zu bytes",
				(unsigned long long)ph.p_offset,
				(unsigned long long)(ph.p_offset + ph.p_filesz), im->len);
		out[n++] = (struct segment){ph.p_vaddr, ph.p_offset, ph.p_filesz};
	}
	if (!n)
		return err_set(e, -EBADMSG,
			"the ELF file has no segment to load: it is damaged, or an object file "
			"(vmlinux.o) that is not linked yet");
	return (int)n;
}

/* Do the segments between both addresses have the same distances in the file? */
static bool lies_so_in_file(const struct segment *s, size_t n, uint64_t low, uint64_t high)
{
	const struct segment *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].address < low || s[i].address + s[i].size > high)
			continue;
		if (!first)
			first = &s[i];
		if (s[i].offset < s[i].address - low ||
			s[i].address - s[i].offset != first->address - first->offset)
			return false;
	}
	return true;
}

/*
 * Lay the segments out as in memory. What is too far from the largest one is left out: x86's area
 * of each processor has addresses from 0.
 */
static int lay_out(struct image_memory *m, const struct kernel_image *im, const struct segment *s,
	size_t n, struct err *e)
{
	uint64_t low, high;
	size_t largest = 0;

	for (size_t i = 1; i < n; i++)
		if (s[i].size > s[largest].size)
			largest = i;
	low = s[largest].address;
	high = low + s[largest].size;
	for (size_t i = 0; i < n; i++) {
		uint64_t l = s[i].address < low ? s[i].address : low;
		uint64_t h = s[i].address + s[i].size > high ? s[i].address + s[i].size : high;

		if (h - l <= KERNEL_IMAGE_MAX) {
			low = l;
			high = h;
		}
	}
	if (high - low > KERNEL_IMAGE_MAX)
		return err_set(e, -EBADMSG,
			"the vmlinux is damaged: it would be larger than %u MiB",
			KERNEL_IMAGE_MAX >> 20);
	if (lies_so_in_file(s, n, low, high)) {
		const struct segment *first = &s[largest];
		uint64_t from = first->offset - (first->address - low);

		*m = (struct image_memory){.p = (unsigned char *)im->bytes + from,
			.len = high - low,
			.base = low,
			.base_known = true};
		return 0;
	}
	*m = (struct image_memory){.p = xcalloc(high - low + 1, 1),
		.len = high - low,
		.base = low,
		.base_known = true,
		.copied = true};
	for (size_t i = 0; i < n; i++)
		if (s[i].address >= low && s[i].address + s[i].size <= high)
			memcpy(m->p + (s[i].address - low), im->bytes + s[i].offset, s[i].size);
	return 0;
}

static int open_elf(struct image_memory *m, const struct kernel_image *im, Elf *elf, struct err *e)
{
	struct segment segments[64];
	GElf_Ehdr eh;
	int r;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return err_set(
			e, -EBADMSG, "the vmlinux is damaged: its ELF header cannot be read");
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOTSUP,
			"the kernel is big endian; the exports of such images are not read");
	r = read_segments(elf, im, segments, ARRAY_SIZE(segments), e);
	if (r < 0)
		return r;
	r = lay_out(m, im, segments, (size_t)r, e);
	if (r == 0)
		m->word = eh.e_ident[EI_CLASS] == ELFCLASS64 ? 8 : 4;
	return r;
}

int image_memory_open(struct image_memory *m, const struct kernel_image *im, struct err *e)
{
	Elf *elf;
	int r;

	*m = (struct image_memory){.p = (unsigned char *)im->bytes, .len = im->len};
	if (im->len < SELFMAG || memcmp(im->bytes, ELFMAG, SELFMAG) != 0) {
		if (im->machine == EM_AARCH64 || im->machine == EM_RISCV ||
			im->machine == EM_LOONGARCH || im->machine == EM_X86_64)
			m->word = 8;
		else if (im->machine == EM_ARM || im->machine == EM_386)
			m->word = 4;
		/* a 32-bit riscv Image has the same mark */
		if (im->machine == EM_RISCV)
			m->word = 0;
		return 0;
	}
	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(e, -ENOTSUP, "libelf is older than the ELF version in use");
	elf = elf_memory(im->bytes, im->len);
	r = open_elf(m, im, elf, e);
	if (elf)
		elf_end(elf);
	return r;
}

void image_memory_close(struct image_memory *m)
{
	if (m->copied)
		free(m->p);
	*m = (struct image_memory){0};
}
