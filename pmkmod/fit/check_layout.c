// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The places in struct module that the kernel reads from the file: the name, and the functions to
 * start and to end with. The loader cannot see when they are those of another configuration: it
 * finds no function where it looks, or calls something else.
 */
#include "pmkmod/fit/check.h"

void fit_check_layout(struct fit_context *c, const struct ko *ko)
{
	static const struct module_layout nothing;
	const struct module_layout *have = &ko->layout;
	const struct module_layout *want = c->k->facts ? &c->k->facts->layout : &nothing;
	const struct {
		const char *what;
		uint64_t have, want;
	} members[] = {
		{"function to start with", have->init, want->init},
		{"function to end with", have->exit, want->exit},
		{"name", have->name, want->name},
	};
	_cleanup_strvec_ struct strvec same = {0};
	_cleanup_free_ char *list = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (!members[i].have || !members[i].want)
			continue;
		if (members[i].have != members[i].want) {
			fit_add(c, ko, "layout", FIT_FAIL,
				"its struct module has the %s at %llu, the kernel's own modules at "
				"%llu: it was built with another configuration or other headers",
				members[i].what, (unsigned long long)members[i].have,
				(unsigned long long)members[i].want);
			return;
		}
		strvec_add(&same, members[i].what);
	}
	list = strvec_join(&same, ", ");
	if (!want->size)
		fit_add(c, ko, "layout", FIT_UNKNOWN,
			"struct module has %llu bytes; the kernel's is not known, because it ships no "
			"module to compare with",
			(unsigned long long)ko->this_module_size);
	else if (same.n)
		fit_add(c, ko, "layout", FIT_PASS,
			"its struct module has these where the kernel's own modules have them: %s",
			list);
	else if (have->init || have->exit)
		fit_add(c, ko, "layout", FIT_UNKNOWN,
			"the kernel's own modules do not show where the members of struct module are");
	else
		fit_add(c, ko, "layout", FIT_PASS,
			"it has neither a function to start with nor one to end with");
}
