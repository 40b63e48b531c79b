// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Signatures of kernels 3.7 to 4.2: the signer is named in words and by the certificate's subject
 * key identifier, and the RSA signature (PKCS #1 v1.5) stands behind two bytes of length.
 */
#include <arpa/inet.h>
#include <openssl/err.h>

#include "pmkmod/sign/parts.h"
#include "pmkmod/util/exit_codes.h"

#define ALGO_RSA 1
#define MPI_HEAD 2
#define SAME_NAME 7 /* as many equal characters make organisation and common name the same */

/* enum pkey_hash_algo (include/crypto/public_key.h), since 3.13 enum hash_algo: the same numbers */
static const char *const hash_numbers[] = {
	NULL, "md5", "sha1", "ripemd160", "sha256", "sha384", "sha512", "sha224"};

int sign_x509_hash_number(const char *hash)
{
	for (size_t i = 2; i < ARRAY_SIZE(hash_numbers); i++)
		if (streq(hash, hash_numbers[i]))
			return (int)i;
	return -1;
}

const char *sign_x509_hash_name(unsigned number)
{
	return number < ARRAY_SIZE(hash_numbers) ? hash_numbers[number] : NULL;
}

struct part {
	const unsigned char *s;
	size_t len;
};

/* The last attribute of that kind, as the kernel's parser keeps it. */
static struct part name_part(X509_NAME *name, int nid)
{
	struct part p = {NULL, 0};

	for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
		ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

		p.s = ASN1_STRING_get0_data(s);
		p.len = (size_t)ASN1_STRING_length(s);
	}
	return p;
}

static bool begins_alike(struct part cn, struct part o)
{
	if (cn.len >= o.len && memcmp(cn.s, o.s, o.len) == 0)
		return true;
	return cn.len >= SAME_NAME && o.len >= SAME_NAME && memcmp(cn.s, o.s, SAME_NAME) == 0;
}

char *sign_x509_name(X509 *certificate, size_t *len)
{
	X509_NAME *name = X509_get_subject_name(certificate);
	struct part cn = name_part(name, NID_commonName);
	struct part o = name_part(name, NID_organizationName);
	struct part mail = name_part(name, NID_pkcs9_emailAddress);
	struct strbuf b = {0};
	struct part one = cn.len ? cn : o.len ? o : mail;

	if (cn.len && o.len && !begins_alike(cn, o)) {
		strbuf_add(&b, o.s, o.len);
		strbuf_adds(&b, ": ");
	}
	if (one.len)
		strbuf_add(&b, one.s, one.len);
	*len = b.len;
	return strbuf_steal(&b);
}

static int refuse(struct err *e, const struct sign_key *k, const char *why)
{
	err_exit(e, EXIT_USAGE, -EINVAL, "the certificate %s cannot sign for this kernel: %s",
		k->subject, why);
	return err_hint(e, "kernels before 4.3 have a format of their own, with RSA keys alone");
}

static int raw_signature(const struct sign_key *k, const char *hash, const void *bytes, size_t len,
	struct strbuf *out, struct err *e)
{
	const EVP_MD *md = EVP_get_digestbyname(hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_free_ unsigned char *sig = NULL;
	size_t n = 0;
	bool ok = md && ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) == 1 &&
		  EVP_DigestSign(ctx, NULL, &n, bytes, len) == 1;

	if (ok) {
		sig = xcalloc(n, 1);
		ok = EVP_DigestSign(ctx, sig, &n, bytes, len) == 1;
	}
	EVP_MD_CTX_free(ctx);
	if (!ok || n > UINT16_MAX)
		return err_set(e, -EIO, "libcrypto cannot sign with %s: %s", hash, sign_reason());
	strbuf_addc(out, (char)(n >> 8));
	strbuf_addc(out, (char)(n & 0xff));
	strbuf_add(out, sig, n);
	return 0;
}

int sign_x509(const struct sign_key *k, const char *hash, const void *bytes, size_t len,
	struct strbuf *out, struct err *e)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(k->certificate);
	size_t name_len, before;
	_cleanup_free_ char *name = sign_x509_name(k->certificate, &name_len);
	int number = sign_x509_hash_number(hash);
	int id_len = id ? ASN1_STRING_length(id) : 0;
	struct sign_trailer t = {.algo = ALGO_RSA, .id_type = SIGN_ID_X509};
	int r;

	if (sign_key_is_ec(k))
		return refuse(e, k, "its key is an elliptic curve");
	if (id_len <= 0 || id_len > UINT8_MAX)
		return refuse(e, k,
			"it has no subject key identifier (openssl's option -addext "
			"subjectKeyIdentifier=hash makes one)");
	if (name_len > UINT8_MAX)
		return refuse(e, k, "its name is longer than 255 bytes");
	if (number < 0)
		return refuse(e, k, "the hash algorithm is newer than the kernel");
	strbuf_add(out, name, name_len);
	strbuf_add(out, ASN1_STRING_get0_data(id), (size_t)id_len);
	before = out->len;
	r = raw_signature(k, hash, bytes, len, out, e);
	if (r < 0)
		return r;
	t.hash = (uint8_t)number;
	t.signer_len = (uint8_t)name_len;
	t.key_id_len = (uint8_t)id_len;
	t.sig_len = htonl((uint32_t)(out->len - before));
	strbuf_add(out, &t, sizeof(t));
	return 0;
}

static bool is_named(
	const struct sign_key *k, const struct sign_trailer *t, const unsigned char *name)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(k->certificate);
	size_t len;
	_cleanup_free_ char *ours = sign_x509_name(k->certificate, &len);

	return len == t->signer_len && memcmp(ours, name, len) == 0 && id &&
	       ASN1_STRING_length(id) == t->key_id_len &&
	       memcmp(ASN1_STRING_get0_data(id), name + len, t->key_id_len) == 0;
}

/* `bytes` end before the trailer, and its lengths lie within them. */
enum sign_state sign_x509_verify(const struct sign_key *k, const struct sign_trailer *t,
	const unsigned char *bytes, size_t len, char **why)
{
	size_t sig_len = ntohl(t->sig_len);
	size_t content = len - sig_len - t->signer_len - t->key_id_len;
	const unsigned char *name = bytes + content;
	const unsigned char *sig = name + t->signer_len + t->key_id_len;
	const char *hash = sign_x509_hash_name(t->hash);
	const EVP_MD *md = hash ? EVP_get_digestbyname(hash) : NULL;
	EVP_MD_CTX *ctx;
	bool ok;

	if (!is_named(k, t, name)) {
		*why = xasprintf(
			"it names '%.*s' as its signer", t->signer_len, (const char *)name);
		return SIGN_OTHER;
	}
	if (t->algo != ALGO_RSA || !md || sig_len < MPI_HEAD ||
		sig_len - MPI_HEAD != ((size_t)sig[0] << 8 | sig[1])) {
		*why = xstrdup("its algorithm, hash or length is none there is");
		return SIGN_BAD;
	}
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, k->pkey) == 1 &&
	     EVP_DigestVerify(ctx, sig + MPI_HEAD, sig_len - MPI_HEAD, bytes, content) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (ok)
		return SIGN_GOOD;
	*why = xstrdup("the module was changed after it was signed");
	return SIGN_BAD;
}
