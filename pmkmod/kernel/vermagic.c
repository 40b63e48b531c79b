// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * VERMAGIC_STRING of include/linux/vermagic.h and MODULE_ARCH_VERMAGIC of asm/vermagic.h
 * (asm/module.h before 5.8), derived from a configuration. The order of the pieces never changed
 * since 2.6.
 */
#include "pmkmod/kernel/kernel.h"

/* A piece of the string that a configuration symbol adds. */
struct piece {
	const char *symbol, *text;
};

static unsigned number(const char **s)
{
	unsigned n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++)
		n = n > 255 ? 255 : n * 10 + (unsigned)(**s - '0');
	return n > 255 ? 255 : n;
}

uint32_t kernel_version_code(const char *release)
{
	uint32_t code = 0;

	for (int shift = 16; shift >= 0; shift -= 8) {
		if (*release < '0' || *release > '9')
			return shift == 0 ? code : 0; /* "7.1-rc1" has no third number */
		code |= (uint32_t)number(&release) << shift;
		if (*release == '.')
			release++;
	}
	return code;
}

/* The text of the first symbol that is set; NULL if none is. */
static const char *first_set(const struct kconfig *c, const struct piece *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kconfig_yes(c, p[i].symbol))
			return p[i].text;
	return NULL;
}

/*
 * arch/arm/Makefile assigns arch-$(CONFIG_CPU_...) from the newest to the oldest architecture, so
 * the oldest that is set gives __LINUX_ARM_ARCH__. Linux 3.0 and 3.1 also know "p2v16".
 */
static bool arm(const struct kconfig *c, struct strbuf *out, char **why)
{
	static const struct piece versions[] = {
		{"CPU_32v3", "ARMv3 "},
		{"CPU_32v4", "ARMv4 "},
		{"CPU_32v4T", "ARMv4 "},
		{"CPU_32v5", "ARMv5 "},
		{"CPU_32v6", "ARMv6 "},
		{"CPU_32v7", "ARMv7 "},
		{"CPU_32v7M", "ARMv7 "},
	};
	const char *v = first_set(c, versions, ARRAY_SIZE(versions));

	if (!v) {
		*why = xstrdup("no CONFIG_CPU_32v* symbol says which ARM version it is for");
		return false;
	}
	strbuf_adds(out, v);
	if (kconfig_yes(c, "THUMB2_KERNEL"))
		strbuf_adds(out, "thumb2 ");
	if (kconfig_yes(c, "ARM_PATCH_PHYS_VIRT_16BIT"))
		strbuf_adds(out, "p2v16 ");
	else if (kconfig_yes(c, "ARM_PATCH_PHYS_VIRT"))
		strbuf_adds(out, "p2v8 ");
	return true;
}

/* MODULE_PROC_FAMILY; 64-bit kernels have none. */
static bool x86(const struct kconfig *c, struct strbuf *out, char **why)
{
	static const struct piece families[] = {
		{"M386", "386 "},
		{"M486SX", "486SX "},
		{"M486", "486 "},
		{"M586", "586 "},
		{"M586TSC", "586TSC "},
		{"M586MMX", "586MMX "},
		{"MCORE2", "CORE2 "},
		{"MATOM", "ATOM "},
		{"M686", "686 "},
		{"MPENTIUMII", "PENTIUMII "},
		{"MPENTIUMIII", "PENTIUMIII "},
		{"MPENTIUMM", "PENTIUMM "},
		{"MPENTIUM4", "PENTIUM4 "},
		{"MK6", "K6 "},
		{"MK7", "K7 "},
		{"MK8", "K8 "},
		{"MELAN", "ELAN "},
		{"MCRUSOE", "CRUSOE "},
		{"MEFFICEON", "EFFICEON "},
		{"MWINCHIPC6", "WINCHIPC6 "},
		{"MWINCHIP3D", "WINCHIP3D "},
		{"MCYRIXIII", "CYRIXIII "},
		{"MVIAC3_2", "VIAC3-2 "},
		{"MVIAC7", "VIAC7 "},
		{"MGEODEGX1", "GEODEGX1 "},
		{"MGEODE_LX", "GEODE "},
	};
	const char *f;

	if (kconfig_yes(c, "X86_64"))
		return true;
	f = first_set(c, families, ARRAY_SIZE(families));
	if (!f) {
		*why = xstrdup("no CONFIG_M* symbol says which processor family it is for");
		return false;
	}
	strbuf_adds(out, f);
	return true;
}

static bool arm64(const struct kconfig *c, struct strbuf *out, char **why)
{
	(void)c, (void)why;
	strbuf_adds(out, "aarch64");
	return true;
}

static bool riscv(const struct kconfig *c, struct strbuf *out, char **why)
{
	(void)c, (void)why;
	strbuf_adds(out, "riscv");
	return true;
}

static bool loongarch(const struct kconfig *c, struct strbuf *out, char **why)
{
	(void)c, (void)why;
	strbuf_adds(out, "loongarch");
	return true;
}

static const struct {
	const char *linux_arch;
	bool (*add)(const struct kconfig *c, struct strbuf *out, char **why);
} arches[] = {
	{"arm", arm},
	{"arm64", arm64},
	{"x86", x86},
	{"x86_64", x86},
	{"i386", x86},
	{"riscv", riscv},
	{"loongarch", loongarch},
};

static void add_common(const struct kconfig *c, const char *release, struct strbuf *out)
{
	/* PREEMPT_BUILD is asked for since 5.16; there, PREEMPT always selects it. */
	static const struct piece preemption[] = {
		{"PREEMPT_BUILD", "preempt "},
		{"PREEMPT", "preempt "},
		{"PREEMPT_RT", "preempt_rt "},
	};
	static const struct piece others[] = {
		{"MODULE_UNLOAD", "mod_unload "},
		{"MODVERSIONS", "modversions "},
	};
	const char *p = first_set(c, preemption, ARRAY_SIZE(preemption));

	strbuf_addf(out, "%s ", release);
	if (kconfig_yes(c, "SMP"))
		strbuf_adds(out, "SMP ");
	if (p)
		strbuf_adds(out, p);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (kconfig_yes(c, others[i].symbol))
			strbuf_adds(out, others[i].text);
}

char *kconfig_vermagic(
	const struct kconfig *c, const char *release, const struct arch_info *arch, char **why)
{
	_cleanup_strbuf_ struct strbuf out = {0};
	char *reason = NULL;

	*why = NULL;
	if (kconfig_yes(c, "GCC_PLUGIN_RANDSTRUCT") || kconfig_yes(c, "RANDSTRUCT")) {
		*why = xstrdup("CONFIG_RANDSTRUCT adds a hash of the build's random seed to it");
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (!streq(arch->linux_arch, arches[i].linux_arch))
			continue;
		add_common(c, release, &out);
		if (!arches[i].add(c, &out, &reason)) {
			*why = reason;
			return NULL;
		}
		return strbuf_steal(&out);
	}
	*why = xasprintf("the part of it that %s adds is not known to pmkmod", arch->linux_arch);
	return NULL;
}
