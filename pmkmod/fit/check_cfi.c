// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Control flow integrity by clang. The loader looks at none of it; but the kernel's first call into
 * the module, of its init function, is through a pointer and thus checked: kernel/cfi.c,
 * do_one_initcall() in init/main.c. Since 6.1 (kCFI) by the hash of the function's type, which
 * stands before it; before that by __cfi_check(), through which a module tells of its own
 * functions.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

#define KCFI_SINCE KERNEL_VERSION_CODE(6, 1)
/* The lower half of xxHash64 of "_ZTSFivE", int (*)(void); and with CFI_ICALL_NORMALIZE_INTEGERS.
 */
#define INIT_HASH 0x36b1c5a6u
#define INIT_HASH_NORMALIZED 0x6fbb3035u

enum scheme { SCHEME_NONE, SCHEME_JUMP_TABLES, SCHEME_KCFI, SCHEME_NOT_KNOWN };

/* kCFI was taken to 5.15 by Android; the older scheme has an option that the newer has not. */
static enum scheme kernel_scheme(const struct fit_context *c)
{
	const struct kconfig *config = c->k->config;

	if (!config)
		return SCHEME_NOT_KNOWN;
	if (!kconfig_yes(config, "CFI") && !kconfig_yes(config, "CFI_CLANG"))
		return SCHEME_NONE;
	if (kconfig_known(config, "CFI_CLANG_SHADOW"))
		return SCHEME_JUMP_TABLES;
	return !c->version || c->version >= KCFI_SINCE || !kconfig_yes(config, "LTO_CLANG")
		       ? SCHEME_KCFI
		       : SCHEME_JUMP_TABLES;
}

static uint32_t wanted_hash(const struct fit_context *c)
{
	if (c->k->facts && c->k->facts->layout.init_hash)
		return c->k->facts->layout.init_hash;
	return fit_config(c, "CFI_ICALL_NORMALIZE_INTEGERS") == KNOWN_YES ? INIT_HASH_NORMALIZED
									  : INIT_HASH;
}

/* Has the init function what the kernel looks for before it calls? `why` is for a no. */
static bool has_hash(const struct fit_context *c, const struct ko *ko, char **why)
{
	uint32_t want;

	if (!ko->layout.init)
		return true; /* it is never called */
	if (ko->elf_machine == EM_X86_64) {
		if (ko->has_cfi_preamble)
			return true;
		*why = xstrdup("there is no type hash before its init function");
		return false;
	}
	want = wanted_hash(c);
	if (ko->layout.init_hash == want)
		return true;
	*why = xasprintf("before its init function stands 0x%08x, not the type hash 0x%08x",
		ko->layout.init_hash, want);
	return false;
}

static void against_kcfi(struct fit_context *c, const struct ko *ko)
{
	bool permissive = fit_config(c, "CFI_PERMISSIVE") == KNOWN_YES;
	_cleanup_free_ char *why = NULL;

	if (has_hash(c, ko, &why))
		fit_add(c, ko, "cfi", FIT_PASS,
			ko->layout.init
				? "its init function has the type hash that the kernel calls "
				  "by (kCFI)"
				: "the kernel calls no init function of it (kCFI)");
	else
		fit_add(c, ko, "cfi", permissive ? FIT_PASS : FIT_FAIL,
			"%s: it was compiled without the kernel's CFI (-fsanitize=kcfi); %s", why,
			permissive
				? "the kernel only warns of that (CONFIG_CFI_PERMISSIVE)"
				: "the kernel panics when it calls it; build it with clang and the "
				  "kernel's own options");
}

static void against_jump_tables(struct fit_context *c, const struct ko *ko)
{
	bool permissive = fit_config(c, "CFI_PERMISSIVE") == KNOWN_YES;

	if (ko->has_cfi_check)
		fit_add(c, ko, "cfi", FIT_PASS, "it has __cfi_check(), by which the kernel calls");
	else
		fit_add(c, ko, "cfi", permissive ? FIT_PASS : FIT_FAIL,
			"it has no __cfi_check(): it was compiled without the kernel's CFI "
			"(-fsanitize=cfi and LTO); %s",
			permissive
				? "the kernel only warns of that (CONFIG_CFI_PERMISSIVE)"
				: "the kernel panics when it calls it; build it with clang and the "
				  "kernel's own options");
}

/* What a module brings along that a kernel without CFI cannot handle. */
static const char *checks_in(const struct ko *ko)
{
	if (ko->code.kcfi_checks || strvec_has(&ko->sections, "__kcfi_traps") ||
		strvec_has(&ko->sections, ".kcfi_traps"))
		return "its calls through pointers check for type hashes (kCFI)";
	return NULL;
}

static void against_none(struct fit_context *c, const struct ko *ko)
{
	const char *checks = checks_in(ko);

	if (checks)
		fit_add(c, ko, "cfi", FIT_FAIL,
			"%s, which the functions of this kernel do not have: the first such call "
			"crashes; build it with this kernel's configuration",
			checks);
	else
		fit_add(c, ko, "cfi", FIT_PASS, "neither the kernel nor the module uses it");
}

void fit_check_cfi(struct fit_context *c, const struct ko *ko)
{
	switch (kernel_scheme(c)) {
	case SCHEME_NONE:
		against_none(c, ko);
		return;
	case SCHEME_KCFI:
		against_kcfi(c, ko);
		return;
	case SCHEME_JUMP_TABLES:
		against_jump_tables(c, ko);
		return;
	case SCHEME_NOT_KNOWN:
		fit_add(c, ko, "cfi", FIT_UNKNOWN,
			"whether the kernel has CONFIG_CFI is not known without its configuration; "
			"the module was compiled %s it",
			checks_in(ko) || ko->has_cfi_check ? "with" : "without any trace of");
	}
}
