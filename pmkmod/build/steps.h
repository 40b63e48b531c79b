/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a module's source is built: what its dkms.conf, AKMBUILD or Makefile says, as steps of one
 * kind. Nothing of the source is run outside of the sandbox, to read it or to build it.
 */
#ifndef PMKMOD_STEPS_H
#define PMKMOD_STEPS_H

#include "pmkmod/module/dkms.h"
#include "pmkmod/module/module.h"

enum steps_kind {
	STEPS_KBUILD, /* the kernel's make with M= */
	STEPS_MAKE, /* a make of the source's own, which calls the kernel's */
	STEPS_DKMS,
	STEPS_AKMS,
};

/* akms(8), AKMBUILD(5): variables; build() is left to the shell that builds. */
struct akmbuild {
	char *modname, *modver;
	struct strvec built_modules; /* paths with .ko, relative to its folder */
	struct strvec makedepends;
};

struct steps {
	enum steps_kind kind;
	char *target; /* STEPS_MAKE; NULL: the Makefile's first */
	struct strvec overrides; /* STEPS_MAKE: variables its Makefile has wrong for this kernel */
	bool configure; /* a ./configure makes the Makefile */
	struct dkms_conf dkms;
	struct akmbuild akms;
};
void steps_free(struct steps *s);

struct job;

/* steps_clean.c: objects and modules that an earlier build left in the source: they are not this
 * kernel's. */
int steps_clean(struct job *j, struct err *e);
/* steps_read.c: read the description into j->steps; exit codes of DKMS. 77: excluded. */
int steps_read(struct job *j, struct err *e);
/* The source is not for this kernel: exit code 77 and `why`, or with --force a note and 0. */
int steps_excluded(struct job *j, const char *why, struct err *e);
/* recipe_limits.c: the recipe's kernel =, arch = and config =. Exit code 77. */
int job_recipe_limits(struct job *j, struct err *e);
/* make_target.c: whether the Makefile's own targets are used, and which. */
int steps_guess_make(struct job *j, struct err *e);

/*
 * surroundings.c: what sources expect of the machine that builds: programs that must do nothing
 * here, folders where distributions have the kernel and the source. Into <work>/build/run.
 */
#define JOB_RUN "/build/run"
int surroundings_make(struct job *j, struct err *e);
/* The variables and PATH that go with it: more of the environment. */
void surroundings_env(const struct job *j, struct strvec *env);
/*
 * The folders of DKMS that a dkms.conf knows its source by, inside. The source is bound there: a
 * link would do for make, but not for `find "$dkms_tree/..." -name '*.ko'`.
 */
void surroundings_dkms_folders(const struct job *j, struct strvec *out);
/* What the modules it depends on export, into the build; sets j->extra_symbols. */
int surroundings_symvers(struct job *j, struct err *e);
/* What the source wanted done to the machine that builds, as notes to the porter. */
void surroundings_notes(struct job *j);
/* Write a script into <work>/build/run; its path inside is JOB_RUN "/<name>". */
int surroundings_script(struct job *j, const char *name, const char *text, struct err *e);

/*
 * steps_run.c: run them. The exit status, or a negative errno; what failed is then the name of a
 * step (NULL: no special one). Caller frees.
 */
int steps_run_make(struct job *j, struct err *e);
int steps_run_dkms(struct job *j, struct err *e);
int steps_run_akms(struct job *j, struct err *e);
char *steps_failed(const struct job *j);

/*
 * steps_aport.c: the same as lines of an APKBUILD's build(); NULL: kbuild's make alone, as for any
 * source. Caller frees.
 */
char *steps_aport_lines(const struct job *j);

/* collect.c: the .ko files that must have come out, copied to j->out_dir. Exit code 7. */
int collect_modules(struct job *j, struct err *e);
bool any_module(const struct job *j);

#endif
