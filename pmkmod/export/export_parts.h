/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of export_package(). */
#ifndef PMKMOD_EXPORT_PARTS_H
#define PMKMOD_EXPORT_PARTS_H

#include "chroot/apk/apk_write.h"
#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/export/export.h"
#include "pmkmod/fit/fit.h"

/* One package of modules. */
struct export_part {
	char *name; /* of the package */
	char *base; /* of the names of its configuration files: the same for every kernel */
	const struct ko **ko; /* in the order in which they can be loaded */
	size_t n;
	bool main; /* what concerns none of the modules alone is in it */
	struct strvec needs; /* names of other parts, of the very same version */
};
void export_part_free(struct export_part *p);

/* split.c */
/*
 * The numbers of `ko` in an order in which each comes after those of them that it needs; caller
 * frees.
 */
size_t *export_load_order(const struct ko *ko, size_t n);
/*
 * Which modules go into which package, each package after those that it needs and the main one
 * last. `name` is the main package's, `base` the meta package's. The array belongs to the caller;
 * each part is freed by export_part_free().
 */
struct export_part *export_split(const struct ko *ko, size_t n, bool split, const char *name,
	const char *base, size_t *n_parts);

/* extras.c */
/* Where a module goes inside the package; caller frees. */
char *export_module_path(const struct export_spec *s, const struct ko *ko);
/* Every module that `load` names must be one of them. */
int export_check_load(const struct export_spec *s, const struct ko *ko, size_t n, struct err *e);
/* modules-load.d, modprobe.d, mkinitfs' lists and hook, overlays: what this part has of them. */
int export_add_extras(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e);
/* What those ask of other packages: firmware, conflicts. */
int export_extra_relations(struct apk_pkg *p, const struct export_spec *s,
	const struct export_part *part, struct err *e);

/* compress.c: append `data` in the kernel's module compression; the same bytes every time. */
int export_compress(
	enum ko_compression how, const void *data, size_t len, struct strbuf *out, struct err *e);

/* license.c: MODULE_LICENSE() words of several modules (NULL: none given) as one SPDX expression;
 * caller frees. */
char *export_license(const char *const *words, size_t n);

#endif
