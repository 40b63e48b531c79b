/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks of fit/ share. One function a point; each adds exactly one line to the report. */
#ifndef PMKMOD_FIT_CHECK_H
#define PMKMOD_FIT_CHECK_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/name_index.h"

enum known { KNOWN_NO, KNOWN_YES, KNOWN_NOT }; /* KNOWN_NOT: it is not known */

struct fit_context {
	const struct fit_kernel *k;
	struct fit_report *out;
	struct ko *kos; /* the readable modules of this build */
	size_t n_kos, *path_of; /* of each the number of its path */
	uint32_t version; /* kernel_version_code(), 0: not known */
	char *vermagic; /* the kernel's; NULL: not known */
	char *vermagic_source; /* where that is from, or why it is not known */
	enum known modversions;
	struct name_index own; /* exports of this build: name -> index of own_exports */
	struct own_export {
		const struct ko *ko;
		const struct ko_export *x;
	} * own_exports;
	struct name_index modules; /* modules the kernel package ships, see enum shipped */
	struct btf *btf; /* check_btf.c: the kernel's own types; NULL: not looked for */
	struct strvec module_names; /* what `modules` borrows */
	struct kernel_image image; /* see fit_image() */
	bool image_asked, image_speaks; /* it has a banner */
};
enum shipped { SHIPPED_MODULE, SHIPPED_BUILTIN };

/* Does the kernel configuration say CONFIG_<symbol>=y? */
enum known fit_config(const struct fit_context *c, const char *symbol);

/* The kernel as it runs; NULL: it is not at hand, or cannot be read. */
const struct kernel_image *fit_image(struct fit_context *c);
/* The same, if it has a banner: without one these may not be the kernel's bytes at all. */
const struct kernel_image *fit_whole_image(struct fit_context *c);

void fit_add(struct fit_context *c, const struct ko *ko, const char *point, enum fit_result result,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "a, b, c and 7 more"; caller frees. */
char *fit_some(const struct strvec *names);

bool fit_gpl_compatible(const char *license); /* NULL: no licence at all */

/* check_elf.c */
void fit_check_machine(struct fit_context *c, const struct ko *ko);
void fit_check_structure(struct fit_context *c, const struct ko *ko);
void fit_check_name(struct fit_context *c, const struct ko *ko);
/* check_relocations.c */
void fit_check_relocations(struct fit_context *c, const struct ko *ko);
/* check_flags.c */
void fit_check_flags(struct fit_context *c, const struct ko *ko);
/* check_layout.c */
void fit_check_layout(struct fit_context *c, const struct ko *ko);
/* check_sections.c */
void fit_check_sections(struct fit_context *c, const struct ko *ko);
/* check_memory.c */
void fit_check_memory(struct fit_context *c, const struct ko *ko);
/* check_landing.c */
void fit_check_landing_pads(struct fit_context *c, const struct ko *ko);
/* check_compression.c */
void fit_check_compression(struct fit_context *c, const struct ko *ko);
/* check_cfi.c */
void fit_check_cfi(struct fit_context *c, const struct ko *ko);
/* check_stack.c: shadow call stack, stack protector */
void fit_check_shadow_call_stack(struct fit_context *c, const struct ko *ko);
void fit_check_stack_protector(struct fit_context *c, const struct ko *ko);
/* check_btf.c */
void fit_check_btf(struct fit_context *c, const struct ko *ko);
void fit_free_btf(struct fit_context *c);
/* check_signature.c */
void fit_check_signature(struct fit_context *c, const struct ko *ko);
/* check_vermagic.c */
void fit_check_vermagic(struct fit_context *c, const struct ko *ko);
/* check_symbols.c: symbols, crc, license, namespace, depends, exports */
void fit_check_symbols(struct fit_context *c, const struct ko *ko);

#endif
