// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/check.h"

#include "chroot/base/fs.h"

#define SOME 5 /* names in a sentence */
/* Of one run; a thousand modules of a usual kernel take a hundredth part of them. */
#define DEPENDS_STEPS 20000000
#define ALIAS_STEPS 200000000
#define TEXT_MAX 4000 /* bytes of one finding */

enum known fit_config(const struct fit_context *c, const char *symbol)
{
	if (!c->k->config)
		return KNOWN_NOT;
	return kconfig_yes(c->k->config, symbol) ? KNOWN_YES : KNOWN_NO;
}

const struct kernel_image *fit_image(struct fit_context *c)
{
	_cleanup_free_ char *banner = NULL;

	if (!c->image_asked && c->k->image &&
		kernel_image_read(&c->image, c->k->image, NULL) == 0) {
		banner = kernel_image_banner(&c->image);
		c->image_speaks = banner != NULL;
	}
	c->image_asked = true;
	return c->image.bytes ? &c->image : NULL;
}

const struct kernel_image *fit_whole_image(struct fit_context *c)
{
	const struct kernel_image *im = fit_image(c);

	return c->image_speaks ? im : NULL;
}

struct kernel_modules *fit_modules(struct fit_context *c)
{
	struct err why = ERR_INIT;

	if (!c->table_asked && c->k->facts && c->k->modules) {
		c->table_known =
			kernel_modules_read(&c->table, c->k->modules, c->k->facts, &why) == 0;
		if (!c->table_known)
			c->table_why = xstrdup(why.text);
	}
	c->table_asked = true;
	return c->table_known ? &c->table : NULL;
}

static void add_point(struct fit_report *r, size_t path, const char *module, const char *point,
	enum fit_result result, char *text)
{
	/* full whenever it holds a power of two of them */
	if ((r->n_points & (r->n_points - 1)) == 0)
		r->points =
			xrealloc(r->points, r->n_points ? 2 * r->n_points : 1, sizeof(*r->points));
	r->points[r->n_points++] = (struct fit_point){xstrdup(module), point, result, text, path};
	r->n_fail += result == FIT_FAIL;
	r->n_unknown += result == FIT_UNKNOWN;
}

void fit_report_add(struct fit_report *r, const char *module, const char *point,
	enum fit_result result, const char *text)
{
	add_point(r, SIZE_MAX, module, point, result, xstrdup(text));
}

void fit_add(struct fit_context *c, const struct ko *ko, const char *point, enum fit_result result,
	const char *fmt, ...)
{
	struct strbuf text = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	/* a name in a damaged module may be as long as the file */
	if (text.len > TEXT_MAX) {
		text.s[text.len = TEXT_MAX] = '\0';
		strbuf_adds(&text, "...");
	}
	add_point(c->out, c->path_of[ko - c->kos], path_base(ko->path), point, result,
		strbuf_steal(&text));
}

char *fit_some(const struct strvec *names)
{
	struct strbuf out = {0};
	size_t shown = names->n > SOME + 1 ? SOME : names->n;

	for (size_t i = 0; i < shown; i++)
		strbuf_addf(&out, "%s%s", i ? ", " : "", names->v[i]);
	if (shown < names->n)
		strbuf_addf(&out, " and %zu more", names->n - shown);
	return strbuf_steal(&out);
}

/* license_is_gpl_compatible() in include/linux/license.h, the same since 2.6. */
bool fit_gpl_compatible(const char *license)
{
	static const char *const good[] = {"GPL", "GPL v2", "GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};

	for (size_t i = 0; license && i < ARRAY_SIZE(good); i++)
		if (streq(license, good[i]))
			return true;
	return false;
}

/* MODVERSIONS by the configuration, else by the kernel's vermagic, else by its CRCs. */
static enum known find_modversions(const struct fit_context *c)
{
	const struct fit_kernel *k = c->k;

	if (k->vermagic)
		return strstr(k->vermagic, " modversions ") ? KNOWN_YES : KNOWN_NO;
	if (k->config)
		return kconfig_yes(k->config, "MODVERSIONS") ? KNOWN_YES : KNOWN_NO;
	if (k->symvers && symvers_count(k->symvers))
		return symvers_all_zero(k->symvers) ? KNOWN_NO : KNOWN_YES;
	return KNOWN_NOT;
}

static void find_vermagic(struct fit_context *c)
{
	const struct fit_kernel *k = c->k;
	_cleanup_free_ char *why = NULL;

	if (k->vermagic) {
		c->vermagic = xstrdup(k->vermagic);
		c->vermagic_source = xstrdup(
			k->vermagic_source ? k->vermagic_source : "from the kernel package");
		return;
	}
	if (k->config && k->release && k->arch)
		c->vermagic = kconfig_vermagic(k->config, k->release, k->arch, &why);
	if (c->vermagic)
		c->vermagic_source = xstrdup("derived from its configuration and release");
	else if (why)
		c->vermagic_source = steal_ptr(why);
	else
		c->vermagic_source =
			xasprintf("the package ships no module to read it from, and %s "
				  "is not known",
				!k->config    ? "its configuration"
				: !k->release ? "its release"
					      : "its architecture");
}

static void index_modules(struct fit_context *c, const struct strvec *paths, enum shipped how)
{
	for (size_t i = 0; i < paths->n; i++) {
		char *name = module_name_of(paths->v[i]);

		strvec_take(&c->module_names, name);
		name_index_add(&c->modules, name, how);
	}
}

static void index_exports(struct fit_context *c)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < c->n_kos; i++)
		total += c->kos[i].n_exported;
	c->own_exports = xcalloc(total, sizeof(*c->own_exports));
	for (size_t i = 0; i < c->n_kos; i++) {
		const struct ko *ko = &c->kos[i];

		for (size_t j = 0; j < ko->n_exported; j++) {
			c->own_exports[n] = (struct own_export){ko, &ko->exported[j]};
			name_index_add(&c->own, ko->exported[j].name, (uint32_t)n++);
		}
	}
}

/*
 * Read all modules. One that is damaged or none at all is a finding of the report; one that cannot
 * be opened or read is the caller's trouble.
 */
static int read_all(struct fit_context *c, const struct strvec *paths, struct err *e)
{
	c->kos = xcalloc(paths->n, sizeof(*c->kos));
	c->path_of = xcalloc(paths->n, sizeof(*c->path_of));
	for (size_t i = 0; i < paths->n; i++) {
		struct err why = ERR_INIT;
		int r = ko_read(&c->kos[c->n_kos], paths->v[i], &why);

		if (r == -EBADMSG || r == -EINVAL || r == -EFBIG)
			add_point(c->out, i, path_base(paths->v[i]), "file", FIT_FAIL,
				xstrdup(why.text));
		else if (r < 0)
			return err_set(e, r, "%s", why.text);
		else
			c->path_of[c->n_kos++] = i;
	}
	return 0;
}

static void check_all(struct fit_context *c)
{
	static void (*const checks[])(struct fit_context *, const struct ko *) = {
		fit_check_compression,
		fit_check_machine,
		fit_check_flags,
		fit_check_structure,
		fit_check_layout,
		fit_check_sections,
		fit_check_memory,
		fit_check_relocations,
		fit_check_btf,
		fit_check_cfi,
		fit_check_landing_pads,
		fit_check_shadow_call_stack,
		fit_check_stack_protector,
		fit_check_signature,
		fit_check_vermagic,
		fit_check_symbols,
		fit_check_depends,
		fit_check_name,
		fit_check_alias,
	};

	for (size_t i = 0; i < c->n_kos; i++)
		for (size_t j = 0; j < ARRAY_SIZE(checks); j++)
			checks[j](c, &c->kos[i]);
}

static void context_free(struct fit_context *c)
{
	for (size_t i = 0; i < c->n_kos; i++) {
		ko_free(&c->kos[i]);
		if (!c->needs)
			continue;
		strvec_free(&c->needs[i].owners);
		strvec_free(&c->needs[i].weak);
		strvec_free(&c->needs[i].lost);
	}
	free(c->needs);
	free(c->kos);
	free(c->path_of);
	kernel_image_free(&c->image);
	free(c->own_exports);
	fit_free_btf(c);
	fit_free_aliases(c);
	free(c->vermagic);
	free(c->vermagic_source);
	name_index_free(&c->own);
	name_index_free(&c->modules);
	name_index_free(&c->given);
	name_index_free(&c->others);
	kernel_modules_free(&c->table);
	free(c->table_why);
	strvec_free(&c->module_names);
}

int fit_check(const struct fit_kernel *k, const struct strvec *ko_paths, struct fit_report *out,
	struct err *e)
{
	struct fit_context c = {
		.k = k, .out = out, .depends_budget = DEPENDS_STEPS, .alias_budget = ALIAS_STEPS};
	int r;

	*out = (struct fit_report){0};
	r = read_all(&c, ko_paths, e);
	if (r == 0) {
		c.version = k->release ? kernel_version_code(k->release) : 0;
		find_vermagic(&c);
		c.modversions = find_modversions(&c);
		if (k->facts) {
			index_modules(&c, &k->facts->modules, SHIPPED_MODULE);
			index_modules(&c, &k->facts->builtin, SHIPPED_BUILTIN);
		}
		index_exports(&c);
		fit_find_owners(&c);
		check_all(&c);
	}
	context_free(&c);
	if (r < 0)
		fit_report_free(out);
	return r;
}
