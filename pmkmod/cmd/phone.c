// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/phone_kernel.h"
#include "pmkmod/cmd/cmd.h"

static void note_all(struct context *x, const struct strvec *l)
{
	for (size_t i = 0; i < l->n; i++)
		progress_note(&x->progress, "%s", l->v[i]);
}

int ask_phone(struct context *x, const struct options *o, const struct command *c, struct err *e)
{
	struct phone_kernel k;
	int r;

	if (!o->phone || c->run == cmd_phone)
		return 0;
	if (!starts_with(c->arguments, "<device>"))
		return usage_error(e, "--phone does not go with pmkmod %s", c->name);
	r = phone_kernel_read(&k, x, o->args.v[1], e);
	if (r < 0)
		return r;
	note_all(x, &k.contradictions);
	phone_kernel_free(&k);
	return 0;
}

int cmd_phone(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct phone_kernel k;
	int r = phone_kernel_read(&k, x, o->args.v[1], e);

	(void)status;
	if (r < 0)
		return r;
	printf("phone     %s\nrelease   %s\nmachine   %s\n", k.shown, k.record.release,
		k.record.machine);
	if (k.record.version)
		printf("version   %s\n", k.record.version);
	for (size_t i = 0; i < k.record.packages.n; i++)
		printf("%-9s %s\n", i ? "" : "package", k.record.packages.v[i]);
	for (int i = 0; i < PHONE_FILES; i++)
		if (k.record.got[i])
			printf("%-9s %s/%s (%s)\n", phone_file_names[i], k.dir, phone_file_names[i],
				k.record.path[i]);
	if (!k.record.indexes.n)
		printf("modules   the phone has no lists of modules in /lib/modules/%s\n",
			k.record.release);
	for (size_t i = 0; i < k.record.missing.n; i++)
		printf("%-9s %s\n", i ? "" : "missing", k.record.missing.v[i]);
	for (size_t i = 0; i < k.contradictions.n; i++)
		printf("%-9s %s\n", i ? "" : "differs", k.contradictions.v[i]);
	printf("profile   %s/phone.ini\n", k.dir);
	phone_kernel_free(&k);
	return 0;
}
