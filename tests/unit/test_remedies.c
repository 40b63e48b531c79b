// SPDX-License-Identifier: GPL-3.0-or-later
/* What is read of old kernels' Makefiles and of what EXPORT_SYMBOL becomes; the cures themselves
 * are tried with real compilers by tests/cli/test-remedies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/headers/genksyms.h"
#include "pmkmod/headers/remedies.h"

/* ---- how a kernel is told to use clang ---- */

#define TARGET_4_9                                                                                 \
	"ifeq ($(cc-name),clang)\nCLANG_TARGET := --target=$(notdir $(CROSS_COMPILE:%-=%))\nendif\n"
#define TARGET_4_19                                                                                \
	"ifneq ($(CROSS_COMPILE),)\nCLANG_TRIPLE ?= $(CROSS_COMPILE)\nCLANG_FLAGS += "             \
	"--target=$(notdir $(CLANG_TRIPLE:%-=%))\nendif\n"
#define LLVM_5_7                                                                                   \
	"ifneq ($(LLVM),)\nCC = clang\nendif\nifneq ($(LLVM_IAS),1)\nCLANG_FLAGS += "              \
	"-no-integrated-as\nendif\nCLANG_FLAGS += --target=$(notdir $(CROSS_COMPILE:%-=%))\n"
#define LLVM_6_1                                                                                   \
	"ifneq ($(LLVM),)\nifneq ($(filter %/,$(LLVM)),)\nLLVM_PREFIX := $(LLVM)\nelse ifneq "     \
	"($(filter -%,$(LLVM)),)\nLLVM_SUFFIX := $(LLVM)\nendif\nendif\n"

static const struct llvm_case {
	const char *makefile;
	unsigned major, minor;
	const char *tools, *cross;
	bool lld;
	const char *args; /* NULL: `error` */
	const char *error;
} llvm_cases[] = {
	{LLVM_6_1, 6, 1, "", NULL, true, "LLVM=1 CC=clang -Wno-x", NULL},
	{LLVM_6_1, 6, 1, "-16", NULL, true, "LLVM=-16 CC=clang-16 -Wno-x", NULL},
	{LLVM_6_1, 6, 1, "/opt/llvm/", NULL, true, "LLVM=/opt/llvm/ CC=/opt/llvm/clang -Wno-x",
		NULL},
	/* binutils are at hand, LLVM=1 does not need them */
	{LLVM_6_1, 6, 1, "", "a-b-", true, "LLVM=1 CC=clang -Wno-x CROSS_COMPILE=a-b-", NULL},
	{LLVM_5_7, 5, 7, "", NULL, true,
		"LLVM=1 CC=clang -Wno-x CROSS_COMPILE=aarch64-linux-gnu- LLVM_IAS=1", NULL},
	{LLVM_5_7, 5, 7, "", "a-b-", true, "LLVM=1 CC=clang -Wno-x CROSS_COMPILE=a-b-", NULL},
	/* no suffixes before 5.18: each tool by its name */
	{LLVM_5_7, 5, 7, "-16", "a-b-", true,
		"LLVM=1 HOSTCC=clang-16 HOSTCXX=clang++-16 LD=ld.lld-16 AR=llvm-ar-16 NM=llvm-nm-16 "
		"OBJCOPY=llvm-objcopy-16 OBJDUMP=llvm-objdump-16 READELF=llvm-readelf-16 "
		"STRIP=llvm-strip-16 CC=clang-16 -Wno-x CROSS_COMPILE=a-b-",
		NULL},
	/* a vendor's 4.19: GNU's tools, only the linker is LLVM's where the kernel says so */
	{TARGET_4_19, 4, 19, "", "a-b-", false,
		"CC=clang -Wno-x CROSS_COMPILE=a-b- CLANG_TRIPLE=aarch64-linux-gnu-", NULL},
	{TARGET_4_19, 4, 19, "", "a-b-", true,
		"LD=ld.lld AR=llvm-ar NM=llvm-nm CC=clang -Wno-x CROSS_COMPILE=a-b- "
		"CLANG_TRIPLE=aarch64-linux-gnu-",
		NULL},
	{TARGET_4_9, 4, 9, "", "a-b-", false, "CC=clang -Wno-x CROSS_COMPILE=a-b-", NULL},
	{TARGET_4_9, 4, 9, "", NULL, false, NULL, "no GNU binutils"},
	{"CC = $(CROSS_COMPILE)gcc\n", 3, 4, "", "a-b-", false, NULL, "has no support for clang"},
};

static void llvm_args(void **state)
{
	_cleanup_strvec_ struct strvec flags = {0};

	(void)state;
	strvec_add(&flags, "-Wno-x");
	for (size_t i = 0; i < ARRAY_SIZE(llvm_cases); i++) {
		const struct llvm_case *c = &llvm_cases[i];
		struct llvm_input in = {.makefile = c->makefile,
			.arch_makefile = "",
			.version = KERNEL_VERSION_CODE(c->major, c->minor),
			.tools = c->tools,
			.cross = c->cross,
			.triple = "aarch64-linux-gnu",
			.cc_flags = &flags,
			.lld = c->lld};
		_cleanup_strvec_ struct strvec args = {0};
		struct err e = ERR_INIT;
		int r = remedies_llvm_args(&args, &in, &e);
		_cleanup_free_ char *joined = strvec_join(&args, " ");

		if (c->args) {
			assert_int_equal(r, 0);
			assert_string_equal(joined, c->args);
		} else {
			assert_true(r < 0);
			assert_non_null(strstr(e.text, c->error));
		}
	}
}

/* ---- flags as part of a packaged Makefile ---- */

static const struct {
	const char *before, *after; /* NULL: refused */
} pin_cases[] = {
	{"CC\t\t= $(CROSS_COMPILE)gcc\n", "CC\t\t= $(CROSS_COMPILE)gcc -fno-pie -Wno-x\n"},
	{"ifneq ($(LLVM),)\nCC = clang\nelse\nCC\t:= $(CROSS_COMPILE)gcc\nendif\n",
		"ifneq ($(LLVM),)\nCC = clang -fno-pie -Wno-x\nelse\nCC\t:= $(CROSS_COMPILE)gcc "
		"-fno-pie -Wno-x\nendif\n"},
	{"  CC ?= gcc  # of the vendor", "  CC ?= gcc -fno-pie -Wno-x  # of the vendor"},
	{"CCFLAGS = -x\nCC=gcc", "CCFLAGS = -x\nCC=gcc -fno-pie -Wno-x"},
	/* the flags go before the backslash that continues the line */
	{"CC = $(WRAPPER) \\\n\tgcc\n", "CC = $(WRAPPER) -fno-pie -Wno-x \\\n\tgcc\n"},
	{"HOSTCC = gcc\n\tCC = in a recipe\n", NULL},
	{"", NULL},
};

static void pin_cc_flags(void **state)
{
	_cleanup_strvec_ struct strvec flags = {0}, none = {0};

	(void)state;
	strvec_add(&flags, "-fno-pie");
	strvec_add(&flags, "-Wno-x");
	for (size_t i = 0; i < ARRAY_SIZE(pin_cases); i++) {
		_cleanup_free_ char *out = NULL, *same = NULL;
		struct err e = ERR_INIT;
		int r = remedies_pin_cc_flags(&out, pin_cases[i].before, &flags, &e);

		if (pin_cases[i].after) {
			assert_int_equal(r, 0);
			assert_string_equal(out, pin_cases[i].after);
		} else {
			assert_int_equal(r, -ENOENT);
			assert_non_null(strstr(e.text, "sets no CC"));
		}
		assert_int_equal(remedies_pin_cc_flags(&same, pin_cases[i].before, &none, &e), 0);
		assert_string_equal(same ? same : "", pin_cases[i].before);
	}
}

/* ---- what EXPORT_SYMBOL becomes ---- */

static const struct {
	const char *text;
	int class; /* enum export_class + 1; 0: none found */
	const char *ns;
} export_cases[] = {
	/* 3.0 to 5.3, and architectures without place-relative tables */
	{"static const char __kstrtab_printk[] __attribute__((section(\"__ksymtab_strings\"), "
	 "aligned(1))) = \"printk\"; static const struct kernel_symbol __ksymtab_printk "
	 "__attribute__((__used__)) __attribute__((section(\"___ksymtab\" \"\" \"+\" \"printk\"), "
	 "unused)) = { (unsigned long)&printk, __kstrtab_printk };",
		EXPORT_PLAIN + 1, NULL},
	{"__attribute__((section(\"___ksymtab\" \"_gpl\" \"+\" \"printk\"), unused))",
		EXPORT_GPL + 1, NULL},
	{"section(\"___ksymtab\" \"_gpl_future\" \"+\" \"printk\")", EXPORT_GPL_FUTURE + 1, NULL},
	{"section(\"___ksymtab\" \"_unused\" \"+\" \"printk\")", EXPORT_UNUSED + 1, NULL},
	{"section(\"___ksymtab\" \"_unused_gpl\" \"+\" \"printk\")", EXPORT_UNUSED_GPL + 1, NULL},
	/* another symbol whose name begins or ends the same */
	{"section(\"___ksymtab\" \"\" \"+\" \"printk_once\") section(\"___ksymtab\" \"\" \"+\" "
	 "\"_printk\")",
		0, NULL},
	/* 5.4 to 6.3 */
	{"extern const char __kstrtabns_printk[]; asm(\"\t.section "
	 "\\\"__ksymtab_strings\\\",\\\"aMS\\\",%progbits,1\t\\n\" \"__kstrtab_\" \"printk\" \":\t\\n\" "
	 "\"\t.asciz \t\\\"\" \"printk\" \"\\\"\t\\n\" \"__kstrtabns_\" \"printk\" \":\t\\n\" "
	 "\"\t.asciz \t\\\"\" \"DMA_BUF\" \"\\\"\t\\n\" \"\t.previous\t\\n\"); "
	 "asm(\"\t.section \\\"___ksymtab\" \"_gpl\" \"+\" \"printk\" \"\\\", \\\"a\\\"\t\\n\");",
		EXPORT_GPL + 1, "DMA_BUF"},
	{"asm(\"__kstrtabns_\" \"printk\" \":\t\\n\" \"\t.asciz \t\\\"\" \"\" \"\\\"\t\\n\"); "
	 "asm(\"\t.section \\\"___ksymtab\" \"\" \"+\" \"printk\" \"\\\", \\\"a\\\"\t\\n\");",
		EXPORT_PLAIN + 1, NULL},
	/* since 6.4 */
	{"asm(\".section \\\".export_symbol\\\",\\\"a\\\" ; __export_symbol_printk: ; .asciz "
	 "\\\"GPL\\\" ; .asciz \\\"\\\" ; .balign 8 ; .quad printk ; .previous\");",
		EXPORT_GPL + 1, NULL},
	{"asm(\"__export_symbol_printk: ; .asciz \\\"\\\" ; .asciz \\\"module:kvm\\\" ;\");",
		EXPORT_PLAIN + 1, "module:kvm"},
	{"__export_symbol_printk: ; .asciz \\\"GPL", 0, NULL},
	{"___ksymtab\" \"_gpl", 0, NULL},
};

static void export_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(export_cases); i++) {
		_cleanup_free_ char *text = xstrdup(export_cases[i].text);
		struct crc_table t = {0};

		crc_table_add(&t, "printk", "vmlinux", 1);
		export_classes_take(&t, text);
		assert_int_equal(t.rows[0].class, export_cases[i].class);
		if (export_cases[i].ns)
			assert_string_equal(t.rows[0].ns, export_cases[i].ns);
		else
			assert_null(t.rows[0].ns);
		crc_table_free(&t);
	}
}

static void export_macros(void **state)
{
	static const struct {
		const char *line;
		int class;
		const char *ns;
	} cases[] = {
		{"EXPORT_SYMBOL(memcpy)", EXPORT_PLAIN + 1, NULL},
		{"EXPORT_SYMBOL_GPL( memcpy )", EXPORT_GPL + 1, NULL},
		{"EXPORT_SYMBOL_NOKASAN(memcpy)", EXPORT_PLAIN + 1, NULL},
		{"EXPORT_SYMBOL_NS_GPL(memcpy, CRYPTO)", EXPORT_GPL + 1, "CRYPTO"},
		{"EXPORT_SYMBOL_NS(memcpy, \"CRYPTO\")", EXPORT_PLAIN + 1, "CRYPTO"},
		{"EXPORT_SYMBOL(memcpy_fromio)", 0, NULL},
		{"EXPORT_SYMBOL", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *line = xstrdup(cases[i].line);
		struct crc_table t = {0};

		crc_table_add(&t, "memcpy", "vmlinux", 1);
		export_macro_take(&t, line);
		assert_int_equal(t.rows[0].class, cases[i].class);
		if (cases[i].ns)
			assert_string_equal(t.rows[0].ns, cases[i].ns);
		else
			assert_null(t.rows[0].ns);
		crc_table_free(&t);
	}
}

/* ---- against what shipped modules expect ---- */

static void sample(void **state)
{
	static const struct {
		const char *sample;
		size_t same, differ, missing;
		const char *first;
	} cases[] = {
		{NULL, 0, 0, 0, NULL},
		{"", 0, 0, 0, NULL},
		{"printk 1\nmemcpy beef\n", 2, 0, 0, NULL},
		{"printk 1\nmemcpy beee\nmodule_layout 5\nprintk 2\n", 1, 2, 1, "memcpy"},
		{"nothing that reads so\nprintk\n", 0, 0, 1, NULL},
	};
	struct crc_table t = {0};

	(void)state;
	crc_table_add(&t, "printk", "vmlinux", 1);
	crc_table_add(&t, "memcpy", "vmlinux", 0xbeef);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct crc_comparison c;

		crc_table_compare(&t, cases[i].sample, &c);
		assert_int_equal(c.same, cases[i].same);
		assert_int_equal(c.differ, cases[i].differ);
		assert_int_equal(c.missing, cases[i].missing);
		if (cases[i].first)
			assert_string_equal(c.first, cases[i].first);
		else
			assert_null(c.first);
		free(c.first);
	}
	crc_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llvm_args),
		cmocka_unit_test(pin_cc_flags),
		cmocka_unit_test(export_classes),
		cmocka_unit_test(export_macros),
		cmocka_unit_test(sample),
	};

	return cmocka_run_group_tests_name("remedies", tests, NULL, NULL);
}
