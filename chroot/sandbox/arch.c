// SPDX-License-Identifier: GPL-3.0-or-later
/* The architectures a root can have: one row each, nothing about them elsewhere. */
#include "chroot/sandbox/sandbox.h"

#include <elf.h>
#include <sys/utsname.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct arch_info archs[] = {
	{"aarch64", "arm64", "aarch64", "aarch64", EM_AARCH64, ELFCLASS64, ELFDATA2LSB},
	{"armv7", "arm", "arm", "armv7l", EM_ARM, ELFCLASS32, ELFDATA2LSB},
	{"armhf", "arm", "arm", "armv6l", EM_ARM, ELFCLASS32, ELFDATA2LSB},
	{"x86_64", "x86", "x86_64", "x86_64", EM_X86_64, ELFCLASS64, ELFDATA2LSB},
	{"x86", "x86", "i386", "i686", EM_386, ELFCLASS32, ELFDATA2LSB},
	{"riscv64", "riscv", "riscv64", "riscv64", EM_RISCV, ELFCLASS64, ELFDATA2LSB},
	{"ppc64le", "powerpc", "ppc64le", "ppc64le", EM_PPC64, ELFCLASS64, ELFDATA2LSB},
	{"loongarch64", "loongarch", "loongarch64", "loongarch64", EM_LOONGARCH, ELFCLASS64,
		ELFDATA2LSB},
	{"s390x", "s390", "s390x", "s390x", EM_S390, ELFCLASS64, ELFDATA2MSB},
};

/* What uname(2) says on machines whose name differs from the table's `uname`. */
static const struct {
	const char *machine, *alpine;
} aliases[] = {
	{"armv8l", "armv7"}, /* a 32-bit personality on a 64-bit processor */
	{"i386", "x86"},
	{"i486", "x86"},
	{"i586", "x86"},
};

const struct arch_info *arch_by_name(const char *alpine)
{
	for (size_t i = 0; alpine && i < ARRAY_SIZE(archs); i++)
		if (streq(archs[i].alpine, alpine))
			return &archs[i];
	return NULL;
}

const struct arch_info *arch_by_elf(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i].elf_machine == machine)
			return &archs[i];
	return NULL;
}

const struct arch_info *arch_native(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (streq(archs[i].uname, u.machine))
			return &archs[i];
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (streq(aliases[i].machine, u.machine))
			return arch_by_name(aliases[i].alpine);
	fprintf(stderr, "pmkmod does not know the machine type '%s'\n", u.machine);
	abort();
}

/* Pairs whose second programs the first machine runs by itself. 32-bit arm on aarch64 is not one
 * of them: many 64-bit processors have lost that mode. */
static const struct {
	const char *machine, *programs;
} runs[] = {
	{"x86_64", "x86"},
	{"armv7", "armhf"},
};

bool arch_runs_natively(const struct arch_info *a)
{
	const struct arch_info *native = arch_native();

	if (a == native)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		if (streq(runs[i].machine, native->alpine) && streq(runs[i].programs, a->alpine))
			return true;
	return false;
}
