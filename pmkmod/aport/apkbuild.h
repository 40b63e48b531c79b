/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * APKBUILD files, read without running anything of them: an interpreter of our own for the part of
 * the shell that recipes use outside functions. What it cannot evaluate it calls unknown and says
 * why. The format: APKBUILD(5) of abuild; the language: POSIX sh and what busybox ash adds.
 */
#ifndef PMKMOD_APKBUILD_H
#define PMKMOD_APKBUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct apkbuild;

/* A variable abuild sets before it reads the recipe. */
struct apkbuild_env {
	const char *name, *value;
};

/*
 * Read a recipe. `shown` names it in messages; `env` (n_env of them) are set before. Variables that
 * abuild or the environment would give and that are not in `env` (CHOST, CFLAGS, ...) are unknown.
 * -EINVAL names the line that is no shell, or what was too large.
 */
int apkbuild_parse(struct apkbuild **out, const char *shown, const char *text, size_t len,
	const struct apkbuild_env *env, size_t n_env, struct err *e);
int apkbuild_read(struct apkbuild **out, const char *path, const struct apkbuild_env *env,
	size_t n_env, struct err *e);
void apkbuild_free(struct apkbuild *b);

/* The value of a variable; NULL if it is unset or unknown. Borrowed. */
const char *apkbuild_get(const struct apkbuild *b, const char *name);
/* Why a variable is unknown ("line 12: ..."); NULL if it is known or unset. Borrowed. */
const char *apkbuild_unknown(const struct apkbuild *b, const char *name);
/* The text between a function's braces; NULL: no such function. Borrowed, not terminated. */
const char *apkbuild_function(const struct apkbuild *b, const char *name, size_t *len);
/*
 * What `variable` is worth when the body of `function` was run as abuild runs that of a subpackage
 * (commands in it are not run, only what they do to variables is known), with `env` set before.
 * No variable of the recipe is changed by it. NULL if it is unset, there is no such function, or it
 * is unknown; then *why says the reason (NULL otherwise; the caller frees both).
 */
char *apkbuild_in_function(struct apkbuild *b, const char *function, const struct apkbuild_env *env,
	size_t n_env, const char *variable, char **why);

/* A value that apkbuild_ask() is to find out. */
struct apkbuild_question {
	const char *name; /* of the variable */
	char *answer; /* the caller frees; NULL: that did not come out either */
};
/*
 * The second way, where the reader gives up: a shell reads the recipe in `dir`, in the sandbox
 * (nothing can be written, no network, ten seconds), with `env` set, then runs `function` if it is
 * not NULL, and says what the variables are worth. What hangs on variables that abuild would set
 * and that are not in `env` has no answer. It starts processes: not for several threads at once.
 */
int apkbuild_ask(const char *dir, const struct apkbuild_env *env, size_t n_env,
	const char *function, struct apkbuild_question *q, size_t n, struct err *e);
/* Ask for all variables of `b` that are unknown and take over the answers, which notes say. */
int apkbuild_ask_unknown(struct apkbuild *b, const char *dir, const struct apkbuild_env *env,
	size_t n_env, struct err *e);

/* What was passed over: files that would be read (`. file`), commands that are not known. */
const struct strvec *apkbuild_notes(const struct apkbuild *b);
/* Names of all variables that have a value, in order of first assignment. */
void apkbuild_names(const struct apkbuild *b, struct strvec *out);

/* ---- for editing: where things are in the text ---- */
const char *apkbuild_text(const struct apkbuild *b, size_t *len);
struct apkbuild_assignment {
	char *name;
	size_t start, value, end; /* of the name, of the value (quotes included), behind it */
	unsigned line;
	bool nested; /* inside if, case, for or behind && */
	bool append; /* += */
};
/* All assignments outside functions in order of appearance; *n of them. Borrowed. */
const struct apkbuild_assignment *apkbuild_assignments(const struct apkbuild *b, size_t *n);
/* Offsets of a function's body in the text; false: no such function there. */
bool apkbuild_function_span(const struct apkbuild *b, const char *name, size_t *start, size_t *end);

#endif
