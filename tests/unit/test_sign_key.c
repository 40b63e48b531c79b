// SPDX-License-Identifier: GPL-3.0-or-later
/* Keys that sign modules: every way they lie in files, and every way they are wrong. */
#include "pmkmod/util/exit_codes.h"
#include "tests/unit/sign_fixture.h"

/* The private key or the certificate out of a file that has both. */
static char *half(const char *name, bool private)
{
	_cleanup_free_ char *path = path_join(KEYS, name), *text = NULL;
	char *at;

	assert_int_equal(fs_read(path, 1 << 20, &text, NULL, NULL), 0);
	at = strstr(text, "-----BEGIN CERTIFICATE");
	assert_non_null(at);
	return private ? xstrndup(text, (size_t)(at - text)) : xstrdup(at);
}

static void put(const char *name, const char *text)
{
	write_scratch(name, text, strlen(text));
}

static void key_refused(const char *name, const char *says)
{
	_cleanup_free_ char *path = scratch(name);
	struct err e = ERR_INIT;
	struct sign_key *k = NULL;

	assert_true(sign_key_load(&k, path, &e) < 0);
	assert_null(k);
	assert_int_equal(e.exit_code, EXIT_USAGE);
	if (!strstr(e.text, says) || !strstr(e.text, name))
		fail_msg("expected '%s': %s", says, e.text);
	assert_null(strstr(e.text, "MII")); /* nothing of a key */
}

static void key_taken(const char *name, const char *like)
{
	_cleanup_free_ char *path = scratch(name);
	struct err e = ERR_INIT;
	struct sign_key *k = NULL, *want = load(like);

	if (sign_key_load(&k, path, &e) < 0)
		fail_msg("%s: %s", name, e.text);
	assert_string_equal(sign_key_fingerprint(k), sign_key_fingerprint(want));
	sign_key_free(k);
	sign_key_free(want);
}

static void keys(void **state)
{
	_cleanup_free_ char *key = half("rsa.pem", true), *cert = half("rsa.pem", false);
	_cleanup_free_ char *other = half("other.pem", false),
			    *locked = half("encrypted.pem", true);
	_cleanup_free_ char *turned = xasprintf("%s%s", cert, key);
	_cleanup_free_ char *wrong = xasprintf("%s%s", key, other);
	_cleanup_free_ char *two = xasprintf("%s%s%s", key, other, cert);
	_cleanup_free_ char *damaged = xstrdup(key);
	_cleanup_free_ char *both_locked = xasprintf("%s%s", locked, cert);

	(void)state;
	put("turned.pem", turned);
	key_taken("turned.pem", "rsa.pem");
	put("two.pem", two);
	key_taken("two.pem", "rsa.pem");
	/* the certificate beside it */
	put("alone.pem", key);
	key_refused("alone.pem", "no X.509 certificate");
	put("alone.x509", other);
	key_refused("alone.pem", "do not belong together");
	put("alone.crt", cert);
	key_taken("alone.pem", "rsa.pem");
	put("noext", key);
	put("noext.x509", cert);
	key_taken("noext", "rsa.pem");
	assert_int_equal(openssl("x509 -in rsa.pem -outform DER -out der.x509"), 0);
	put("der.priv", key);
	key_taken("der.priv", "rsa.pem");
	assert_int_equal(openssl("pkey -in rsa.pem -outform DER -out bare.key"), 0);
	put("bare.pem", cert);
	key_taken("bare.key", "rsa.pem");
	/* wrong ones */
	put("wrong.pem", wrong);
	key_refused("wrong.pem", "another key");
	put("cert.pem", cert);
	key_refused("cert.pem", "no private key");
	damaged[strlen(damaged) / 2] = '!';
	put("damaged.pem", damaged);
	key_refused("damaged.pem", "damaged private key");
	write_scratch("garbage.pem", "\x30\x82\x04\xff garbage", 12);
	key_refused("garbage.pem", "neither a PEM file");
	put("empty.pem", "");
	key_refused("empty.pem", "neither a PEM file");
	key_refused("missing.pem", "No such file");
	put("ed.pem", "");
	assert_int_equal(openssl("pkey -in ed25519.pem -out ed.pem"), 0);
	key_refused("ed.pem", "neither RSA nor");
	/* a passphrase */
	put("locked.pem", both_locked);
	unsetenv("KBUILD_SIGN_PIN");
	key_refused("locked.pem", "is encrypted");
	setenv("KBUILD_SIGN_PIN", "wrong", 1);
	key_refused("locked.pem", "does not open with the passphrase");
	setenv("KBUILD_SIGN_PIN", "secret", 1);
	key_taken("locked.pem", "rsa.pem");
	unsetenv("KBUILD_SIGN_PIN");
}

static void exposed(void **state)
{
	_cleanup_free_ char *key = half("rsa.pem", true), *cert = half("rsa.pem", false);
	_cleanup_free_ char *both = xasprintf("%s%s", key, cert), *path = scratch("mine.pem");
	struct sign_key *k;

	(void)state;
	put("mine.pem", both);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(chmod(path, i ? 0600 : 0640), 0);
		assert_int_equal(sign_key_load(&k, path, NULL), 0);
		assert_int_equal(sign_key_is_exposed(k), !i);
		assert_false(sign_key_is_ec(k));
		assert_non_null(strstr(sign_key_subject(k), "Porter's phone"));
		sign_key_free(k);
	}
}

static void certificate_in_image(void **state)
{
	struct sign_key *k = load("rsa.pem"), *other = load("other.pem");
	_cleanup_strbuf_ struct strbuf image = {0};

	(void)state;
	strbuf_adds(&image, "Linux version 6.1.0 ... certificates: ");
	strbuf_add(&image, k->der, (size_t)k->der_len);
	assert_true(sign_key_certificate_in(k, image.s, image.len));
	assert_false(sign_key_certificate_in(k, image.s, image.len - 1));
	assert_false(sign_key_certificate_in(other, image.s, image.len));
	assert_false(sign_key_certificate_in(k, "", 0));
	sign_key_free(k);
	sign_key_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(exposed),
		cmocka_unit_test(certificate_in_image),
	};

	return cmocka_run_group_tests_name("sign_key", tests, set_up, tear_down);
}
