// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/module/module.h"
#include "pmkmod/util/exit_codes.h"

int cmd_log(struct context *x, const struct options *o, int *status, struct err *e)
{
	_cleanup_free_ char *dir = NULL, *path = NULL, *text = NULL;
	struct module m;
	size_t len;
	int r = module_load(&m, x->config, o->args.v[2], e);

	(void)status;
	if (r < 0)
		return r;
	dir = cell_latest(x, o->args.v[1], m.name);
	module_free(&m);
	path = dir ? path_join(dir, "log") : NULL;
	if (!path || !fs_exists(path)) {
		if (e)
			e->exit_code = EXIT_UNKNOWN_NAME;
		return err_set(e, -ENOENT, "there is no log: %s was not built for %s yet",
			o->args.v[2], o->args.v[1]);
	}
	r = fs_read(path, 1 << 28, &text, &len, e);
	if (r == 0)
		fwrite(text, 1, len, stdout);
	return r;
}
