// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/findings.h"

/* Since 4.9 a symbol without a CRC passes unchecked (check_version(), "Broken toolchain"). */
#define LENIENT_SINCE KERNEL_VERSION_CODE(4, 9)
/* Since 5.9 a proprietary module may not stand between (inherit_taint()). */
#define INHERIT_TAINT_SINCE KERNEL_VERSION_CODE(5, 9)

static void tell_symbols(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *some = fit_some(&f->unresolved);

	for (size_t i = 0; i < f->unresolved.n; i++)
		strvec_addf(&c->out->unresolved, "%s: %s", ko->name, f->unresolved.v[i]);
	if (strvec_has(&f->unresolved, "_GLOBAL_OFFSET_TABLE_"))
		fit_add(c, ko, "symbols", FIT_FAIL,
			"nobody exports %s; _GLOBAL_OFFSET_TABLE_ means that the compiler made "
			"position-independent code, which no kernel loads: compile with -fno-pie",
			some);
	else if (f->unresolved.n && fit_config(c, "TRIM_UNUSED_KSYMS") == KNOWN_YES)
		fit_add(c, ko, "symbols", FIT_FAIL,
			"nobody exports %s: the kernel was built with CONFIG_TRIM_UNUSED_KSYMS, which "
			"leaves out all exports that its own modules do not use; list them in the "
			"file that CONFIG_UNUSED_KSYMS_WHITELIST names, or switch the option off, and "
			"build the kernel anew",
			some);
	else if (f->unresolved.n)
		fit_add(c, ko, "symbols", FIT_FAIL,
			"nobody exports %s; the kernel says \"Unknown symbol\": the kernel lacks an "
			"option the module needs, or the module needs another module that is not here",
			some);
	else if (f->n_unknown && c->k->symvers)
		fit_add(c, ko, "symbols", FIT_UNKNOWN,
			"the kernel itself exports %zu of its symbols, and not %zu others; what the "
			"kernel's modules export is not known",
			f->n_resolved, f->n_unknown);
	else if (f->n_unknown)
		fit_add(c, ko, "symbols", FIT_UNKNOWN,
			"it needs %zu symbols; what the kernel exports is not known without its "
			"Module.symvers",
			f->n_unknown);
	else
		fit_add(c, ko, "symbols", FIT_PASS, "all %zu symbols it needs are exported",
			f->n_resolved);
}

static void no_crcs(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *some = fit_some(&f->crc_missing);
	bool none = !ko->has_versions;

	if (c->modversions == KNOWN_NOT)
		fit_add(c, ko, "crc", FIT_UNKNOWN,
			"it has no CRC for %s; whether the kernel has MODVERSIONS is not known",
			some);
	else if (none && !ko->has_versions_section && !ko->has_ext_versions &&
		 fit_config(c, "MODULE_FORCE_LOAD") == KNOWN_YES)
		fit_add(c, ko, "crc", FIT_PASS,
			"it has no CRCs at all; the kernel has MODVERSIONS but loads it all the same, "
			"unchecked, and is tainted by that (CONFIG_MODULE_FORCE_LOAD)");
	else
		fit_add(c, ko, "crc", FIT_FAIL,
			"it has no CRC for %s, and the kernel has MODVERSIONS%s; build it with this "
			"kernel's complete Module.symvers",
			some,
			c->version >= LENIENT_SINCE
				? ", which refuses it or (4.9 and later, unless patched) uses the "
				  "symbol unchecked"
				: ", which refuses it");
}

static void tell_crc(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *wrong = fit_some(&f->crc_wrong);

	if (c->modversions == KNOWN_NO)
		fit_add(c, ko, "crc", FIT_PASS,
			"the kernel has no MODVERSIONS, nothing is compared");
	else if (f->crc_wrong.n && c->modversions == KNOWN_YES)
		fit_add(c, ko, "crc", FIT_FAIL,
			"the kernel \"disagrees about version of symbol\" %s; the module was built "
			"with the Module.symvers of another build",
			wrong);
	else if (f->crc_missing.n ||
		 (c->modversions == KNOWN_YES && f->n_unknown && !ko->has_versions))
		no_crcs(c, ko, f);
	else if (f->crc_wrong.n)
		fit_add(c, ko, "crc", FIT_UNKNOWN,
			"%s differ; whether the kernel has MODVERSIONS and compares them is not known",
			wrong);
	else if (f->n_crc_unknown || f->n_unknown)
		fit_add(c, ko, "crc", FIT_UNKNOWN, "%zu CRCs have nothing to be compared with: %s",
			f->n_crc_unknown + f->n_unknown,
			c->k->symvers_partial ? "what the kernel's modules export is not known"
			: c->k->symvers	      ? "the Module.symvers at hand has none"
					      : "the kernel's Module.symvers is not there");
	else
		fit_add(c, ko, "crc", FIT_PASS, "all %zu CRCs are the kernel's", f->n_crc_right);
}

static void tell_license(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *some = fit_some(&f->gpl_refused);
	const char *license = ko->license ? ko->license : "unspecified";

	if (f->gpl_refused.n)
		fit_add(c, ko, "license", FIT_FAIL,
			"its licence '%s' is not one the kernel counts as GPL, so these GPL-only "
			"symbols stay unknown to it: %s",
			license, some);
	else if (f->proprietary_symbol && f->uses_gpl_only &&
		 (!c->version || c->version >= INHERIT_TAINT_SINCE))
		fit_add(c, ko, "license", FIT_FAIL,
			"it uses GPL-only symbols and also '%s' of the proprietary module '%s'; since "
			"5.9 the kernel refuses both together",
			f->proprietary_symbol, f->proprietary_owner);
	else if (f->n_gpl_unknown || (!f->gpl_compatible && f->n_unknown))
		fit_add(c, ko, "license", FIT_UNKNOWN,
			"'%s'; which of the symbols are GPL-only is not known", license);
	else if (!f->gpl_compatible)
		fit_add(c, ko, "license", FIT_PASS,
			"'%s' taints the kernel; none of its symbols is GPL-only", license);
	else
		fit_add(c, ko, "license", FIT_PASS, "'%s'", license);
}

static void tell_namespace(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *some = fit_some(&f->ns_missing);
	enum known lax = fit_config(c, "MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS");

	for (size_t i = 0; i < ko->import_ns.n; i++) {
		if (!starts_with(ko->import_ns.v[i], "module:") ||
			c->version < KERNEL_VERSION_CODE(6, 16))
			continue;
		fit_add(c, ko, "namespace", FIT_FAIL,
			"it imports '%s', and namespaces that name modules may not be imported",
			ko->import_ns.v[i]);
		return;
	}
	if (f->ns_missing.n && lax != KNOWN_YES)
		fit_add(c, ko, "namespace", FIT_FAIL,
			"it uses symbols of namespaces it does not import: %s; add MODULE_IMPORT_NS() "
			"to its source",
			some);
	else if (f->ns_missing.n)
		fit_add(c, ko, "namespace", FIT_PASS,
			"it does not import the namespaces of %s, which this kernel only notes "
			"(CONFIG_MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS)",
			some);
	else if (f->n_unknown)
		fit_add(c, ko, "namespace", FIT_UNKNOWN,
			"the namespaces of the symbols are not known without Module.symvers");
	else
		fit_add(c, ko, "namespace", FIT_PASS, "every namespace it needs is imported");
}

static void tell_exports(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	_cleanup_free_ char *twice = fit_some(&f->exported_twice);
	_cleanup_free_ char *rivals = fit_some(&f->rivals);

	if (f->exported_twice.n)
		fit_add(c, ko, "exports", FIT_FAIL,
			"it exports %s, which the kernel itself exports already and so refuses",
			twice);
	else if (f->rivals.n)
		fit_add(c, ko, "exports", FIT_PASS,
			"it exports symbols that %s exports too; only one of them can be loaded at a "
			"time",
			rivals);
	else if (ko->n_exported && !c->k->symvers)
		fit_add(c, ko, "exports", FIT_UNKNOWN,
			"it exports %zu symbols; whether the kernel has the same names is not known",
			ko->n_exported);
	else
		fit_add(c, ko, "exports", FIT_PASS, "%zu symbols, none of them taken",
			ko->n_exported);
}

void findings_report(struct fit_context *c, const struct ko *ko, const struct findings *f)
{
	tell_symbols(c, ko, f);
	tell_crc(c, ko, f);
	tell_license(c, ko, f);
	tell_namespace(c, ko, f);
	tell_exports(c, ko, f);
}

void findings_free(struct findings *f)
{
	struct strvec *const lists[] = {&f->unresolved, &f->crc_wrong, &f->crc_missing,
		&f->gpl_refused, &f->ns_missing, &f->exported_twice, &f->rivals};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_free(lists[i]);
	free(f->proprietary_symbol);
	free(f->proprietary_owner);
}
