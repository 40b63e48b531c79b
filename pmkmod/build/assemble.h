/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The assemble stage: verified packages become layers; and the sandbox that is made of them. */
#ifndef PMKMOD_ASSEMBLE_H
#define PMKMOD_ASSEMBLE_H

#include "pmkmod/build/plan.h"

/* Content folders of the layers of one build; NULL where there is none. */
struct layers {
	char *toolchain; /* the phone's root below the headers */
	char *kernel; /* headers and kernel-scripts */
	char *native; /* native tools */
	char *helpers; /* this machine's kbuild programs, over the kernel layer's */
	bool helpers_whole; /* with them nothing that a build always runs is emulated */
	struct strvec target; /* kernel, toolchain: topmost first */
};

/* Fetch what is missing (the fetch stage), then make what is missing (the assemble stage). */
int assemble_fetch(struct plan *p, struct err *e);
/* The packages that assemble_fetch() would fetch, added to `list`. */
struct fetch_list;
int assemble_list(struct plan *p, struct fetch_list *list, struct err *e);
int assemble(struct plan *p, struct layers *out, struct err *e);
void layers_free(struct layers *l);

/*
 * A layer of `set` (which the solver finds again from its world), on top of the layer `below`,
 * whose world `below_world` it extends; or, with both NULL, a root of its own. Packages are fetched
 * first. *content is its folder.
 */
int assemble_layer(struct context *x, struct repo_set *repos, const struct pinned_set *set,
	const struct channel *ch, const char *id, const char *below,
	const struct strvec *below_world, char **content, struct err *e);
int assemble_fetch_set(struct context *x, struct repo_set *repos, const struct pinned_set *set,
	const struct strvec *below_world, struct err *e);

/*
 * Fill in a sandbox for this plan: layers, emulation, uname, environment (toolchain on PATH, times
 * and names fixed for reproducible builds). `b` keeps what the spec points to.
 */
struct build_root {
	struct sandbox_spec spec;
	struct strvec layers, foreign, env;
	struct sandbox_mount *mounts;
	size_t n_mounts;
	struct strvec paths; /* sources and targets the mounts point to */
	bool native_helpers; /* the kernel's helper programs are this machine's own */
};
int build_root_init(struct build_root *b, const struct plan *p, const struct layers *l,
	const char *release, struct err *e);
/* One more folder of the host at `target`. */
void build_root_bind(struct build_root *b, const char *source, const char *target, bool writable);
void build_root_free(struct build_root *b);

/* sandbox_run() whose refusals have the exit code 33. */
int run_in_sandbox(const struct sandbox_spec *s, struct sandbox_result *result, struct err *e);

#endif
