// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"

#define UNUSED_DAYS 30

static int clean_layers(struct context *x, unsigned days, struct err *e)
{
	struct layer_store *store;
	int r = context_layers(x, &store, e);

	if (r == 0)
		r = layer_clean(store, days, e);
	if (r < 0)
		return r;
	printf("%d layer%s removed\n", r, r == 1 ? "" : "s");
	return 0;
}

static int clean_cache(struct context *x, struct err *e)
{
	int r = fs_remove_tree(x->cache, e);

	if (r == 0)
		printf("%s removed\n", x->cache);
	return r;
}

int cmd_clean(struct context *x, const struct options *o, int *status, struct err *e)
{
	const char *what = o->args.n > 1 ? o->args.v[1] : "";
	bool all = streq(what, "all");
	int r = 0;

	(void)status;
	if (*what && !all && !streq(what, "layers") && !streq(what, "cache"))
		return usage_error(e, "pmkmod clean knows layers, cache and all, not '%s'", what);
	if (!*what || all || streq(what, "layers"))
		r = clean_layers(x, *what ? 0 : UNUSED_DAYS, e);
	if (r == 0 && (all || streq(what, "cache")))
		r = clean_cache(x, e);
	return r;
}
