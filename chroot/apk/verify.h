/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures of apk files: collecting the .SIGN entries and checking the one that counts. */
#ifndef PMKMOD_APK_VERIFY_H
#define PMKMOD_APK_VERIFY_H

#include "chroot/apk/apk.h"

struct apk_key;

/* NULL: not among them. */
const struct apk_key *apk_keys_find(const struct apk_keys *k, const char *name);
/* The folders the keys came from, joined by ", ". Caller frees. */
char *apk_keys_where(const struct apk_keys *k);
/*
 * Is `sig` an RSA PKCS#1 v1.5 signature by `key` over content whose hash is `found`? 0; else
 * -EKEYREJECTED, and *covers is the hash it was made for (HASH_NONE if it is not by this key).
 */
int apk_key_verify(const struct apk_key *key, const void *sig, size_t len, const struct hash *found,
	struct hash *covers);

/* What the signature members of one file say. Zeroed, with `keys` set, before use. */
struct apk_sigs {
	const struct apk_keys *keys; /* NULL: nothing is checked, entries are only counted */
	const struct apk_key *key; /* of the first signature whose key is known */
	char *key_name;
	enum hash_alg alg;
	void *sig;
	size_t sig_len;
	unsigned count;
	struct strvec unknown; /* names of keys that are not known */
	struct strvec names; /* of all keys */
};

bool apk_is_sig_name(const char *entry_name); /* ".SIGN." */
/* Take note of one entry; those of an unknown kind, or too large, are passed over as in apk. */
void apk_sigs_add(struct apk_sigs *s, const char *entry_name, const void *data, size_t len);
/*
 * Check against the sums of the signed bytes, one of which must be of the signature's algorithm.
 * `part` is "control part" or "index". -EKEYREJECTED with the whole story.
 */
int apk_sigs_verify(const struct apk_sigs *s, const struct hash *sums, size_t n_sums,
	const char *shown, const char *part, struct err *e);
void apk_sigs_free(struct apk_sigs *s);

/* The algorithms a signature can have: what to sum up over bytes that are signed. */
#define APK_SIG_ALGS 3
extern const enum hash_alg apk_sig_algs[APK_SIG_ALGS]; /* SHA-1 (the identity), SHA-256, SHA-512 */

#endif
