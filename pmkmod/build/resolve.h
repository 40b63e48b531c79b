/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The resolve stage for packages: which ones make up each layer. Worked out once per state of the
 * indexes and kept in the cache, so that an unchanged build neither parses nor solves.
 */
#ifndef PMKMOD_RESOLVE_H
#define PMKMOD_RESOLVE_H

#include "pmkmod/build/repos.h"

/* One package as the plan names it. */
struct pinned {
	char *name, *version;
	struct hash identity;
	int64_t build_time;
};

/* The packages of one layer, in order of installation. */
struct pinned_set {
	struct strvec world; /* what was asked of the solver */
	struct pinned *v;
	size_t n;
};

struct resolution {
	struct pinned kernel; /* the phone's kernel package */
	struct pinned source; /* module source package; name NULL: not a package */
	struct pinned_set toolchain; /* the phone's root below the headers */
	struct pinned_set headers; /* linux-*-dev and kernel-scripts-* alone */
};

/* What is asked of resolve_target(). */
struct target_question {
	const struct device *device;
	const char *source_package; /* of the module, NULL: none */
	const struct strvec
		*build; /* build tools of the phone's root; NULL: none are wanted there */
	const struct pinned *made_dev,
		*made_scripts; /* headers pmkmod made, NULL: the repositories' */
};
/*
 * Packages of the phone's root: base, build tools, whatever the headers depend on; and the headers
 * themselves, of exactly the version of the newest kernel package. -ENOENT with exit code 21 if the
 * kernel has no headers package of that version.
 */
int resolve_target(struct resolution *out, struct repo_set *s, struct context *x,
	const struct target_question *q, struct err *e);
/* Packages of one root of its own (native tools, boot root): solve `world` on an empty root. */
int resolve_root(struct pinned_set *out, struct repo_set *s, struct context *x,
	const struct strvec *world, struct err *e);

/*
 * Packages that `find` chooses from indexes whose hashes are in `question`: asked once, then
 * remembered with the indexes of `s`.
 */
int resolve_by(struct pinned_set *out, struct repo_set *s, struct context *x, const char *question,
	int (*find)(void *ctx, struct pinned_set *out, struct err *e), void *ctx, struct err *e);

/*
 * Id of the layer that holds `set` on top of layer `below` (NULL: none): a hash over format, names,
 * versions and identities.
 */
void pinned_set_id(const struct pinned_set *set, const struct arch_info *arch, bool usr_merge,
	const char *below, char id[HASH_HEX_MAX]);
/* "name-version Q1..." lines, for the layer's description and the plan. */
void pinned_set_print(const struct pinned_set *set, struct strbuf *out);
/* What `whole` has and `base` has not, in the same order; `out` starts empty. */
void pinned_set_subtract(
	struct pinned_set *out, const struct pinned_set *whole, const struct pinned_set *base);
void pinned_free(struct pinned *p);
void pinned_set_free(struct pinned_set *set);
void resolution_free(struct resolution *r);

#endif
