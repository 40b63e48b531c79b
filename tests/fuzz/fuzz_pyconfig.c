// SPDX-License-Identifier: GPL-3.0-or-later
/* pmbootstrap's configuration files: every key of every section is asked for. */
#include "pmkmod/pmbootstrap/pyconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct pyconfig *c, const char *section)
{
	_cleanup_strvec_ struct strvec keys = {0};

	pyconfig_keys(c, section, &keys);
	for (size_t i = 0; i < keys.n && i < 50; i++) {
		struct err e = ERR_INIT;
		char *v = NULL;

		if ((pyconfig_get(c, section, keys.v[i], &v, &e) == 0) != (v != NULL))
			abort(); /* a key that is there has a value or an error */
		free(v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strvec_ struct strvec sections = {0};
	struct pyconfig *c = NULL;
	struct err e = ERR_INIT;

	if (pyconfig_parse(&c, (const char *)data, size, "fuzz", &e) < 0)
		return 0;
	ask(c, "DEFAULT");
	pyconfig_sections(c, &sections);
	for (size_t i = 0; i < sections.n && i < 20; i++)
		ask(c, sections.v[i]);
	pyconfig_free(c);
	return 0;
}
