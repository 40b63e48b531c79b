// SPDX-License-Identifier: GPL-3.0-or-later
/* What a signature says of itself, which can be read without having any key. */
#include <arpa/inet.h>
#include <openssl/cms.h>
#include <openssl/err.h>

#include "pmkmod/kernel/ko_image.h"
#include "pmkmod/sign/parts.h"

/* Between serial number and issuer of a certificate stands only the algorithm of its signature. */
#define ALGORITHM_MAX 64

static void set_flaw(struct sign_claim *c, const char *text)
{
	free(c->flaw);
	c->flaw = xstrdup(text);
}

/* Who signed: a certificate's issuer and serial number, or its subject key identifier. */
static void read_signer(struct sign_claim *c, CMS_SignerInfo *signer)
{
	ASN1_OCTET_STRING *key_id = NULL;
	X509_NAME *issuer = NULL;
	ASN1_INTEGER *serial = NULL;
	X509_ALGOR *digest = NULL;
	const ASN1_OBJECT *algorithm = NULL;
	unsigned char *der = NULL;
	int n;

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
	X509_ALGOR_get0(&algorithm, NULL, NULL, digest);
	if (OBJ_obj2nid(algorithm) != NID_undef)
		c->hash = xstrdup(OBJ_nid2ln(OBJ_obj2nid(algorithm)));
	if (CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) != 1)
		return;
	if (key_id)
		strbuf_add(&c->key_id, ASN1_STRING_get0_data(key_id),
			(size_t)ASN1_STRING_length(key_id));
	n = issuer ? i2d_X509_NAME(issuer, &der) : -1;
	if (n > 0)
		strbuf_add(&c->issuer, der, (size_t)n);
	OPENSSL_free(der);
	der = NULL;
	n = serial ? i2d_ASN1_INTEGER(serial, &der) : -1;
	if (n > 0)
		strbuf_add(&c->serial, der, (size_t)n);
	OPENSSL_free(der);
}

/* pkcs7_parse_message(): of what follows the message the kernel's decoder takes no notice. */
static void read_pkcs7(struct sign_claim *c, const unsigned char *at, size_t len)
{
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)len);
	STACK_OF(CMS_SignerInfo) * signers;

	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		set_flaw(c, "it is no PKCS#7 message of a signature");
	} else {
		signers = CMS_get0_SignerInfos(cms);
		if (sk_CMS_SignerInfo_num(signers) < 1)
			set_flaw(c, "nobody has signed its PKCS#7 message");
		else
			read_signer(c, sk_CMS_SignerInfo_value(signers, 0));
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
}

/* The older format names the signer in words and by the subject key identifier. */
static void read_x509(struct sign_claim *c, const struct sign_trailer *t, const char *end)
{
	const char *hash = sign_x509_hash_name(t->hash);

	if (hash)
		c->hash = xstrdup(hash);
	strbuf_add(&c->key_id, end - ntohl(t->sig_len) - t->key_id_len, t->key_id_len);
}

bool sign_claim_read(struct sign_claim *c, const void *bytes, size_t len)
{
	const size_t marker = strlen(SIGN_MARKER), tail = marker + sizeof(struct sign_trailer);
	const char *all = bytes;
	struct sign_trailer t;
	size_t rest, length;

	*c = (struct sign_claim){0};
	if (len < marker || len > KO_MAX || memcmp(all + len - marker, SIGN_MARKER, marker) != 0)
		return false;
	if (len <= tail) {
		set_flaw(c, "nothing stands before its marker");
		return true;
	}
	rest = len - tail;
	memcpy(&t, all + rest, sizeof(t));
	length = (size_t)ntohl(t.sig_len);
	c->known_format = t.id_type == SIGN_ID_PKCS7 || t.id_type == SIGN_ID_X509;
	c->format = t.id_type == SIGN_ID_PKCS7 ? SIGN_PKCS7 : SIGN_X509;
	if (length + t.signer_len + t.key_id_len >= rest)
		set_flaw(c, "it claims to be longer than the file");
	else if (t.id_type == SIGN_ID_PKCS7)
		read_pkcs7(c, (const unsigned char *)all + rest - length, length);
	else if (t.id_type == SIGN_ID_X509)
		read_x509(c, &t, all + rest);
	return true;
}

static bool find(const char *bytes, size_t len, const struct strbuf *wanted)
{
	return wanted->len && memmem(bytes, len, wanted->s, wanted->len);
}

bool sign_claim_certificate_in(const struct sign_claim *c, const void *bytes, size_t len)
{
	const char *begin = bytes, *at = begin, *end = begin + len;

	if (c->key_id.len)
		return find(begin, len, &c->key_id);
	/* a certificate has its serial number right before its issuer */
	while (c->issuer.len && (at = memmem(at, (size_t)(end - at), c->issuer.s, c->issuer.len))) {
		size_t before = c->serial.len + ALGORITHM_MAX;

		if (before > (size_t)(at - begin))
			before = (size_t)(at - begin);
		if (find(at - before, before, &c->serial))
			return true;
		at++;
	}
	return false;
}

void sign_claim_free(struct sign_claim *c)
{
	free(c->flaw);
	free(c->hash);
	strbuf_free(&c->key_id);
	strbuf_free(&c->issuer);
	strbuf_free(&c->serial);
	*c = (struct sign_claim){0};
}

/* What libcrypto and kernels call a digest, and the option that gives it to the kernel. */
static const struct {
	const char *hash, *symbol;
} digests[] = {
	{"md5", "CRYPTO_MD5"},
	{"sha1", "CRYPTO_SHA1"},
	{"sha224", "CRYPTO_SHA256"},
	{"sha256", "CRYPTO_SHA256"},
	{"sha384", "CRYPTO_SHA512"},
	{"sha512", "CRYPTO_SHA512"},
	{"sha3-256", "CRYPTO_SHA3"},
	{"sha3-384", "CRYPTO_SHA3"},
	{"sha3-512", "CRYPTO_SHA3"},
};

const char *sign_hash_missing(const struct kconfig *c, const char *hash)
{
	for (size_t i = 0; hash && i < ARRAY_SIZE(digests); i++)
		if (streq(digests[i].hash, hash))
			return kconfig_known(c, digests[i].symbol) &&
					       !kconfig_get(c, digests[i].symbol)
				       ? digests[i].symbol
				       : NULL;
	return NULL;
}

/* Certificates that the firmware or the machine's owner adds when the kernel starts. */
bool sign_keys_come_later(const struct kconfig *c)
{
	static const char *const symbols[] = {"INTEGRITY_MACHINE_KEYRING",
		"INTEGRITY_PLATFORM_KEYRING", "MODULE_SIG_UEFI", "EFI_SIGNATURE_LIST_PARSER"};

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		if (kconfig_yes(c, symbols[i]))
			return true;
	return false;
}
