/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compilers by what they say of themselves: family and version, and whether two go together. */
#ifndef PMKMOD_COMPILER_H
#define PMKMOD_COMPILER_H

#include "pmkmod/kernel/kernel.h"

enum compiler_family { COMPILER_UNKNOWN, COMPILER_GCC, COMPILER_CLANG };
struct compiler {
	enum compiler_family family;
	unsigned major, minor, patch;
};
extern const char *const compiler_names[]; /* "an unknown compiler", "gcc", "clang" */

/*
 * From one line: CONFIG_CC_VERSION_TEXT, the first line of `cc --version`, or a kernel's banner
 * ("Linux version 3.4.0 (user@host) (gcc version 4.9.x-google 20140827 (prerelease) (GCC) ) #1
 * ..."). False, and family COMPILER_UNKNOWN, if there is no compiler in it. What distributions put
 * into brackets is not taken for the version.
 */
bool compiler_from_text(struct compiler *c, const char *text);
/* From CC_VERSION_TEXT, GCC_VERSION and CLANG_VERSION (4.18 and later), else what LTO and CFI
 * imply. */
bool compiler_from_config(struct compiler *c, const struct kconfig *config);
/* From the macros that `cc -dM -E -` prints. */
bool compiler_from_macros(struct compiler *c, const char *text);
/*
 * The same family and major version? gcc before 5 counted its major versions in two numbers (4.8,
 * 4.9). Without version numbers the family decides.
 */
bool compiler_matches(const struct compiler *a, const struct compiler *b);
/* "gcc 12.2.0"; caller frees. */
char *compiler_show(const struct compiler *c);

#endif
