/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The APKBUILD of a module's package, while it is written. */
#ifndef PMKMOD_EMIT_MODULE_H
#define PMKMOD_EMIT_MODULE_H

#include "pmkmod/build/emit_parts.h"
#include "pmkmod/build/run.h"

struct emit {
	const struct plan *p;
	const struct cell_result *result;
	struct emit_part main, *parts; /* the packages; parts: if the module was split */
	size_t n_parts;
	struct strvec files; /* in all of them */
	char *dir; /* <to>/<package> */
	char *module_version;
	bool download; /* the source is an archive that abuild can fetch and unpack itself */
	char *subdir; /* of the source, with the module; NULL: its top */
	char *tarball; /* name of the source archive; NULL: the source is a package */
	char *url; /* where it is downloaded; NULL: it lies beside */
	struct hash sum; /* SHA-512 of it */
	struct strvec patches, patch_sums; /* beside it, and their lines of sha512sums */
};

/* emit_aport.c: the compiler that the kernel wants: "gcc", "gcc6", "clang" */
const char *emit_compiler(const struct emit *m);
/* emit_build.c: append these functions */
void emit_prepare(const struct emit *m, struct strbuf *b);
void emit_build(const struct emit *m, struct strbuf *b);

#endif
