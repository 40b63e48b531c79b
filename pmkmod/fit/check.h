/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks of fit/ share. One function a point; each adds exactly one line to the report. */
#ifndef PMKMOD_FIT_CHECK_H
#define PMKMOD_FIT_CHECK_H

#include "pmkmod/fit/fit.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/modules.h"
#include "pmkmod/kernel/name_index.h"

enum known { KNOWN_NO, KNOWN_YES, KNOWN_NOT }; /* KNOWN_NOT: it is not known */

/* The modules whose symbols one of this build uses, by the names the kernel knows them by. */
struct fit_needs {
	struct strvec owners;
	struct strvec weak; /* owners of weak references alone: it loads without them, too */
	struct strvec lost; /* "symbol (module)": the module is given, and no longer exports it */
	size_t n_unknown; /* symbols whose owner is not known */
};

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
	struct fit_needs *needs; /* of each of `kos` */
	struct name_index given, others; /* names of `kos`, and owners in k->extra */
	struct kernel_modules table; /* see fit_modules() */
	struct kernel_modules own_table; /* see fit_own_modules(); patterns are in own_patterns */
	struct strvec own_patterns;
	bool table_asked, table_known, own_indexed;
	char *table_why; /* it is not known */
	int64_t depends_budget, alias_budget; /* what walks and comparisons may still take */
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

/* What the kernel's own modules depend on and claim; NULL: it is not known, see table_why. */
struct kernel_modules *fit_modules(struct fit_context *c);
/* check_alias.c: the modules of this build as such a table; names and aliases alone. */
struct kernel_modules *fit_own_modules(struct fit_context *c);

void fit_add(struct fit_context *c, const struct ko *ko, const char *point, enum fit_result result,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* "a, b, c and 7 more"; caller frees. */
char *fit_some(const struct strvec *names);

bool fit_gpl_compatible(const char *license); /* NULL: no licence at all */

/* check_elf.c */
void fit_check_machine(struct fit_context *c, const struct ko *ko);
void fit_check_structure(struct fit_context *c, const struct ko *ko);
/* check_name.c */
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
/* check_symbols.c: symbols, crc, license, namespace, exports */
void fit_check_symbols(struct fit_context *c, const struct ko *ko);
/* Fill c->needs. */
void fit_find_owners(struct fit_context *c);
/* check_depends.c */
void fit_check_depends(struct fit_context *c, const struct ko *ko);
/* check_alias.c */
void fit_check_alias(struct fit_context *c, const struct ko *ko);
void fit_free_aliases(struct fit_context *c);

#endif
