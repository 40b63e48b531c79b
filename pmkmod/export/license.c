// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>

#include "pmkmod/export/export_parts.h"

/*
 * The words of include/linux/license.h and what include/linux/module.h says they mean. "GPL" does
 * not tell "version 2" from "version 2 or later"; what both allow is version 2.
 */
static const struct {
	const char *words, *spdx;
} table[] = {
	{"GPL", "GPL-2.0-only"},
	{"GPL v2", "GPL-2.0-only"},
	{"GPL and additional rights", "GPL-2.0-only"},
	{"Dual BSD/GPL", "BSD-3-Clause OR GPL-2.0-only"},
	{"Dual MIT/GPL", "MIT OR GPL-2.0-only"},
	{"Dual MPL/GPL", "MPL-1.1 OR GPL-2.0-only"},
	{"Proprietary", "LicenseRef-Proprietary"},
};

static char *to_spdx(const char *words)
{
	struct strbuf b = {0};

	for (size_t i = 0; words && i < ARRAY_SIZE(table); i++)
		if (streq(table[i].words, words))
			return xstrdup(table[i].spdx);
	if (!words || !*words)
		words = "unspecified";
	/* SPDX has a name for what is not in its list, of letters, digits, '-' and '.' */
	strbuf_adds(&b, "LicenseRef-");
	for (; *words; words++)
		strbuf_addc(&b, isalnum((unsigned char)*words) || *words == '.' ? *words : '-');
	return strbuf_steal(&b);
}

char *export_license(const char *const *words, size_t n)
{
	_cleanup_strvec_ struct strvec all = {0};
	struct strbuf b = {0};

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *spdx = to_spdx(words[i]);

		if (!strvec_has(&all, spdx))
			strvec_add(&all, spdx);
	}
	strvec_sort(&all);
	for (size_t i = 0; i < all.n; i++) {
		bool group = all.n > 1 && strstr(all.v[i], " OR ");

		strbuf_addf(&b, "%s%s%s%s", i ? " AND " : "", group ? "(" : "", all.v[i],
			group ? ")" : "");
	}
	return strbuf_steal(&b);
}
