// SPDX-License-Identifier: GPL-3.0-or-later
/* Private keys: load, make, sign. */
#include "chroot/apk/apk.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define KEY_FILE_MAX 65536
#define KEY_BITS_MIN 2048
#define KEY_BITS_MAX 16384

struct apk_signkey {
	EVP_PKEY *pkey;
	char *name; /* of the public half, as in .SIGN.RSA256.<name> */
};

/* libcrypto's reason for its latest failure, as the end of a sentence; empties its queue. */
static const char *crypto_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *s = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return s ? s : "libcrypto gives no reason";
}

/* Without a callback libcrypto would ask the terminal for the pass phrase of an encrypted key. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx;
	return -1;
}

static int read_pem(EVP_PKEY **out, const char *path, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	BIO *bio;
	int r = fs_read(path, KEY_FILE_MAX, &text, &len, e);

	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)len);
	*out = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	OPENSSL_cleanse(text, len);
	free(text);
	if (!*out)
		return err_set(e, -EINVAL,
			"'%s' is not a private key in PEM form without a pass phrase (%s)", path,
			crypto_reason());
	ERR_clear_error();
	if (EVP_PKEY_base_id(*out) != EVP_PKEY_RSA) {
		EVP_PKEY_free(*out);
		*out = NULL;
		return err_set(e, -EINVAL, "'%s' is not an RSA key: apk knows no other kind", path);
	}
	return 0;
}

/* The name becomes part of a file name in a tar archive and in /etc/apk/keys of the phone. */
static bool key_name_ok(const char *s)
{
	if (*s == '.' || strlen(s) > 200) /* apk skips hidden keys */
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

int apk_signkey_load(struct apk_signkey **out, const char *path, struct err *e)
{
	struct apk_signkey *k;
	EVP_PKEY *pkey;
	int r;

	*out = NULL;
	if (!key_name_ok(path_base(path)) || !*path_base(path))
		return err_set(e, -EINVAL,
			"the signing key '%s' needs a name without blanks and leading dot, for apk "
			"looks keys up by file name",
			path);
	r = read_pem(&pkey, path, e);
	if (r < 0)
		return err_prefix(e, "cannot load the signing key");
	k = xcalloc(1, sizeof(*k));
	k->pkey = pkey;
	k->name = xasprintf("%s.pub", path_base(path));
	*out = k;
	return 0;
}

const char *apk_signkey_name(const struct apk_signkey *k)
{
	return k->name;
}

void apk_signkey_free(struct apk_signkey *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k->name);
	free(k);
}

int apk_signkey_sign(const struct apk_signkey *k, enum hash_alg alg, const void *data, size_t len,
	uint8_t **sig, size_t *sig_len, struct err *e)
{
	const EVP_MD *md = alg == HASH_SHA1	? EVP_sha1()
			   : alg == HASH_SHA256 ? EVP_sha256()
						: EVP_sha512();
	_cleanup_free_ uint8_t *buf = NULL;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 0;
	bool ok = c && EVP_DigestSignInit(c, NULL, md, NULL, k->pkey) == 1 &&
		  EVP_DigestSign(c, NULL, &n, data, len) == 1;

	if (ok) {
		buf = xcalloc(1, n);
		ok = EVP_DigestSign(c, buf, &n, data, len) == 1;
	}
	EVP_MD_CTX_free(c);
	if (!ok)
		return err_set(
			e, -EIO, "cannot sign with the key '%s': %s", k->name, crypto_reason());
	*sig = steal_ptr(buf);
	*sig_len = n;
	return 0;
}

static EVP_PKEY *make_rsa(unsigned bits)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	EVP_PKEY *k = NULL;

	if (c && EVP_PKEY_keygen_init(c) == 1 &&
		EVP_PKEY_CTX_set_rsa_keygen_bits(c, (int)bits) == 1)
		EVP_PKEY_keygen(c, &k);
	EVP_PKEY_CTX_free(c);
	return k;
}

/*
 * Give `tmp` the name `path` unless that is taken: of two processes that make the key at once one
 * must win and both must use the winner's. link(2) is the portable way; where the file system has
 * no hard links, rename without replacing.
 */
static int publish_new(const char *tmp, const char *path)
{
	int r = 0;

	if (link(tmp, path) < 0)
		r = -errno;
	if (r == -EPERM || r == -EOPNOTSUPP)
		return renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) < 0 ? -errno : 0;
	unlink(tmp);
	return r;
}

static int write_private(const char *path, EVP_PKEY *pkey, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC); /* O_EXCL, 0600 */
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	int r = 0;

	if (fd < 0)
		r = -errno;
	else if (!bio || PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		r = -EIO;
	else if ((len = BIO_get_mem_data(bio, &text)) > 0)
		r = fs_write_all(fd, text, (size_t)len);
	if (r == 0 && (fchmod(fd, 0600) < 0 || fsync(fd) < 0))
		r = -errno;
	if (len > 0)
		OPENSSL_cleanse(text, (size_t)len);
	BIO_free(bio);
	if (r == 0)
		r = publish_new(tmp, path);
	if (r < 0 && fd >= 0)
		unlink(tmp);
	if (r < 0 && r != -EEXIST)
		return err_errno(e, r, "cannot write the new signing key '%s'", path);
	fs_sync_parent(path);
	return 0;
}

static int write_public(const char *path, EVP_PKEY *pkey, struct err *e)
{
	_cleanup_free_ char *pub = xasprintf("%s.pub", path);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;
	int r;

	if (!bio || PEM_write_bio_PUBKEY(bio, pkey) != 1 ||
		(len = BIO_get_mem_data(bio, &text)) <= 0)
		r = err_set(
			e, -EIO, "cannot make the public half of '%s': %s", path, crypto_reason());
	else
		r = fs_write_atomic(pub, text, (size_t)len, 0644, e);
	BIO_free(bio);
	return r;
}

int apk_signkey_generate(const char *path, unsigned bits, struct err *e)
{
	EVP_PKEY *pkey;
	int r = 0;

	if (bits < KEY_BITS_MIN || bits > KEY_BITS_MAX)
		return err_set(e, -EINVAL, "a signing key has %d to %d bits, not %u", KEY_BITS_MIN,
			KEY_BITS_MAX, bits);
	if (!key_name_ok(path_base(path)) || !*path_base(path))
		return err_set(e, -EINVAL,
			"'%s' is no name for a signing key: no blanks, no leading dot", path);
	if (!fs_exists(path)) {
		pkey = make_rsa(bits);
		if (!pkey)
			return err_set(e, -EIO, "cannot make an RSA key of %u bits: %s", bits,
				crypto_reason());
		r = write_private(path, pkey, e);
		EVP_PKEY_free(pkey);
	}
	/* What lies there now may be another process' key: the public half must be of that one. */
	if (r == 0)
		r = read_pem(&pkey, path, e);
	if (r < 0)
		return r;
	r = write_public(path, pkey, e);
	EVP_PKEY_free(pkey);
	return r;
}
