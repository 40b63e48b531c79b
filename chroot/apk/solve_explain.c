// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/solve_priv.h"
int explain(const struct solver *s, struct err *e)
{
	(void)s;
	return err_set(e, -ENOENT, "unsolvable");
}
