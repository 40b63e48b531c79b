/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the headers room. */
#ifndef PMKMOD_HEADERS_PARTS_H
#define PMKMOD_HEADERS_PARTS_H

#include "pmkmod/headers/headers.h"
#include "pmkmod/headers/remedies.h"

/* Where things are inside the sandbox. */
#define KERNEL_SOURCE "/kernel/source"
#define KERNEL_OUT "/kernel/out"
#define KERNEL_WORK "/kernel/work"

/* One run of the maker. */
struct maker {
	const struct headers_spec *s;
	struct headers_result *out;
	char *source, *out_dir; /* host paths of source tree and objects; the same for a build
				   inside it */
	char *shadow; /* host folder whose files lie over the source's; made here */
	char *work; /* host path of KERNEL_WORK */
	bool writable_out; /* out_dir is ours */
	struct source_tree tree;
	struct kconfig *config;
	struct remedies remedies;
	struct strvec make_args; /* how the kernel is told to use clang */
	char *release;
	struct strvec phone_programs,
		native_programs; /* "scripts/mod/modpost", in `work`/<which>/ */
};

/* sandbox.c: run `argv` in the build machine's tools; output goes to the log. The exit status. */
int maker_run(struct maker *m, const char *const *argv, const char *cwd, struct err *e);
/* The same with its output returned; caller frees *text. */
int maker_capture(struct maker *m, const char *const *argv, char **text, struct err *e);

/* prepare.c: configuration and `make modules_prepare` in an out folder of our own. */
int maker_prepare(struct maker *m, struct err *e);
/* What an old tree needs of today's tools, into m->remedies and the shadow folder. */
int maker_remedies(struct maker *m, struct err *e);

/* The words of `make` up to its targets; `cc` stands in for the compiler, NULL: itself. */
void maker_make_words(const struct maker *m, struct strvec *argv, const char *cc);

/*
 * genksyms.c: the text of a Module.symvers computed from the prepared source, *symvers NULL where
 * that is impossible (a note says why). Caller frees. -EINVAL with exit code 2: s->sample says
 * otherwise.
 */
int maker_genksyms(struct maker *m, char **symvers, struct err *e);

/* replay.c: one recorded host command (scripts/.../.<name>.cmd) with another compiler. */
struct replay_command {
	struct strvec argv; /* without the compiler */
	struct strvec objects; /* inputs that are built by commands of their own */
	char *target; /* "scripts/mod/modpost", below the folder it is run in */
};
/*
 * Parse the text of a .cmd file. `out`/`source`: what relative paths and the recorded source's path
 * become; `recorded` is that path ("" for none). -EINVAL with a sentence when the command is none
 * of a compiler or needs a shell.
 */
int replay_parse(struct replay_command *c, const char *text, const char *recorded, const char *out,
	const char *source, struct err *e);
void replay_command_free(struct replay_command *c);

/*
 * recipes.c: a Makefile that compiles `names`, as far as there is a recipe, from a packaged tree's
 * own sources; run in a scratch folder. Caller frees.
 */
char *recipes_makefile(const struct maker *m, const struct strvec *names, const char *compiler);

/* programs.c: the helper programs, by the phone's compiler and by this machine's. */
int maker_programs(struct maker *m, struct err *e);

/* pick.c: which files of source and objects a headers package has. */
struct picked {
	char *host, *name; /* where it is; name below the headers folder */
};
struct picked_files {
	struct picked *v;
	size_t n, cap;
};
int pick_files(struct picked_files *out, const struct maker *m, struct err *e);
void picked_files_free(struct picked_files *p);

/* pack.c: the two packages. */
int maker_pack(struct maker *m, struct err *e);

#endif
