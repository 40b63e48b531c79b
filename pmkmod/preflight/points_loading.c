// SPDX-License-Identifier: GPL-3.0-or-later
/* Points that decide whether the kernel takes the finished module. */
#include "pmkmod/preflight/points.h"

/* CRCs from debug information instead of source text, since 6.14. */
static const char *how_computed(const struct preflight_context *x)
{
	return kconfig_yes(x->c, "GENDWARFKSYMS")
		       ? "; they come from debug information (CONFIG_GENDWARFKSYMS), which "
			 "genksyms cannot compute again"
		       : "";
}

void preflight_modversions(struct preflight_context *x)
{
	static const char missing[] =
		"CONFIG_MODVERSIONS, but there is no Module.symvers of this build";

	if (!kconfig_yes(x->c, "MODVERSIONS")) {
		preflight_add(x, PREFLIGHT_OK, "not set: no CRCs are compared");
		return;
	}
	x->out->needs_symvers = true;
	if (x->in->symvers != PREFLIGHT_NO)
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_MODVERSIONS: each symbol's CRC must be the kernel's, from the "
			"Module.symvers of exactly this build%s",
			how_computed(x));
	else if (kconfig_yes(x->c, "MODULE_FORCE_LOAD"))
		preflight_add(x, PREFLIGHT_NOTE,
			"%s: the module will have no CRCs; CONFIG_MODULE_FORCE_LOAD makes the "
			"kernel take it unchecked, tainted and possibly crashing",
			missing);
	else
		preflight_add(x, PREFLIGHT_REFUSE,
			"%s: the kernel would refuse a module without CRCs; `pmkmod symvers IMAGE` "
			"recovers them from the phone's kernel image%s",
			missing, how_computed(x));
}

/* CONFIG_MODULE_SIG_PROTECT is Android's (GKI 5.15 and later). */
void preflight_exports(struct preflight_context *x)
{
	const char *list = kconfig_get(x->c, "UNUSED_KSYMS_WHITELIST");

	x->out->trims_exports = kconfig_yes(x->c, "TRIM_UNUSED_KSYMS");
	if (x->out->trims_exports)
		preflight_add(x, PREFLIGHT_NOTE,
			"CONFIG_TRIM_UNUSED_KSYMS: this kernel exports only what its own modules "
			"use%s%s; the check after the build names what this module misses",
			list && *list ? " and what is listed in " : "", list && *list ? list : "");
	else if (kconfig_yes(x->c, "MODULE_SIG_PROTECT"))
		preflight_add(x, PREFLIGHT_NOTE,
			"CONFIG_MODULE_SIG_PROTECT (Android): a module that the kernel's own build "
			"did not sign may only use the symbols of a list, and that list is not "
			"known here");
	else
		preflight_add(x, PREFLIGHT_OK, "nothing is trimmed");
}

static void refuse_unsigned(struct preflight_context *x)
{
	preflight_add(x, PREFLIGHT_REFUSE,
		"CONFIG_%s: this kernel only takes modules signed with a key it trusts, and pmkmod "
		"has none. If you have the key of the kernel's build (certs/signing_key.pem), give "
		"it with --sign-key FILE; otherwise `pmkmod signing-kernel DEVICE --emit-aport DIR` "
		"makes the aport of a kernel that trusts a key of yours",
		x->out->sign.required_by);
}

/* Elliptic curves are verified since 5.13, with CONFIG_CRYPTO_ECDSA built in. */
static bool key_fits(const struct preflight_context *x)
{
	const struct sign_rule *r = &x->out->sign;

	return !x->in->sign_key_is_ec || (r->format == SIGN_PKCS7 && r->takes_ec);
}

static void with_key(struct preflight_context *x)
{
	const struct sign_rule *r = &x->out->sign;
	static const char no_ec[] = "it cannot verify elliptic curves, which came with 5.13 and "
				    "CONFIG_CRYPTO_ECDSA";

	if (!r->checks && !r->required_by) {
		preflight_add(x, PREFLIGHT_NOTE,
			"this kernel has no CONFIG_MODULE_SIG and looks at no signature: the "
			"module is not signed, the key is not used");
		return;
	}
	if (!key_fits(x) && (r->required_by || r->format == SIGN_X509)) {
		preflight_add(x, PREFLIGHT_REFUSE,
			"the key given does not do for this kernel: %s; an RSA key does", no_ec);
		return;
	}
	x->out->will_sign = true;
	if (!key_fits(x))
		preflight_add(x, PREFLIGHT_NOTE,
			"signed, but this kernel will count the module as unsigned: %s", no_ec);
	else
		preflight_add(x, PREFLIGHT_REQUIRE, "%s%s: signed with %s, in the form of %s",
			r->required_by ? "required by CONFIG_" : "looked at, not required",
			r->required_by ? r->required_by : "", r->hash,
			r->format == SIGN_X509 ? "kernels before 4.3" : "PKCS#7");
}

void preflight_signature(struct preflight_context *x)
{
	struct sign_rule *r = &x->out->sign;

	sign_rule_read(r, x->c, x->in->release);
	x->out->needs_signature = r->required_by != NULL;
	if (x->in->have_sign_key && (r->required_by || !x->in->sign_key_implied))
		with_key(x);
	else if (r->required_by)
		refuse_unsigned(x);
	else if (kconfig_yes(x->c, "LOCK_DOWN_IN_EFI_SECURE_BOOT"))
		preflight_add(x, PREFLIGHT_OK,
			"not required, unless the machine starts it by Secure Boot "
			"(CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT)");
	else
		preflight_add(x, PREFLIGHT_OK, "%s",
			r->checks ? "not required; an unsigned module is noted (taint E)"
				  : "this kernel looks at no signature");
}

/* Samsung's kernels, 3.4 to 4.9: kernel/module.c asks a trusted application by a list of hashes. */
void preflight_firmware(struct preflight_context *x)
{
	static const char *const symbols[] = {"TIMA_LKMAUTH", "TIMA_LKM_BLOCK", NULL};
	const char *found = preflight_first(x, symbols);

	if (found)
		preflight_add(x, PREFLIGHT_NOTE,
			"CONFIG_%s (Samsung): the phone's TrustZone firmware decides by a list of "
			"its own which modules load, and will most likely refuse this one; build "
			"the kernel without that option",
			found);
	else
		preflight_add(x, PREFLIGHT_OK, "no firmware has a say");
}

/* security/integrity/ima/Kconfig: the policy that is compiled in, since 4.17 */
void preflight_ima(struct preflight_context *x)
{
	if (kconfig_yes(x->c, "IMA_APPRAISE_REQUIRE_MODULE_SIGS"))
		preflight_add(x, PREFLIGHT_NOTE,
			"CONFIG_IMA_APPRAISE_REQUIRE_MODULE_SIGS: IMA wants a signature of its own "
			"on each module file (security.ima%s), which pmkmod does not make; sign "
			"the file on the phone with evmctl",
			kconfig_yes(x->c, "IMA_APPRAISE_MODSIG")
				? ", or one behind the module by a "
				  "key on its keyring"
				: "");
	else
		preflight_add(x, PREFLIGHT_OK, "not asked");
}

/* SECURITY_LOADPIN_ENABLED before 5.0, SECURITY_LOADPIN_ENFORCE since */
void preflight_loadpin(struct preflight_context *x)
{
	static const char *const on[] = {
		"SECURITY_LOADPIN_ENFORCE", "SECURITY_LOADPIN_ENABLED", NULL};
	const char *found = kconfig_yes(x->c, "SECURITY_LOADPIN") ? preflight_first(x, on) : NULL;

	if (found)
		preflight_add(x, PREFLIGHT_NOTE,
			"CONFIG_%s: all modules must come from the file system that the first one "
			"came from; with one in the initramfs, those of the root file system are "
			"refused (loadpin.enforce=0 on the kernel's command line helps)",
			found);
	else
		preflight_add(x, PREFLIGHT_OK, "modules may come from any file system");
}

/*
 * btf_parse_module(): since 5.11 type information that does not go together with the kernel's makes
 * it refuse the module; since 5.18 MODULE_ALLOW_BTF_MISMATCH can relax that. A module without any
 * is always taken.
 */
void preflight_btf(struct preflight_context *x)
{
	if (!kconfig_yes(x->c, "DEBUG_INFO_BTF_MODULES"))
		preflight_add(x, PREFLIGHT_OK, "not set");
	else
		preflight_add(x, PREFLIGHT_REQUIRE,
			"CONFIG_DEBUG_INFO_BTF_MODULES: type information made from another vmlinux "
			"than the phone's is %s; the module gets none, which every kernel takes",
			kconfig_yes(x->c, "MODULE_ALLOW_BTF_MISMATCH") ? "ignored" : "refused");
}
