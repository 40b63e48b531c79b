/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Old kernels on new hosts. The source of a 3.0 to 5.x kernel meets compilers, make, perl and
 * libraries of ten years later; what goes wrong then is known, and each such thing is a row of a
 * table here: its symptom, how it is recognised in the source, and its cure. A cure never touches
 * the porter's source: it is a changed copy of a file in a shadow folder that is laid over the
 * source, or a flag for one of the compilers.
 *
 * Some of these symptoms are silent: make succeeds and the module is wrong. Those are the reason
 * not to wait for an error message.
 */
#ifndef PMKMOD_REMEDIES_H
#define PMKMOD_REMEDIES_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/kernel/kernel.h"

/* Everything is borrowed. */
struct remedy_input {
	const char *source; /* host path of the kernel's source; only read */
	const char *shadow; /* host path of the folder laid over it; must exist. A file that is
			     * already there is taken as the source's (patches of others) */
	const struct kconfig *config; /* may be NULL: rows that ask for it do not apply */
	const struct arch_info *arch; /* the phone's */
	uint32_t version; /* KERNEL_VERSION_CODE() of the source's Makefile */
	bool clang; /* the phone's compiler is clang, else gcc */
	unsigned cc_major; /* its major version */
	bool hostcc_clang; /* the same of the compiler of the helper programs */
	unsigned hostcc_major;
};

struct remedies {
	struct strvec names; /* for the log: "name: what it is against (what was changed)" */
	struct strvec files; /* what was put into the shadow, relative to the source's top */
	/* Belong to the compilers' own variables (CC="gcc <flags>"), since flags that come later,
	 * by KCFLAGS, are not seen when the Makefiles ask what the compiler can do. */
	struct strvec cc_flags;
	struct strvec hostcc_flags;
};

/*
 * Look for every symptom and apply what helps against those that are there. `out` is to be zeroed
 * before and freed after, whatever comes back. Errors: the source cannot be read, the shadow cannot
 * be written. A source with nothing to cure is no error.
 */
int remedies_find(struct remedies *out, const struct remedy_input *in, struct err *e);
void remedies_free(struct remedies *r);

/*
 * The text of a kernel's top Makefile with `flags` (of cc_flags) made part of its own CC, for a
 * packaged tree in which `make M=` is to work without being told of them. A Makefile that never
 * sets CC is -ENOENT. The result belongs to the caller.
 */
int remedies_pin_cc_flags(
	char **out, const char *makefile, const struct strvec *flags, struct err *e);

/* ---- llvm.c: how a kernel is told to use clang ---- */
struct llvm_input {
	const char *makefile; /* text of the source's top Makefile */
	const char *arch_makefile; /* text of arch/<arch>/Makefile, "" if there is none */
	uint32_t version;
	const char *tools; /* what stands around the tools' names: "" (clang), "-16" (clang-16) or
			    * a folder ending in '/' (/usr/lib/llvm16/bin/) */
	const char *cross; /* prefix of GNU binutils for the phone, "aarch64-linux-gnu-"; NULL or
			    * "": there are none (or it is a native build) */
	const char *triple; /* --target= of the phone; NULL: as `cross` without its dash */
	const struct strvec *cc_flags; /* of struct remedies; may be NULL */
	bool lld; /* the kernel was linked with lld (LTO, CFI: CONFIG_LD_IS_LLD, CONFIG_LTO_CLANG)
		   */
};

/*
 * Make variables, appended to `args`, with which this kernel builds with clang: LLVM=1 where its
 * Makefile knows that (upstream since 5.7), otherwise each tool by name. -EOPNOTSUPP for a Makefile
 * that has no support for clang at all, -ENOENT for one that needs GNU's assembler when there is
 * none; both with a sentence.
 */
int remedies_llvm_args(struct strvec *args, const struct llvm_input *in, struct err *e);

#endif
