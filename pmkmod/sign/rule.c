// SPDX-License-Identifier: GPL-3.0-or-later
/* kernel/module/Kconfig (init/Kconfig before 5.19) and security/lockdown/Kconfig of all ages. */
#include "pmkmod/sign/sign.h"

#define PKCS7_SINCE KERNEL_VERSION_CODE(4, 3)
#define ECDSA_SINCE KERNEL_VERSION_CODE(5, 13)

/* The choice "Which hash algorithm should modules be signed with?"; SHA-3 since 6.7. */
static const struct {
	const char *symbol, *hash;
} hashes[] = {
	{"MODULE_SIG_SHA1", "sha1"},
	{"MODULE_SIG_SHA224", "sha224"},
	{"MODULE_SIG_SHA256", "sha256"},
	{"MODULE_SIG_SHA384", "sha384"},
	{"MODULE_SIG_SHA512", "sha512"},
	{"MODULE_SIG_SHA3_256", "sha3-256"},
	{"MODULE_SIG_SHA3_384", "sha3-384"},
	{"MODULE_SIG_SHA3_512", "sha3-512"},
};

static const char *hash_of(const struct kconfig *c)
{
	const char *text = kconfig_get(c, "MODULE_SIG_HASH");

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++)
		if (kconfig_yes(c, hashes[i].symbol) || (text && streq(text, hashes[i].hash)))
			return hashes[i].hash;
	return NULL;
}

/* "lockdown" as one word of CONFIG_LSM (5.1 and later, comma separated). */
static bool lsm_list_has_lockdown(const struct kconfig *c)
{
	_cleanup_strvec_ struct strvec names = {0};
	const char *list = kconfig_get(c, "LSM");

	if (list)
		strvec_split(&names, list, ",");
	return strvec_has(&names, "lockdown");
}

/*
 * Lockdown asks for signatures only if modules have any (CONFIG_MODULE_SIG, see its help text), and
 * the choice of a mode only counts if the security module is started: early, or by CONFIG_LSM. The
 * patches of distributions before 5.4 had one switch.
 */
static const char *locked_down_by(const struct kconfig *c)
{
	static const char *const modes[] = {
		"LOCK_DOWN_KERNEL_FORCE_INTEGRITY", "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY"};

	if (kconfig_yes(c, "LOCK_DOWN_MANDATORY"))
		return "LOCK_DOWN_MANDATORY";
	if (kconfig_known(c, "LSM") && !kconfig_yes(c, "SECURITY_LOCKDOWN_LSM_EARLY") &&
		!lsm_list_has_lockdown(c))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (kconfig_yes(c, modes[i]))
			return modes[i];
	return NULL;
}

void sign_rule_read(struct sign_rule *r, const struct kconfig *c, const char *release)
{
	uint32_t version = release ? kernel_version_code(release) : 0;
	const char *hash = hash_of(c);

	*r = (struct sign_rule){.checks = kconfig_yes(c, "MODULE_SIG"),
		.known_hash = hash != NULL,
		.hash = hash ? hash : "sha256",
		.format = version && version < PKCS7_SINCE ? SIGN_X509 : SIGN_PKCS7,
		.takes_ec = kconfig_yes(c, "CRYPTO_ECDSA") && (!version || version >= ECDSA_SINCE)};
	if (kconfig_yes(c, "MODULE_SIG_FORCE"))
		r->required_by = "MODULE_SIG_FORCE";
	else if (r->checks || !kconfig_known(c, "MODULE_SIG"))
		r->required_by = locked_down_by(c);
}
