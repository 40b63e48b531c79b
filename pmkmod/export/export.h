/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From checked .ko files to a signed .apk, and from there into a signed repository. */
#ifndef PMKMOD_EXPORT_H
#define PMKMOD_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/apk/apk.h"
#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/export/summary.h"
#include "pmkmod/kernel/kernel.h"

/* ---- names.c ---- */
/*
 * The package version: the module's version made valid, the kernel package's version as three `_p`
 * suffixes, a release candidate as `_rcN` behind them, then its pkgrel:
 * ("0.12.7", "6.1.176-r1") -> "0.12.7_p6_p1_p176-r1"; ("0.12.7", "7.1_rc1-r0") ->
 * "0.12.7_p7_p1_p0_rc1-r0". Both generations of apk accept it and order it rightly.
 */
int export_version(
	const char *module_version, const char *kernel_version, char **out, struct err *e);
/* Any upstream version text ("v0.12.7+git-3", "1.2.3~rc1", "2024-03-01") as a valid apk version
 * without -rN. Never fails: nothing usable gives "0". Caller frees. */
char *export_clean_version(const char *text);
/* "<module>-kmod-<flavor>", made of characters that apk allows; caller frees. */
char *export_package_name(const char *module, const char *flavor);

/* ---- package.c ---- */
/* A file that modules ask for (MODULE_FIRMWARE), and the package that is known to have it. */
struct export_firmware {
	char *file, *package;
};
struct export_spec {
	const char *module; /* "v4l2loopback" */
	const char *module_version; /* upstream's; NULL: from the .ko, else "0" */
	const char *description, *url; /* NULL: from the .ko / none */
	const char *license; /* NULL: from the .ko ("GPL v2" -> SPDX) */
	const char *userspace_package; /* install_if partner; NULL: a meta package is made */
	bool modules_load; /* also a modules-load.d file naming the modules */
	/* beside the modules, see struct module; each NULL: none */
	const struct strvec *load; /* which modules that file names; then it is there in any case */
	const struct strvec *options; /* lines of modprobe.d */
	const struct strvec *conflicts; /* packages that must not be there */
	const struct strvec *overlays; /* paths of .dtbo files */
	const char *overlays_dir; /* where they go: "boot/overlays" */
	bool initramfs; /* for postmarketos-mkinitfs: they are loaded before the root is there */
	bool initramfs_firmware; /* the phone's mkinitfs knows files that need not be there */
	bool split; /* a package for each module, and one that depends on them all */
	const struct export_firmware *firmware;
	size_t n_firmware;
	struct strvec depends; /* more packages it needs (other kmod packages, firmware) */
	const struct strvec *ko_paths; /* stripped, checked */
	const char *kernel_package, *kernel_version, *kernel_flavor, *release, *arch;
	enum ko_compression compression;
	bool usr_merge; /* usr/lib/modules instead of lib/modules */
	/*
	 * updates/ if the kernel has that module, else, and with NULL, extra/; what makes depmod
	 * run if the kernel has no modules.order
	 */
	const struct kernel_facts *facts;
	int64_t source_date; /* seconds since 1970: every timestamp in the package */
	/* goes into the package, which fills in its own name and version; NULL: none */
	struct package_summary *summary;
	/*
	 * Asked about each package of modules when its name, version and relations are there, and
	 * before the summary is put into it; `beside` are those that were made before, on which it
	 * may depend. NULL: nobody is. An error ends it all.
	 */
	int (*judge)(void *ctx, const struct apk_pkg *p, const struct apk_pkg *beside,
		size_t n_beside, struct package_summary *summary, struct err *e);
	void *judge_ctx;
	const struct apk_signkey *key;
	const char *out_dir;
};
struct export_result {
	char *path, *name, *version; /* the module package */
	struct strvec parts; /* paths of those it depends on, if it was split */
	char *meta_path; /* the meta package "<module>-kmod"; NULL: none */
	struct hash identity; /* of the module package */
};
/*
 * Write the package(s) into out_dir; same input gives the same bytes. -ENOENT with exit code 7: a
 * module that `load` names is not among them.
 */
int export_package(const struct export_spec *s, struct export_result *out, struct err *e);
void export_result_free(struct export_result *r);

/* ---- publish.c ---- */
/*
 * Put packages into `<packages_dir>/<channel>/<arch>/` under a lock and make its APKINDEX.tar.gz
 * anew, signed: temporary name, sync, rename, in an order in which a reader never sees an index
 * that names a missing file. Two pmkmods at once both succeed. The public key is kept beside
 * (packages_dir/<key>.pub). On any error the repository is as before.
 *
 * Versions of a package for other kernels stay beside the new one, file and index record. A fit
 * report that lies beside a package (publish_report_path()) goes along. No index names it and no
 * apk asks for it; it comes and goes with the folder, and says itself which package it is of.
 */
int publish(const char *packages_dir, const char *channel, const char *arch,
	const struct strvec *apk_paths, const struct apk_signkey *key,
	const struct strvec *trusted_keys_dirs, struct err *e);
/* "<...>.fit.json" for "<...>.apk"; caller frees. */
char *publish_report_path(const char *apk);

/* The key in `keys_dir`, made (RSA, 0600) on first use; two first uses at once end with one key. */
int export_key(const char *keys_dir, struct apk_signkey **key, struct err *e);

#endif
