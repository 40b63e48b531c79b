// SPDX-License-Identifier: GPL-3.0-or-later
/* Programs of this machine: what they are given, what they say, and how they end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "chroot/base/str.h"
#include "pmkmod/util/process.h"

static int run_sh(const char *script, const char *input, struct strbuf *out, int *status)
{
	_cleanup_strvec_ struct strvec argv = {0};
	struct process p = {.argv = &argv, .input = input, .timeout_s = 60, .max = 4 << 20};
	struct err e = ERR_INIT;

	strvec_add(&argv, "sh");
	strvec_add(&argv, "-c");
	strvec_add(&argv, script);
	return process_run(&p, out, NULL, status, &e);
}

static char *long_text(size_t len)
{
	char *text = xcalloc(len + 1, 1);

	memset(text, 'x', len);
	return text;
}

static void input_is_given_whole(void **state)
{
	_cleanup_free_ char *text = long_text(1 << 20);
	_cleanup_strbuf_ struct strbuf out = {0};
	int status;

	(void)state;
	assert_int_equal(run_sh("cat", text, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(out.len, 1 << 20);
}

/* As ssh does when nothing listens: more of the input is to come, and nobody reads. */
static void ends_before_it_has_read(void **state)
{
	_cleanup_free_ char *text = long_text(1 << 20);

	(void)state;
	for (int i = 0; i < 20; i++) {
		_cleanup_strbuf_ struct strbuf out = {0};
		int status;

		assert_int_equal(run_sh("exec 0<&-; echo refused; exit 7", text, &out, &status), 0);
		assert_int_equal(status, 7);
		assert_string_equal(out.s, "refused\n");
	}
	/* a reader of ours that goes away still ends us */
	assert_true(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_is_given_whole),
		cmocka_unit_test(ends_before_it_has_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
