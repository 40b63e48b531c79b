/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fetch stage: indexes and packages of one channel and architecture, verified, in the cache. */
#ifndef PMKMOD_REPOS_H
#define PMKMOD_REPOS_H

#include "chroot/apk/apk.h"
#include "chroot/apk/apk_solve.h"
#include "pmkmod/build/context.h"
#include "pmkmod/device/device.h"
#include "pmkmod/util/download.h"

/* pmkmod's own repository for one channel, put before the channel's. */
struct own_repo {
	const char *packages; /* folder of the channel's packages */
	const char *keys; /* folder of the key that signed it */
	const char *id; /* stands for what is used of it, NULL: its index does */
};

struct repo_set {
	const struct arch_info *arch;
	struct strvec urls; /* without architecture */
	struct strvec keys_dirs;
	struct strvec index_paths; /* host path of each APKINDEX.tar.gz */
	struct hash id; /* over all indexes, URLs and trusted keys */
	struct known_repos *shared; /* what this is a view of (plan_memory.h); NULL: nothing */
	struct apk_keys *keys; /* these three after repos_parse() only, and not of a view */
	struct apk_repo *repos;
	size_t n_repos;
};

/*
 * Get the indexes of `ch` for `arch` (asking the mirrors when a cached one is older than
 * fetch.index_max_age) and hash them. `own` may be NULL. With own->id what else is published there
 * changes no hash. Verifying is left to repos_parse().
 */
int repos_open(struct repo_set *s, struct context *x, const struct channel *ch,
	const struct arch_info *arch, const struct own_repo *own, struct err *e);
/*
 * The same of what is at hand, local or downloaded before: nothing is fetched, and what is not
 * there is left out. The hash is over sizes and times of the indexes.
 */
int repos_at_hand(struct repo_set *s, const struct context *x, const struct channel *ch,
	const struct arch_info *arch, struct err *e);
/* Verify the signatures and parse, once. */
int repos_parse(struct repo_set *s, struct err *e);
/* The newest package of that name; NULL if there is none. After repos_parse(). */
const struct apk_pkg *repos_newest(const struct repo_set *s, const char *name);
/* Solve `world` on an empty root. After repos_parse(). */
int repos_solve(const struct repo_set *s, const struct strvec *world, struct apk_solution *out,
	struct err *e);

/*
 * Make sure that the file of `p` is at hand: downloaded into the cache under its identity and
 * verified, or in place for file:// repositories. *path belongs to the caller.
 */
int repos_fetch(struct context *x, const struct apk_pkg *p, char **path, struct err *e);
/* Packages to be fetched together, each once; they belong to their repositories. */
struct fetch_list {
	const struct apk_pkg **v;
	size_t n;
};
void fetch_list_add(struct fetch_list *l, const struct apk_pkg *p);
void fetch_list_free(struct fetch_list *l);
/* The same for all of a list, several at a time; `stats` (may be NULL) is added to. */
int repos_fetch_all(struct context *x, const struct fetch_list *list, struct download_stats *stats,
	struct err *e);
/*
 * Remove from the cache which of these packages are not what the index says (after a power cut, or
 * by a bad disk), and tell that: the next run fetches them again.
 */
void repos_drop_damaged(struct context *x, const struct apk_solution *s);
/* As repos_fetch() without fetching: NULL when it is not there. For apk_install_opts.file_of. */
char *repos_cached(const struct context *x, const struct apk_pkg *p);
/*
 * Make sure that the archive at `url` is in the cache below its SHA-256 and is what `expected_by`
 * ("the recipe ...") says; another one is removed again (-EBADMSG, exit code 30). *path belongs to
 * the caller.
 */
int fetch_source(struct context *x, const char *url, const struct hash *sha256,
	const char *expected_by, char **path, struct err *e);
/* What [fetch] of the configuration says; the mirrors are those of the context. */
int repos_download_limits(struct context *x, struct download_limits *l, struct err *e);
void repos_close(struct repo_set *s);

#endif
