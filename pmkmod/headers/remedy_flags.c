// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Remedies that are flags: what compilers do by themselves today and did not when the kernel was
 * written. Kernels of later years switch each of these off in their own Makefiles; such a kernel is
 * recognised by that and gets no flag.
 */
#include "pmkmod/headers/remedy.h"

enum compiler { GCC = 1, CLANG = 2 };

struct flag_remedy {
	const char *name, *symptom;
	const char *arch; /* kbuild's name; NULL: all */
	bool host; /* the compiler of the helper programs, not that of the kernel */
	unsigned compilers; /* GCC | CLANG */
	unsigned from; /* first major version of it that behaves so */
	uint32_t before; /* KERNEL_VERSION_CODE(); 0: any kernel */
	const char *unless; /* a flag in the kernel's Makefiles that shows it knows */
	bool (*when)(struct remedy_run *run); /* NULL: always */
	const char *flags;
};

/* Is -march= asked for by cc-option, so that a refusal is silently taken for an old compiler? */
static bool probes_march(struct remedy_run *run)
{
	return strstr(run->arch_makefile, "cc-option,-march=") != NULL;
}

/* Two object files of dtc both define yylloc; a common symbol merges them. */
static bool dtc_yylloc_twice(struct remedy_run *run)
{
	static const char *const lexers[] = {
		"scripts/dtc/dtc-lexer.l",
		"scripts/dtc/dtc-lexer.lex.c_shipped",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lexers); i++) {
		_cleanup_free_ char *text = NULL;

		if (remedy_read(run, lexers[i], &text, NULL) == 0 &&
			text_has_line(text, "YYLTYPE", "yylloc;"))
			return true;
	}
	return false;
}

static const struct flag_remedy flag_remedies[] = {
	{
		"no-pie",
		"compilers of today make position-independent code unless told otherwise; modules "
		"then hold relocations that this kernel's loader does not know",
		.compilers = GCC | CLANG,
		.from = 1,
		.unless = "-fno-pie",
		.flags = "-fno-pie",
	},
	{
		"gnu89",
		"this kernel is written in the C of 1989 and does not say so; later C makes every "
		"'extern inline' a second definition, and C23 has its own bool",
		.compilers = GCC | CLANG,
		.from = 5,
		.unless = "-std=gnu",
		.flags = "-std=gnu89",
	},
	{
		"soft-float",
		"a compiler for hard float refuses -march=armv7-a without a floating-point unit, and "
		"the Makefile then silently takes an older architecture",
		.arch = "arm",
		.compilers = GCC,
		.from = 1,
		.when = probes_march,
		.flags = "-msoft-float",
	},
	{
		"no-outline-atomics",
		"gcc calls functions of its own library for atomic operations, which no kernel has",
		.arch = "arm64",
		.compilers = GCC,
		.from = 10,
		.before = KERNEL_VERSION_CODE(5, 10),
		.unless = "outline-atomics",
		.flags = "-mno-outline-atomics",
	},
	{
		"no-branch-protection",
		"some distributions' gcc signs return addresses; this kernel switches the keys of "
		"user space while they are signed",
		.arch = "arm64",
		.compilers = GCC,
		.from = 9,
		.unless = "-mbranch-protection",
		.flags = "-mbranch-protection=none",
	},
	{
		"no-cf-protection",
		"some distributions' gcc marks every jump target for a protection that this kernel "
		"does not have",
		.arch = "x86",
		.compilers = GCC,
		.from = 8,
		.unless = "-fcf-protection",
		.flags = "-fcf-protection=none",
	},
	{
		"no-stack-clash",
		"some distributions' gcc probes every page of the stack, which is too small for it",
		.compilers = GCC,
		.from = 8,
		.unless = "stack-clash-protection",
		.flags = "-fno-stack-clash-protection",
	},
	{
		"gcc-14-errors",
		"gcc 14 makes errors of conversions that were warnings when this kernel's headers "
		"were written",
		.compilers = GCC,
		.from = 14,
		.unless = "-Werror=incompatible-pointer-types",
		.flags = "-Wno-error=incompatible-pointer-types -Wno-error=int-conversion "
			 "-Wno-error=return-mismatch",
	},
	{
		"clang-16-errors",
		"clang 16 makes errors of conversions that were warnings when this kernel's headers "
		"were written",
		.compilers = CLANG,
		.from = 16,
		.unless = "-Werror=incompatible-pointer-types",
		.flags = "-Wno-error=incompatible-function-pointer-types -Wno-error=int-conversion",
	},
	{
		"dtc-yylloc",
		"the kernel's dtc defines yylloc twice, which compilers merged until gcc 10",
		.host = true,
		.compilers = GCC | CLANG,
		.from = 10,
		.when = dtc_yylloc_twice,
		.flags = "-fcommon",
	},
	{
		"host-c23",
		"helper programs are not written in the C23 that gcc 15 takes them for",
		.host = true,
		.compilers = GCC,
		.from = 15,
		.unless = "-std=",
		.flags = "-std=gnu11",
	},
	{
		"host-gcc-14-errors",
		"helper programs are written with conversions and undeclared functions that gcc 14 "
		"makes errors of",
		.host = true,
		.compilers = GCC,
		.from = 14,
		.flags = "-Wno-error=implicit-function-declaration -Wno-error=implicit-int "
			 "-Wno-error=incompatible-pointer-types -Wno-error=int-conversion "
			 "-Wno-error=return-mismatch",
	},
};

/* The helper programs of kernels from here on are maintained with compilers as new as these. */
#define HOST_BEFORE KERNEL_VERSION_CODE(6, 0)

static bool applies(struct remedy_run *run, const struct flag_remedy *f)
{
	const struct remedy_input *in = run->in;
	bool clang = f->host ? in->hostcc_clang : in->clang;
	unsigned major = f->host ? in->hostcc_major : in->cc_major;

	if (!(f->compilers & (clang ? CLANG : GCC)) || major < f->from ||
		(f->before && run->in->version >= f->before))
		return false;
	if (f->arch && !streq(f->arch, in->arch->linux_arch))
		return false;
	if (f->unless && (makefile_has_flag(run->makefile, f->unless, f->host) ||
				 makefile_has_flag(run->arch_makefile, f->unless, f->host)))
		return false;
	if (f->host && in->version >= HOST_BEFORE)
		return false;
	return !f->when || f->when(run);
}

int remedy_flags(struct remedy_run *run)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_remedies); i++) {
		const struct flag_remedy *f = &flag_remedies[i];

		if (!applies(run, f))
			continue;
		strvec_split(
			f->host ? &run->out->hostcc_flags : &run->out->cc_flags, f->flags, " ");
		strvec_addf(&run->out->names, "%s: %s (%s %s)", f->name, f->symptom,
			f->host ? "HOSTCC" : "CC", f->flags);
	}
	return 0;
}
