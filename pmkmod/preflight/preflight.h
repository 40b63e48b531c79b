/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a kernel's configuration asks of a module, and what it makes impossible, before anything is
 * built. Pure: no file is read, nothing is run; a thousand configurations take milliseconds. The
 * rules are those of the Kconfig files and Makefiles of Linux 3.0 to 7.x, with the names that
 * vendor kernels had for the same things before.
 */
#ifndef PMKMOD_PREFLIGHT_H
#define PMKMOD_PREFLIGHT_H

#include "pmkmod/kernel/kernel.h"
#include "pmkmod/preflight/compiler.h"
#include "pmkmod/sign/sign.h"

enum preflight_known { PREFLIGHT_UNKNOWN, PREFLIGHT_NO, PREFLIGHT_YES };

/* All borrowed; zeroed members are not known. */
struct preflight_input {
	const struct kconfig *config;
	const struct arch_info *arch; /* NULL: not known */
	const char *release; /* "6.1.0-lts", NULL: not known */
	const char *banner; /* the kernel's "Linux version ..." line, for those before 4.18 */
	const char *cross; /* prefix of the compiler that will build; NULL: none */
	struct compiler ours; /* that compiler; family COMPILER_UNKNOWN: not asked */
	bool have_sign_key, sign_key_is_ec;
	bool sign_key_implied; /* nobody named it: it is only used where a signature is required */
	enum preflight_known symvers; /* is there a Module.symvers of this build? */
	enum preflight_known seed; /* scripts/basic/randstruct.seed of this build (clang) */
	enum preflight_known plugins; /* its gcc plugins, in a form our compiler loads */
};

enum preflight_result {
	PREFLIGHT_OK, /* nothing to do */
	PREFLIGHT_REQUIRE, /* something must be done, and is: what */
	PREFLIGHT_NOTE, /* cannot be known or can go wrong; the porter should hear of it */
	PREFLIGHT_REFUSE, /* cannot work: why, and what would help */
};

struct preflight_point {
	const char *name; /* "modules", "signature", "cfi", ...; the same ones for each kernel */
	enum preflight_result result;
	char *text; /* one or more lines */
};

struct preflight {
	struct preflight_point *points;
	size_t n_points, n_refused;
	bool takes_modules; /* CONFIG_MODULES */
	bool needs_signature; /* unsigned modules are refused */
	bool will_sign; /* there is a key, and this kernel looks at signatures */
	struct sign_rule sign; /* hash and format */
	bool needs_symvers; /* CONFIG_MODVERSIONS */
	bool trims_exports; /* CONFIG_TRIM_UNUSED_KSYMS */
	bool strict_compiler; /* CFI, shadow call stack, LTO, plugins: family and major must agree
			       */
	bool compiler_differs; /* in family or major version */
	bool clang; /* the LLVM tools build it */
	struct compiler compiler; /* the kernel's; COMPILER_UNKNOWN: not known */
	enum ko_compression compression;
	struct strvec make_args; /* for kbuild, what follows from the configuration */
};

void preflight_check(struct preflight *p, const struct preflight_input *in);
void preflight_free(struct preflight *p);
/* Find a point by its name; NULL: none. */
const struct preflight_point *preflight_find(const struct preflight *p, const char *name);
extern const char *const preflight_result_names[]; /* "ok", "require", "note", "refuse" */
/* "name: result: text", one point a line; caller frees. */
char *preflight_text(const struct preflight *p);

#endif
