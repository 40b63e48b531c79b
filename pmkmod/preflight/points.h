/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of preflight/ share. Each function adds exactly one point. */
#ifndef PMKMOD_PREFLIGHT_POINTS_H
#define PMKMOD_PREFLIGHT_POINTS_H

#include "pmkmod/preflight/preflight.h"

struct preflight_context {
	const struct preflight_input *in;
	const struct kconfig *c;
	uint32_t version; /* kernel_version_code(), 0: not known */
	const char *name; /* of the point under way */
	struct preflight *out;
};

void preflight_add(struct preflight_context *x, enum preflight_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Is the kernel of that version or newer? An unknown one counts as new. */
bool preflight_since(const struct preflight_context *x, uint32_t version);
/* The first of the symbols (a NULL-terminated list) that is =y; NULL: none. */
const char *preflight_first(const struct preflight_context *x, const char *const *symbols);

/* points_kernel.c */
void preflight_architecture(struct preflight_context *x);
void preflight_byte_order(struct preflight_context *x);
void preflight_modules(struct preflight_context *x);
void preflight_page_size(struct preflight_context *x);
void preflight_thumb2(struct preflight_context *x);
void preflight_compression(struct preflight_context *x);
void preflight_rust(struct preflight_context *x);
/* points_loading.c */
void preflight_modversions(struct preflight_context *x);
void preflight_exports(struct preflight_context *x);
void preflight_signature(struct preflight_context *x);
void preflight_firmware(struct preflight_context *x);
void preflight_ima(struct preflight_context *x);
void preflight_loadpin(struct preflight_context *x);
void preflight_btf(struct preflight_context *x);
/* points_code.c */
void preflight_cfi(struct preflight_context *x);
void preflight_branch_targets(struct preflight_context *x);
void preflight_shadow_call_stack(struct preflight_context *x);
void preflight_lto(struct preflight_context *x);
void preflight_randstruct(struct preflight_context *x);
void preflight_plugins(struct preflight_context *x);
void preflight_stack_protector(struct preflight_context *x);
/* points_compiler.c; after those above, which say how strict it is */
void preflight_compiler(struct preflight_context *x);

#endif
