// SPDX-License-Identifier: GPL-3.0-or-later
/* Points that concern the kernel as such: which machine it is for, whether it takes modules. */
#include <elf.h>

#include "pmkmod/preflight/points.h"

/* The symbol that arch/<name>/Kconfig sets for each kernel of that architecture. */
static const struct {
	const char *symbol, *linux_arch;
} architectures[] = {
	{"ARM64", "arm64"},
	{"ARM", "arm"},
	{"X86", "x86"},
	{"RISCV", "riscv"},
	{"LOONGARCH", "loongarch"},
	{"PPC", "powerpc"},
	{"S390", "s390"},
	{"MIPS", "mips"},
};

/* kbuild knows x86 by three names. */
static bool same_arch(const char *a, const char *b)
{
	if (streq(a, "x86_64") || streq(a, "i386"))
		a = "x86";
	return streq(a, b);
}

void preflight_architecture(struct preflight_context *x)
{
	const struct arch_info *a = x->in->arch;
	const char *found = NULL;
	bool is64 = kconfig_yes(x->c, "64BIT");

	for (size_t i = 0; i < ARRAY_SIZE(architectures) && !found; i++)
		if (kconfig_yes(x->c, architectures[i].symbol))
			found = architectures[i].linux_arch;
	if (!a || !found) {
		preflight_add(x, PREFLIGHT_OK, "the configuration does not say: %s",
			a ? "it names no architecture" : "the device's is not known");
		return;
	}
	if (!same_arch(a->linux_arch, found)) {
		preflight_add(x, PREFLIGHT_REFUSE,
			"the configuration is that of a kernel for %s, the device is %s; the "
			"headers or the device's profile are those of another device",
			found, a->alpine);
		return;
	}
	if (kconfig_known(x->c, "64BIT") && is64 != (a->elf_class == ELFCLASS64)) {
		preflight_add(x, PREFLIGHT_REFUSE,
			"the kernel has %d bits, the device's root (%s) the other width; `arch =` "
			"of the device's profile must be the kernel's",
			is64 ? 64 : 32, a->alpine);
		return;
	}
	preflight_add(x, PREFLIGHT_OK, "%s", found);
}

void preflight_byte_order(struct preflight_context *x)
{
	const struct arch_info *a = x->in->arch;
	bool big = kconfig_yes(x->c, "CPU_BIG_ENDIAN");
	bool little = kconfig_yes(x->c, "CPU_LITTLE_ENDIAN");

	if (!a || (!big && !little)) {
		preflight_add(x, PREFLIGHT_OK, "as the architecture has it");
		return;
	}
	if (big == (a->elf_data == ELFDATA2MSB)) {
		preflight_add(x, PREFLIGHT_OK, "%s-endian", big ? "big" : "little");
		return;
	}
	preflight_add(x, PREFLIGHT_REFUSE,
		"CONFIG_CPU_%s_ENDIAN: this kernel is %s-endian, the device's packages (%s) are "
		"not; there is no toolchain for it",
		big ? "BIG" : "LITTLE", big ? "big" : "little", a->alpine);
}

void preflight_modules(struct preflight_context *x)
{
	x->out->takes_modules = kconfig_yes(x->c, "MODULES");
	if (x->out->takes_modules)
		preflight_add(x, PREFLIGHT_OK, "it loads modules");
	else
		preflight_add(x, PREFLIGHT_REFUSE,
			"CONFIG_MODULES is not set: this kernel loads no module at all; set it in "
			"the configuration of the kernel's aport and build that kernel anew, or "
			"patch the driver into the kernel");
}

/* arch/arm64/Kconfig, for all architectures since 6.9; loongarch and mips had names of their own.
 */
void preflight_page_size(struct preflight_context *x)
{
	static const struct {
		const char *symbol;
		unsigned kib;
	} sizes[] = {
		{"ARM64_4K_PAGES", 4},
		{"ARM64_16K_PAGES", 16},
		{"ARM64_64K_PAGES", 64},
		{"PAGE_SIZE_4KB", 4},
		{"PAGE_SIZE_8KB", 8},
		{"PAGE_SIZE_16KB", 16},
		{"PAGE_SIZE_32KB", 32},
		{"PAGE_SIZE_64KB", 64},
		{"PAGE_SIZE_256KB", 256},
		{"PPC_64K_PAGES", 64},
	};
	unsigned kib = 4;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (kconfig_yes(x->c, sizes[i].symbol))
			kib = sizes[i].kib;
	if (kib == 4)
		preflight_add(x, PREFLIGHT_OK, "4 KiB");
	else
		preflight_add(x, PREFLIGHT_REQUIRE,
			"%u KiB: compiled into the module by the headers' configuration; source "
			"that takes 4096 for granted will not work",
			kib);
}

void preflight_thumb2(struct preflight_context *x)
{
	if (kconfig_yes(x->c, "THUMB2_KERNEL"))
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_THUMB2_KERNEL: kbuild compiles Thumb-2 code and says so in "
			"vermagic; assembler of the module's own must be in unified syntax");
	else
		preflight_add(x, PREFLIGHT_OK, "not set");
}

void preflight_compression(struct preflight_context *x)
{
	static const char *const names[] = {
		[KO_PLAIN] = "none", [KO_GZIP] = "gzip", [KO_XZ] = "xz", [KO_ZSTD] = "zstd"};
	enum ko_compression how = kconfig_module_compression(x->c);

	x->out->compression = how;
	if (how == KO_PLAIN)
		preflight_add(x, PREFLIGHT_OK, "none");
	else
		preflight_add(x, PREFLIGHT_REQUIRE, "%s, as the kernel's own modules%s", names[how],
			kconfig_yes(x->c, "MODULE_DECOMPRESS")
				? "; the kernel itself unpacks it (CONFIG_MODULE_DECOMPRESS)"
				: "");
}

/* Modules in C are compiled without rustc whatever the kernel has. */
void preflight_rust(struct preflight_context *x)
{
	const char *rustc = kconfig_get(x->c, "RUSTC_VERSION_TEXT");

	if (!kconfig_yes(x->c, "RUST"))
		preflight_add(x, PREFLIGHT_OK, "not set: a module written in Rust does not build");
	else
		preflight_add(x, PREFLIGHT_OK,
			"a module written in C needs nothing of it; one in Rust needs exactly %s",
			rustc && *rustc ? rustc : "the compiler that built the kernel");
}
