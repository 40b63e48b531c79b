// SPDX-License-Identifier: GPL-3.0-or-later
/* Signing keys: made once even if several want to, loaded, used; what is no key is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot/apk/apk.h"
#include "chroot/base/fs.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_apk_sign.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Not by chroot/apk's own verifier: that could share a mistake. */
static bool verifies(const char *pub, const EVP_MD *md, const void *data, size_t len,
	const uint8_t *sig, size_t sig_len)
{
	FILE *f = fopen(pub, "r");
	EVP_PKEY *k = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok;

	assert_non_null(k);
	fclose(f);
	ok = EVP_DigestVerifyInit(c, NULL, md, NULL, k) == 1 &&
	     EVP_DigestVerify(c, sig, sig_len, data, len) == 1;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return ok;
}

static void makes_a_key(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "a@b.rsa");
	_cleanup_free_ char *pub = xasprintf("%s.pub", path);
	_cleanup_free_ uint8_t *sig = NULL;
	struct apk_signkey *k;
	struct err e = ERR_INIT;
	mode_t old = umask(0);
	size_t n;

	(void)state;
	assert_int_equal(apk_signkey_generate(path, 2048, &e), 0);
	umask(old);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(mode_of(pub), 0644);
	assert_int_equal(apk_signkey_load(&k, path, &e), 0);
	assert_string_equal(apk_signkey_name(k), "a@b.rsa.pub");
	assert_int_equal(apk_signkey_sign(k, HASH_SHA256, "abc", 3, &sig, &n, &e), 0);
	assert_int_equal(n, 256);
	assert_true(verifies(pub, EVP_sha256(), "abc", 3, sig, n));
	assert_false(verifies(pub, EVP_sha256(), "abd", 3, sig, n));
	apk_signkey_free(k);
}

static void keeps_what_is_there(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "kept.rsa");
	_cleanup_free_ char *pub = xasprintf("%s.pub", path);
	_cleanup_free_ char *before = NULL, *after = NULL, *pub1 = NULL, *pub2 = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(apk_signkey_generate(path, 2048, &e), 0);
	assert_int_equal(fs_read(path, 1 << 16, &before, NULL, &e), 0);
	assert_int_equal(fs_read(pub, 1 << 16, &pub1, NULL, &e), 0);
	assert_int_equal(unlink(pub), 0); /* as after a crash between both */
	assert_int_equal(apk_signkey_generate(path, 2048, &e), 0);
	assert_int_equal(fs_read(path, 1 << 16, &after, NULL, &e), 0);
	assert_int_equal(fs_read(pub, 1 << 16, &pub2, NULL, &e), 0);
	assert_string_equal(before, after);
	assert_string_equal(pub1, pub2);
}

static void many_at_once_make_one(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "race.rsa");
	_cleanup_free_ char *pub = xasprintf("%s.pub", path);
	_cleanup_free_ char *ls = xasprintf("ls -A %s | grep -c race", dir);
	_cleanup_free_ uint8_t *sig = NULL;
	struct apk_signkey *k;
	struct err e = ERR_INIT;
	int status, count = 0;
	FILE *p;
	size_t n;

	(void)state;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(apk_signkey_generate(path, 2048, NULL) ? 1 : 0);
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(apk_signkey_load(&k, path, &e), 0);
	assert_int_equal(apk_signkey_sign(k, HASH_SHA1, "x", 1, &sig, &n, &e), 0);
	assert_true(verifies(pub, EVP_sha1(), "x", 1, sig, n));
	apk_signkey_free(k);
	p = popen(ls, "r");
	assert_int_equal(fscanf(p, "%d", &count), 1);
	pclose(p);
	assert_int_equal(count, 2); /* no temporary file is left */
}

static void refuses(const char *name, const char *text, const char *message)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct apk_signkey *k;
	struct err e = ERR_INIT;

	if (text)
		assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &e), 0);
	assert_true(apk_signkey_load(&k, path, &e) < 0);
	assert_null(k);
	assert_non_null(strstr(e.text, message));
}

static void refuses_no_keys(void **state)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256");
	_cleanup_free_ char *path = path_join(dir, "ec.rsa");
	_cleanup_free_ char *enc = path_join(dir, "enc.rsa");
	FILE *f = fopen(path, "w"), *g = fopen(enc, "w");

	(void)state;
	assert_int_equal(PEM_write_PrivateKey(f, ec, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(PEM_write_PrivateKey(g, ec, EVP_aes_128_cbc(), (const unsigned char *)"pw",
				 2, NULL, NULL),
		1);
	fclose(f);
	fclose(g);
	EVP_PKEY_free(ec);
	refuses("ec.rsa", NULL, "not an RSA key");
	refuses("enc.rsa", NULL, "without a pass phrase");
	refuses("text.rsa", "hello", "not a private key");
	refuses("empty.rsa", "", "not a private key");
	refuses("missing.rsa", NULL, "missing.rsa");
	refuses(".hidden.rsa", "x", "leading dot");
	refuses("two words.rsa", "x", "without blanks");
}

static void refuses_to_make(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "weak.rsa");
	_cleanup_free_ char *nowhere = path_join(dir, "no/such/folder.rsa");
	struct err e = ERR_INIT;

	(void)state;
	assert_true(apk_signkey_generate(path, 512, &e) < 0);
	assert_non_null(strstr(e.text, "2048"));
	assert_false(fs_exists(path));
	err_clear(&e);
	assert_true(apk_signkey_generate(nowhere, 2048, &e) < 0);
	assert_non_null(strstr(e.text, "no/such/folder.rsa"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_key),
		cmocka_unit_test(keeps_what_is_there),
		cmocka_unit_test(many_at_once_make_one),
		cmocka_unit_test(refuses_no_keys),
		cmocka_unit_test(refuses_to_make),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
