/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers of dkms.conf share. */
#ifndef PMKMOD_DKMS_PARTS_H
#define PMKMOD_DKMS_PARTS_H

#include "pmkmod/module/dkms.h"
#include "pmkmod/util/exit_codes.h"

/* NULL: it was not assigned. Borrowed. */
const struct dkms_var *dkms_var_find(
	const struct dkms_vars *vars, const char *name, unsigned index);
/* Takes `value` over; what the name had at that index goes. */
void dkms_var_set(struct dkms_vars *vars, const char *name, unsigned index, char *value);

#endif
