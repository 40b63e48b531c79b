// SPDX-License-Identifier: GPL-3.0-or-later
/* The key that signs modules, and its certificate. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "chroot/base/hash.h"
#include "pmkmod/sign/parts.h"
#include "pmkmod/util/exit_codes.h"

#define KEY_FILE_MAX (1u << 20)
#define PASSPHRASE "KBUILD_SIGN_PIN" /* sign-file's own name for it */

struct passphrase {
	bool asked, given;
};

const char *sign_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason ? reason : "no reason given";
}

/* libcrypto would ask the terminal otherwise. */
static int passphrase(char *buf, int size, int rwflag, void *ctx)
{
	struct passphrase *p = ctx;
	const char *pin = getenv(PASSPHRASE);
	size_t n = pin ? strlen(pin) : 0;

	(void)rwflag;
	p->asked = true;
	p->given = n > 0;
	if (!n || size < 0 || n >= (size_t)size)
		return -1;
	memcpy(buf, pin, n + 1);
	return (int)n;
}

static int unusable(struct err *e, const char *path, const char *what)
{
	return err_exit(e, EXIT_USAGE, -EINVAL, "the signing key '%s' %s", path, what);
}

/* A file with secrets in it: overwritten before it is given back. */
static void forget(char *text, size_t len)
{
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
}

static EVP_PKEY *private_of(const char *text, size_t len, struct passphrase *p)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, passphrase, p) : NULL;
	const unsigned char *at = (const unsigned char *)text;

	BIO_free(bio);
	if (!pkey && !p->asked && len && at[0] == 0x30)
		pkey = d2i_AutoPrivateKey(NULL, &at, (long)len);
	return pkey;
}

static int read_private(
	struct sign_key *k, const char *path, const char *text, size_t len, struct err *e)
{
	struct passphrase p = {0};
	bool pem = strstr(text, "-----BEGIN ") != NULL;
	int kind;

	k->pkey = private_of(text, len, &p);
	if (!k->pkey) {
		ERR_clear_error();
		if (p.asked && !p.given)
			return unusable(e, path,
				"is encrypted; put its passphrase into the environment variable " PASSPHRASE
				", or take the passphrase off with `openssl pkey`");
		if (p.asked)
			return unusable(
				e, path, "does not open with the passphrase in " PASSPHRASE);
		if (pem && !strstr(text, "PRIVATE KEY-----"))
			return unusable(e, path,
				"has no private key in it (a certificate or public key alone "
				"cannot sign)");
		return unusable(e, path,
			pem ? "has a damaged private key in it"
			    : "is neither a PEM file nor a private key in DER form");
	}
	ERR_clear_error();
	kind = EVP_PKEY_get_base_id(k->pkey);
	if (kind == EVP_PKEY_RSA || kind == EVP_PKEY_EC)
		return 0;
	return unusable(
		e, path, "is neither RSA nor an elliptic curve, and pmkmod signs with no other");
}

/* The certificate of `k` among those in these bytes; *seen counts all. */
static X509 *find_certificate(const struct sign_key *k, const char *text, size_t len, size_t *seen)
{
	const unsigned char *at = (const unsigned char *)text;
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	struct passphrase none = {0};
	X509 *c = NULL;

	while (bio && (c = PEM_read_bio_X509(bio, NULL, passphrase, &none))) {
		++*seen;
		if (X509_check_private_key(c, k->pkey) == 1)
			break;
		X509_free(c);
	}
	BIO_free(bio);
	if (!c && len && at[0] == 0x30) {
		c = d2i_X509(NULL, &at, (long)len);
		*seen += c != NULL;
		if (c && X509_check_private_key(c, k->pkey) != 1) {
			X509_free(c);
			c = NULL;
		}
	}
	ERR_clear_error();
	return c;
}

/* Names beside the key under which its certificate may be: key.pem -> key.x509, key.pem.x509 ... */
static void candidates(const char *path, struct strvec *out)
{
	static const char *const suffixes[] = {".x509", ".crt", ".cer", ".der", ".pem"};
	const char *dot = strrchr(path_base(path), '.');
	int stem = dot && dot != path_base(path) ? (int)(dot - path) : (int)strlen(path);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		strvec_addf(out, "%.*s%s", stem, path, suffixes[i]);
		if (path[stem])
			strvec_addf(out, "%s%s", path, suffixes[i]);
	}
}

static int read_certificate(
	struct sign_key *k, const char *path, const char *text, size_t len, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *tried = NULL;
	size_t seen = 0;

	k->certificate = find_certificate(k, text, len, &seen);
	candidates(path, &names);
	for (size_t i = 0; !k->certificate && i < names.n; i++) {
		char *other = NULL;
		size_t other_len = 0;

		if (streq(names.v[i], path) ||
			fs_read(names.v[i], KEY_FILE_MAX, &other, &other_len, NULL) < 0)
			continue;
		k->certificate = find_certificate(k, other, other_len, &seen);
		forget(other, other_len);
	}
	if (k->certificate)
		return 0;
	if (seen)
		return unusable(e, path,
			"and the certificate in it or beside it do not belong together: it is the "
			"certificate of another key");
	unusable(e, path, "has no X.509 certificate in it or beside it");
	tried = strvec_join(&names, ", ");
	return err_hint(e, "looked for: %s", tried);
}

static int describe(struct sign_key *k, const char *path, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char hex[HASH_HEX_MAX];
	struct hash h;
	char *subject = NULL;
	long n;

	k->der_len = i2d_X509(k->certificate, &k->der);
	if (k->der_len <= 0 || !bio) {
		BIO_free(bio);
		return unusable(e, path, "has a certificate that cannot be written in DER form");
	}
	hash_buf(HASH_SHA256, k->der, (size_t)k->der_len, &h);
	hash_hex(&h, hex);
	k->fingerprint = xstrdup(hex);
	X509_NAME_print_ex(bio, X509_get_subject_name(k->certificate), 0,
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	n = BIO_get_mem_data(bio, &subject);
	k->subject = n > 0 ? xstrndup(subject, (size_t)n) : xstrdup("(no name)");
	BIO_free(bio);
	return 0;
}

int sign_key_load(struct sign_key **out, const char *path, struct err *e)
{
	struct sign_key *k = xcalloc(1, sizeof(*k));
	char *text = NULL;
	struct stat st;
	size_t len = 0;
	int r = fs_read_regular(path, KEY_FILE_MAX, &text, &len, e);

	*out = NULL;
	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	if (r < 0)
		err_prefix(e, "the signing key");
	if (r == 0 && stat(path, &st) == 0)
		k->exposed = (st.st_mode & 077) != 0;
	if (r == 0)
		r = read_private(k, path, text, len, e);
	if (r == 0)
		r = read_certificate(k, path, text, len, e);
	if (r == 0)
		r = describe(k, path, e);
	forget(text, len);
	if (r < 0) {
		sign_key_free(k);
		return r;
	}
	*out = k;
	return 0;
}

void sign_key_free(struct sign_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	X509_free(k->certificate);
	OPENSSL_free(k->der);
	free(k->fingerprint);
	free(k->subject);
	free(k);
}

const char *sign_key_fingerprint(const struct sign_key *k)
{
	return k->fingerprint;
}

const char *sign_key_subject(const struct sign_key *k)
{
	return k->subject;
}

bool sign_key_is_ec(const struct sign_key *k)
{
	return EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_EC;
}

bool sign_key_is_exposed(const struct sign_key *k)
{
	return k->exposed;
}

bool sign_key_certificate_in(const struct sign_key *k, const void *bytes, size_t len)
{
	return memmem(bytes, len, k->der, (size_t)k->der_len) != NULL;
}
