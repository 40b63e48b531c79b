// SPDX-License-Identifier: GPL-3.0-or-later
/* module_sig_check(): who signed it, over what, and whether the kernel wants that. */
#include "pmkmod/fit/check.h"

#include "chroot/base/fs.h"
#include "pmkmod/kernel/ko_image.h"

/* What the signature is worth by the key at hand; SIGN_NONE without one. */
static enum sign_state look(const struct fit_context *c, const struct ko *ko, char **why)
{
	enum sign_state state = SIGN_NONE;
	struct ko_image im;
	char *bytes = NULL;
	size_t len = 0;

	*why = NULL;
	if (!c->k->sign_key || !ko->is_signed || fs_read(ko->path, KO_MAX, &bytes, &len, NULL) < 0)
		return SIGN_NONE;
	/* it may be compressed */
	if (ko_image_open(&im, bytes, len, NULL) == 0)
		state = sign_verify(c->k->sign_key, im.bytes, im.len, why);
	ko_image_close(&im);
	return state;
}

/* The kernel takes only modules signed by a key it trusts, and this one is signed. */
static void must_be_trusted(
	struct fit_context *c, const struct ko *ko, const char *must, enum sign_state state)
{
	const struct sign_key *key = c->k->sign_key;

	if (state != SIGN_GOOD)
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"it is signed%s; whether the kernel trusts the key cannot be seen from "
			"outside (CONFIG_%s refuses other keys)",
			state == SIGN_OTHER ? ", by another key than the one given" : "", must);
	else if (c->k->key_is_trusted == FIT_PASS)
		fit_add(c, ko, "signature", FIT_PASS,
			"signed with the key given, whose certificate (%s) the kernel's image has "
			"in it",
			sign_key_subject(key));
	else if (c->k->key_is_trusted == FIT_FAIL)
		fit_add(c, ko, "signature", FIT_FAIL,
			"signed with the key given, but the kernel's image does not have its "
			"certificate (%s), and CONFIG_%s refuses other keys; sign with the key of "
			"this kernel's build, or make a kernel that trusts yours: `pmkmod "
			"signing-kernel DEVICE --emit-aport DIR`",
			sign_key_subject(key), must);
	else
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"signed with the key given (%s); whether the kernel trusts it cannot be "
			"seen from outside (CONFIG_%s refuses other keys)",
			sign_key_subject(key), must);
}

static void need_not_be(struct fit_context *c, const struct ko *ko, bool checks)
{
	if (checks && !ko->is_signed)
		fit_add(c, ko, "signature", FIT_PASS,
			"not signed, which this kernel only notes (taint E); module.sig_enforce on "
			"its command line would refuse it");
	else
		fit_add(c, ko, "signature", FIT_PASS, "%s, and the kernel does not ask for it",
			ko->is_signed ? "signed" : "not signed");
}

static void by_rule(struct fit_context *c, const struct ko *ko, const struct sign_rule *rule)
{
	const char *must = rule->required_by;
	_cleanup_free_ char *why = NULL;
	enum sign_state state = look(c, ko, &why);

	if (ko->signature_flaw && (rule->checks || must))
		fit_add(c, ko, "signature", FIT_FAIL,
			"its signature cannot be read: %s; a kernel with CONFIG_MODULE_SIG refuses "
			"that; strip the signature or sign the module anew",
			ko->signature_flaw);
	else if (state == SIGN_BAD && (rule->checks || must))
		fit_add(c, ko, "signature", FIT_FAIL,
			"its signature does not hold: %s; a kernel with CONFIG_MODULE_SIG refuses "
			"that; sign the module anew",
			why ? why : "it is damaged");
	else if (must && !ko->is_signed)
		fit_add(c, ko, "signature", FIT_FAIL,
			"it is not signed, and CONFIG_%s makes the kernel refuse that; only a key the "
			"kernel was built with helps (--sign-key), or a kernel without this option",
			must);
	else if (must)
		must_be_trusted(c, ko, must, state);
	else
		need_not_be(c, ko, rule->checks);
}

void fit_check_signature(struct fit_context *c, const struct ko *ko)
{
	struct sign_rule rule;

	if (!c->k->config) {
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"it is %s; whether the kernel wants signed modules is not known without its "
			"configuration",
			ko->is_signed ? "signed" : "not signed");
		return;
	}
	if (fit_config(c, "TIMA_LKMAUTH") == KNOWN_YES) {
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"the kernel has Samsung's CONFIG_TIMA_LKMAUTH: its TrustZone firmware decides "
			"by a list of its own, which nobody can see from outside");
		return;
	}
	sign_rule_read(&rule, c->k->config, c->k->release);
	by_rule(c, ko, &rule);
}
