/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan: everything that goes into one build, with its hash. Nothing is run to make it. */
#ifndef PMKMOD_PLAN_H
#define PMKMOD_PLAN_H

#include "pmkmod/build/companions.h"
#include "pmkmod/build/made_headers.h"
#include "pmkmod/build/resolve.h"
#include "pmkmod/module/module.h"
#include "pmkmod/sign/sign.h"

struct plan {
	struct context *x; /* borrowed */
	struct device device;
	struct module module;
	bool no_module; /* only the root is wanted (pmkmod shell) */
	enum emulate emulate; /* as it will be done */
	char *cross; /* prefix of the compiler; "": native to its root */
	struct made_headers made; /* headers that pmkmod made for this kernel, if they are used */
	char *headers_todo; /* what headers are still to be made from; then nothing behind is known
			     */
	struct repo_set target_repos, native_repos;
	struct resolution target;
	struct pinned_set native; /* empty unless native tools come from a layer */
	struct pinned_set
		helpers; /* packages with this machine's kbuild programs (native_helpers.h) */
	char toolchain_id[HASH_HEX_MAX], kernel_id[HASH_HEX_MAX], native_id[HASH_HEX_MAX],
		helpers_id[HASH_HEX_MAX];
	struct companions companions; /* the modules it depends on that were built */
	struct sign_key *sign_key; /* signs modules; NULL: none given */
	bool sign_key_implied; /* nobody named it: it is the one signing-kernel has made */
	char *host; /* "host <compiler> <size> <mtime>" when the tools are the host's */
	char *source; /* what the source is, with its hash: one line */
	struct strvec patches; /* the recipe's: "NAME sha256:HASH RANGE" */
	char *version; /* the module's, NULL until the source is at hand */
	int64_t source_date; /* seconds: the newest build time of what goes in */
	char cell[HASH_HEX_MAX]; /* hash over `text` */
	bool emulator_crashed; /* the build failed for that */
	struct strvec asks_for; /* packages, by the source's AKMBUILD, that its root lacks */
	char *text; /* one input a line; what `pmkmod plan` prints */
	char *key; /* "<name>.pub sha256:..." of the signing key, "": none yet */
};

/*
 * The resolve stage. `module` NULL: only the root (pmkmod shell). May fetch indexes; runs nothing,
 * unless the kernel's headers must be made and the context allows that (x->make_headers).
 */
int plan_make(
	struct plan *p, struct context *x, const char *device, const char *module, struct err *e);
void plan_free(struct plan *p);

/* The part of plan_make() between loading device and module, and describing the module's source:
 * which packages make up the roots. */
int plan_root(struct plan *p, struct err *e);
/* plan_text.c: the last part: `text`, `cell` and `key`. */
void plan_finish(struct plan *p);

/* Packages of the native root that builds for the plan's phone with this compiler. */
void plan_native_world(const struct plan *p, const char *compiler, struct strvec *world);

/* What `key` holds, read anew: the first build makes the key. Caller frees. */
char *plan_describe_key(const struct context *x);

/* signing.c: load kernel.sign_key of the configuration, else of the profile, into `sign_key`. */
int plan_sign_key(struct plan *p, struct err *e);

/* <state>/packages, <state>/keys; caller frees. */
char *plan_packages_dir(const struct context *x);
char *plan_keys_dir(const struct context *x);

#endif
