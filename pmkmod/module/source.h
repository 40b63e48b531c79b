/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a module's source comes from, as recipes (`source =`) and the command line name it:
 *
 *   package:NAME                            an apk package of the channel with /usr/src/...
 *   git+https://HOST/REPO.git#REF:SUBDIR    also git+http, git+ssh, git+file; REF (branch, tag or
 *                                           commit) and SUBDIR may be left out
 *   https://..., http://..., file://...     an archive, Debian or Alpine package, with its
 * checksum: `sha256 =` or #sha256=HEX, and &subdir=DIR PATH                                    a
 * folder, an aport, or such a file
 */
#ifndef PMKMOD_MODULE_SOURCE_H
#define PMKMOD_MODULE_SOURCE_H

#include "pmkmod/module/module.h"

/*
 * Fill in kind, location and what belongs to them, and the name if m->name is NULL. A path is
 * relative to the folder `beside` (of the recipe), NULL: to the current one, where it must exist.
 * Nothing is fetched. -EINVAL, exit code 2; -ENOENT, exit code 3: there is no such path.
 */
int source_parse(struct module *m, const char *spec, const char *beside, struct err *e);

/*
 * What a path or URL is probably called: its last part without archive suffix, version and what
 * packages of sources are called (-dkms, -src), made a valid name. Caller frees.
 */
char *source_guess_name(const char *location);
/* The same for a name that a description of the source gives. */
char *source_clean_name(const char *name);

/* A URL without user and password, which are nobody else's business. Caller frees. */
char *source_shown_url(const char *url);

/* 40 hex digits? */
bool source_is_commit(const char *s);
/* A folder inside a source: relative, without "..". */
bool source_subdir_ok(const char *subdir);

/*
 * find.c: which folder of the source tree `folder` is the module's, as far as it describes itself.
 * *subdir stays NULL for the top, else the caller frees it and `note` (a sentence). Exit code 7:
 * none is, or several are.
 */
int source_find_subdir(
	const char *folder, enum module_use use, char **subdir, char **note, struct err *e);
/* find.c: does kbuild find modules in it (a Kbuild file or Makefile with obj-m)? */
bool source_has_obj_m(const char *folder);
/*
 * find.c: take the CR of CR LF line ends off the files that make and shells read in the tree
 * `folder`, which is a copy. `converted`: their names.
 */
int source_fix_line_ends(const char *folder, struct strvec *converted, struct err *e);

#endif
