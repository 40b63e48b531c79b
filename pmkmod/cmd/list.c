// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"
#include "pmkmod/module/module.h"

static void list_modules(struct context *x, const struct strvec *names)
{
	printf("%-20s %-36s %s\n", "MODULE", "SOURCE", "TITLE");
	for (size_t i = 0; i < names->n; i++) {
		struct err e = ERR_INIT;
		struct module m;

		if (module_load(&m, x->config, names->v[i], &e) < 0) {
			/* one line a module, for those who read the first column */
			printf("%-20s (%.*s)\n", names->v[i], (int)strcspn(e.text, "\n"), e.text);
			continue;
		}
		printf("%-20s %-36s %s\n", m.name, m.location, m.title);
		module_free(&m);
	}
}

int cmd_list(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	const char *what = o->args.v[1];

	(void)status;
	if (streq(what, "devices") || streq(what, "verdicts"))
		return cmd_list_devices(x, o, streq(what, "verdicts"), e);
	if (!streq(what, "modules"))
		return usage_error(
			e, "pmkmod list knows devices, modules and verdicts, not '%s'", what);
	if (o->json || o->verdict)
		return usage_error(e, "--json and --verdict are for `pmkmod list devices`");
	profile_names(x->config, what, &names);
	list_modules(x, &names);
	return 0;
}
