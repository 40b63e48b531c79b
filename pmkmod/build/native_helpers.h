/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kbuild's helper programs of a headers package are the phone's. The native repositories may have
 * the very same package for this machine: those of its programs that provably do the same are laid
 * over the phone's, so that a hybrid build emulates nothing.
 */
#ifndef PMKMOD_NATIVE_HELPERS_H
#define PMKMOD_NATIVE_HELPERS_H

#include "pmkmod/build/assemble.h"

/*
 * Which packages those are, into p->helpers and p->helpers_id: of name, version and origin as the
 * phone's headers. None is no error. After target and native roots are resolved.
 */
int native_helpers_resolve(struct plan *p, struct err *e);
/* What has to be fetched for native_helpers_layer(), added to `list`. */
int native_helpers_list(struct plan *p, struct fetch_list *list, struct err *e);
/*
 * Make the layer of the programs, which holds nothing else, if it is not there. `kernel`: content
 * folder of the kernel layer. *content (the caller's) stays NULL if there is nothing to lay over;
 * *whole: what a build runs for each module (fixdep, modpost) is all in it.
 */
int native_helpers_layer(
	struct plan *p, const char *kernel, char **content, bool *whole, struct err *e);

/*
 * What of one package is taken, for native_helpers_layer() and its tests: programs for this machine
 * where the folder `kernel` has the same for `arch`, into `dir`. `apk`: the package's file,
 * verified by `identity` (NULL: only whole).
 */
int native_helpers_take(const char *apk, const struct hash *identity, const struct arch_info *arch,
	const char *kernel, const char *dir, struct err *e);

/* What decides about one program. */
enum helper_kind {
	HELPER_NONE, /* another file, or one that depends on what nobody can compare */
	HELPER_ANY_TARGET, /* text in, text out, or it asks the object it is given */
	HELPER_MODPOST, /* compiled for one kind of object */
};
/* By the program's path in its package. */
enum helper_kind helper_kind(const char *path);
/*
 * Does a modpost packaged for `native` do, by its name, for objects of `arch`? 1: it does, 0: the
 * name does not say (its generated headers have to), -1: it is for others. Debian has one for each
 * kind (modpost.real-lsb-64), and "modpost" chooses among them by the object it is given; but
 * whatever the name, the layout of device tables in it is that of the architecture it was packaged
 * for: of one kind with the phone's, 64 bits, where all agree on it (of 32 bits x86 aligns
 * otherwise than ARM).
 */
int helper_modpost_target(
	const char *path, const struct arch_info *arch, const struct arch_info *native);

#endif
