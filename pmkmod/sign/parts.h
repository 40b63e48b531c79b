/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of sign/ share. */
#ifndef PMKMOD_SIGN_PARTS_H
#define PMKMOD_SIGN_PARTS_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "pmkmod/sign/sign.h"

struct sign_key {
	EVP_PKEY *pkey;
	X509 *certificate;
	unsigned char *der; /* of the certificate, by libcrypto */
	int der_len;
	char *fingerprint, *subject;
	bool exposed;
};

#define SIGN_MARKER "~Module signature appended~\n"
/* struct module_signature of include/linux/module_signature.h */
struct sign_trailer {
	uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3];
	uint32_t sig_len; /* big endian */
};
enum { SIGN_ID_PGP, SIGN_ID_X509, SIGN_ID_PKCS7 };

/* ---- x509.c: the older format ---- */
/*
 * How kernels before 4.3 name the owner of a certificate: the common name, the organisation before
 * it unless that repeats itself; else the organisation; else the mail address. Caller frees;
 * *len excludes the NUL.
 */
char *sign_x509_name(X509 *certificate, size_t *len);
/* enum pkey_hash_algo of these kernels; -1: they do not know it. */
int sign_x509_hash_number(const char *hash);
const char *sign_x509_hash_name(unsigned number); /* NULL: unknown */
/* Append name, key identifier, signature and trailer (not the marker). */
int sign_x509(const struct sign_key *k, const char *hash, const void *bytes, size_t len,
	struct strbuf *out, struct err *e);
enum sign_state sign_x509_verify(const struct sign_key *k, const struct sign_trailer *t,
	const unsigned char *bytes, size_t len, char **why);

/* Forget libcrypto's errors and give the reason of the last one; "no reason given" else. */
const char *sign_reason(void);

#endif
