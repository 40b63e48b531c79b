// SPDX-License-Identifier: GPL-3.0-or-later
/* What a module asks of the kernel's memory, and the name it has there, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/fit_rows.h"

#define PARTS(...) ((const struct kb_part[]){__VA_ARGS__, {0}})
#define MIB(n) ((uint64_t)(n) << 20)
#define STRICT "CONFIG_STRICT_MODULE_RWX=y\n"
#define WXA (SHF_WRITE | SHF_ALLOC | SHF_EXECINSTR)
#define PERCPU(n, a) PARTS({".data..percpu", SHF_WRITE | SHF_ALLOC, n, a})
#define BSS(n) PARTS({".bss", SHF_WRITE | SHF_ALLOC, n, 64})
#define NAMED                                                                                      \
	(struct module_layout)                                                                     \
	{                                                                                          \
		.size = 128, .name = 24                                                            \
	}
#define LONG_NAME "a23456789012345678901234567890123456789012345678901234567890"

static const struct row memory[] = {
	{"little", {.modinfo = GOOD, ZERO}, .point = "memory", .result = FIT_PASS, .says = "KiB"},
	{"per-CPU", {.modinfo = GOOD, .parts = PERCPU(8192, 64)}, .config = "CONFIG_SMP=y\n",
		.point = "memory", .result = FIT_PASS, .says = "8192 bytes of per-CPU data"},
	{"per-CPU, too much", {.modinfo = GOOD, .parts = PERCPU(8193, 64)},
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_FAIL,
		.says = "keeps 8192 for those of all modules"},
	{"per-CPU, one processor", {.modinfo = GOOD, .parts = PERCPU(65536, 64)},
		.config = "CONFIG_MODULES=y\n", .point = "memory", .result = FIT_PASS,
		.says = "KiB"},
	{"per-CPU, nothing known", {.modinfo = GOOD, .parts = PERCPU(65536, 64)}, .point = "memory",
		.result = FIT_UNKNOWN, .says = "65536 bytes"},
	{"per-CPU, counted", {.modinfo = GOOD, .parts = PERCPU(65536, 64)}, .release = "6.12.1",
		.config = "CONFIG_SMP=y\nCONFIG_MEM_ALLOC_PROFILING=y\n", .point = "memory",
		.result = FIT_UNKNOWN, .says = "65536 bytes"},
	{"per-CPU, x86",
		{.modinfo = GOOD, .is32 = true, .machine = EM_386, .parts = PERCPU(16384, 64)},
		.arch = "x86", .config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_UNKNOWN,
		.says = "16384 bytes"},
	{"per-CPU, odd", {.modinfo = GOOD, .parts = PERCPU(64, 24)}, .config = "CONFIG_SMP=y\n",
		.point = "memory", .result = FIT_FAIL, .says = "no power of two"},
	{"written and executed", {.modinfo = GOOD, .parts = PARTS({".x", WXA, 8, 8})},
		.config = STRICT, .point = "memory", .result = FIT_FAIL,
		.says = "section .x may be both"},
	{"written and executed, before 5.8", {.modinfo = GOOD, .parts = PARTS({".x", WXA, 8, 8})},
		.release = "5.7.19", .config = STRICT, .point = "memory", .result = FIT_PASS,
		.says = ""},
	{"written and executed, no version", {.modinfo = GOOD, .parts = PARTS({".x", WXA, 8, 8})},
		.release = NONE, .config = STRICT, .point = "memory", .result = FIT_UNKNOWN,
		.says = ".x"},
	{"written and executed, not strict", {.modinfo = GOOD, .parts = PARTS({".x", WXA, 8, 8})},
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_PASS, .says = ""},
	{"written and executed, nothing known",
		{.modinfo = GOOD, .parts = PARTS({".x", WXA, 8, 8})}, .point = "memory",
		.result = FIT_UNKNOWN, .says = "not known"},
	{"written and executed, but not loaded",
		{.modinfo = GOOD, .parts = PARTS({".x", SHF_WRITE | SHF_EXECINSTR, 8, 8})},
		.config = STRICT, .point = "memory", .result = FIT_FAIL, .says = ".x"},
	{"written and executed, but the loader changes that",
		{.modinfo = GOOD, .parts = PARTS({".plt", WXA, 8, 8})}, .config = STRICT,
		.point = "memory", .result = FIT_PASS, .says = ""},
	{"written and executed, where it does not",
		{.modinfo = GOOD, .machine = EM_X86_64, .parts = PARTS({".plt", WXA, 8, 8})},
		.arch = "x86_64", .config = STRICT, .point = "memory", .result = FIT_FAIL,
		.says = ".plt"},
	{"large", {.modinfo = GOOD, .parts = BSS(MIB(200))}, .config = "CONFIG_SMP=y\n",
		.point = "memory", .result = FIT_FAIL, .says = "no more than 128 MiB"},
	{"large, with trampolines", {.modinfo = GOOD, .parts = BSS(MIB(200))},
		.config = "CONFIG_ARM64_MODULE_PLTS=y\n", .point = "memory", .result = FIT_PASS,
		.says = "204801 KiB"},
	{"larger, with trampolines", {.modinfo = GOOD, .parts = BSS(MIB(900))},
		.config = "CONFIG_ARM64_MODULE_PLTS=y\n", .point = "memory", .result = FIT_UNKNOWN,
		.says = "takes 900 MiB"},
	{"large, new", {.modinfo = GOOD, .parts = BSS(MIB(200))}, .release = "6.6.1",
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_PASS, .says = ""},
	{"too large", {.modinfo = GOOD, .parts = BSS(MIB(2100))}, .point = "memory",
		.result = FIT_FAIL, .says = "no more than 2048 MiB"},
	{"beyond all", {.modinfo = GOOD, .parts = BSS(UINT64_MAX - 4095)}, .point = "memory",
		.result = FIT_FAIL, .says = "counts in 32 bits"},
	{"aligned beyond all",
		{.modinfo = GOOD,
			ZERO,
			.parts = PARTS({".bss", SHF_WRITE | SHF_ALLOC, 8, MIB(4096)})},
		.point = "memory", .result = FIT_FAIL, .says = "counts in 32 bits"},
	{"aligned",
		{.modinfo = GOOD,
			ZERO,
			.parts = PARTS({".bss", SHF_WRITE | SHF_ALLOC, 8, MIB(1024)})},
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_FAIL,
		.says = "to 1073741824 at most"},
	{"large, arm", {.modinfo = GOOD, .is32 = true, .parts = BSS(MIB(17))}, .arch = "armv7",
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_FAIL,
		.says = "no more than 16 MiB"},
	{"large, arm with trampolines", {.modinfo = GOOD, .is32 = true, .parts = BSS(MIB(17))},
		.arch = "armv7", .config = "CONFIG_ARM_MODULE_PLTS=y\n", .point = "memory",
		.result = FIT_PASS, .says = ""},
	{"too large, arm with trampolines",
		{.modinfo = GOOD, .is32 = true, .parts = BSS(MIB(1000))}, .arch = "armv7",
		.config = "CONFIG_ARM_MODULE_PLTS=y\nCONFIG_VMSPLIT_3G=y\n", .point = "memory",
		.result = FIT_FAIL, .says = "976"},
	{"large, x86_64", {.modinfo = GOOD, .machine = EM_X86_64, .parts = BSS(MIB(1024))},
		.arch = "x86_64", .config = "CONFIG_RANDOMIZE_BASE=y\n", .point = "memory",
		.result = FIT_FAIL, .says = "1008"},
	{"large, x86_64, nothing known",
		{.modinfo = GOOD, .machine = EM_X86_64, .parts = BSS(MIB(1024))}, .arch = "x86_64",
		.point = "memory", .result = FIT_UNKNOWN, .says = "1024 MiB"},
	{"start behind the end", {.modinfo = GOOD, ZERO, .init_at = 24, .init_value = 16},
		.point = "memory", .result = FIT_FAIL,
		.says = "init_module() is at 0x10 of .text, behind its end"},
	{"end behind the end", {.modinfo = GOOD, ZERO, .init_at = 24, .exit_at = 40},
		.point = "memory", .result = FIT_PASS, .says = ""},
	{"start not loaded", {.modinfo = GOOD, ZERO, .init_at = 24, .text_flags = SHF_EXECINSTR},
		.point = "memory", .result = FIT_FAIL, .says = "which is not loaded"},
	{"start is no code", {.modinfo = GOOD, ZERO, .init_at = 24, .text_flags = SHF_ALLOC},
		.config = STRICT, .point = "memory", .result = FIT_FAIL,
		.says = "init_module() is in .text, which may not"},
	{"start is no code, old", {.modinfo = GOOD, ZERO, .init_at = 24, .text_flags = SHF_ALLOC},
		.release = "4.4.1", .config = "CONFIG_DEBUG_SET_MODULE_RONX=y\n", .point = "memory",
		.result = FIT_FAIL, .says = "may not be executed"},
	{"start is no code, which does not matter",
		{.modinfo = GOOD, ZERO, .init_at = 24, .text_flags = SHF_ALLOC},
		.config = "CONFIG_SMP=y\n", .point = "memory", .result = FIT_PASS, .says = ""},
	{"start is no code, nothing known",
		{.modinfo = GOOD, ZERO, .init_at = 24, .text_flags = SHF_ALLOC}, .point = "memory",
		.result = FIT_UNKNOWN, .says = "not known"},
};

static const struct row names[] = {
	{"named", {.modinfo = GOOD, .this_module_size = 128, .own_name = "test"}, .layout = NAMED,
		.point = "name", .result = FIT_PASS, .says = "named 'test'"},
	{"no name", {.modinfo = GOOD, .this_module_size = 128, .own_name = ""}, .layout = NAMED,
		.point = "name", .result = FIT_FAIL, .says = "has no name"},
	{"no name where others have none",
		{.modinfo = GOOD, .this_module_size = 128, .own_name = ""},
		.layout = {.size = 128, .name = 40}, .point = "name", .result = FIT_PASS,
		.says = "named 'test'"},
	{"no name, by the configuration",
		{.modinfo = GOOD, .this_module_size = 128, .own_name = ""},
		.config = "CONFIG_MODULES=y\n", .layout = {.size = 128}, .point = "name",
		.result = FIT_FAIL, .says = "has no name"},
	{"no name, structures are randomized",
		{.modinfo = GOOD, .this_module_size = 128, .own_name = ""},
		.config = "CONFIG_MODULES=y\nCONFIG_RANDSTRUCT=y\n", .layout = {.size = 128},
		.point = "name", .result = FIT_PASS, .says = ""},
	{"no end", {.modinfo = GOOD, .this_module_size = 128, .own_name = LONG_NAME},
		.config = "CONFIG_FORTIFY_SOURCE=y\n", .layout = NAMED, .point = "name",
		.result = FIT_FAIL, .says = "has no end"},
	{"no end, not fortified", {.modinfo = GOOD, .this_module_size = 128, .own_name = LONG_NAME},
		.config = "CONFIG_SMP=y\n", .layout = NAMED, .point = "name", .result = FIT_PASS,
		.says = ""},
	{"no end, before that", {.modinfo = GOOD, .this_module_size = 128, .own_name = LONG_NAME},
		.release = "4.9.1", .config = "CONFIG_FORTIFY_SOURCE=y\n", .layout = NAMED,
		.point = "name", .result = FIT_PASS, .says = ""},
	{"no end, nothing known", {.modinfo = GOOD, .this_module_size = 128, .own_name = LONG_NAME},
		.layout = NAMED, .point = "name", .result = FIT_UNKNOWN, .says = "FORTIFY"},
	{"the kernel's own", {.modinfo = GOOD, .this_module_size = 128, .own_name = "kernel"},
		.layout = NAMED, .point = "name", .result = FIT_FAIL,
		.says = "have the name 'kernel'"},
	{"says nothing", {.no_modinfo = true}, .config = "CONFIG_MODULE_FORCE_LOAD=y\n",
		.point = "vermagic", .result = FIT_PASS, .says = "has none"},
	{"says nothing, which is not allowed", {.no_modinfo = true}, .config = "CONFIG_MODULES=y\n",
		.point = "vermagic", .result = FIT_FAIL, .says = "has none"},
	{"no module", {.no_modinfo = true, .no_this_module = true}, .point = "file",
		.result = FIT_FAIL, .says = "no .modinfo"},
};

static void memory_rows(void **state)
{
	(void)state;
	judge_rows(memory, ARRAY_SIZE(memory));
}

static void name_rows(void **state)
{
	(void)state;
	judge_rows(names, ARRAY_SIZE(names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_rows),
		cmocka_unit_test(name_rows),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
