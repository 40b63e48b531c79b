// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"
#include "pmkmod/module/module.h"

static void list_devices(struct context *x, const struct strvec *names)
{
	printf("%-24s %-8s %-16s %-10s %s\n", "DEVICE", "ARCH", "KERNEL", "CHANNEL", "TITLE");
	for (size_t i = 0; i < names->n; i++) {
		struct err e = ERR_INIT;
		struct device d;

		if (device_load(&d, x->config, names->v[i], &e) < 0) {
			printf("%-24s (%s)\n", names->v[i], e.text);
			continue;
		}
		printf("%-24s %-8s %-16s %-10s %s\n", d.name, d.arch->alpine, d.kernel,
			d.channel.name, d.title);
		device_free(&d);
	}
}

static void list_modules(struct context *x, const struct strvec *names)
{
	printf("%-20s %-36s %s\n", "MODULE", "SOURCE", "TITLE");
	for (size_t i = 0; i < names->n; i++) {
		struct err e = ERR_INIT;
		struct module m;

		if (module_load(&m, x->config, names->v[i], &e) < 0) {
			printf("%-20s (%s)\n", names->v[i], e.text);
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
	if (!streq(what, "devices") && !streq(what, "modules"))
		return usage_error(e, "pmkmod list knows devices and modules, not '%s'", what);
	profile_names(x->config, what, &names);
	if (streq(what, "devices"))
		list_devices(x, &names);
	else
		list_modules(x, &names);
	return 0;
}
