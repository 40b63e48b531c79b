/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commits of other people's git repositories, by the git program. It only fetches into a bare
 * repository of ours and prints objects: nothing is checked out, no hook, filter, attribute or
 * configuration of the repository (nor of the user) is used, and it asks nobody anything.
 */
#ifndef PMKMOD_BUILD_GIT_H
#define PMKMOD_BUILD_GIT_H

#include "pmkmod/build/context.h"

struct git_cache {
	struct context *x; /* borrowed */
	char *url; /* as git takes it */
	char *shown; /* without a password */
	char *dir; /* <cache>/git/<hash of the URL> */
	char *config[2]; /* settings that name the URL's protocol and the time limit */
	unsigned timeout_s;
	uint64_t max_bytes;
};
/* Nothing is made or asked. */
int git_cache_open(struct git_cache *g, struct context *x, const char *url, struct err *e);
void git_cache_close(struct git_cache *g);

/*
 * Which commit is `ref` (NULL: HEAD)? A tag is preferred to a branch. The server is asked; if that
 * fails, the error says what commit was found the last time. Exit code 31. `commit` belongs to the
 * caller.
 */
int git_resolve(struct git_cache *g, const char *ref, char **commit, struct err *e);
/* Is the whole commit there, so that no server needs to be asked? */
bool git_has(const struct git_cache *g, const char *commit);
/* Make sure that it is. `ref`: where it may be, for servers that do not give single commits; NULL:
 * not known. */
int git_fetch(struct git_cache *g, const char *commit, const char *ref, struct err *e);
/*
 * Write the files of a commit to the new folder `to`, all of the same age. Paths of submodules,
 * which are left empty, and their commits go to `submodules`, two texts each.
 */
int git_write(struct git_cache *g, const char *commit, const char *to, int64_t mtime,
	struct strvec *submodules, struct err *e);
/*
 * The URL of the submodule at `path`, by the commit's .gitmodules; relative ones are resolved.
 * -ENOENT: it says none; -EINVAL: one that is not taken.
 */
int git_submodule_url(
	struct git_cache *g, const char *commit, const char *path, char **url, struct err *e);

/*
 * Look at every object of the repository of ours at `dir`: 0, or 1 and *why (the caller's) if one
 * is damaged or missing; an error if git cannot be run.
 */
int git_verify(struct context *x, const char *dir, char **why, struct err *e);

/* The same URL rules without a repository: `url` as .gitmodules of a repository at `parent` has it.
 * NULL: not taken. Caller frees. */
char *git_join_url(const char *parent, const char *url);

/*
 * git_url.c: of "submodule.NAME.path\nVALUE\0submodule.NAME.url\nVALUE\0...", the URL of the one at
 * `path`; NULL: none, or it is not ended by NUL. Borrowed.
 */
const char *git_submodule_setting(const char *data, size_t len, const char *path);

#endif
