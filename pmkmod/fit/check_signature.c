// SPDX-License-Identifier: GPL-3.0-or-later
/* module_sig_check(): who signed it, over what, and whether the kernel wants that. */
#include "pmkmod/fit/check.h"

#include "chroot/base/fs.h"
#include "pmkmod/kernel/ko_image.h"

/* Before, a kernel that does not insist still refused what it could not understand. */
#define ODD_IS_UNSIGNED_SINCE KERNEL_VERSION_CODE(5, 4)

/* What can be seen of the module's signature. */
struct seen {
	enum sign_state state; /* by the key at hand; SIGN_NONE without one */
	char *why;
	struct sign_claim claim;
};

static void look(struct seen *s, const struct fit_context *c, const struct ko *ko)
{
	struct ko_image im;
	char *bytes = NULL;
	size_t len = 0;

	*s = (struct seen){.state = SIGN_NONE};
	if (!ko->is_signed || fs_read(ko->path, KO_MAX, &bytes, &len, NULL) < 0)
		return;
	/* it may be compressed */
	if (ko_image_open(&im, bytes, len, NULL) == 0) {
		sign_claim_read(&s->claim, im.bytes, im.len);
		if (c->k->sign_key)
			s->state = sign_verify(c->k->sign_key, im.bytes, im.len, &s->why);
	}
	ko_image_close(&im);
}

/* Signed by somebody else than the key at hand. */
static void by_another(
	struct fit_context *c, const struct ko *ko, const char *must, const struct seen *s)
{
	const char *whom = s->state == SIGN_OTHER ? ", by another key than the one given" : "";
	bool all_in_image = !sign_keys_come_later(c->k->config);
	const struct kernel_image *im = all_in_image ? fit_whole_image(c) : NULL;

	if (im && !sign_claim_certificate_in(&s->claim, im->bytes, im->len))
		fit_add(c, ko, "signature", FIT_FAIL,
			"it is signed%s, and the signer's certificate is not in the kernel's image; "
			"CONFIG_%s refuses such keys; sign it with a key that the kernel was built "
			"with (--sign-key)",
			whom, must);
	else
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"it is signed%s; whether the kernel trusts the key cannot be seen from "
			"outside (CONFIG_%s refuses other keys)",
			whom, must);
}

/* The kernel takes only modules signed by a key it trusts, and this one is signed. */
static void must_be_trusted(
	struct fit_context *c, const struct ko *ko, const char *must, const struct seen *s)
{
	const struct sign_key *key = c->k->sign_key;

	if (s->state != SIGN_GOOD)
		by_another(c, ko, must, s);
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

/*
 * Made with the key at hand, but over other bytes. A kernel that does not know the key never gets
 * as far as comparing (-ENOKEY), and if it does not insist it takes the module.
 */
static void does_not_hold(
	struct fit_context *c, const struct ko *ko, const char *must, const struct seen *s)
{
	const char *why = s->why ? s->why : "it is damaged";

	if (must || c->k->key_is_trusted == FIT_PASS)
		fit_add(c, ko, "signature", FIT_FAIL,
			"its signature does not hold: %s; a kernel with CONFIG_MODULE_SIG refuses "
			"that; sign the module anew",
			why);
	else if (c->k->key_is_trusted == FIT_FAIL)
		need_not_be(c, ko, true);
	else
		fit_add(c, ko, "signature", FIT_UNKNOWN,
			"its signature does not hold: %s; a kernel that knows the key refuses that, and "
			"whether this one does is not known; sign the module anew",
			why);
}

/* What is wrong with the signature for any kernel that looks at it; NULL: nothing. */
static const char *flaw_of(const struct ko *ko, const struct seen *s)
{
	if (ko->signature_flaw)
		return ko->signature_flaw;
	return s->claim.known_format ? s->claim.flaw : NULL;
}

/* -ENOPKG: sound, but this kernel cannot check it. A sentence, which the caller frees; else NULL.
 */
static char *not_understood(
	const struct fit_context *c, const struct sign_rule *rule, const struct seen *s)
{
	const char *missing = sign_hash_missing(c->k->config, s->claim.hash);

	if (!s->claim.known_format || s->claim.format != rule->format)
		return xstrdup("its format is not the one that this kernel knows");
	return missing ? xasprintf("it is made with %s, which the kernel cannot compute without "
				   "CONFIG_%s",
				 s->claim.hash, missing)
		       : NULL;
}

static void by_rule(struct fit_context *c, const struct ko *ko, const struct sign_rule *rule,
	const struct seen *s)
{
	const char *must = rule->required_by;
	const char *flaw = ko->is_signed ? flaw_of(ko, s) : NULL;
	_cleanup_free_ char *odd = ko->is_signed ? not_understood(c, rule, s) : NULL;
	bool looks = rule->checks || must;

	if (flaw && looks)
		fit_add(c, ko, "signature", FIT_FAIL,
			"its signature cannot be read: %s; a kernel with CONFIG_MODULE_SIG refuses "
			"that; strip the signature or sign the module anew",
			flaw);
	else if (odd && looks && (must || (c->version && c->version < ODD_IS_UNSIGNED_SINCE)))
		fit_add(c, ko, "signature", FIT_FAIL,
			"its signature is of no use: %s; sign the module anew", odd);
	else if (s->state == SIGN_BAD && !odd && looks)
		does_not_hold(c, ko, must, s);
	else if (must && !ko->is_signed)
		fit_add(c, ko, "signature", FIT_FAIL,
			"it is not signed, and CONFIG_%s makes the kernel refuse that; only a key the "
			"kernel was built with helps (--sign-key), or a kernel without this option",
			must);
	else if (must)
		must_be_trusted(c, ko, must, s);
	else
		need_not_be(c, ko, rule->checks);
}

void fit_check_signature(struct fit_context *c, const struct ko *ko)
{
	struct sign_rule rule;
	struct seen seen;

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
	look(&seen, c, ko);
	by_rule(c, ko, &rule, &seen);
	free(seen.why);
	sign_claim_free(&seen.claim);
}
