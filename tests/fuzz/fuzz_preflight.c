// SPDX-License-Identifier: GPL-3.0-or-later
/* A configuration through preflight, and a compiler's words. */
#include "pmkmod/preflight/preflight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct preflight_input *in)
{
	struct preflight p;
	size_t refused = 0;

	preflight_check(&p, in);
	for (size_t i = 0; i < p.n_points; i++)
		refused += p.points[i].result == PREFLIGHT_REFUSE;
	if (refused != p.n_refused || !preflight_find(&p, "compiler"))
		abort();
	free(preflight_text(&p));
	preflight_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const releases[] = {"3.4.0", "4.14.1", "5.10.0-x", "6.18.0", "7.2-rc1"};
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct compiler c;
	struct kconfig *config = NULL;

	if (compiler_from_text(&c, text) && !compiler_matches(&c, &c))
		abort();
	free(compiler_show(&c));
	compiler_from_macros(&c, text);
	if (kconfig_parse(&config, (const char *)data, size, NULL) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		look(&(struct preflight_input){.config = config,
			.arch = arch_by_name(i % 2 ? "aarch64" : "armv7"),
			.release = releases[i],
			.banner = text,
			.cross = "arm-",
			.ours = {COMPILER_GCC, 12, 2, 0},
			.have_sign_key = i > 2,
			.sign_key_is_ec = i > 3,
			.symvers = (enum preflight_known)(i % 3),
			.plugins = (enum preflight_known)(i % 3),
			.seed = (enum preflight_known)(i % 3)});
	kconfig_free(config);
	return 0;
}
