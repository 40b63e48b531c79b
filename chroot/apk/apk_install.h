/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Putting packages into a root: files, installed database, scripts, triggers. */
#ifndef PMKMOD_APK_INSTALL_H
#define PMKMOD_APK_INSTALL_H

#include "chroot/apk/apk.h"
#include "chroot/apk/apk_read.h"
#include "chroot/apk/apk_solve.h"

/*
 * What runs a script inside the root; the caller wires this to the sandbox. argv[0] is the script's
 * absolute path inside (apk 2.14 style: /lib/apk/exec/<name>-<ver>.<type>), `env` its whole
 * environment (apk 3's: PATH, APK_SCRIPT, APK_PACKAGE). Returns the exit status (>= 0) or a
 * negative errno.
 */
typedef int (*apk_run_script)(void *ctx, const char *root, const char *const *argv,
	const char *const *env, struct err *e);

struct apk_install_opts {
	apk_run_script run; /* NULL: no script runs */
	void *run_ctx;
	/* Names of packages whose scripts may fail: a warning, as in apk. Another's failure is an
	 * error (-ECANCELED) that ends the installation. NULL: everybody's may. */
	const struct strvec *may_fail;
	struct apk_limits limits; /* 0: see apk_limits_set() */
	/* Called before each package; may be NULL. */
	void (*progress)(void *ctx, size_t done, size_t total, const struct apk_pkg *p);
	void *progress_ctx;
	/* Where package i's file is (cache path; caller frees), must exist and is verified again
	 * against pkg->identity while it is read. Not called for virtual packages (I:0). */
	char *(*file_of)(void *ctx, const struct apk_pkg *p);
	void *file_ctx;
	/* If not 0, the time of each file, instead of that which its package says. abuild gives all
	 * files of a package the time of its last commit: with that, equal files would differ. */
	int64_t same_mtime;
	bool usr_merge; /* make bin, sbin, lib -> usr/... first, if they do not exist */
	const char *arch; /* written to etc/apk/arch */
	const struct strvec *repositories; /* written to etc/apk/repositories when it is missing */
	const struct strvec *keys_dirs; /* *.pub are copied to etc/apk/keys */
};

/*
 * Apply `s` to the root folder `root` (created if missing; an existing installed database is read
 * and extended). Afterwards a real apk (2.14 and 3.x) finds nothing to complain about:
 * lib/apk/db/{installed,scripts.tar,triggers,lock}, etc/apk/{world,arch,keys}. Scripts and triggers
 * run through opts->run. A script that fails and may is told in `warnings`, and the package
 * recorded as apk does (f:s). No path ever leaves `root`, whatever symbolic links packages ship
 * (openat2 RESOLVE_IN_ROOT). Nothing is synced: the layer store does that once.
 */
int apk_install(const char *root, const struct apk_universe *u, const struct apk_solution *s,
	const struct apk_deps *world, const struct apk_install_opts *opts, struct strvec *warnings,
	struct err *e);

/* Read lib/apk/db/installed of a root. *pkgs is an array that the caller frees with each element
 * (apk_pkg_free); no database: 0 packages. */
int apk_installed_read(const char *root, struct apk_pkg **pkgs, size_t *n, struct err *e);

#endif
