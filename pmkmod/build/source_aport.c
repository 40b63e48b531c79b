// SPDX-License-Identifier: GPL-3.0-or-later
/* A module's aport: its archives and patches, and the files that lie beside its APKBUILD. */
#include "pmkmod/build/source.h"

int source_aport_describe(struct plan *p, struct err *e)
{
	return err_set(e, -ENOTSUP, "%s", p->module.location);
}

int source_aport_get(struct plan *p, const char *to, struct err *e)
{
	(void)to;
	return err_set(e, -ENOTSUP, "%s", p->module.location);
}
