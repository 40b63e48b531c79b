// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Type information in the module: since 5.11 btf_module_notify() (kernel/bpf/btf.c) checks it, and
 * refuses the module if it does not go together with the kernel's own. What pmkmod builds has none.
 */
#include "pmkmod/fit/check.h"

#include <elf.h>

#include "pmkmod/fit/btf.h"

#define LOOKED_AT KERNEL_VERSION_CODE(5, 11)
#define HAS_BASE KERNEL_VERSION_CODE(6, 11)

/* Only looked for by modules whose fate depends on it, and once. */
static const struct btf *kernels_own(struct fit_context *c)
{
	const struct kernel_image *im = c->btf ? NULL : fit_image(c);
	const char *bytes;
	size_t len;

	if (im) {
		c->btf = xcalloc(1, sizeof(*c->btf));
		bytes = btf_find(im->bytes, im->len, &len);
		if (!bytes || btf_open(c->btf, bytes, len, NULL, c->version, NULL) < 0)
			btf_close(c->btf);
	}
	return c->btf && c->btf->n_types ? c->btf : NULL;
}

void fit_free_btf(struct fit_context *c)
{
	if (c->btf)
		btf_close(c->btf);
	free(c->btf);
}

static void refused(struct fit_context *c, const struct ko *ko, const char *why)
{
	fit_add(c, ko, "btf", FIT_FAIL,
		"its type information is not made from this kernel's vmlinux (%s), and the kernel refuses "
		"that; take it away (objcopy --remove-section=.BTF)",
		why);
}

static void need_image(struct fit_context *c, const struct ko *ko)
{
	fit_add(c, ko, "btf", FIT_UNKNOWN,
		"it has type information, and the kernel refuses that if it does not go together with its "
		"own; whether it does cannot be known without the kernel's image");
}

/* Since 6.11 a module may bring the types it builds on; the kernel looks for their like. */
static void with_base(struct fit_context *c, const struct ko *ko)
{
	const struct btf *kernel = kernels_own(c);
	struct btf base = {0}, own = {0};
	struct err why = ERR_INIT;
	int r = btf_open(&base, ko->btf_base, ko->btf_base_len, NULL, c->version, &why);

	if (r == 0)
		r = btf_open(&own, ko->btf, ko->btf_len, &base, c->version, &why);
	if (r == 0 && kernel)
		r = btf_find_base(&own, kernel, &why);
	if (r < 0)
		refused(c, ko, why.text);
	else if (!kernel)
		need_image(c, ko);
	else
		fit_add(c, ko, "btf", FIT_PASS,
			"the kernel has types like the %zu that it brings along (.BTF.base) for its own "
			"%zu",
			base.n_types, own.n_types);
	btf_close(&own);
	btf_close(&base);
}

static void against_kernel(struct fit_context *c, const struct ko *ko)
{
	const struct btf *kernel = kernels_own(c);
	struct err why = ERR_INIT;
	struct btf own = {0};

	if (!kernel && btf_check_header(ko->btf, ko->btf_len, true, &why) == 0)
		need_image(c, ko);
	else if (kernel && btf_open(&own, ko->btf, ko->btf_len, kernel, c->version, &why) == 0)
		fit_add(c, ko, "btf", FIT_PASS,
			"its %zu types go together with the %zu of the kernel", own.n_types,
			kernel->n_types);
	else
		refused(c, ko, why.text);
	btf_close(&own);
}

void fit_check_btf(struct fit_context *c, const struct ko *ko)
{
	enum known looked_at = fit_config(c, "DEBUG_INFO_BTF_MODULES");

	if (c->version && c->version < LOOKED_AT)
		looked_at = KNOWN_NO;
	if (!ko->btf_len)
		fit_add(c, ko, "btf", FIT_PASS,
			"it has no type information, which every kernel takes");
	else if (looked_at == KNOWN_NO)
		fit_add(c, ko, "btf", FIT_PASS, "the kernel does not look at its type information");
	else if (looked_at == KNOWN_NOT)
		fit_add(c, ko, "btf", FIT_UNKNOWN,
			"it has type information; whether the kernel looks at it is not known without its "
			"configuration");
	else if (fit_config(c, "MODULE_ALLOW_BTF_MISMATCH") == KNOWN_YES)
		fit_add(c, ko, "btf", FIT_PASS,
			"the kernel ignores type information that does not go together with its own "
			"(CONFIG_MODULE_ALLOW_BTF_MISMATCH)");
	else if (ko->elf_data != ELFDATA2LSB)
		fit_add(c, ko, "btf", FIT_UNKNOWN,
			"it has type information in an order of bytes that is not read here");
	else if (ko->btf_base_len && c->version >= HAS_BASE)
		with_base(c, ko);
	else
		against_kernel(c, ko);
}
