/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one run of pmkmod carries along: configuration, folders, options, progress. */
#ifndef PMKMOD_CONTEXT_H
#define PMKMOD_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/layer/layer.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/config.h"
#include "pmkmod/util/progress.h"

enum emulate {
	EMULATE_NONE, /* the build machine runs the phone's programs itself */
	EMULATE_FULL, /* everything in the phone's root under qemu-user */
	EMULATE_TOOLS, /* native tools; only the phone's kbuild programs under qemu-user */
};
extern const char *const emulate_names[];

struct context {
	struct config *config; /* owned */
	char *cache, *state; /* paths.cache and paths.state, absolute */
	struct progress progress;
	bool verbose; /* -v: the whole kbuild output */
	bool force; /* --force: package although it does not fit */
	bool rebuild; /* --rebuild: although the cell was built or failed before */
	bool make_headers; /* a plan may make a kernel's headers packages, which runs programs */
	bool remake_headers; /* ... although they were made before */
	enum emulate emulate; /* what was asked for */
	bool native_host; /* toolchain.native = host */
	unsigned jobs;
	struct strvec
		more_packages; /* in the root that builds: what the source being built asks for */
	bool cache_shared; /* ... by `cache_fd`, a lock */
	int cache_fd;
	bool cache_grew; /* something was built: is there too much of it? */
	struct layer_store *layers; /* opened by context_layers() */
	struct mirrors *mirrors; /* read by repos_download_limits() */
	struct jobserver *jobserver; /* shared with other builds; NULL: `jobs` are ours alone */
	struct plan_memory *memory; /* plan_memory.h; NULL: each plan reads anew */
};

/* Takes over `config`. Reads the options. */
int context_open(struct context *x, struct config *config, struct err *e);
/*
 * Creates the cache and state folders (0700). From then on, until context_leave_cache(), nothing is
 * removed from the cache that this run may use; whoever just removes something is waited for.
 */
int context_make_folders(struct context *x, struct err *e);
void context_leave_cache(struct context *x);
/* The layer store below paths.state, opened on first use. */
int context_layers(struct context *x, struct layer_store **out, struct err *e);
void context_close(struct context *x);

/* A folder below <state>/work that is removed by work_close(), or by the next run if this one is
 * killed. */
struct work {
	char *dir;
	char *lock_path;
	int lock;
};
#define WORK_INIT                                                                                  \
	{                                                                                          \
		NULL, NULL, -1                                                                     \
	}
int work_open(struct work *w, const struct context *x, const char *name, struct err *e);
void work_close(struct work *w);

#endif
