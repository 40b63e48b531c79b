// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Can the loader of this kernel version apply every relocation? Where branches end is no question:
 * the module region lies within their range, or the loader makes trampolines (check_sections.c).
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

#include "pmkmod/fit/reloc_table.h"

/* Up to here it is known what loaders apply; a later one may have learnt more. */
#define KNOWN_UNTIL KERNEL_VERSION_CODE(6, 19)
/* CONFIG_ARM64_ERRATUM_843419 forbade adrp between these two. */
#define ADRP_BANNED KERNEL_VERSION_CODE(4, 3)
#define ADRP_ALLOWED KERNEL_VERSION_CODE(4, 17)
/* "x86/module: Detect and skip invalid relocations" */
#define NONZERO_REFUSED KERNEL_VERSION_CODE(4, 15)

struct verdict {
	enum fit_result result;
	char *why;
};

static struct verdict fine(void)
{
	return (struct verdict){FIT_PASS, NULL};
}

static struct verdict wrong_kind(const struct ko_reloc *r)
{
	return (struct verdict){FIT_FAIL,
		xasprintf("the relocations of section %s come %s addends, and the loader of this "
			  "architecture refuses that kind",
			r->section, r->rela ? "with" : "without")};
}

static struct verdict no_such(
	const struct fit_context *c, const struct reloc_loader *l, const struct ko_reloc *r)
{
	if (c->version >= KNOWN_UNTIL)
		return (struct verdict){FIT_UNKNOWN,
			xasprintf(
				"section %s has relocations of type %u (%s), which no loader up to "
				"6.18 applies; whether this one does is not known",
				r->section, r->type, reloc_name(l, r->type))};
	return (struct verdict){FIT_FAIL,
		xasprintf("section %s has relocations of type %u (%s), which the loader does not "
			  "apply; build the module with the kernel's own options (no -fpic, no "
			  "linker relaxation), and without weak references to symbols",
			r->section, r->type, reloc_name(l, r->type))};
}

static struct verdict too_new(
	const struct fit_context *c, const struct reloc_rule *rule, const struct ko_reloc *r)
{
	unsigned major = rule->since >> 16, minor = rule->since >> 8 & 0xff;

	if (!c->version)
		return (struct verdict){FIT_UNKNOWN,
			xasprintf(
				"section %s has relocations %s, which loaders apply since %u.%u; the "
				"kernel's version is not known",
				r->section, rule->name, major, minor)};
	return (struct verdict){rule->spread ? FIT_UNKNOWN : FIT_FAIL,
		xasprintf("section %s has relocations %s, which loaders apply since %u.%u, and the "
			  "kernel is %s%s",
			r->section, rule->name, major, minor, c->k->release,
			rule->spread
				? "; many older kernels have taken that over, whether this one "
				  "did is not known"
				: "; build the module with the kernel's own compiler and options")};
}

static struct verdict by_option(
	const struct fit_context *c, const struct reloc_rule *rule, const struct ko_reloc *r)
{
	bool without = rule->config[0] == '!';
	const char *symbol = rule->config + without;
	enum known set = fit_config(c, symbol);

	if (set == (without ? KNOWN_NO : KNOWN_YES))
		return fine();
	return (struct verdict){set == KNOWN_NOT ? FIT_UNKNOWN : FIT_FAIL,
		xasprintf(
			"section %s has relocations %s, which only a loader %s CONFIG_%s applies%s",
			r->section, rule->name, without ? "without" : "with", symbol,
			set == KNOWN_NOT ? "; the kernel's configuration is not known" : "")};
}

/* df057cc7b4fa refused adrp, a257e02579e4 found a better way; both were taken to other series. */
static struct verdict adrp(const struct fit_context *c, const struct ko_reloc *r)
{
	if (c->version >= ADRP_ALLOWED || fit_config(c, "ARM64_ERRATUM_843419") == KNOWN_NO)
		return fine();
	if (c->version && c->version < ADRP_BANNED && !c->k->config)
		return fine();
	return (struct verdict){FIT_UNKNOWN,
		xasprintf(
			"section %s has relocations R_AARCH64_ADR_PREL_PG_HI21; kernels of 4.3 to "
			"4.16 with CONFIG_ARM64_ERRATUM_843419 refuse them, unless they took the "
			"better way of 4.17; build it with the kernel's own Makefile, which knows",
			r->section)};
}

static struct verdict judge(
	const struct fit_context *c, const struct reloc_loader *l, const struct ko_reloc *r)
{
	const struct reloc_rule *rule;

	if (r->rela != l->rela)
		return wrong_kind(r);
	if (!r->count)
		return fine();
	rule = reloc_rule_of(l, r->type);
	if (!rule)
		return no_such(c, l, r);
	if (rule->since > c->version)
		return too_new(c, rule, r);
	if (rule->config)
		return by_option(c, rule, r);
	if (l->machine == EM_AARCH64 &&
		(r->type == R_AARCH64_ADR_PREL_PG_HI21 || r->type == R_AARCH64_ADR_PREL_PG_HI21_NC))
		return adrp(c, r);
	return fine();
}

/* The first of those that are equally bad; frees the other. */
static struct verdict worse(struct verdict a, struct verdict b)
{
	bool second = b.why && (!a.why || (b.result == FIT_FAIL && a.result != FIT_FAIL));

	free(second ? a.why : b.why);
	return second ? b : a;
}

/* The worst of all. */
static struct verdict judge_all(
	const struct fit_context *c, const struct reloc_loader *l, const struct ko *ko)
{
	struct verdict worst = fine();

	for (size_t i = 0; i < ko->n_relocs; i++)
		worst = worse(worst, judge(c, l, &ko->relocs[i]));
	return worst;
}

static size_t total(const struct ko *ko)
{
	size_t n = 0;

	for (size_t i = 0; i < ko->n_relocs; i++)
		n += ko->relocs[i].count;
	return n;
}

/* What is wrong with them whatever their kinds are; `why` NULL: nothing. */
static struct verdict judge_places(const struct fit_context *c, const struct ko *ko)
{
	if (ko->reloc_flaw)
		return (struct verdict){
			FIT_FAIL, xasprintf("its relocations are damaged: %s; the loader would %s",
					  ko->reloc_flaw,
					  ko->elf_machine == EM_ARM ? "refuse it"
								    : "write over other memory")};
	if (ko->reloc_lost)
		return (struct verdict){FIT_FAIL,
			xasprintf("its relocations are damaged: %s; the loader would leave out "
				  "what the code cannot do without",
				ko->reloc_lost)};
	if (ko->reloc_nonzero && c->version >= NONZERO_REFUSED)
		return (struct verdict){FIT_FAIL,
			xasprintf(
				"the place of a relocation, %s, is not empty; the loader takes that "
				"for one that was applied before and refuses it",
				ko->reloc_nonzero)};
	if (ko->reloc_twice && (ko->elf_machine != EM_X86_64 || c->version >= NONZERO_REFUSED))
		return (struct verdict){FIT_FAIL,
			xasprintf("%s is relocated twice, which the loader %s", ko->reloc_twice,
				ko->elf_machine == EM_X86_64 ? "refuses"
							     : "does, and makes it wrong")};
	return fine();
}

/* What would become of them. */
static struct verdict judge_values(
	const struct fit_context *c, const struct reloc_loader *l, const struct ko *ko)
{
	enum known strict = fit_config(c, "STRICT_MODULE_RWX");

	if (ko->reloc_overflow)
		return (struct verdict){ko->reloc_overflow_unsure ? FIT_UNKNOWN : FIT_FAIL,
			xasprintf("%s (%s), as no address in the kernel does, and the loader "
				  "refuses it%s; build the module with the kernel's own options",
				ko->reloc_overflow, reloc_name(l, ko->reloc_overflow_type),
				ko->reloc_overflow_unsure ? ", unless that is a per-CPU variable"
							  : "")};
	if (ko->reloc_stray)
		return (struct verdict){
			FIT_FAIL, xasprintf("%s; the kernel would crash there", ko->reloc_stray)};
	if (!ko->reloc_not_code || strict == KNOWN_NO)
		return fine();
	return (struct verdict){strict == KNOWN_YES ? FIT_FAIL : FIT_UNKNOWN,
		xasprintf("%s, which may not be executed: a kernel with CONFIG_STRICT_MODULE_RWX "
			  "crashes there%s",
			ko->reloc_not_code,
			strict == KNOWN_YES ? "" : "; whether this one has it is not known")};
}

void fit_check_relocations(struct fit_context *c, const struct ko *ko)
{
	const struct reloc_loader *l = reloc_loader_of(ko->elf_machine);
	struct verdict v = judge_places(c, ko);

	if (!v.why && !l)
		v = (struct verdict){FIT_UNKNOWN,
			xstrdup("what the module loader of this architecture applies is not known "
				"here")};
	else if (!v.why)
		v = worse(judge_all(c, l, ko), judge_values(c, l, ko));
	if (v.why)
		fit_add(c, ko, "relocations", v.result, "%s", v.why);
	else
		fit_add(c, ko, "relocations", FIT_PASS,
			"%zu of %zu kinds, all of which the loader applies", total(ko),
			ko->n_relocs);
	free(v.why);
}
