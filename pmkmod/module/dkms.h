/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dkms.conf, as DKMS 3 understands it (dkms(8), "DKMS.CONF"; read_conf() of its program). Three
 * steps: the text becomes variables, by a reader of our own where it only assigns, else by a shell
 * in the sandbox; the variables become a description; the description is applied to one kernel.
 */
#ifndef PMKMOD_DKMS_H
#define PMKMOD_DKMS_H

#include <stdbool.h>
#include <stddef.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/kernel/kernel.h"

/* What a dkms.conf can refer to while it is read, and what the kernel is that it is applied to. */
struct dkms_kernel {
	const char *kernelver; /* release: "6.1.0-50-arm64" */
	const char *arch; /* as `uname -m` says it: "aarch64" */
	const char *source_dir; /* $kernel_source_dir, inside the sandbox */
	const char *dkms_tree; /* inside: "/var/lib/dkms" */
	const char *source_tree; /* inside: "/usr/src" */
	const char *install_tree; /* inside: "/lib/modules" */
	const struct kconfig
		*config; /* NULL: not known, then BUILD_EXCLUSIVE_CONFIG is not looked at */
	bool clang; /* the kernel was compiled by clang: LLVM=1 is added to the command */
};

/* NAME[index] = value, in the order DKMS would have them; a plain NAME has index 0. */
struct dkms_var {
	char *name, *value;
	unsigned index;
};
struct dkms_vars {
	struct dkms_var *v;
	size_t n;
};
void dkms_vars_free(struct dkms_vars *vars);

/*
 * dkms_text.c: read a dkms.conf that only assigns. 0: done; 1: it needs a shell (nothing is in
 * `out`, *why says in a static sentence what for); -EINVAL with `file:line` for what no shell takes
 * either.
 */
int dkms_read_text(struct dkms_vars *out, const char *text, size_t len, const char *shown,
	const struct dkms_kernel *k, const char **why, struct err *e);
/*
 * dkms_shell.c: the script that a shell (bash) is given in the sandbox, with the path of the
 * dkms.conf as $1: it prints the variables, NUL-terminated, on descriptor 3, for which bash must
 * have a /dev/fd. What the file itself prints to stdout is thrown away. Caller frees.
 */
char *dkms_shell_script(const struct dkms_kernel *k);
/* What that script printed. */
int dkms_read_printed(struct dkms_vars *out, const char *data, size_t len, struct err *e);

struct dkms_module {
	char *name; /* BUILT_MODULE_NAME, without a folder */
	char *location; /* of the .ko in the source: "" or "src/"; never outside of it */
	char *dest_name; /* DEST_MODULE_NAME: without ".ko" */
	char *dest_location; /* "/kernel/drivers/media"; "" if the file says none */
	bool strip;
};

struct dkms_conf {
	char *name, *version; /* PACKAGE_NAME, PACKAGE_VERSION */
	struct dkms_module *modules;
	size_t n_modules;
	char *make; /* the command for this kernel, before the options that DKMS adds to a leading
		     * `make`; never NULL. A shell evaluates it, and like the hooks it may name
		     * $kernelver, $arch, $kernel_source_dir, $kernel_config, $dkms_tree,
		     * $source_tree and $install_tree, which must be set then */
	struct strvec
		patches; /* of those for this kernel, relative to the source: "patches/a.patch" */
	char *pre_build, *post_build; /* commands; NULL: none */
	char *pre_install, *post_install, *post_add, *post_remove;
	struct strvec build_depends; /* other packages' names */
	char *excluded; /* NULL, or why this kernel is not for it: a sentence */
	bool autoinstall;
	struct strvec
		warnings; /* sentences: deprecated words, where DKMS would have done otherwise */
};

/*
 * dkms.c: what the variables mean for this kernel. Errors carry DKMS's exit codes (8: not a valid
 * dkms.conf, 5: a patch outside of the source or not there, ...; see exit_codes.h). `folder`: where
 * the source is, on the host, for the patches it must have; NULL: not looked at. An excluded kernel
 * is no error here: see `excluded`.
 */
int dkms_apply(struct dkms_conf *out, const struct dkms_vars *vars, const struct dkms_kernel *k,
	const char *folder, const char *shown, struct err *e);
void dkms_conf_free(struct dkms_conf *c);

#endif
