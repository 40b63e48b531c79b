/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What pmkmod keeps and can make again: downloads, what was read of them, layers, cells. How large
 * it is, removing what was not used for longest, and whether a disk has changed anything.
 *
 * Only names of the known shapes are looked at; whatever else lies in these folders is left alone,
 * and no symbolic link is followed out of them.
 */
#ifndef PMKMOD_CACHE_H
#define PMKMOD_CACHE_H

#include <time.h>

#include "pmkmod/build/context.h"

enum cache_kind {
	CACHE_INDEX,
	CACHE_PACKAGES,
	CACHE_SOURCES,
	CACHE_GIT,
	CACHE_PARTS, /* beginnings of downloads */
	CACHE_KERNEL_SOURCE,
	CACHE_RESOLVE,
	CACHE_KERNELS,
	CACHE_INDEX_KERNELS,
	CACHE_COMPILERS,
	CACHE_PMAPORTS,
	CACHE_LAYERS,
	CACHE_CELLS,
	CACHE_HEADERS, /* records of headers that were made */
	N_CACHE_KINDS
};
extern const char *const cache_kind_names[N_CACHE_KINDS];

struct cache_entry {
	enum cache_kind kind;
	char *path;
	time_t used; /* the last time that it was of use */
	uint64_t bytes; /* as seen: the length of all its files */
	uint64_t disk; /* blocks, what it shares with others included */
	uint64_t own; /* blocks that nothing else uses */
	bool keep; /* describes something published: never pruned */
	bool delta; /* of layers: one on top of another, such as a kernel's headers */
};
struct cache_list {
	struct cache_entry *v;
	size_t n;
	/* by kind, and all: each inode once */
	uint64_t disk[N_CACHE_KINDS], total;
	uint64_t deltas; /* the same of layers with `delta`, which share nothing with others */
};
/* Everything that is there; `measure`: with its size. */
int cache_read(struct cache_list *l, struct context *x, bool measure, struct err *e);
void cache_free(struct cache_list *l);
/* What a name in the folder of that kind has to look like. */
bool cache_name_ok(enum cache_kind kind, const char *name);

/* cache.max_size; 0: no limit. */
int cache_limit(struct context *x, unsigned long long *limit, struct err *e);

struct cache_pruned {
	size_t entries;
	uint64_t bytes; /* on disk */
	uint64_t left; /* what there is afterwards, on disk */
	size_t in_use; /* would have had to go, but is used */
	struct strvec paths; /* of what was removed */
};
/*
 * Remove what was not used for longest until everything together is not larger than `limit`. What a
 * build uses stays; while another pmkmod runs, so do downloads that were used within a day.
 * Published packages, the key and cells that describe a published package are no part of it.
 * Another prune is waited for, or with `wait` false nothing is done. `dry_run`: only say what would
 * go.
 */
int cache_prune(struct context *x, uint64_t limit, bool dry_run, bool wait,
	struct cache_pruned *out, struct err *e);
void cache_pruned_free(struct cache_pruned *p);
/* Entries in the order in which they go: what was used least recently first. */
void cache_sort(struct cache_list *l);
/*
 * After a build: prune if there seems to be more than cache.max_size. Looks only now and then
 * (cache.interval), and at sizes that were noted when things were made.
 */
void cache_trim(struct context *x);

struct cache_problem {
	char *path, *what; /* a sentence, several lines */
	const char *done; /* what was done about it, in words */
};
struct cache_verified {
	size_t checked[N_CACHE_KINDS];
	struct cache_problem *v;
	size_t n;
	size_t unknown; /* entries whose content nobody wrote down */
};
/*
 * Compare every entry with its hash. What is damaged is removed, unless it is in use, and made
 * again by the next build. `keys` are those that may have signed indexes.
 */
struct apk_keys;
int cache_verify(
	struct context *x, const struct apk_keys *keys, struct cache_verified *out, struct err *e);
void cache_verified_free(struct cache_verified *v);

/*
 * Sole use of the cache folder. While somebody has it no pmkmod that could use something begins.
 * -1: others are at work. Closing gives it back. The context's own share is given up for it.
 */
int cache_alone(struct context *x);

#endif
