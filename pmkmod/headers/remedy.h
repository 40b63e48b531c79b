/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the remedies alone: the tables' rows, the state of one search, changes of text. */
#ifndef PMKMOD_REMEDY_H
#define PMKMOD_REMEDY_H

#include "pmkmod/headers/remedies.h"

/* Files that are looked at are sources and scripts; the largest of them are far below this. */
#define REMEDY_FILE_MAX (8u << 20)

/* One search under way. */
struct remedy_run {
	const struct remedy_input *in;
	struct remedies *out;
	int source_fd;
	char *makefile, *arch_makefile; /* the source's as they are; never NULL */
	struct err *e;
};

/*
 * A remedy that changes files. `files` are patterns below the source's top ("%A" stands for
 * kbuild's name of the architecture); each file they match is given to `cure`, which returns the
 * new text or NULL if the symptom is not in it.
 */
struct file_remedy {
	const char *name, *symptom;
	const char *arch; /* kbuild's name; NULL: all */
	uint32_t before; /* KERNEL_VERSION_CODE(); 0: any */
	const char *files[8];
	char *(*cure)(const char *text);
};
extern const struct file_remedy file_remedies[];
extern const size_t n_file_remedies;

/* ---- remedies.c ---- */
/*
 * Text of a file of the source, or of the shadow if it has one there. -ENOENT is not written down
 * in run->e. The text ends in NUL and has none before (it is cut there).
 */
int remedy_read(struct remedy_run *run, const char *rel, char **text, unsigned *mode);
bool remedy_exists(struct remedy_run *run, const char *rel);
/* Put a file into the shadow and write it down in out->files. */
int remedy_write(struct remedy_run *run, const char *rel, const char *text, unsigned mode);

/* ---- the tables' other halves; 0 or a negative errno ---- */
int remedy_compiler_header(struct remedy_run *run); /* remedy_header.c */
int remedy_flags(struct remedy_run *run); /* remedy_flags.c */

/* ---- remedy_text.c: changes of text. Each returns a new text, or NULL: nothing to change ---- */
char *text_replace(const char *text, const char *from, const char *to);
/*
 * Call `line` for each line with its continuations (without the last newline); what it returns
 * (freed here) takes the line's place, NULL keeps it.
 */
char *text_each_line(const char *text, char *(*line)(const char *s));
/* Is there a line that begins with `start`, blanks aside, and contains `part`? */
bool text_has_line(const char *text, const char *start, const char *part);
/*
 * Do the flags in a Makefile contain `flag` (case does not matter: -fno-pie, -fno-PIE)? Comments do
 * not count. `host`: those of the helper programs' compiler, whose variables begin with HOST or
 * KBUILD_HOST; otherwise all others.
 */
bool makefile_has_flag(const char *makefile, const char *flag, bool host);

#endif
