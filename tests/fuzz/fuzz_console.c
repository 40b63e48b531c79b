// SPDX-License-Identifier: GPL-3.0-or-later
/* The serial console of a booted kernel: our init's lines, an oops, a test's output. */
#include "pmkmod/boot/boot_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strvec modules = {0}, builtin = {0};
	struct boot_result result = {0};
	struct boot_spec s = {.test = "true\n"};
	struct console c;

	strvec_add(&modules, "dummy");
	s.modules = modules;
	console_start(&c, "0123456789abcdef0123456789abcdef");
	/* in two pieces, for what is kept between them */
	console_feed(&c, (const char *)data, size / 2);
	console_feed(&c, (const char *)data + size / 2, size - size / 2);
	console_end(&c);
	boot_collect(&s, &c, &builtin, "MARK", &result);
	if (result.loaded && result.failure && result.test != BOOT_TEST_FAILED)
		abort(); /* a failure of what? */
	boot_result_free(&result);
	console_free(&c);
	strvec_free(&modules);
	return 0;
}
