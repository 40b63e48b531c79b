/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signatures behind kernel modules: what a kernel wants of them, making them as the kernel's own
 * scripts/sign-file does, and verifying them as the kernel does. Two formats are known:
 *
 *   since 4.3     module, PKCS#7 message (detached, without attributes and certificates), struct
 *                 module_signature, marker
 *   3.7 to 4.2    module, signer's name, key identifier, length and RSA signature, struct
 *                 module_signature, marker
 *
 * Format knowledge: scripts/sign-file.c and include/linux/module_signature.h;
 * kernel/module_signing.c and x509_fabricate_name() in crypto/asymmetric_keys/x509_cert_parser.c of
 * the 3.x kernels.
 */
#ifndef PMKMOD_SIGN_H
#define PMKMOD_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/kernel/kernel.h"

/* ---- rule.c: what one kernel wants ---- */
enum sign_format { SIGN_PKCS7, SIGN_X509 };
struct sign_rule {
	const char
		*required_by; /* symbol that makes the kernel refuse others; NULL: it takes them */
	bool checks; /* CONFIG_MODULE_SIG: it looks at signatures at all */
	bool known_hash; /* `hash` is the configuration's; false: a guess every kernel can do */
	const char *hash; /* "sha256": a literal, never NULL */
	enum sign_format format;
	bool takes_ec; /* CONFIG_CRYPTO_ECDSA=y, 5.13 and later */
};
/* `release` may be NULL: then a kernel of 4.3 or later is assumed. */
void sign_rule_read(struct sign_rule *r, const struct kconfig *c, const char *release);

/* ---- key.c ---- */
struct sign_key; /* a private key and the certificate that belongs to it */
/*
 * `path`: PEM with both (as certs/signing_key.pem of a kernel), or a private key (PEM or DER) whose
 * certificate (PEM or DER) is beside it as .x509, .crt, .cer, .der or .pem. RSA and elliptic
 * curves. An encrypted key is opened with the passphrase in the environment's KBUILD_SIGN_PIN, as
 * sign-file does. -EINVAL with a sentence (exit code 2), or why the file cannot be read. The
 * private half leaves the structure neither for messages nor for anything else.
 */
int sign_key_load(struct sign_key **out, const char *path, struct err *e);
void sign_key_free(struct sign_key *k);
const char *sign_key_fingerprint(const struct sign_key *k); /* SHA-256 of the certificate, hex */
const char *sign_key_subject(const struct sign_key *k); /* "CN=..., O=..." */
bool sign_key_is_ec(const struct sign_key *k); /* else it is RSA */
bool sign_key_is_exposed(const struct sign_key *k); /* others than the owner may read the file */
/* Is the certificate among these bytes (a kernel image has its trusted ones in it, in DER form)? */
bool sign_key_certificate_in(const struct sign_key *k, const void *bytes, size_t len);

/* ---- module.c ---- */
/*
 * Sign the plain .ko at `path` in place (written anew and renamed); a signature that is there
 * already is taken off. With RSA the same input gives the same bytes; with elliptic curves the
 * signature has a random part. -EINVAL where key, hash and format do not go together.
 */
int sign_module(
	const struct sign_key *k, const struct sign_rule *rule, const char *path, struct err *e);
/* The same for bytes: what has to be put behind them is appended to `out`. */
int sign_bytes(const struct sign_key *k, const struct sign_rule *rule, const void *bytes,
	size_t len, struct strbuf *out, struct err *e);

/* ---- verify.c ---- */
enum sign_state {
	SIGN_NONE, /* not signed */
	SIGN_GOOD, /* by this key, over these bytes */
	SIGN_OTHER, /* by another key */
	SIGN_BAD, /* by this key, but over other bytes; or damaged */
};
/*
 * Look at the signature behind `bytes`. *why (may be NULL) gets a sentence for SIGN_OTHER and
 * SIGN_BAD, which the caller frees.
 */
enum sign_state sign_verify(const struct sign_key *k, const void *bytes, size_t len, char **why);

/* ---- claim.c: without any key ---- */
struct sign_claim {
	char *flaw; /* why no kernel can read it, NULL: it can be read */
	bool known_format; /* false: of a kind that no kernel knows */
	enum sign_format format;
	char *hash; /* "sha256", NULL: not known */
	/* the signer's certificate: subject key identifier, else issuer and serial number (DER) */
	struct strbuf key_id, issuer, serial;
};
/* False if there is no signature behind `bytes`. sign_claim_free() in any case. */
bool sign_claim_read(struct sign_claim *c, const void *bytes, size_t len);
void sign_claim_free(struct sign_claim *c);
/*
 * Is the signer's certificate among these bytes, in DER form? Names and numbers are compared, so
 * that "no" is certain and "yes" is not a proof.
 */
bool sign_claim_certificate_in(const struct sign_claim *c, const void *bytes, size_t len);
/* The option without which the kernel cannot compute this digest, if it is off; else NULL. */
const char *sign_hash_missing(const struct kconfig *c, const char *hash);
/* May the kernel trust certificates besides those in its image: the firmware's, the owner's? */
bool sign_keys_come_later(const struct kconfig *c);

#endif
