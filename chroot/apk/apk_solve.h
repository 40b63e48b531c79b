/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which packages, in which order: the subset of apk's solver that a build root needs. */
#ifndef PMKMOD_APK_SOLVE_H
#define PMKMOD_APK_SOLVE_H

#include "chroot/apk/apk.h"

struct apk_universe {
	const struct apk_repo *const *repos; /* in order of preference; borrowed */
	size_t n_repos;
	const struct apk_pkg *const *installed; /* already there; borrowed; may be empty */
	size_t n_installed;
};

enum { APK_SOLVE_UPGRADE = 1 /* prefer the newest over the installed */ };

struct apk_change {
	const struct apk_pkg *old; /* NULL: newly installed */
	const struct apk_pkg *new_pkg; /* NULL: removed; same as old: kept (not listed) */
};

struct apk_solution {
	struct apk_change *changes; /* in apk's order of installation */
	size_t n_changes;
	const struct apk_pkg **all; /* every package installed afterwards, sorted by name */
	size_t n_all;
	bool beyond_apk; /* apk 3 would have given up on this; a phone's own apk may */
};

/*
 * Find a set that satisfies `world` (and install_if), choosing as apk-tools 3 does (newest first,
 * provider_priority, installed, order of repositories). Where apk gives up after a wrong choice, a
 * bounded search goes on (out->beyond_apk). -ENOENT/-EINVAL with the conflict told as
 * a sentence: which package wants what, who asked for it, what there is instead.
 */
int apk_solve(const struct apk_universe *u, const struct apk_deps *world, unsigned flags,
	struct apk_solution *out, struct err *e);
void apk_solution_free(struct apk_solution *s);

#endif
