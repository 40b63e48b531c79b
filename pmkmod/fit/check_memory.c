// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Does the kernel have the memory that the module asks for, and may be done there what the module
 * does? layout_sections(), move_module() and percpu_modalloc() in kernel/module/main.c,
 * module_enforce_rwx_sections() in kernel/module/strict_rwx.c.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>
#include <inttypes.h>

#define V KERNEL_VERSION_CODE
#define MIB ((uint64_t)1 << 20)
#define COUNTED (4096 * MIB) /* sizes are unsigned int */

/* "module: Harden STRICT_MODULE_RWX" */
#define RWX_REFUSED V(5, 8)
/* Before, the option was DEBUG_SET_MODULE_RONX. */
#define STRICT_SINCE V(4, 11)

/* What module_alloc() takes it from; the first that applies. */
static const struct region {
	uint16_t machine;
	uint32_t until; /* before this version; 0: in all */
	const char *config; /* if this option is known to be set, "!X": not to be; NULL: always */
	uint32_t mib; /* there is no room for more than this */
	uint32_t sure_mib; /* so much there is on every machine */
} regions[] = {
	{EM_ARM, 0, "!ARM_MODULE_PLTS", 16, 8},
	/* from VMALLOC_START to VMALLOC_END, of which vmalloc= leaves 32 MiB to the rest */
	{EM_ARM, 0, "VMSPLIT_3G", 976, 64},
	{EM_ARM, 0, NULL, 3072, 64},
	{EM_AARCH64, V(6, 5), "!ARM64_MODULE_PLTS", 128, 64},
	{EM_AARCH64, 0, NULL, 2048, 256},
	/* MODULES_LEN */
	{EM_X86_64, 0, "RANDOMIZE_BASE", 1008, 256},
	{EM_X86_64, 0, NULL, 1520, 256},
	{EM_RISCV, 0, NULL, 2048, 256},
};

static bool applies(const struct fit_context *c, const struct region *r)
{
	bool without = r->config && r->config[0] == '!';

	if (r->until && (!c->version || c->version >= r->until))
		return false;
	return !r->config || fit_config(c, r->config + without) == (without ? KNOWN_NO : KNOWN_YES);
}

static const struct region *region_of(const struct fit_context *c, uint16_t machine)
{
	static const struct region other = {0, 0, NULL, 4095, 64};

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		if (regions[i].machine == machine && applies(c, &regions[i]))
			return &regions[i];
	return &other;
}

struct reserve {
	uint64_t sure, most; /* there is so much; there is no more than this */
};

/*
 * PERCPU_MODULE_RESERVE in include/linux/percpu.h, which is eight times as large where allocations
 * are counted; 32-bit x86 has none, and takes it from what has PCPU_MIN_UNIT_SIZE.
 */
static struct reserve percpu_reserve(const struct fit_context *c, uint16_t machine)
{
	const uint64_t usual = 8 << 10, larger = 8 << 13;

	if (machine == EM_386)
		return (struct reserve){usual, 32 << 10};
	return (struct reserve){
		usual, fit_config(c, "MEM_ALLOC_PROFILING") == KNOWN_YES ? larger : usual};
}

struct verdict {
	enum fit_result result;
	char *why; /* NULL: nothing to be said */
};

static struct verdict fine(void)
{
	return (struct verdict){FIT_PASS, NULL};
}

static struct verdict judge_percpu(const struct fit_context *c, const struct ko *ko)
{
	const struct ko_memory *m = &ko->memory;
	struct reserve r = percpu_reserve(c, ko->elf_machine);
	enum known smp = fit_config(c, "SMP");

	/* on one processor it is a section like any other */
	if (!m->percpu || smp == KNOWN_NO)
		return fine();
	if (m->percpu > r.most)
		return (struct verdict){smp == KNOWN_YES ? FIT_FAIL : FIT_UNKNOWN,
			xasprintf("its per-CPU data has %" PRIu64
				  " bytes, and the kernel keeps %" PRIu64
				  " for those of all modules; allocate it with alloc_percpu()",
				m->percpu, r.most)};
	/* pcpu_alloc(); what is larger than a page is made one */
	if (m->percpu_align > 4 && m->percpu_align <= 4096 &&
		(m->percpu_align & (m->percpu_align - 1)))
		return (struct verdict){FIT_FAIL,
			xasprintf("its per-CPU data is aligned to %" PRIu64
				  ", which is no power of two, and the kernel refuses that",
				m->percpu_align)};
	if (m->percpu > r.sure)
		return (struct verdict){FIT_UNKNOWN,
			xasprintf("its per-CPU data has %" PRIu64
				  " bytes; whether the kernel has them for a module is not known",
				m->percpu)};
	return fine();
}

static struct verdict judge_size(const struct fit_context *c, const struct ko *ko)
{
	const struct region *r = region_of(c, ko->elf_machine);
	uint64_t size = ko->memory.size;

	if (size >= COUNTED)
		return (struct verdict){FIT_FAIL,
			xstrdup("its sections have 4 GiB or more, which the kernel counts in 32 "
				"bits: it would write over other memory")};
	if (size > r->mib * MIB)
		return (struct verdict){FIT_FAIL,
			xasprintf("it takes %" PRIu64 " MiB (sections are aligned to %" PRIu64
				  " at most), and the kernel has no more than %u MiB for modules",
				size / MIB, ko->memory.align, r->mib)};
	if (size > r->sure_mib * MIB)
		return (struct verdict){FIT_UNKNOWN,
			xasprintf(
				"it takes %" PRIu64 " MiB (sections are aligned to %" PRIu64
				" at most); whether the kernel has so much for a module is not known",
				size / MIB, ko->memory.align)};
	return fine();
}

/* Does the kernel keep what may be written and what may be executed apart? */
static enum known strict(const struct fit_context *c)
{
	enum known now = fit_config(c, "STRICT_MODULE_RWX");

	return now == KNOWN_NO && c->version && c->version < STRICT_SINCE
		       ? fit_config(c, "DEBUG_SET_MODULE_RONX")
		       : now;
}

static struct verdict judge_writable(const struct fit_context *c, const struct ko *ko)
{
	const char *section = ko->memory.writable_code;
	enum known s = fit_config(c, "STRICT_MODULE_RWX");

	if (!section || s == KNOWN_NO || (c->version && c->version < RWX_REFUSED))
		return fine();
	return (struct verdict){s == KNOWN_YES && c->version ? FIT_FAIL : FIT_UNKNOWN,
		xasprintf("section %s may be both written and executed, which a kernel with "
			  "CONFIG_STRICT_MODULE_RWX refuses since 5.8%s",
			section, s == KNOWN_YES ? "" : "; whether this one has it is not known")};
}

static struct verdict judge_functions(const struct fit_context *c, const struct ko *ko)
{
	const struct ko_memory *m = &ko->memory;
	enum known s = strict(c);

	if (m->stray)
		return (struct verdict){
			FIT_FAIL, xasprintf("%s; the kernel would call it and crash", m->stray)};
	if (!m->not_code || s == KNOWN_NO)
		return fine();
	return (struct verdict){s == KNOWN_YES ? FIT_FAIL : FIT_UNKNOWN,
		xasprintf("%s, which may not be executed: a kernel with CONFIG_STRICT_MODULE_RWX "
			  "crashes when it calls that%s",
			m->not_code,
			s == KNOWN_YES ? "" : "; whether this one has it is not known")};
}

static void tell(struct fit_context *c, const struct ko *ko)
{
	const struct ko_memory *m = &ko->memory;

	if (m->percpu && fit_config(c, "SMP") != KNOWN_NO)
		fit_add(c, ko, "memory", FIT_PASS,
			"%" PRIu64 " KiB, and %" PRIu64
			" bytes of per-CPU data, of which the kernel keeps some KiB for all modules "
			"together",
			(m->size + 1023) / 1024, m->percpu);
	else
		fit_add(c, ko, "memory", FIT_PASS, "%" PRIu64 " KiB", (m->size + 1023) / 1024);
}

void fit_check_memory(struct fit_context *c, const struct ko *ko)
{
	static struct verdict (*const judges[])(const struct fit_context *, const struct ko *) = {
		judge_functions, judge_writable, judge_size, judge_percpu};
	struct verdict worst = fine();

	for (size_t i = 0; i < ARRAY_SIZE(judges); i++) {
		struct verdict v = judges[i](c, ko);

		if (!v.why || worst.result == FIT_FAIL || (worst.why && v.result != FIT_FAIL)) {
			free(v.why);
			continue;
		}
		free(worst.why);
		worst = v;
	}
	if (worst.why)
		fit_add(c, ko, "memory", worst.result, "%s", worst.why);
	else
		tell(c, ko);
	free(worst.why);
}
