// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/verify.h"

/* As in apk 3: nobody's signature is that large. */
#define SIG_MAX 65536

const enum hash_alg apk_sig_algs[APK_SIG_ALGS] = {HASH_SHA1, HASH_SHA256, HASH_SHA512};

static const struct {
	const char *prefix;
	enum hash_alg alg;
} kinds[] = {
	{".SIGN.RSA512.", HASH_SHA512},
	{".SIGN.RSA256.", HASH_SHA256},
	{".SIGN.RSA.", HASH_SHA1},
};

bool apk_is_sig_name(const char *entry_name)
{
	return starts_with(entry_name, ".SIGN.");
}

static void note_name(struct apk_sigs *s, const char *entry_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (starts_with(entry_name, kinds[i].prefix)) {
			strvec_add(&s->names, entry_name + strlen(kinds[i].prefix));
			return;
		}
}

void apk_sigs_add(struct apk_sigs *s, const char *entry_name, const void *data, size_t len)
{
	s->count++;
	note_name(s, entry_name);
	/* The first known key decides, even if a later signature is better: as in apk. */
	if (s->key || !s->keys || len > SIG_MAX)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *name = entry_name + strlen(kinds[i].prefix);

		if (!starts_with(entry_name, kinds[i].prefix))
			continue;
		s->key = apk_keys_find(s->keys, name);
		if (!s->key) {
			strvec_add(&s->unknown, name);
			return;
		}
		s->key_name = xstrdup(name);
		s->alg = kinds[i].alg;
		s->sig = xrealloc(NULL, len, 1);
		s->sig_len = len;
		memcpy(s->sig, data, len);
		return;
	}
}

static int no_known_key(const struct apk_sigs *s, const char *shown, struct err *e)
{
	_cleanup_free_ char *names = apk_keys_names(s->keys), *where = apk_keys_where(s->keys);
	_cleanup_free_ char *signers = strvec_join(&s->unknown, ", ");

	if (!s->count)
		return err_set(e, -EKEYREJECTED,
			"%s is not signed; a signature by one of the trusted keys (%s) in %s is "
			"needed",
			shown, *names ? names : "none", where);
	if (!s->unknown.n)
		return err_set(e, -EKEYREJECTED,
			"%s has no signature of a kind that apk checks (RSA, RSA256, RSA512)",
			shown);
	err_set(e, -EKEYREJECTED,
		"%s is signed by %s, which is not among the trusted keys (%s) in %s", shown,
		signers, *names ? names : "none", where);
	err_hint(e, "If you trust that key, put its .pub file there");
	return -EKEYREJECTED;
}

static int bad_signature(const struct apk_sigs *s, const struct hash *found,
	const struct hash *covers, const char *shown, const char *part, struct err *e)
{
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];
	_cleanup_free_ char *where = apk_keys_where(s->keys);

	if (covers->alg == HASH_NONE)
		return err_set(e, -EKEYREJECTED,
			"%s: its signature was not made by the trusted key '%s' in %s. Either the "
			"file was altered, or another key has the same name",
			shown, s->key_name, where);
	hash_hex(covers, want);
	hash_hex(found, have);
	return err_set(e, -EKEYREJECTED,
		"%s was altered or damaged after it was signed: the signature by '%s' covers the "
		"hash %s, but its %s has %s; fetch it again",
		shown, s->key_name, want, part, have);
}

int apk_sigs_verify(const struct apk_sigs *s, const struct hash *sums, size_t n_sums,
	const char *shown, const char *part, struct err *e)
{
	struct hash covers;

	if (!s->key)
		return no_known_key(s, shown, e);
	for (size_t i = 0; i < n_sums; i++) {
		if (sums[i].alg != s->alg)
			continue;
		if (apk_key_verify(s->key, s->sig, s->sig_len, &sums[i], &covers) == 0)
			return 0;
		return bad_signature(s, &sums[i], &covers, shown, part, e);
	}
	abort(); /* the caller did not sum up with apk_sig_algs */
}

void apk_sigs_free(struct apk_sigs *s)
{
	free(s->key_name);
	free(s->sig);
	strvec_free(&s->unknown);
	strvec_free(&s->names);
	*s = (struct apk_sigs){0};
}
