// SPDX-License-Identifier: GPL-3.0-or-later
/* The public keys a user trusts, by file name. */
#include "chroot/apk/verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "chroot/base/fs.h"

#define KEY_FILE_MAX 65536

struct apk_key {
	char *name;
	EVP_PKEY *pkey;
};

struct apk_keys {
	struct apk_key *v;
	size_t n;
	struct strvec dirs;
};

/* Without a callback libcrypto would ask the terminal about a key that claims to be encrypted. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx;
	return -1;
}

static int load_key(struct apk_keys *k, const char *dir, const char *name, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, name), *text = NULL;
	size_t len = 0;
	EVP_PKEY *pkey;
	BIO *bio;
	int r = fs_read(path, KEY_FILE_MAX, &text, &len, e);

	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)len);
	pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!pkey)
		return err_set(e, -EINVAL,
			"'%s' is not a public key in PEM form; replace it or take it out of the "
			"folder of trusted keys",
			path);
	k->v = xrealloc(k->v, k->n + 1, sizeof(*k->v));
	k->v[k->n++] = (struct apk_key){xstrdup(name), pkey};
	return 0;
}

static int names_in(struct strvec *names, const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	if (!d)
		return err_errno(e, -errno, "cannot open the folder of trusted keys '%s'", dir);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.' && ends_with(de->d_name, ".pub"))
			strvec_add(names, de->d_name);
	closedir(d);
	strvec_sort(names);
	return 0;
}

int apk_keys_load(struct apk_keys **out, const struct strvec *dirs, struct err *e)
{
	struct apk_keys *k = xcalloc(1, sizeof(*k));
	int r = 0;

	strvec_add_all(&k->dirs, dirs);
	for (size_t i = 0; r == 0 && i < dirs->n; i++) {
		_cleanup_strvec_ struct strvec names = {0};

		r = names_in(&names, dirs->v[i], e);
		/* Of two keys with one name that of the earlier folder counts, as in apk. */
		for (size_t n = 0; r == 0 && n < names.n; n++)
			if (!apk_keys_find(k, names.v[n]))
				r = load_key(k, dirs->v[i], names.v[n], e);
	}
	if (r < 0) {
		apk_keys_free(k);
		k = NULL;
	}
	*out = k;
	return r;
}

void apk_keys_free(struct apk_keys *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].name);
		EVP_PKEY_free(k->v[i].pkey);
	}
	free(k->v);
	strvec_free(&k->dirs);
	free(k);
}

bool apk_keys_has(const struct apk_keys *k, const char *name)
{
	return apk_keys_find(k, name) != NULL;
}

size_t apk_keys_count(const struct apk_keys *k)
{
	return k->n;
}

char *apk_keys_names(const struct apk_keys *k)
{
	_cleanup_strvec_ struct strvec names = {0};

	for (size_t i = 0; i < k->n; i++)
		strvec_add(&names, k->v[i].name);
	strvec_sort(&names);
	return strvec_join(&names, ", ");
}

char *apk_keys_where(const struct apk_keys *k)
{
	return strvec_join(&k->dirs, ", ");
}

const struct apk_key *apk_keys_find(const struct apk_keys *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (streq(k->v[i].name, name))
			return &k->v[i];
	return NULL;
}

/* The DER that stands before the hash in a PKCS#1 v1.5 signature (RFC 8017, 9.2 note 1). */
static const struct digest_info {
	enum hash_alg alg;
	uint8_t len, der[19];
} digest_infos[] = {
	{HASH_SHA1, 15,
		{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04,
			0x14}},
	{HASH_SHA256, 19,
		{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
			0x01, 0x05, 0x00, 0x04, 0x20}},
	{HASH_SHA512, 19,
		{0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
			0x03, 0x05, 0x00, 0x04, 0x40}},
};

/* What `sig` holds, its padding checked and taken off; the length, 0 if it is not by this key. */
static size_t unwrap(EVP_PKEY *pkey, const void *sig, size_t len, uint8_t *out, size_t size)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pkey, NULL);
	size_t n = size;
	bool ok = c && EVP_PKEY_verify_recover_init(c) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_verify_recover(c, out, &n, sig, len) == 1;

	EVP_PKEY_CTX_free(c);
	ERR_clear_error();
	return ok ? n : 0;
}

/*
 * The DigestInfo is compared here and not by EVP_PKEY_verify(), for two reasons: distributions
 * whose policy forbids SHA-1 signatures make that fail, while most Alpine packages have no other;
 * and so the message can say which hash was signed.
 */
int apk_key_verify(const struct apk_key *key, const void *sig, size_t len, const struct hash *found,
	struct hash *covers)
{
	uint8_t plain[16384 / 8];
	size_t n;

	*covers = (struct hash){0};
	if (EVP_PKEY_get_base_id(key->pkey) != EVP_PKEY_RSA ||
		(size_t)EVP_PKEY_get_size(key->pkey) > sizeof(plain))
		return -EKEYREJECTED;
	n = unwrap(key->pkey, sig, len, plain, sizeof(plain));
	for (size_t i = 0; i < ARRAY_SIZE(digest_infos); i++) {
		const struct digest_info *d = &digest_infos[i];

		if (n != d->len + hash_len(d->alg) || memcmp(plain, d->der, d->len) != 0)
			continue;
		covers->alg = d->alg;
		covers->len = (uint8_t)hash_len(d->alg);
		memcpy(covers->b, plain + d->len, covers->len);
	}
	return covers->alg != HASH_NONE && hash_eq(covers, found) ? 0 : -EKEYREJECTED;
}
