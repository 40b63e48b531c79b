// SPDX-License-Identifier: GPL-3.0-or-later
/* Input: words, one a line. They are compared as versions, pair by pair, and read as dependencies.
 */
#include "chroot/apk/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pair(const char *a, const char *b)
{
	int there = apk_version_compare(a, b, false), back = apk_version_compare(b, a, false);
	bool turned =
		there == APK_VER_EQ ? back == APK_VER_EQ : there + back == APK_VER_LT + APK_VER_GT;

	if (!turned || apk_version_compare(a, a, false) != APK_VER_EQ)
		abort();
	if (there == APK_VER_EQ && apk_version_compare(a, b, true) != APK_VER_EQ)
		abort();
	apk_version_match(a, APK_VER_GT | APK_VER_EQ | APK_VER_FUZZY, b);
}

/* What is printed is read again as the same, and valid dependencies hold valid versions. */
static void check_dep(const char *word)
{
	struct apk_dep d, d2;
	char *text, *text2;

	if (apk_dep_parse(&d, word, NULL) < 0)
		return;
	if (d.version && d.op != APK_VER_CHECKSUM && !apk_version_valid(d.version))
		abort();
	text = apk_dep_print(&d);
	if (apk_dep_parse(&d2, text, NULL) < 0)
		abort();
	text2 = apk_dep_print(&d2);
	if (!streq(text, text2) || d.op != d2.op || d.conflict != d2.conflict)
		abort();
	free(text);
	free(text2);
	apk_dep_free(&d);
	apk_dep_free(&d2);
}

static void check_identity(const char *word)
{
	struct hash h, h2;
	char *text;

	if (apk_identity_parse(&h, word) < 0)
		return;
	text = apk_identity_text(&h);
	if (apk_identity_parse(&h2, text) < 0 || !hash_eq(&h, &h2))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	_cleanup_strvec_ struct strvec words = {0};
	struct apk_deps l = {0};

	strvec_split(&words, text, "\n");
	for (size_t i = 0; i < words.n && i < 16; i++) {
		for (size_t k = 0; k < words.n && k < 16; k++)
			check_pair(words.v[i], words.v[k]);
		check_dep(words.v[i]);
		check_identity(words.v[i]);
	}
	apk_deps_parse(&l, text, NULL);
	apk_deps_free(&l);
	return 0;
}
