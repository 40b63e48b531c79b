/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a module's package runs on the phone. */
#ifndef PMKMOD_EXPORT_SCRIPTS_H
#define PMKMOD_EXPORT_SCRIPTS_H

#include "chroot/apk/apk_write.h"

/*
 * For kernels whose package installs no modules.order: Alpine's trigger of kmod (main/kmod,
 * kmod.trigger) runs depmod only in folders that have one, and elsewhere removes what depmod wrote.
 * The file cannot be in the package, since each module's package would own it. So one is made when
 * there is none, and taken away with the last module. `lib` is "lib" or "usr/lib".
 */
int export_order_scripts(struct apk_writer *w, const char *lib, const char *release, struct err *e);

#endif
