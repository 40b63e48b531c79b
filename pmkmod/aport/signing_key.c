// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The key for modules and its certificate, as the kernel's certs/x509.genkey makes its own:
 * digitalSignature, no CA, key identifiers, SHA-512. What is different, and why:
 *
 * - RSA, 4096 bits: the only kind of key every kernel since 3.7 verifies (ECDSA came with 5.13).
 * - Valid from 1970 on: kernels before 3.18 compare the dates with the clock, and a phone without a
 *   battery for it starts in 1970. Until 2099: a kernel in use may be as old as the phone.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"

#define KEY_BITS 4096
#define FILE_MAX 65536
#define NOT_BEFORE "700101000000Z"
#define NOT_AFTER "20991231235959Z"

static int crypto_failed(struct err *e, const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(e, -EIO, "libcrypto cannot %s: %s", what, text);
}

void module_signing_paths(struct module_signing *s, const char *state)
{
	s->key = path_join(state, "keys/module-signing.pem");
	s->certificate = path_join(state, "keys/module-signing.crt");
}

void module_signing_free(struct module_signing *s)
{
	free(s->key);
	free(s->certificate);
	*s = (struct module_signing){0};
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *n = NULL;
	bool ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive and never short */
	n = ok ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool fill(X509 *x, EVP_PKEY *key)
{
	static const struct {
		int nid;
		const char *value;
	} extensions[] = {
		{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "digitalSignature"},
		{NID_ext_key_usage, "codeSigning"},
		{NID_subject_key_identifier, "hash"},
		{NID_authority_key_identifier, "keyid"},
	};
	X509_NAME *name = X509_get_subject_name(x);
	bool ok = X509_set_version(x, 2) == 1 && set_serial(x) &&
		  ASN1_TIME_set_string(X509_getm_notBefore(x), NOT_BEFORE) == 1 &&
		  ASN1_TIME_set_string(X509_getm_notAfter(x), NOT_AFTER) == 1 &&
		  X509_set_pubkey(x, key) == 1 &&
		  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			  (const unsigned char *)"pmkmod module signing key", -1, -1, 0) == 1 &&
		  X509_set_issuer_name(x, name) == 1;

	for (size_t i = 0; ok && i < ARRAY_SIZE(extensions); i++)
		ok = add_extension(x, extensions[i].nid, extensions[i].value);
	return ok && X509_sign(x, key, EVP_sha512()) > 0;
}

static int write_bio(BIO *bio, const char *path, mode_t mode, struct err *e)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return fs_write_atomic(path, data, (size_t)len, mode, e);
}

/* `key` may be NULL: the certificate alone. */
static int write_pem(const char *path, EVP_PKEY *key, X509 *x, mode_t mode, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int r = 0;

	if (!bio || (key && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) ||
		PEM_write_bio_X509(bio, x) != 1)
		r = crypto_failed(e, "write a certificate");
	else
		r = write_bio(bio, path, mode, e);
	BIO_free(bio);
	return r;
}

static int make_key(const struct module_signing *s, struct err *e)
{
	EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
	X509 *x = X509_new();
	int r = 0;

	if (!key || !x || !fill(x, key))
		r = crypto_failed(e, "make a key for modules");
	else
		r = write_pem(s->key, key, x, 0600, e);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

/* The certificate in the file of the key. */
static int read_certificate(const struct module_signing *s, X509 **x, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	BIO *bio;
	int r = fs_read(s->key, FILE_MAX, &text, &len, e);

	*x = NULL;
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)len);
	if (bio)
		*x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	explicit_bzero(text, len);
	ERR_clear_error();
	if (!*x)
		return err_set(e, -EINVAL,
			"'%s' has no certificate in it\n"
			"it should hold a private key and its certificate, both PEM; to have a new one made, "
			"move it away (a phone's kernel made with the old one must then be made again)",
			s->key);
	return 0;
}

int module_signing_make(const struct module_signing *s, struct err *e)
{
	_cleanup_free_ char *dir = xstrndup(s->key, (size_t)(path_base(s->key) - s->key));
	_cleanup_free_ char *lock_path = path_join(dir, ".module-signing.lock");
	_cleanup_close_ int lock = -1;
	struct stat st;
	X509 *x = NULL;
	int r = fs_mkdirs(dir, 0700, e);

	if (r < 0)
		return r;
	lock = fs_lock(lock_path, true, true, e);
	if (lock < 0)
		return lock;
	if (!fs_exists(s->key))
		r = make_key(s, e);
	if (r == 0 && stat(s->key, &st) == 0 && (st.st_mode & 077) && chmod(s->key, 0600) < 0)
		r = err_errno(e, -errno, "cannot make the key '%s' private", s->key);
	if (r == 0)
		r = read_certificate(s, &x, e);
	/* always: it must be the key's */
	if (r == 0)
		r = write_pem(s->certificate, NULL, x, 0644, e);
	X509_free(x);
	return r;
}

int module_signing_der(const struct module_signing *s, char **der, size_t *len, struct err *e)
{
	unsigned char *out = NULL;
	X509 *x = NULL;
	int n, r = read_certificate(s, &x, e);

	if (r < 0)
		return r;
	n = i2d_X509(x, &out);
	X509_free(x);
	if (n <= 0)
		return crypto_failed(e, "write a certificate");
	*der = xcalloc((size_t)n, 1);
	memcpy(*der, out, (size_t)n);
	*len = (size_t)n;
	OPENSSL_free(out);
	return 0;
}
