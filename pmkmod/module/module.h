/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules: where the source comes from and how it is built. */
#ifndef PMKMOD_MODULE_H
#define PMKMOD_MODULE_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"
#include "pmkmod/util/config.h"

enum module_source {
	SOURCE_PACKAGE, /* an apk package that ships /usr/src/<name>-<version>/ */
	SOURCE_FOLDER, /* a folder on this machine: copied, never written to */
	SOURCE_ARCHIVE, /* a file: tar, zip, .deb or .apk; of a URL with its SHA-256 */
	SOURCE_GIT, /* a commit of a git repository */
	SOURCE_APORT, /* a folder with an APKBUILD that fetches the source */
};

enum module_use {
	USE_ANY, /* dkms.conf, else AKMBUILD, else the Makefile */
	USE_KBUILD,
	USE_DKMS,
	USE_AKMS,
};

struct module_patch {
	char *path; /* absolute: beside the recipe */
	char *kernel_range; /* NULL: every kernel */
};

struct module {
	char *name; /* base of the package name: letters, digits, '-', '_', '.', '+' */
	char *title;
	char *recipe; /* path of the profile, NULL: a folder was named */
	enum module_source kind;
	char *location; /* as it was named, paths made absolute, so that it can be named again */
	char *fetch_url; /* of a git repository, or of an archive that is no file of this machine's:
			  * without what is only pmkmod's in `location` */
	struct hash sha256; /* of an archive; HASH_NONE: nobody says, it is a local file */
	char *ref; /* of a git repository: branch, tag or commit; NULL: its HEAD */
	char *commit; /* of a git repository: 40 hex digits; NULL: `ref` must be asked for */
	bool submodules; /* of a git repository: those of the commit, too */
	char *subdir; /* where the Kbuild file is, inside the source; NULL: its top */
	char *version; /* NULL: from the source package, dkms.conf or the .ko */
	char *license, *description, *url; /* NULL: from the .ko */
	enum module_use use; /* which description of the source is followed */
	char *target; /* of make; NULL: guessed */
	struct strvec make_args; /* more arguments of make: "CONFIG_FOO=m" */
	struct strvec packages; /* more packages the build needs in its root */
	char *kernel_range; /* ">=5.4 <6.8", of the kernel's release; NULL: any */
	struct strvec archs; /* Alpine's names of architectures it is for; empty: any */
	struct strvec config; /* "CONFIG_X" must be y or m, "!CONFIG_X" must not */
	struct module_patch *patches; /* applied in this order */
	size_t n_patches;
	struct strvec modules; /* .ko base names that must come out; empty: whatever does */
	struct strvec depends; /* other modules (recipes) whose packages must be there too */
	char *userspace; /* install_if partner, NULL: a meta package */
	char *test; /* lines for sh -e in the booted system, for `pmkmod boot`; NULL: none */
	bool autoload; /* ship a modules-load.d file */
	/* ---- what goes into the package beside the modules ---- */
	struct strvec load; /* modules that modules-load.d names; empty: all */
	struct strvec options; /* lines of modprobe.d: "options NAME a=1", "softdep NAME pre: b" */
	struct strvec firmware; /* packages that have its firmware: depends */
	char *firmware_note; /* shown after the build: where firmware comes from that no package has
			      */
	bool initramfs; /* the initial ram disk loads it, before the root file system is there */
	struct strvec overlays; /* device-tree sources inside the source folder */
	char *overlays_dir; /* where their .dtbo go on the phone, without a leading '/' */
	struct strvec conflicts; /* packages that must not be there together with it */
	bool split; /* a package for each of several modules that do not need each other */
};

/*
 * `name` is a recipe (profiles/modules/<name>.ini) or, if it holds a '/' or ':' or is ".", a source
 * itself: a folder, a file, a URL or package:NAME (see source.h). -ENOENT offers the nearest names
 * (exit code 3).
 */
int module_load(struct module *m, struct config *c, const char *name, struct err *e);
void module_free(struct module *m);

/* For the plan: one line for each thing that a recipe's [package] asks for, as `word value`. */
void module_print_package(const struct module *m, struct strbuf *b);

/*
 * PACKAGE_NAME of a dkms.conf, or modname of an AKMBUILD: only literal assignments are understood.
 * NULL if `folder` has none; caller frees.
 */
char *module_folder_name(const char *folder);
/*
 * PACKAGE_VERSION of a dkms.conf, or modver of an AKMBUILD, or MODULE_VERSION("...") in no file:
 * only literal assignments are understood. NULL if `folder` has none; caller frees.
 */
char *module_folder_version(const char *folder);

/* SHA-256 over the names, modes and contents of a folder (without .git); its files may not change
 * meanwhile. Sorted by name, independent of time and owner. */
int module_folder_hash(const char *folder, struct hash *out, struct err *e);

#endif
