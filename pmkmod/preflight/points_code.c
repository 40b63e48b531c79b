// SPDX-License-Identifier: GPL-3.0-or-later
/* Points that concern the code a compiler makes. */
#include "pmkmod/preflight/points.h"

/* kCFI since 6.1, jump tables before; renamed CFI in 6.18; Android had it from 4.9 on. */
void preflight_cfi(struct preflight_context *x)
{
	static const char *const symbols[] = {"CFI", "CFI_CLANG", NULL};
	const char *found = preflight_first(x, symbols);

	if (!found) {
		preflight_add(x, PREFLIGHT_OK, "not set");
		return;
	}
	x->out->strict_compiler = true;
	preflight_add(x, PREFLIGHT_REQUIRE,
		"CONFIG_%s: each function called through a pointer must carry the type hash that "
		"the kernel's compiler gives it; %s",
		found,
		kconfig_yes(x->c, "CFI_PERMISSIVE")
			? "the kernel warns about any other (CONFIG_CFI_PERMISSIVE)"
			: "the kernel panics on any other");
}

void preflight_branch_targets(struct preflight_context *x)
{
	static const char *const symbols[] = {"ARM64_BTI_KERNEL", "X86_KERNEL_IBT", NULL};
	const char *found = preflight_first(x, symbols);

	if (found)
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_%s: kbuild compiles landing pads into the module; assembler of the "
			"module's own needs them too (SYM_FUNC_START)",
			found);
	else
		preflight_add(x, PREFLIGHT_OK, "not set");
}

void preflight_shadow_call_stack(struct preflight_context *x)
{
	if (!kconfig_yes(x->c, "SHADOW_CALL_STACK")) {
		preflight_add(x, PREFLIGHT_OK, "not set");
		return;
	}
	x->out->strict_compiler = true;
	preflight_add(x, PREFLIGHT_REQUIRE,
		"CONFIG_SHADOW_CALL_STACK: the module must leave the register alone that holds "
		"it (x18 on arm64, gp on riscv); kbuild's flags do that%s",
		kconfig_yes(x->c, "DYNAMIC_SCS")
			? ", and the kernel patches the code when it loads "
			  "it (CONFIG_DYNAMIC_SCS)"
			: "");
}

/* LTO_CLANG with THIN and FULL since 5.12; Android's 4.9 to 5.4 had LTO_CLANG and THINLTO. */
void preflight_lto(struct preflight_context *x)
{
	static const struct {
		const char *symbol, *what;
	} kinds[] = {
		{"LTO_CLANG_THIN_DIST", "clang's distributed ThinLTO"},
		{"LTO_CLANG_THIN", "clang's ThinLTO"},
		{"LTO_CLANG_FULL", "clang's full LTO"},
		{"THINLTO", "clang's ThinLTO"},
		{"LTO_CLANG", "clang's LTO"},
		{"LTO_GCC", "gcc's LTO"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!kconfig_yes(x->c, kinds[i].symbol))
			continue;
		x->out->strict_compiler = true;
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_%s: %s, with the linker and archiver that belong to that compiler",
			kinds[i].symbol, kinds[i].what);
		return;
	}
	preflight_add(x, PREFLIGHT_OK, "not set");
}

/*
 * 4.13 to 5.18 GCC_PLUGIN_RANDSTRUCT, whose seed is compiled into the plugin; since 5.19 a choice
 * of NONE, FULL and PERFORMANCE, by the plugin or by clang, which reads the seed from a file.
 */
void preflight_randstruct(struct preflight_context *x)
{
	static const char *const symbols[] = {"RANDSTRUCT_FULL", "RANDSTRUCT_PERFORMANCE",
		"RANDSTRUCT", "GCC_PLUGIN_RANDSTRUCT", NULL};
	const char *found = preflight_first(x, symbols);
	bool plugin = kconfig_yes(x->c, "GCC_PLUGIN_RANDSTRUCT");
	const char *what = plugin ? "scripts/gcc-plugins/randomize_layout_plugin.so"
				  : "scripts/basic/randstruct.seed";
	enum preflight_known there = plugin ? x->in->plugins : x->in->seed;

	if (!found) {
		preflight_add(x, PREFLIGHT_OK, "not set");
		return;
	}
	x->out->strict_compiler = true;
	if (there == PREFLIGHT_NO)
		preflight_add(x, PREFLIGHT_REFUSE,
			"CONFIG_%s: structures are laid out by a secret seed, and the headers do "
			"not have %s of this very build%s; without it every structure would be "
			"another. Take the headers from the folder the kernel was built in, or "
			"build a kernel without this option",
			found, what, plugin ? " in a form this machine's gcc can load" : "");
	else
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_%s: structures are laid out by the seed in %s of exactly this build",
			found, what);
}

/* scripts/Makefile.gcc-plugins: what each one is for, and how make is kept from using it */
static const struct {
	const char *symbol, *name, *variable;
	bool abi; /* a module without it does not go together with the kernel */
} plugins[] = {
	{"GCC_PLUGIN_ARM_SSP_PER_TASK", "arm_ssp_per_task", NULL, true},
	{"GCC_PLUGIN_CYC_COMPLEXITY", "cyc_complexity", "GCC_PLUGINS_CFLAGS", false},
	{"GCC_PLUGIN_LATENT_ENTROPY", "latent_entropy", "GCC_PLUGINS_CFLAGS", false},
	{"GCC_PLUGIN_SANCOV", "sancov", "CFLAGS_KCOV", false},
	{"GCC_PLUGIN_STACKLEAK", "stackleak", "GCC_PLUGINS_CFLAGS", false},
	/* since 6.17 */
	{"GCC_PLUGIN_STACKLEAK", "stackleak", "KSTACK_ERASE_CFLAGS", false},
	{"GCC_PLUGIN_STRUCTLEAK", "structleak", "GCC_PLUGINS_CFLAGS", false},
};

/* Names of the plugins that are on (but for randstruct, which has a point of its own). */
static bool list_plugins(const struct preflight_context *x, struct strvec *names)
{
	bool abi = false;

	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		if (!kconfig_yes(x->c, plugins[i].symbol))
			continue;
		if (!strvec_has(names, plugins[i].name))
			strvec_add(names, plugins[i].name);
		abi = abi || plugins[i].abi;
	}
	return abi;
}

/* They harden the module's code but change no interface: better without than not at all. */
static void leave_out(struct preflight_context *x)
{
	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		_cleanup_free_ char *arg = xasprintf("%s=", plugins[i].variable);

		if (kconfig_yes(x->c, plugins[i].symbol) && !strvec_has(&x->out->make_args, arg))
			strvec_add(&x->out->make_args, arg);
	}
}

void preflight_plugins(struct preflight_context *x)
{
	_cleanup_strvec_ struct strvec names = {0};
	bool abi = list_plugins(x, &names);
	_cleanup_free_ char *list = strvec_join(&names, ", ");

	if (!names.n) {
		preflight_add(x, PREFLIGHT_OK, "%s",
			kconfig_yes(x->c, "GCC_PLUGINS") ? "allowed, none is used" : "not set");
	} else if (x->in->plugins != PREFLIGHT_NO) {
		x->out->strict_compiler = true;
		preflight_add(x, PREFLIGHT_REQUIRE,
			"gcc plugins (%s): they only load into exactly the gcc they were made for",
			list);
	} else if (abi) {
		x->out->strict_compiler = true;
		preflight_add(x, PREFLIGHT_REFUSE,
			"gcc plugins (%s): the headers have no scripts/gcc-plugins/*.so that this "
			"machine's gcc can load, and modules need them; take the headers from the "
			"folder the kernel was built in, or build a kernel without "
			"CONFIG_GCC_PLUGINS",
			list);
	} else {
		leave_out(x);
		preflight_add(x, PREFLIGHT_NOTE,
			"gcc plugins (%s): the headers have none that this machine's gcc can load; "
			"the module is built without, which it does not need but is less hardened",
			list);
	}
}

/* arm64 since 5.0, arm since 5.0 by a plugin and since 5.18 by the compiler, riscv since 5.10 */
void preflight_stack_protector(struct preflight_context *x)
{
	if (kconfig_yes(x->c, "STACKPROTECTOR_PER_TASK"))
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_STACKPROTECTOR_PER_TASK: where the canary is comes from the "
			"headers' include/generated/asm-offsets.h");
	else
		preflight_add(x, PREFLIGHT_OK, "nothing the headers must supply");
}
