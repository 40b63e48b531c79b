// SPDX-License-Identifier: GPL-3.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pmkmod/kernel/kernel.h"

#define COMMON "CONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n"

/* Each expected string is one a real kernel of that version and configuration has. */
static const struct {
	const char *arch, *release, *config, *want;
} cases[] = {
	{"aarch64", "6.1.0-50-arm64", COMMON "CONFIG_MODVERSIONS=y\n",
		"6.1.0-50-arm64 SMP mod_unload modversions aarch64"},
	{"aarch64", "6.6.30-sdm845", COMMON "CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT=y\n",
		"6.6.30-sdm845 SMP preempt mod_unload aarch64"},
	/* PREEMPT_DYNAMIC without PREEMPT as the default */
	{"aarch64", "6.12.1", COMMON "CONFIG_PREEMPT_BUILD=y\nCONFIG_PREEMPT_VOLUNTARY=y\n",
		"6.12.1 SMP preempt mod_unload aarch64"},
	{"aarch64", "6.1.0-rt", COMMON "CONFIG_PREEMPT_RT=y\n",
		"6.1.0-rt SMP preempt_rt mod_unload aarch64"},
	{"armv7", "6.1.0-50-armmp",
		COMMON "CONFIG_MODVERSIONS=y\nCONFIG_CPU_32v7=y\nCONFIG_ARM_PATCH_PHYS_VIRT=y\n",
		"6.1.0-50-armmp SMP mod_unload modversions ARMv7 p2v8 "},
	{"armv7", "3.4.5", "CONFIG_PREEMPT=y\n" COMMON "CONFIG_CPU_32v7=y\n",
		"3.4.5 SMP preempt mod_unload ARMv7 "},
	{"armv7", "6.6.0", COMMON "CONFIG_CPU_32v6=y\nCONFIG_CPU_32v6K=y\nCONFIG_CPU_32v7=y\n",
		"6.6.0 SMP mod_unload ARMv6 "},
	{"armv7", "6.6.0",
		COMMON "CONFIG_CPU_32v7=y\nCONFIG_THUMB2_KERNEL=y\nCONFIG_ARM_PATCH_PHYS_VIRT=y\n",
		"6.6.0 SMP mod_unload ARMv7 thumb2 p2v8 "},
	{"armv7", "3.0.101",
		"CONFIG_CPU_32v5=y\nCONFIG_ARM_PATCH_PHYS_VIRT=y\nCONFIG_ARM_PATCH_PHYS_VIRT_16BIT=y\n",
		"3.0.101 ARMv5 p2v16 "},
	{"x86_64", "6.1.0-56-amd64",
		COMMON "CONFIG_PREEMPT_BUILD=y\nCONFIG_MODVERSIONS=y\n"
		       "CONFIG_X86_64=y\n",
		"6.1.0-56-amd64 SMP preempt mod_unload modversions "},
	{"x86", "5.10.0", COMMON "CONFIG_M686=y\n", "5.10.0 SMP mod_unload 686 "},
	{"riscv64", "6.12.0", COMMON, "6.12.0 SMP mod_unload riscv"},
};

static void derived(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct arch_info *arch = arch_by_name(cases[i].arch);
		struct err e = ERR_INIT;
		struct kconfig *c = NULL;
		char *got, *why;

		assert_int_equal(
			kconfig_parse(&c, cases[i].config, strlen(cases[i].config), &e), 0);
		got = kconfig_vermagic(c, cases[i].release, arch, &why);
		assert_non_null(got);
		assert_string_equal(got, cases[i].want);
		free(got);
		kconfig_free(c);
	}
}

static void underivable(void **state)
{
	static const struct {
		const char *arch, *config, *says;
	} bad[] = {
		{"aarch64", COMMON "CONFIG_RANDSTRUCT=y\n", "RANDSTRUCT"},
		{"aarch64", COMMON "CONFIG_GCC_PLUGIN_RANDSTRUCT=y\n", "RANDSTRUCT"},
		{"armv7", COMMON, "CPU_32v"},
		{"x86", COMMON, "processor family"},
		{"ppc64le", COMMON, "powerpc"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = ERR_INIT;
		struct kconfig *c = NULL;
		char *why = NULL;

		assert_int_equal(kconfig_parse(&c, bad[i].config, strlen(bad[i].config), &e), 0);
		assert_null(kconfig_vermagic(c, "6.1.0", arch_by_name(bad[i].arch), &why));
		assert_non_null(strstr(why, bad[i].says));
		free(why);
		kconfig_free(c);
	}
}

static void version_codes(void **state)
{
	static const struct {
		const char *release;
		uint32_t code;
	} codes[] = {
		{"6.1.0-50-arm64", 0x060100},
		{"3.4.5", 0x030405},
		{"7.1-rc1", 0x070100},
		{"4.19.325-lineageos", 0x0413ff},
		{"6.12", 0x060c00},
		{"10", 0},
		{"", 0},
		{"next-20260101", 0},
		{"99999999999999.1.1", 0xff0101},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_int_equal(kernel_version_code(codes[i].release), codes[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived),
		cmocka_unit_test(underivable),
		cmocka_unit_test(version_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
