/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that can be found out of a kernel that modules are held against, without building anything.
 */
#ifndef PMKMOD_KNOWN_KERNEL_H
#define PMKMOD_KNOWN_KERNEL_H

#include "pmkmod/build/context.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/kernel/modules.h"

struct known_kernel {
	struct fit_kernel fit; /* what fit_check() takes; it points into the rest */
	char *shown; /* "linux-standin-6.1.192-r0", or the file or folder */
	const struct arch_info *arch;
	char *package, *version; /* of the kernel's package; NULL: there is none */
	char *image; /* path of its image, or of the package with it; NULL: none is at hand */
	char *release, *vermagic;
	char *config_from, *symvers_from; /* in words; NULL: not known */
	struct kconfig *config;
	struct symvers *symvers;
	struct kernel_facts facts;
	struct strvec taken; /* names that its parameters have */
	struct kernel_modules_source modules; /* where its modules can be read, see fit.modules */
	char *modules_at, *cache, *flavor; /* what that borrows */
	struct hash identity;
	struct sign_key *sign_key;
	struct strvec notes; /* what could not be found out, or does not go together */
};

/*
 * signing.c: the porter's key for modules: `named`, else (`*implied`) the one that `pmkmod
 * signing-kernel` has made; NULL: there is none. Caller frees.
 */
char *sign_key_path(const struct context *x, const char *named, bool *implied);
/*
 * signing.c: does the kernel trust the certificate of `key`? *known false: that cannot be seen. An
 * error: the image (or package) cannot be read.
 */
int key_in_image(const struct sign_key *key, const struct kconfig *config, const char *image,
	bool *known, bool *trusted, struct err *e);

/*
 * The kernel package that the repositories have for a device, with what its profile, pmaports and
 * the phone say. What was read of it is kept in the cache. -ENOENT: no such device, no such package
 * (exit codes as of `pmkmod plan`).
 */
int known_kernel_of_device(
	struct known_kernel *k, struct context *x, const char *device, struct err *e);
/* A kernel image, as kernel_image_read() takes it, or a kernel's package. */
int known_kernel_of_image(
	struct known_kernel *k, struct context *x, const char *path, struct err *e);
/*
 * A build folder, installed headers, or /lib/modules/<release>: .config, Module.symvers,
 * kernel.release, modules.order, modules.builtin, and the modules themselves where they are there.
 * -ENOENT: it is none of them.
 */
int known_kernel_of_folder(
	struct known_kernel *k, struct context *x, const char *dir, struct err *e);
void known_kernel_free(struct known_kernel *k);

#endif
