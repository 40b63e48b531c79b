/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys for tests of what is signed: two that are trusted and one that is not. */
#ifndef PMKMOD_TEST_APK_CRAFT_KEYS_H
#define PMKMOD_TEST_APK_CRAFT_KEYS_H

#include "chroot/base/fs.h"
#include "tests/unit/apk_craft.h"

static char keys_dir[] = "/tmp/test-apk-keys-XXXXXX";
static EVP_PKEY *key_a, *key_b, *stranger;
static struct apk_keys *keys; /* a.pub and b.pub of keys_dir */

/* For cmocka_run_group_tests(). */
static int keys_set_up(void **state)
{
	struct strvec dirs = {0};
	int r;

	(void)state;
	if (!mkdtemp(keys_dir))
		return -1;
	key_a = craft_key();
	key_b = craft_key();
	stranger = craft_key();
	craft_write_pub(key_a, keys_dir, "a.pub");
	craft_write_pub(key_b, keys_dir, "b.pub");
	craft_write_pub(stranger, keys_dir, ".stranger.pub"); /* hidden: not trusted */
	craft_write_pub(stranger, keys_dir, "stranger.pem"); /* no .pub: not trusted */
	strvec_add(&dirs, keys_dir);
	r = apk_keys_load(&keys, &dirs, NULL);
	strvec_free(&dirs);
	return r;
}

static int keys_tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(key_a);
	EVP_PKEY_free(key_b);
	EVP_PKEY_free(stranger);
	apk_keys_free(keys);
	return fs_remove_tree(keys_dir, NULL);
}

#endif
