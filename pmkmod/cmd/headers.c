// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/cmd/cmd.h"

static void print_package(const char *word, const char *dir, const struct pinned *p)
{
	printf("%-9s %s/%s-%s.apk\n", word, dir, p->name, p->version);
}

int cmd_headers(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_free_ char *packages = NULL, *dir = NULL, *record = NULL;
	struct plan p;
	int r;

	(void)status;
	x->remake_headers = o->rebuild;
	r = plan_make(&p, x, o->args.v[1], NULL, e);
	if (r < 0) {
		progress_failed(&x->progress);
		return r;
	}
	printf("kernel    %s-%s\n", p.target.kernel.name, p.target.kernel.version);
	if (p.made.dev.name) {
		packages = plan_packages_dir(x);
		dir = xasprintf("%s/%s/%s", packages, p.device.channel.name, p.device.arch->alpine);
		record = made_headers_dir(x, &p.device);
		print_package("headers", dir, &p.made.dev);
		print_package("scripts", dir, &p.made.scripts);
		printf("from      %s\nrelease   %s\ncompiler  %s\nlog       %s/log\n",
			p.made.provider, p.made.release, p.made.compiler, record);
	} else {
		for (size_t i = 0; i < p.target.headers.n; i++)
			printf("%-9s %s-%s\n", i ? "scripts" : "headers",
				p.target.headers.v[i].name, p.target.headers.v[i].version);
		printf("from      the repositories of channel %s, which have them\n",
			p.device.channel.name);
	}
	plan_free(&p);
	return 0;
}
