/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a module package says of itself in /usr/share/pmkmod/<package>.json: for which kernel it was
 * made, from what, by what, and how it was judged. No times and no paths of the build machine are
 * in it: the same inputs give the same bytes.
 */
#ifndef PMKMOD_EXPORT_SUMMARY_H
#define PMKMOD_EXPORT_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "chroot/base/err.h"

struct json_object;

/* All texts are owned; NULL: not known, and not written. */
struct package_summary {
	char *package, *version, *arch;
	char *pmkmod; /* version of the program */
	char *module, *module_version; /* recipe or folder; upstream's version */
	char *source; /* kind and hash of the source */
	char *kernel, *kernel_version, *kernel_identity; /* the kernel's package: "Q1..." */
	char *flavor, *release, *config; /* `uname -r`; "sha256:..." of its .config */
	char *kernel_compiler, *compiler; /* "gcc 12.2.0": the kernel's, the module's */
	char *symvers; /* where the exports of the kernel are from */
	char *symvers_lacks; /* a sentence; NULL: nothing that is known */
	char *verdict;
	uint64_t exports, module_exports, without_crc; /* of the symvers: all; of modules; CRC 0 */
	uint64_t pass, fail, unknown; /* points of the fit report */
};

/* Nothing that pmkmod writes comes near it. */
#define SUMMARY_MAX 65536
#define SUMMARY_DIR "usr/share/pmkmod"

/* "usr/share/pmkmod/<package>.json"; caller frees. */
char *summary_path(const char *package);
/* The file's text; caller frees. */
char *summary_text(const struct package_summary *s);
/* The same as an object: json_object_put() is the caller's. */
struct json_object *summary_json(const struct package_summary *s);
/*
 * Back, from anybody's bytes. -EBADMSG: it is no such summary (`shown` names it). What it has
 * beyond is passed over, for later versions.
 */
int summary_parse(
	struct package_summary *s, const char *shown, const char *text, size_t len, struct err *e);
void summary_free(struct package_summary *s);

#endif
