// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * From apply_relocate() and apply_relocate_add() in arch/<arch>/kernel/module*.c of 6.1 and 6.12,
 * and of some older kernels. Elsewhere the version is that of the commit that added the case.
 */
#include "pmkmod/fit/reloc_table.h"

#include <elf.h>

#define V KERNEL_VERSION_CODE

/* The numbers of IHI 0044 that some elf.h lack or name otherwise. */
static const struct reloc_rule arm_rules[] = {
	{R_ARM_NONE, "R_ARM_NONE", 0, false, NULL},
	{R_ARM_PC24, "R_ARM_PC24", 0, false, NULL},
	{R_ARM_ABS32, "R_ARM_ABS32", 0, false, NULL},
	{28, "R_ARM_CALL", 0, false, NULL},
	{29, "R_ARM_JUMP24", 0, false, NULL},
	{40, "R_ARM_V4BX", 0, false, NULL},
	{42, "R_ARM_PREL31", 0, false, NULL},
	{43, "R_ARM_MOVW_ABS_NC", 0, false, NULL},
	{44, "R_ARM_MOVT_ABS", 0, false, NULL},
	/* constructors, as KASAN and gcov have them */
	{38, "R_ARM_TARGET1", V(4, 0), true, NULL},
	/* "ARM: module: add support for place relative relocations" */
	{R_ARM_REL32, "R_ARM_REL32", V(5, 11), true, NULL},
	{45, "R_ARM_MOVW_PREL_NC", V(5, 11), true, NULL},
	{46, "R_ARM_MOVT_PREL", V(5, 11), true, NULL},
	/* since 5.18 */
	{57, "R_ARM_ALU_PC_G0_NC", 0, false, "ARM_HAS_GROUP_RELOCS"},
	{59, "R_ARM_ALU_PC_G1_NC", 0, false, "ARM_HAS_GROUP_RELOCS"},
	{63, "R_ARM_LDR_PC_G2", 0, false, "ARM_HAS_GROUP_RELOCS"},
	{10, "R_ARM_THM_CALL", 0, false, "THUMB2_KERNEL"},
	{30, "R_ARM_THM_JUMP24", 0, false, "THUMB2_KERNEL"},
	{47, "R_ARM_THM_MOVW_ABS_NC", 0, false, "THUMB2_KERNEL"},
	{48, "R_ARM_THM_MOVT_ABS", 0, false, "THUMB2_KERNEL"},
	{49, "R_ARM_THM_MOVW_PREL_NC", V(5, 11), true, "THUMB2_KERNEL"},
	{50, "R_ARM_THM_MOVT_PREL", V(5, 11), true, "THUMB2_KERNEL"},
};

/* The same since the architecture came (3.7). */
static const struct reloc_rule arm64_rules[] = {
	{0, "R_ARM_NONE", 0, false, NULL},
	{R_AARCH64_NONE, "R_AARCH64_NONE", 0, false, NULL},
	{R_AARCH64_ABS64, "R_AARCH64_ABS64", 0, false, NULL},
	{R_AARCH64_ABS32, "R_AARCH64_ABS32", 0, false, NULL},
	{R_AARCH64_ABS16, "R_AARCH64_ABS16", 0, false, NULL},
	{R_AARCH64_PREL64, "R_AARCH64_PREL64", 0, false, NULL},
	{R_AARCH64_PREL32, "R_AARCH64_PREL32", 0, false, NULL},
	{R_AARCH64_PREL16, "R_AARCH64_PREL16", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G0, "R_AARCH64_MOVW_UABS_G0", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G0_NC, "R_AARCH64_MOVW_UABS_G0_NC", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G1, "R_AARCH64_MOVW_UABS_G1", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G1_NC, "R_AARCH64_MOVW_UABS_G1_NC", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G2, "R_AARCH64_MOVW_UABS_G2", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G2_NC, "R_AARCH64_MOVW_UABS_G2_NC", 0, false, NULL},
	{R_AARCH64_MOVW_UABS_G3, "R_AARCH64_MOVW_UABS_G3", 0, false, NULL},
	{R_AARCH64_MOVW_SABS_G0, "R_AARCH64_MOVW_SABS_G0", 0, false, NULL},
	{R_AARCH64_MOVW_SABS_G1, "R_AARCH64_MOVW_SABS_G1", 0, false, NULL},
	{R_AARCH64_MOVW_SABS_G2, "R_AARCH64_MOVW_SABS_G2", 0, false, NULL},
	{R_AARCH64_LD_PREL_LO19, "R_AARCH64_LD_PREL_LO19", 0, false, NULL},
	{R_AARCH64_ADR_PREL_LO21, "R_AARCH64_ADR_PREL_LO21", 0, false, NULL},
	/* check_relocations.c knows when not */
	{R_AARCH64_ADR_PREL_PG_HI21, "R_AARCH64_ADR_PREL_PG_HI21", 0, false, NULL},
	{R_AARCH64_ADR_PREL_PG_HI21_NC, "R_AARCH64_ADR_PREL_PG_HI21_NC", 0, false, NULL},
	{R_AARCH64_ADD_ABS_LO12_NC, "R_AARCH64_ADD_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_LDST8_ABS_LO12_NC, "R_AARCH64_LDST8_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_LDST16_ABS_LO12_NC, "R_AARCH64_LDST16_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_LDST32_ABS_LO12_NC, "R_AARCH64_LDST32_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_LDST64_ABS_LO12_NC, "R_AARCH64_LDST64_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_LDST128_ABS_LO12_NC, "R_AARCH64_LDST128_ABS_LO12_NC", 0, false, NULL},
	{R_AARCH64_TSTBR14, "R_AARCH64_TSTBR14", 0, false, NULL},
	{R_AARCH64_CONDBR19, "R_AARCH64_CONDBR19", 0, false, NULL},
	{R_AARCH64_JUMP26, "R_AARCH64_JUMP26", 0, false, NULL},
	{R_AARCH64_CALL26, "R_AARCH64_CALL26", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G0, "R_AARCH64_MOVW_PREL_G0", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G0_NC, "R_AARCH64_MOVW_PREL_G0_NC", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G1, "R_AARCH64_MOVW_PREL_G1", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G1_NC, "R_AARCH64_MOVW_PREL_G1_NC", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G2, "R_AARCH64_MOVW_PREL_G2", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G2_NC, "R_AARCH64_MOVW_PREL_G2_NC", 0, false, NULL},
	{R_AARCH64_MOVW_PREL_G3, "R_AARCH64_MOVW_PREL_G3", 0, false, NULL},
};

/* No R_386_NONE: the loader calls that unknown. */
static const struct reloc_rule x86_rules[] = {
	{R_386_32, "R_386_32", 0, false, NULL},
	{R_386_PC32, "R_386_PC32", 0, false, NULL},
	/* "x86/build: Treat R_386_PLT32 relocation as R_386_PC32", in all stable series */
	{R_386_PLT32, "R_386_PLT32", V(5, 12), true, NULL},
};

static const struct reloc_rule x86_64_rules[] = {
	{R_X86_64_NONE, "R_X86_64_NONE", 0, false, NULL},
	{R_X86_64_64, "R_X86_64_64", 0, false, NULL},
	{R_X86_64_32, "R_X86_64_32", 0, false, NULL},
	{R_X86_64_32S, "R_X86_64_32S", 0, false, NULL},
	{R_X86_64_PC32, "R_X86_64_PC32", 0, false, NULL},
	/* "x86: Treat R_X86_64_PLT32 as R_X86_64_PC32", in all stable series */
	{R_X86_64_PLT32, "R_X86_64_PLT32", V(4, 16), true, NULL},
	/* "x86: Add support for 64-bit place relative relocations" */
	{R_X86_64_PC64, "R_X86_64_PC64", V(4, 20), false, NULL},
};

/*
 * Those of thread-local storage and of dynamic linking have a case since 6.7, but one that refuses,
 * like R_RISCV_ALIGN since ever; R_RISCV_NONE has none. 4.15 to 4.17 had eight of them only.
 */
static const struct reloc_rule riscv_rules[] = {
	{R_RISCV_32, "R_RISCV_32", V(4, 18), false, NULL},
	{R_RISCV_64, "R_RISCV_64", 0, false, NULL},
	{R_RISCV_BRANCH, "R_RISCV_BRANCH", 0, false, NULL},
	{R_RISCV_JAL, "R_RISCV_JAL", 0, false, NULL},
	{R_RISCV_CALL, "R_RISCV_CALL", V(4, 18), false, NULL},
	{R_RISCV_CALL_PLT, "R_RISCV_CALL_PLT", 0, false, NULL},
	{R_RISCV_GOT_HI20, "R_RISCV_GOT_HI20", V(4, 18), false, "MODULE_SECTIONS"},
	{R_RISCV_PCREL_HI20, "R_RISCV_PCREL_HI20", 0, false, NULL},
	{R_RISCV_PCREL_LO12_I, "R_RISCV_PCREL_LO12_I", 0, false, NULL},
	{R_RISCV_PCREL_LO12_S, "R_RISCV_PCREL_LO12_S", 0, false, NULL},
	{R_RISCV_HI20, "R_RISCV_HI20", V(4, 18), false, "!CMODEL_MEDLOW"},
	{R_RISCV_LO12_I, "R_RISCV_LO12_I", V(4, 18), false, NULL},
	{R_RISCV_LO12_S, "R_RISCV_LO12_S", V(4, 18), false, NULL},
	{R_RISCV_ADD8, "R_RISCV_ADD8", V(6, 7), false, NULL},
	{R_RISCV_ADD16, "R_RISCV_ADD16", V(6, 3), false, NULL},
	{R_RISCV_ADD32, "R_RISCV_ADD32", V(4, 18), false, NULL},
	{R_RISCV_ADD64, "R_RISCV_ADD64", V(4, 18), false, NULL},
	{R_RISCV_SUB8, "R_RISCV_SUB8", V(6, 7), false, NULL},
	{R_RISCV_SUB16, "R_RISCV_SUB16", V(6, 3), false, NULL},
	{R_RISCV_SUB32, "R_RISCV_SUB32", V(4, 18), false, NULL},
	{R_RISCV_SUB64, "R_RISCV_SUB64", V(4, 18), false, NULL},
	{R_RISCV_RVC_BRANCH, "R_RISCV_RVC_BRANCH", V(4, 18), false, NULL},
	{R_RISCV_RVC_JUMP, "R_RISCV_RVC_JUMP", V(4, 18), false, NULL},
	{R_RISCV_RELAX, "R_RISCV_RELAX", 0, false, NULL},
	{R_RISCV_SUB6, "R_RISCV_SUB6", V(6, 7), false, NULL},
	{R_RISCV_SET6, "R_RISCV_SET6", V(6, 7), false, NULL},
	{R_RISCV_SET8, "R_RISCV_SET8", V(6, 7), false, NULL},
	{R_RISCV_SET16, "R_RISCV_SET16", V(6, 7), false, NULL},
	{R_RISCV_SET32, "R_RISCV_SET32", V(6, 7), false, NULL},
	{R_RISCV_32_PCREL, "R_RISCV_32_PCREL", V(6, 7), false, NULL},
	{59, "R_RISCV_PLT32", V(6, 8), true, NULL},
	{60, "R_RISCV_SET_ULEB128", V(6, 7), false, NULL},
	{61, "R_RISCV_SUB_ULEB128", V(6, 7), false, NULL},
};

/* What compilers make with options that a module must not be compiled with. */
static const struct {
	uint16_t machine;
	uint32_t type;
	const char *name;
} foreign[] = {
	{EM_ARM, 25, "R_ARM_BASE_PREL"},
	{EM_ARM, 26, "R_ARM_GOT_BREL"},
	{EM_ARM, 41, "R_ARM_TARGET2"},
	{EM_ARM, 51, "R_ARM_THM_JUMP19"},
	{EM_ARM, 96, "R_ARM_GOT_PREL"},
	{EM_ARM, 102, "R_ARM_THM_JUMP11"},
	{EM_AARCH64, R_AARCH64_GOT_LD_PREL19, "R_AARCH64_GOT_LD_PREL19"},
	{EM_AARCH64, R_AARCH64_ADR_GOT_PAGE, "R_AARCH64_ADR_GOT_PAGE"},
	{EM_AARCH64, R_AARCH64_LD64_GOT_LO12_NC, "R_AARCH64_LD64_GOT_LO12_NC"},
	{EM_AARCH64, R_AARCH64_LD64_GOTPAGE_LO15, "R_AARCH64_LD64_GOTPAGE_LO15"},
	{EM_AARCH64, 314, "R_AARCH64_PLT32"},
	{EM_386, R_386_NONE, "R_386_NONE"},
	{EM_386, R_386_GOT32, "R_386_GOT32"},
	{EM_386, R_386_GOTOFF, "R_386_GOTOFF"},
	{EM_386, R_386_GOTPC, "R_386_GOTPC"},
	{EM_386, R_386_GOT32X, "R_386_GOT32X"},
	{EM_X86_64, R_X86_64_GOT32, "R_X86_64_GOT32"},
	{EM_X86_64, R_X86_64_GOTPCREL, "R_X86_64_GOTPCREL"},
	{EM_X86_64, R_X86_64_GOTOFF64, "R_X86_64_GOTOFF64"},
	{EM_X86_64, R_X86_64_GOTPCRELX, "R_X86_64_GOTPCRELX"},
	{EM_X86_64, R_X86_64_REX_GOTPCRELX, "R_X86_64_REX_GOTPCRELX"},
	{EM_RISCV, 0, "R_RISCV_NONE"},
	{EM_RISCV, R_RISCV_TLS_GOT_HI20, "R_RISCV_TLS_GOT_HI20"},
	{EM_RISCV, R_RISCV_TPREL_HI20, "R_RISCV_TPREL_HI20"},
	{EM_RISCV, R_RISCV_ALIGN, "R_RISCV_ALIGN"},
};

static const struct reloc_loader loaders[] = {
	{EM_ARM, false, arm_rules, ARRAY_SIZE(arm_rules)},
	{EM_AARCH64, true, arm64_rules, ARRAY_SIZE(arm64_rules)},
	{EM_386, false, x86_rules, ARRAY_SIZE(x86_rules)},
	{EM_X86_64, true, x86_64_rules, ARRAY_SIZE(x86_64_rules)},
	{EM_RISCV, true, riscv_rules, ARRAY_SIZE(riscv_rules)},
};

const struct reloc_loader *reloc_loader_of(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
		if (loaders[i].machine == machine)
			return &loaders[i];
	return NULL;
}

const struct reloc_rule *reloc_rule_of(const struct reloc_loader *l, uint32_t type)
{
	for (size_t i = 0; i < l->n_rules; i++)
		if (l->rules[i].type == type)
			return &l->rules[i];
	return NULL;
}

const char *reloc_name(const struct reloc_loader *l, uint32_t type)
{
	const struct reloc_rule *rule = reloc_rule_of(l, type);

	if (rule)
		return rule->name;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (foreign[i].machine == l->machine && foreign[i].type == type)
			return foreign[i].name;
	return "an unknown one";
}

/* Where it is not the instruction or word of four bytes that most are. */
static const struct {
	uint16_t machine;
	uint32_t type;
	size_t width;
} widths[] = {
	{EM_386, R_386_NONE, 0},
	{EM_AARCH64, 0, 0},
	{EM_AARCH64, R_AARCH64_NONE, 0},
	{EM_AARCH64, R_AARCH64_ABS64, 8},
	{EM_AARCH64, R_AARCH64_PREL64, 8},
	{EM_AARCH64, R_AARCH64_ABS16, 2},
	{EM_AARCH64, R_AARCH64_PREL16, 2},
	{EM_X86_64, R_X86_64_NONE, 0},
	{EM_X86_64, R_X86_64_64, 8},
	{EM_X86_64, R_X86_64_PC64, 8},
	{EM_RISCV, R_RISCV_NONE, 0},
	{EM_RISCV, R_RISCV_RELAX, 0},
	{EM_RISCV, R_RISCV_ALIGN, 0},
	{EM_RISCV, R_RISCV_64, 8},
	{EM_RISCV, R_RISCV_ADD64, 8},
	{EM_RISCV, R_RISCV_SUB64, 8},
	{EM_RISCV, R_RISCV_CALL, 8},
	{EM_RISCV, R_RISCV_CALL_PLT, 8},
	{EM_RISCV, R_RISCV_ADD16, 2},
	{EM_RISCV, R_RISCV_SUB16, 2},
	{EM_RISCV, R_RISCV_SET16, 2},
	{EM_RISCV, R_RISCV_RVC_BRANCH, 2},
	{EM_RISCV, R_RISCV_RVC_JUMP, 2},
	{EM_RISCV, R_RISCV_ADD8, 1},
	{EM_RISCV, R_RISCV_SUB8, 1},
	{EM_RISCV, R_RISCV_SET8, 1},
	{EM_RISCV, R_RISCV_SUB6, 1},
	{EM_RISCV, R_RISCV_SET6, 1},
	{EM_RISCV, 60, 1}, /* R_RISCV_SET_ULEB128 and R_RISCV_SUB_ULEB128: at least */
	{EM_RISCV, 61, 1},
};

size_t reloc_width(uint16_t machine, uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++)
		if (widths[i].machine == machine && widths[i].type == type)
			return widths[i].width;
	if (machine == EM_ARM) /* of any kind, its loader wants a word there */
		return 4;
	/* of another architecture it is not known */
	return reloc_loader_of(machine) ? 4 : type != 0;
}

bool reloc_is_branch(uint16_t machine, uint32_t type)
{
	static const struct {
		uint16_t machine;
		uint32_t type;
	} branches[] = {
		{EM_ARM, 28}, /* R_ARM_CALL, R_ARM_JUMP24 */
		{EM_ARM, 29},
		{EM_AARCH64, R_AARCH64_CALL26},
		{EM_AARCH64, R_AARCH64_JUMP26},
		{EM_386, R_386_PLT32},
		{EM_X86_64, R_X86_64_PLT32},
		{EM_RISCV, R_RISCV_CALL},
		{EM_RISCV, R_RISCV_CALL_PLT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(branches); i++)
		if (branches[i].machine == machine && branches[i].type == type)
			return true;
	return false;
}

unsigned reloc_bits(uint16_t machine, uint32_t type)
{
	static const struct {
		uint16_t machine;
		uint32_t type;
		unsigned bits;
	} checked[] = {
		/* reloc_data() and reloc_insn_movw() of arch/arm64/kernel/module.c */
		{EM_AARCH64, R_AARCH64_ABS32, 32},
		{EM_AARCH64, R_AARCH64_ABS16, 16},
		{EM_AARCH64, R_AARCH64_MOVW_UABS_G0, 16},
		{EM_AARCH64, R_AARCH64_MOVW_UABS_G1, 32},
		{EM_AARCH64, R_AARCH64_MOVW_UABS_G2, 48},
		{EM_AARCH64, R_AARCH64_MOVW_SABS_G0, 16},
		{EM_AARCH64, R_AARCH64_MOVW_SABS_G1, 32},
		/* not R_X86_64_32S, which is signed, as the addresses are */
		{EM_X86_64, R_X86_64_32, 32},
		{EM_RISCV, R_RISCV_32, 32},
	};

	for (size_t i = 0; i < ARRAY_SIZE(checked); i++)
		if (checked[i].machine == machine && checked[i].type == type)
			return checked[i].bits;
	return 0;
}
