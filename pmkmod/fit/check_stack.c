// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two protections of the stack that the kernel and its modules must agree on. Shadow call stack: on
 * arm64 a register, x18, points to it at all times (arch/arm64/Makefile: -ffixed-x18); riscv uses
 * gp, which compilers leave alone anyway. Stack protector: where the value comes from that
 * functions compare, one for all (__stack_chk_guard) or one in each task_struct.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

static void with_shadow(struct fit_context *c, const struct ko *ko)
{
	const struct ko_code *code = &ko->code;
	/* CONFIG_UNWIND_PATCH_PAC_INTO_SCS selects it */
	bool patched = code->pac && fit_config(c, "DYNAMIC_SCS") == KNOWN_YES;

	if (code->scs_pushes || patched)
		fit_add(c, ko, "shadow call stack", FIT_PASS, "it uses that of the kernel (%s)",
			code->scs_pushes ? "x18"
					 : "patched in from pointer authentication, where needed");
	else if (code->frames && code->x18_writes)
		fit_add(c, ko, "shadow call stack", FIT_FAIL,
			"it was compiled without and uses the register x18, which is this kernel's "
			"shadow call stack (CONFIG_SHADOW_CALL_STACK): it would crash; build it with "
			"the kernel's own options");
	else
		fit_add(c, ko, "shadow call stack", FIT_PASS, "it leaves the register x18 alone%s",
			code->frames ? ", though it was compiled without" : "");
}

void fit_check_shadow_call_stack(struct fit_context *c, const struct ko *ko)
{
	bool uses = ko->code.scs_pushes > 0;

	if (ko->elf_machine != EM_AARCH64) {
		fit_add(c, ko, "shadow call stack", FIT_PASS,
			"nothing a module could do wrong on this architecture");
		return;
	}
	switch (fit_config(c, "SHADOW_CALL_STACK")) {
	case KNOWN_YES:
		with_shadow(c, ko);
		return;
	case KNOWN_NO:
		if (uses)
			fit_add(c, ko, "shadow call stack", FIT_FAIL,
				"it was compiled with one, and the kernel has none "
				"(CONFIG_SHADOW_CALL_STACK): its first call would write to a random "
				"place; build it with this kernel's configuration");
		else
			fit_add(c, ko, "shadow call stack", FIT_PASS,
				"neither the kernel nor the module uses one");
		return;
	case KNOWN_NOT:
		fit_add(c, ko, "shadow call stack", FIT_UNKNOWN,
			"whether the kernel has one is not known without its configuration; the "
			"module was compiled %s",
			uses ? "with" : "without");
	}
}

static bool needs(const struct ko *ko, const char *symbol)
{
	for (size_t i = 0; i < ko->n_undefined; i++)
		if (streq(ko->undefined[i].name, symbol))
			return true;
	return false;
}

/* CC_STACKPROTECTOR and its kinds before 4.18. */
static enum known has_protector(const struct fit_context *c)
{
	static const char *const symbols[] = {"STACKPROTECTOR", "CC_STACKPROTECTOR",
		"CC_STACKPROTECTOR_REGULAR", "CC_STACKPROTECTOR_STRONG", "CC_STACKPROTECTOR_AUTO"};

	if (!c->k->config)
		return KNOWN_NOT;
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		if (kconfig_yes(c->k->config, symbols[i]))
			return KNOWN_YES;
	return KNOWN_NO;
}

/* The kernel has it and so has the module: the same one? arm, arm64 and riscv have the choice. */
static void same_guard(struct fit_context *c, const struct ko *ko)
{
	bool choice = ko->elf_machine == EM_ARM || ko->elf_machine == EM_AARCH64 ||
		      ko->elf_machine == EM_RISCV;
	bool global = needs(ko, "__stack_chk_guard");
	bool per_task = fit_config(c, "STACKPROTECTOR_PER_TASK") == KNOWN_YES;

	if (!choice || global != per_task)
		fit_add(c, ko, "stack protector", FIT_PASS, "%s, as in the kernel",
			!choice	 ? "by __stack_chk_fail()"
			: global ? "by one value for all tasks"
				 : "by a value of each task");
	else if (global)
		fit_add(c, ko, "stack protector", FIT_FAIL,
			"it compares with one value for all tasks, __stack_chk_guard, which a kernel "
			"with one for each (CONFIG_STACKPROTECTOR_PER_TASK) does not have; build it with "
			"the kernel's own options");
	else
		fit_add(c, ko, "stack protector", FIT_UNKNOWN,
			"it compares with a value of each task, and the kernel has one for all "
			"(no CONFIG_STACKPROTECTOR_PER_TASK): the loader takes it, but what it finds in "
			"this kernel's task_struct is not known; build it with the kernel's own options");
}

void fit_check_stack_protector(struct fit_context *c, const struct ko *ko)
{
	if (!needs(ko, "__stack_chk_fail") && !needs(ko, "__stack_chk_guard")) {
		fit_add(c, ko, "stack protector", FIT_PASS, "the module does not use it");
		return;
	}
	switch (has_protector(c)) {
	case KNOWN_YES:
		same_guard(c, ko);
		return;
	case KNOWN_NO:
		fit_add(c, ko, "stack protector", FIT_FAIL,
			"it was compiled with it and needs __stack_chk_fail(), which a kernel without "
			"CONFIG_STACKPROTECTOR does not have; build it with the kernel's own options");
		return;
	case KNOWN_NOT:
		fit_add(c, ko, "stack protector", FIT_UNKNOWN,
			"it uses it; whether the kernel has it is not known without its configuration");
	}
}
