// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * How a kernel is told to use clang. What its Makefile understands is read from the Makefile rather
 * than from its version, since vendors' trees have later kernels' support for clang or an own one:
 *
 *   CC=clang with --target= from CROSS_COMPILE or from CLANG_TRIPLE     4.x, vendors' trees
 * from 3.18 LLVM=1, LLVM_IAS=1 (clang's own assembler, otherwise GNU's)         5.7
 *   --target= from ARCH, clang's own assembler unless LLVM_IAS=0        5.15
 *   LLVM=-16, LLVM=/usr/lib/llvm16/bin/                                 5.18
 */
#include "pmkmod/headers/remedy.h"

/* Variables of the tools; those that GNU's tools can as well be are left to them if there are any.
 */
static const struct {
	const char *variable, *tool;
	bool linker; /* belongs to lld */
} llvm_tools[] = {
	{"LD", "ld.lld", true},
	{"AR", "llvm-ar", true},
	{"NM", "llvm-nm", true},
	{"OBJCOPY", "llvm-objcopy", false},
	{"OBJDUMP", "llvm-objdump", false},
	{"READELF", "llvm-readelf", false},
	{"STRIP", "llvm-strip", false},
};

static char *tool_name(const struct llvm_input *in, const char *tool)
{
	bool folder = ends_with(in->tools, "/");

	return folder ? xasprintf("%s%s", in->tools, tool) : xasprintf("%s%s", tool, in->tools);
}

static void add_tool(
	struct strvec *args, const struct llvm_input *in, const char *variable, const char *tool)
{
	_cleanup_free_ char *name = tool_name(in, tool);

	strvec_addf(args, "%s=%s", variable, name);
}

/* With the flags of remedies, which must be part of it. */
static void add_cc(struct strvec *args, const struct llvm_input *in)
{
	_cleanup_free_ char *name = tool_name(in, "clang");
	_cleanup_free_ char *flags =
		in->cc_flags && in->cc_flags->n ? strvec_join(in->cc_flags, " ") : NULL;

	strvec_addf(args, "CC=%s%s%s", name, flags ? " " : "", flags ? flags : "");
}

static bool knows_llvm(const struct llvm_input *in)
{
	return in->version >= KERNEL_VERSION_CODE(5, 7) ||
	       text_has_line(in->makefile, "ifneq", "($(LLVM),)") ||
	       text_has_line(in->makefile, "ifdef", "LLVM");
}

/* LLVM=1 stands for unadorned names; where the Makefile knows no others, each is given. */
static void add_all_tools(struct strvec *args, const struct llvm_input *in)
{
	strvec_add(args, "LLVM=1");
	if (!*in->tools)
		return;
	add_tool(args, in, "HOSTCC", "clang");
	add_tool(args, in, "HOSTCXX", "clang++");
	for (size_t i = 0; i < ARRAY_SIZE(llvm_tools); i++)
		add_tool(args, in, llvm_tools[i].variable, llvm_tools[i].tool);
}

static int add_assembler(struct strvec *args, const struct llvm_input *in, bool gnu, struct err *e)
{
	bool own_by_default = in->version >= KERNEL_VERSION_CODE(5, 15) ||
			      text_has_line(in->makefile, "ifeq", "($(LLVM_IAS),0)");

	if (gnu || own_by_default)
		return 0;
	if (!text_has_line(in->makefile, "ifneq", "($(LLVM_IAS),1)"))
		return err_set(e, -ENOENT,
			"this kernel uses clang together with GNU's assembler, and there are no GNU "
			"binutils for the phone's architecture");
	strvec_add(args, "LLVM_IAS=1");
	return 0;
}

int remedies_llvm_args(struct strvec *args, const struct llvm_input *in, struct err *e)
{
	bool gnu = in->cross && *in->cross, by_arch = in->version >= KERNEL_VERSION_CODE(5, 15);

	if (!by_arch && !makefile_has_flag(in->makefile, "--target=", false) &&
		!makefile_has_flag(in->arch_makefile, "--target=", false)) {
		err_set(e, -EOPNOTSUPP,
			"the Makefile of this kernel (%u.%u) has no support for clang: it never says "
			"--target=",
			in->version >> 16, in->version >> 8 & 0xff);
		return err_hint(e, "build with gcc, as this kernel was (--cc gcc)");
	}
	if (knows_llvm(in)) {
		if (*in->tools && strstr(in->makefile, "LLVM_SUFFIX"))
			strvec_addf(args, "LLVM=%s", in->tools);
		else
			add_all_tools(args, in);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(llvm_tools); i++)
			if (llvm_tools[i].linker ? in->lld || !gnu : !gnu)
				add_tool(args, in, llvm_tools[i].variable, llvm_tools[i].tool);
	}
	add_cc(args, in);
	if (gnu)
		strvec_addf(args, "CROSS_COMPILE=%s", in->cross);
	if (in->triple && strstr(in->makefile, "CLANG_TRIPLE"))
		strvec_addf(args, "CLANG_TRIPLE=%s-", in->triple);
	else if (!gnu && in->triple && !by_arch && !strstr(in->makefile, "CLANG_TARGET_FLAGS"))
		/* where --target= comes from */
		strvec_addf(args, "CROSS_COMPILE=%s-", in->triple);
	return add_assembler(args, in, gnu, e);
}
