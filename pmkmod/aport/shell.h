/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interpreter behind apkbuild.h; for this room only. */
#ifndef PMKMOD_SHELL_H
#define PMKMOD_SHELL_H

#include "pmkmod/aport/apkbuild.h"

#define SHELL_VALUE_MAX (1u << 20) /* bytes of one value */
#define SHELL_WORK_MAX (16u << 20) /* steps and bytes altogether: hostile loops end here */
#define SHELL_DEPTH_MAX 60 /* nesting of commands, words, functions and evals */

/* Is what is being read executed? MAYBE: it hangs on something unknown, so what it sets is too. */
enum live { LIVE_NO, LIVE_YES, LIVE_MAYBE };

#define STATUS_UNKNOWN (-1)

struct shell_var {
	char *name;
	char *value; /* NULL: unset again */
	char *unknown; /* why the value is not known; NULL: it is */
};

struct shell_function {
	char *name;
	char *body;
	size_t len;
	size_t start; /* offset in the file; SIZE_MAX: not from the file itself */
	bool maybe; /* whether it is this one hangs on something unknown */
};

struct apkbuild {
	char *shown, *text;
	size_t len;
	struct shell_var *vars;
	size_t n_vars;
	struct shell_function *functions;
	size_t n_functions;
	struct apkbuild_assignment *assignments;
	size_t n_assignments;
	struct strvec notes;
	size_t work;
	char *error; /* the first thing that was wrong; everything ends then */
};

struct heredoc {
	char *end;
	bool tabs; /* <<- */
};

/* One text being run: the file, a function's body, what eval or backquotes hold. */
struct shell {
	struct apkbuild *b;
	const char *s;
	size_t n, pos;
	size_t line_pos; /* where `line` was counted */
	unsigned line;
	bool main; /* the file itself: places are remembered */
	enum live live;
	unsigned depth, nest;
	int status; /* of the last command */
	bool stop; /* return or exit was met */
	const char *in; /* standard input of the command, NULL: none */
	struct strbuf *out; /* its output, NULL: nobody looks */
	char **unknown_out; /* why the output is not known; where to store the first reason */
	const struct strvec *args; /* $1... */
	struct heredoc heredocs[4];
	size_t n_heredocs;
};

/* A word after expansion: each byte with where it came from ('q' quoted, 'l' literal, 'x' from an
 * unquoted expansion). */
struct word {
	struct strbuf text, from;
	bool quotes; /* had quotes: exists even if empty */
	char *unknown;
};
#define _cleanup_word_ _cleanup_(word_free)
void word_free(struct word *w);

/* apkbuild.c */
void shell_fail(struct shell *sh, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Count work; false when there was an error (too much of it included). */
bool shell_work(struct shell *sh, size_t amount);
unsigned shell_line(struct shell *sh);
void shell_note(struct shell *sh, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct shell_var *shell_var(struct apkbuild *b, const char *name);
/* Takes over nothing. `unknown` NULL: the value is known. Obeys sh->live. */
void shell_set(struct shell *sh, const char *name, const char *value, const char *unknown);
void shell_unset(struct shell *sh, const char *name);
void shell_define(struct shell *sh, const char *name, size_t start, size_t end);
const struct shell_function *shell_function(const struct apkbuild *b, const char *name);
/* Variables that the environment of abuild gives. */
bool shell_from_outside(const char *name);
extern const char *const shell_outside_names[]; /* all of them, and NULL */
/* Variables as they were, for subshells. */
struct shell_var *shell_save(struct shell *sh, size_t *n);
void shell_restore(struct shell *sh, struct shell_var *saved, size_t n);

/* shell_words.c */
bool shell_is_name(char c, bool first);
void shell_skip_blanks(struct shell *sh); /* and comments */
/* Read a word at the position; false: there is none. */
bool shell_word(struct shell *sh, struct word *w);
/* Read up to an unquoted byte of `stops` (part of a ${...}); `quoted`: it is within "". */
void shell_operand(struct shell *sh, struct word *w, const char *stops, bool quoted, bool pattern);
void word_fields(const struct word *w, struct strvec *out); /* field splitting */
char *word_pattern(const struct word *w); /* quoted bytes escaped; caller frees */
void word_add(struct shell *sh, struct word *w, const char *text, size_t len, char from);
void word_set_unknown(struct word *w, const char *why);

/* shell_params.c: at "${", behind the brace */
void shell_parameter(struct shell *sh, struct word *w, bool quoted);
/* $name, $1, $#: a value with what is known of it */
void shell_value(struct shell *sh, struct word *w, const char *name, bool quoted);

/* shell_match.c */
bool shell_match(struct shell *sh, const char *pattern, const char *s, size_t len);
char *shell_trim(struct shell *sh, const char *value, const char *pattern, bool end, bool longest);
char *shell_replace(
	struct shell *sh, const char *value, const char *pattern, const char *with, bool all);

/* shell_arith.c: false with *why (static) if it cannot be computed */
bool shell_arith(struct shell *sh, const char *text, long long *out, const char **why);

/* shell_run.c */
/* Commands up to the end, a `)`, or a word that ends a compound command. */
void shell_list(struct shell *sh);
/* Run another text with the same variables. */
void shell_run_text(struct shell *sh, const char *text, size_t len, const struct strvec *args);
void shell_end(struct shell *sh); /* forget here-documents that never came */
void shell_newline(struct shell *sh); /* over a newline and the here-documents behind it */

void shell_skip_newlines(struct shell *sh); /* with blanks and comments */
/* Is the next word exactly this one, unquoted? And over it; and an error without it. */
bool shell_peek(const struct shell *sh, const char *word);
bool shell_accept(struct shell *sh, const char *word);
void shell_expect(struct shell *sh, const char *word);
/* What executes in a part of which `status` (tri-state) says whether it is reached. */
enum live shell_reached(enum live outer, int status, bool on_success);
bool shell_redirection(struct shell *sh); /* read one, if there is one */
void shell_redirections(struct shell *sh);

/* shell_compound.c: one command of any kind; shell_simple.c: one that is a list of words */
void shell_command(struct shell *sh);
void shell_simple_command(struct shell *sh);

/* shell_builtins.c */
/* Run a command; false: it is not one we know. */
bool shell_builtin(struct shell *sh, const struct strvec *argv);
/* shell_sed.c: standard input through s commands; the status, or STATUS_UNKNOWN */
int shell_sed(struct shell *sh, const struct strvec *argv, struct strbuf *out);
/* shell_test.c: `[ ... ]` and `[[ ... ]]`; patterns are used by [[ */
int shell_test(struct shell *sh, const struct strvec *argv, const struct strvec *patterns);

#endif
