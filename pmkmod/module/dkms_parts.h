/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the dkms.conf reader share. */
#ifndef PMKMOD_DKMS_PARTS_H
#define PMKMOD_DKMS_PARTS_H

#include "pmkmod/module/dkms.h"

/* More than any real dkms.conf has: a file that wants more of them is hostile or broken. */
#define DKMS_VARS_MAX 16384
#define DKMS_INDEX_MAX 4095
#define DKMS_TEXT_MAX (1 << 20) /* bytes of the file, and of all values together */

/* The variables DKMS takes over from the file, NULL-terminated; all others stay in it. */
extern const char *const dkms_names[];
bool dkms_is_name(const char *name);

/* Takes `value` over. */
void dkms_vars_take(struct dkms_vars *vars, const char *name, unsigned index, char *value);
/* NULL: not set. Borrowed. */
const char *dkms_get(const struct dkms_vars *vars, const char *name, unsigned index);
/* Highest index that is set, plus one; 0: none is. */
unsigned dkms_end(const struct dkms_vars *vars, const char *name);

/* What `$name` is while a dkms.conf is read; NULL: DKMS sets no such variable. Caller frees. */
char *dkms_kernel_variable(const struct dkms_kernel *k, const char *name);
extern const char *const dkms_kernel_names[]; /* the names, NULL-terminated */

/*
 * dkms_kernel.c: does one of BUILD_EXCLUSIVE_* and OBSOLETE_BY keep this kernel out? NULL: no; else
 * why, as a sentence. Caller frees.
 */
char *dkms_excluded(
	const struct dkms_vars *vars, const struct dkms_kernel *k, struct strvec *warnings);
/*
 * As bash's [[ text =~ pattern ]]: 1 or 0; a pattern that is none matches nothing, is -1 and warned
 * of as that of `what`.
 */
int dkms_match(const char *text, const char *pattern, const char *what, struct strvec *warnings);

/* dkms_warn.c: a sentence for each word that has no use and each value that DKMS would garble. */
void dkms_warn(struct strvec *warnings, const struct dkms_vars *vars);

#endif
