/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder beside the root that evil packages try to reach, and looking at what they did to it. */
#ifndef PMKMOD_TEST_APK_OUTSIDE_H
#define PMKMOD_TEST_APK_OUTSIDE_H

#include "tests/unit/apk_fixture.h"

#define HARD(name, to)                                                                             \
	{                                                                                          \
		'1', name, to, 0644, NULL, NULL                                                    \
	}
static char *outside; /* a folder beside the root, with one file in it */

static inline int setup(void **state)
{
	_cleanup_free_ char *victim = NULL;
	const struct fixture *fx;

	if (fixture_setup(state) < 0)
		return -1;
	fx = *state;
	outside = path_join(fx->dir, "outside");
	victim = path_join(outside, "victim");
	return fs_mkdirs(outside, 0751, NULL) < 0 ? -1
						  : fs_write_atomic(victim, "safe", 4, 0640, NULL);
}

static inline int teardown(void **state)
{
	free(outside);
	return fixture_teardown(state);
}

/* Neither a new name, nor another content, mode or link count. */
static inline void assert_outside_untouched(void)
{
	_cleanup_free_ char *victim = path_join(outside, "victim"), *text = NULL;
	struct stat st;
	size_t len;

	assert_int_equal(stat(outside, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(lstat(victim, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(fs_read(victim, 100, &text, &len, NULL), 0);
	assert_string_equal(text, "safe");
	/* it was all there was */
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(rmdir(outside), 0);
	assert_int_equal(fs_mkdirs(outside, 0751, NULL), 0);
	assert_int_equal(fs_write_atomic(victim, "safe", 4, 0640, NULL), 0);
}

static inline void refused(struct fixture *fx, const char *says)
{
	int r = install(fx);

	if (r >= 0 || !strstr(fx->e.text, says))
		fail_msg("%d, no \"%s\" in: %s", r, says, fx->e.text);
	for (const char *c = fx->e.text; *c; c++)
		assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != 0x7f));
	assert_outside_untouched();
}

/* Only what apk_install() makes itself is in the root: nothing of any package. */
static inline void assert_nothing_installed(const struct fixture *fx)
{
	static const char *const names[] = {"usr", "etc/evil", "evil", "x", "lib/apk/db/installed"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (there(fx, names[i]))
			fail_msg("'%s' is in the root", names[i]);
}

/* Room for more. */
static inline void forget_packages(struct fixture *fx)
{
	while (fx->n_pkgs) {
		apk_pkg_free(fx->pkgs[--fx->n_pkgs]);
		free(fx->pkgs[fx->n_pkgs]);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
