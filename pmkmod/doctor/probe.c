// SPDX-License-Identifier: GPL-3.0-or-later
/* exit(42) for each architecture: something to run where no root of a phone has been made yet. */
#include <elf.h>

#include "pmkmod/doctor/doctor.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#define BASE 0x400000u
/* The largest pages of any of them. */
#define ALIGN 0x10000u

/* As bytes in memory. */
static const struct {
	uint16_t machine;
	uint32_t flags; /* e_flags without which the kernel or qemu takes it for an older ABI */
	uint8_t code[12];
} codes[] = {
	/* mov x8, #93; mov x0, #42; svc #0 */
	{EM_AARCH64, 0, {0xa8, 0x0b, 0x80, 0xd2, 0x40, 0x05, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}},
	/* mov r7, #1; mov r0, #42; svc #0 */
	{EM_ARM, EF_ARM_EABI_VER5,
		{0x01, 0x70, 0xa0, 0xe3, 0x2a, 0x00, 0xa0, 0xe3, 0x00, 0x00, 0x00, 0xef}},
	/* mov $60, %eax; mov $42, %edi; syscall */
	{EM_X86_64, 0, {0xb8, 0x3c, 0x00, 0x00, 0x00, 0xbf, 0x2a, 0x00, 0x00, 0x00, 0x0f, 0x05}},
	/* mov $1, %eax; mov $42, %ebx; int $0x80 */
	{EM_386, 0, {0xb8, 0x01, 0x00, 0x00, 0x00, 0xbb, 0x2a, 0x00, 0x00, 0x00, 0xcd, 0x80}},
	/* li a7, 93; li a0, 42; ecall */
	{EM_RISCV, 0, {0x93, 0x08, 0xd0, 0x05, 0x13, 0x05, 0xa0, 0x02, 0x73, 0x00, 0x00, 0x00}},
	/* li r0, 1; li r3, 42; sc */
	{EM_PPC64, 2, {0x01, 0x00, 0x00, 0x38, 0x2a, 0x00, 0x60, 0x38, 0x02, 0x00, 0x00, 0x44}},
	/* li.w a7, 93; li.w a0, 42; syscall 0 */
	{EM_LOONGARCH, 0, {0x0b, 0x74, 0x81, 0x02, 0x04, 0xa8, 0x80, 0x02, 0x00, 0x00, 0x2b, 0x00}},
	/* lghi %r2, 42; svc 1; and bytes that are not reached */
	{EM_S390, 0, {0xa7, 0x29, 0x00, 0x2a, 0x0a, 0x01, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07}},
};

static void put(struct strbuf *b, uint64_t value, size_t bytes, bool big)
{
	for (size_t i = 0; i < bytes; i++)
		strbuf_addc(b, (char)(value >> 8 * (big ? bytes - 1 - i : i)));
}

static void put_header(struct strbuf *b, const struct arch_info *a, uint32_t flags, size_t headers)
{
	bool big = a->elf_data == ELFDATA2MSB, wide = a->elf_class == ELFCLASS64;
	size_t word = wide ? 8 : 4;

	strbuf_add(b, ELFMAG, SELFMAG);
	put(b, a->elf_class, 1, big);
	put(b, a->elf_data, 1, big);
	put(b, EV_CURRENT, 1, big);
	put(b, 0, 1, big); /* EI_OSABI, and what fills e_ident up */
	put(b, 0, 8, big);
	put(b, ET_EXEC, 2, big);
	put(b, a->elf_machine, 2, big);
	put(b, EV_CURRENT, 4, big);
	put(b, BASE + headers, word, big); /* e_entry */
	put(b, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), word, big); /* e_phoff */
	put(b, 0, word, big); /* e_shoff */
	put(b, flags, 4, big);
	put(b, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), 2, big);
	put(b, wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), 2, big);
	put(b, 1, 2, big); /* e_phnum */
	put(b, 0, 6, big); /* no sections: e_shentsize, e_shnum, e_shstrndx */
}

/* All of the file is one segment. */
static void put_segment(struct strbuf *b, const struct arch_info *a, size_t size)
{
	bool big = a->elf_data == ELFDATA2MSB, wide = a->elf_class == ELFCLASS64;
	size_t word = wide ? 8 : 4;

	put(b, PT_LOAD, 4, big);
	if (wide)
		put(b, PF_R | PF_X, 4, big);
	put(b, 0, word, big); /* p_offset */
	put(b, BASE, word, big); /* p_vaddr */
	put(b, BASE, word, big); /* p_paddr */
	put(b, size, word, big);
	put(b, size, word, big);
	if (!wide)
		put(b, PF_R | PF_X, 4, big);
	put(b, ALIGN, word, big);
}

int probe_program(const struct arch_info *a, struct strbuf *out)
{
	size_t headers = a->elf_class == ELFCLASS64 ? sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)
						    : sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].machine != a->elf_machine)
			continue;
		put_header(out, a, codes[i].flags, headers);
		put_segment(out, a, headers + sizeof(codes[i].code));
		strbuf_add(out, codes[i].code, sizeof(codes[i].code));
		return 0;
	}
	return -EOPNOTSUPP;
}
