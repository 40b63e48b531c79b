// SPDX-License-Identifier: GPL-3.0-or-later
/* check_modinfo() and same_magic() of kernel/module/, told piece by piece. */
#include "pmkmod/fit/check.h"

/* Which configuration puts a piece into the string; by prefix. */
static const struct {
	const char *prefix, *meaning;
} meanings[] = {
	{"SMP", "CONFIG_SMP"},
	{"preempt_rt", "CONFIG_PREEMPT_RT"},
	{"preempt", "CONFIG_PREEMPT or CONFIG_PREEMPT_BUILD"},
	{"mod_unload", "CONFIG_MODULE_UNLOAD"},
	{"modversions", "CONFIG_MODVERSIONS"},
	{"thumb2", "CONFIG_THUMB2_KERNEL"},
	{"p2v", "CONFIG_ARM_PATCH_PHYS_VIRT"},
	{"ARMv", "the oldest ARM version the kernel supports"},
	{"RANDSTRUCT", "the seed of CONFIG_RANDSTRUCT"},
	{"aarch64", "ARCH=arm64"},
	{"riscv", "ARCH=riscv"},
	{"loongarch", "ARCH=loongarch"},
};

static const char *meaning_of(const char *piece)
{
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (starts_with(piece, meanings[i].prefix))
			return meanings[i].meaning;
	return "the processor family";
}

/* Pieces of `a` that `b` lacks: "'preempt' (CONFIG_PREEMPT ...)", ... */
static void add_missing(
	const struct strvec *a, const struct strvec *b, const char *whose, struct strbuf *out)
{
	for (size_t i = 0; i < a->n; i++)
		if (!strvec_has(b, a->v[i]))
			strbuf_addf(out, "%sonly the %s has '%s' (%s)", out->len ? ", " : "", whose,
				a->v[i], meaning_of(a->v[i]));
}

/* Both strings from the first blank on: after the release. */
static void difference(const char *kernel, const char *module, struct strbuf *out)
{
	_cleanup_strvec_ struct strvec k = {0}, m = {0};

	strvec_split(&k, kernel + strcspn(kernel, " "), " ");
	strvec_split(&m, module + strcspn(module, " "), " ");
	add_missing(&k, &m, "kernel", out);
	add_missing(&m, &k, "module", out);
	if (!out->len)
		strbuf_adds(out, "the same pieces, but not the same text");
}

static bool same_release(const char *a, const char *b)
{
	size_t n = strcspn(a, " ");

	return n == strcspn(b, " ") && strncmp(a, b, n) == 0;
}

static void no_vermagic(struct fit_context *c, const struct ko *ko)
{
	switch (fit_config(c, "MODULE_FORCE_LOAD")) {
	case KNOWN_YES:
		fit_add(c, ko, "vermagic", FIT_PASS,
			"it has none; the kernel loads it all the same and is tainted by that "
			"(CONFIG_MODULE_FORCE_LOAD)");
		return;
	case KNOWN_NO:
		fit_add(c, ko, "vermagic", FIT_FAIL,
			"it has none, and a kernel without CONFIG_MODULE_FORCE_LOAD refuses that; build "
			"it with kbuild, which adds it");
		return;
	case KNOWN_NOT:
		fit_add(c, ko, "vermagic", FIT_UNKNOWN,
			"it has none; whether the kernel has CONFIG_MODULE_FORCE_LOAD is not known "
			"without its configuration");
	}
}

/* Without the kernel's string, at least its release may be known. */
static void against_release(struct fit_context *c, const struct ko *ko, bool has_crcs)
{
	const char *release = c->k->release;

	if (release && !has_crcs && c->modversions == KNOWN_NO &&
		!same_release(ko->vermagic, release)) {
		fit_add(c, ko, "vermagic", FIT_FAIL,
			"'%s' is for another release than the kernel's %s, which has no MODVERSIONS "
			"and takes only its own",
			ko->vermagic, release);
		return;
	}
	fit_add(c, ko, "vermagic", FIT_UNKNOWN, "'%s'; the kernel's own is not known: %s",
		ko->vermagic, c->vermagic_source);
}

void fit_check_vermagic(struct fit_context *c, const struct ko *ko)
{
	const char *k = c->vermagic, *m = ko->vermagic;
	/* since 6.14 extended versions alone do not count as CRCs here */
	bool has_crcs = c->modversions != KNOWN_NO && ko->has_versions_section;
	_cleanup_strbuf_ struct strbuf diff = {0};

	if (!m) {
		no_vermagic(c, ko);
		return;
	}
	if (!k) {
		against_release(c, ko, has_crcs);
		return;
	}
	if (streq(k, m)) {
		fit_add(c, ko, "vermagic", FIT_PASS, "'%s', as the kernel's (%s)", m,
			c->vermagic_source);
		return;
	}
	if (!streq(k + strcspn(k, " "), m + strcspn(m, " "))) {
		difference(k, m, &diff);
		fit_add(c, ko, "vermagic", FIT_FAIL,
			"'%s' is not the kernel's '%s' (%s): %s; build it with this kernel's headers "
			"and configuration",
			m, k, c->vermagic_source, diff.s);
		return;
	}
	if (has_crcs)
		fit_add(c, ko, "vermagic", FIT_PASS,
			"as the kernel's (%s) but for the release, %.*s instead of %.*s, which a "
			"kernel with MODVERSIONS ignores; the CRCs decide",
			c->vermagic_source, (int)strcspn(m, " "), m, (int)strcspn(k, " "), k);
	else
		fit_add(c, ko, "vermagic", FIT_FAIL,
			"it is for release %.*s, the kernel is %.*s (%s); build it with the headers of "
			"this very release",
			(int)strcspn(m, " "), m, (int)strcspn(k, " "), k, c->vermagic_source);
}
