/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the diagnosis hand to each other. */
#ifndef PMKMOD_DIAGNOSE_PARTS_H
#define PMKMOD_DIAGNOSE_PARTS_H

#include "pmkmod/build/diagnose.h"

#define DIAGNOSE_NAME_MAX 128

/* ---- diagnose_causes.c ---- */

enum cause {
	CAUSE_UNKNOWN,
	CAUSE_API_CHANGED,
	CAUSE_NEWER_SOURCE,
	CAUSE_IMPLICIT,
	CAUSE_UNDECLARED,
	CAUSE_NO_MEMBER,
	CAUSE_ARGUMENTS,
	CAUSE_INCOMPATIBLE_POINTER,
	CAUSE_READ_ONLY,
	CAUSE_REDEFINITION,
	CAUSE_MISSING_CONFIG,
	CAUSE_MISSING_HEADER,
	CAUSE_OWN_HEADER,
	CAUSE_USERSPACE_HEADER,
	CAUSE_OTHER_ARCH,
	CAUSE_REFUSES,
	CAUSE_KERNEL_TOO_OLD,
	CAUSE_C_STANDARD,
	CAUSE_FRAME,
	CAUSE_WERROR,
	CAUSE_SYNTAX, /* the last of those that are about a source and its kernel */
	CAUSE_COMPILER_OPTION,
	CAUSE_COMPILER_UNSUITABLE,
	CAUSE_GCC_PLUGIN,
	CAUSE_COMPILER_CRASH,
	CAUSE_EMULATOR_CRASH,
	CAUSE_MEMORY,
	CAUSE_NO_SPACE,
	CAUSE_TIME_LIMIT,
	CAUSE_FOREIGN_HELPER,
	CAUSE_FOREIGN_PROGRAM,
	CAUSE_NO_HELPER,
	CAUSE_OBJTOOL,
	CAUSE_BTF,
	CAUSE_UNDEFINED_SYMBOL,
	CAUSE_LINK,
	CAUSE_MISSING_SYMVERS,
	CAUSE_GPL_ONLY,
	CAUSE_NAMESPACE,
	CAUSE_LICENSE,
	CAUSE_MODPOST,
	CAUSE_NOT_KBUILD,
	CAUSE_MISSING_SOURCE,
	CAUSE_NO_KERNEL_DIR,
	CAUSE_HEADERS_INCOMPLETE,
	CAUSE_MAKEFILE_SYNTAX,
	CAUSE_CRLF,
	CAUSE_MAKEFILE_ERROR,
	CAUSE_MISSING_TOOL,
	CAUSE_SCRIPT,
	CAUSE_CONFIGURE,
	CAUSE_WANTS_ROOT,
	CAUSE_LOADS_MODULE,
	CAUSE_DOWNLOADS,
	CAUSE_WRITES_OUTSIDE,
	CAUSE_PERMISSION,
	CAUSE_PATCH_FAILED,
	CAUSE_RUST,
	/* by exit codes alone */
	CAUSE_USAGE,
	CAUSE_UNKNOWN_NAME,
	CAUSE_PATCH_PATH,
	CAUSE_NO_MODULE,
	CAUSE_NO_HEADERS,
	CAUSE_MISSING_DEPEND,
	CAUSE_UNTRUSTED,
	CAUSE_NETWORK,
	CAUSE_CONFLICT,
	CAUSE_SANDBOX,
	CAUSE_NO_FIT,
	CAUSE_EXCLUDED,
	CAUSE_INTERRUPTED,
	CAUSE_GENERAL,
	CAUSES
};
extern const struct diagnosis_cause diagnosis_causes[CAUSES];

/* ---- diagnose_signs.c: what words of an error mean ---- */

/* In what way an error is about a name: which rows of the table of changes can explain it. */
enum use {
	USE_NONE,
	USE_NAME, /* it is not declared (function, type, macro, constant) */
	USE_MEMBER, /* a structure has no such member */
	USE_CALL, /* other arguments, or another result */
	USE_CALLBACK, /* a function of another type is put into a structure */
	USE_WRITE, /* it is read-only */
	USE_HEADER, /* no such header */
	USE_EXPORT, /* modules cannot use it */
	USE_DEFINED, /* the kernel defines it itself */
};

enum rank { RANK_NONE, RANK_STRONG, RANK_WEAK };

struct sign_hit {
	enum cause cause;
	enum use use;
	enum rank rank;
	char name[DIAGNOSE_NAME_MAX]; /* "" if it names none */
	char of[DIAGNOSE_NAME_MAX]; /* the structure of a member, or the other name in the sentence
				     */
};
/* Compilers' messages, without file and severity; false: it is not known what it means. */
bool sign_of_message(const char *words, struct sign_hit *hit);
/* Lines of any other tool. */
bool sign_of_line(const char *line, struct sign_hit *hit);
/* What modpost warns of, if warnings are all there is. */
bool sign_of_warning(const char *line, struct sign_hit *hit);
/*
 * Does `text` contain the pattern? '~' stands for anything, '%' for a name, which is copied to
 * `names` (two of them at most); at the beginning of the pattern it is the word before.
 */
bool sign_matches(const char *text, const char *pattern, char names[2][DIAGNOSE_NAME_MAX]);

/* ---- diagnose_api.c: what changed in the kernel ---- */

enum api_kind {
	API_REMOVED,
	API_RENAMED, /* `instead` is the new name */
	API_ADDED, /* it is there since; `instead` is what was used before, or NULL */
	API_CALL, /* arguments or result; `instead` says how they are now */
	API_CALLBACK, /* the type of a function pointer in a structure; `instead` says how it is now
		       */
	API_HEADER, /* a header that went; `instead` is the new one */
	API_INCLUDE, /* declared in `instead`, which other headers do not include any more */
	API_UNEXPORTED, /* not for modules any more */
	API_READ_ONLY, /* not to be written to; `instead` is what does it */
	API_KBUILD, /* a variable of Makefiles */
};
struct api_change {
	const char *name;
	const char *of; /* of a member: its structure; NULL: none */
	enum api_kind kind;
	uint32_t since; /* KERNEL_VERSION_CODE() of the first release with the change */
	const char *instead; /* NULL: nothing in particular */
	uint32_t instead_since; /* when that came, if before; 0: not known, or at the same time */
};
extern const struct api_change api_names[], api_members[]; /* by tables; ends with name NULL */

/*
 * The row that explains why `name` (of structure `of`, "" if not known) cannot be used in that way
 * in a kernel of `version`; NULL if there is none. *newer: the source is for a newer kernel.
 */
const struct api_change *api_find(
	const char *name, const char *of, enum use use, uint32_t version, bool *newer);
/* In words, with the version it is about, for a kernel of `version`; caller frees. */
char *api_sentence(const struct api_change *c, const char *name, uint32_t version, bool newer);

/* ---- diagnose_config.c: what a configuration lacks ---- */

/* The option (without CONFIG_) that a kernel must have for `name` to be there; NULL: not known. */
const char *config_behind(const char *name, const char *of, enum use use);

/* ---- diagnose_log.c: lines, steps, errors ---- */

enum severity { SEVERITY_NONE, SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };
struct message {
	enum severity severity;
	const char *file; /* not terminated */
	size_t file_len;
	unsigned line, column;
	const char *words;
};
/* "FILE:LINE:COLUMN: error: WORDS" and its likes, of compilers, assemblers and linkers. */
bool message_parse(const char *line, struct message *m);

struct log_lines {
	char *text; /* cleaned, with NULs for newlines */
	char **v;
	size_t n;
	char *command; /* of the step, NULL: none */
};
/* The last step, or `all` of them. */
void log_lines_read(struct log_lines *l, const char *text, size_t len, bool all);
void log_lines_free(struct log_lines *l);

struct log_error {
	size_t at; /* index of the line */
	size_t more;
	bool is_message;
	struct message message;
	struct sign_hit hit;
	size_t failed; /* the line with which make gave up, n: none */
};
bool log_find_error(const struct log_lines *l, bool warnings, struct log_error *out);
/* The file of the module that the error's compilation came from, "" if the log does not tell. */
void log_own_place(const struct log_lines *l, const struct log_error *e,
	bool (*is_own)(void *ctx, const char *file), void *ctx, char **file, unsigned *line);
/* The last folder that make had entered before that line; NULL: none. */
const char *log_folder(const struct log_lines *l, size_t at, size_t *len);
/* The code that gcc prints below its message; NULL: it did not. */
const char *log_code(const struct log_lines *l, size_t at);

/* ---- diagnose_source.c: files that errors are in ---- */

struct source_place {
	char *shown; /* relative to the source, or the path in the log */
	char *host; /* NULL: not to be found */
	bool own; /* it is the module's */
};
void source_place_find(struct source_place *p, const struct diagnose_input *in, const char *file,
	const char *folder);
void source_place_free(struct source_place *p);
/* One line, stripped; NULL: there is none. Caller frees. */
char *source_line(const char *path, unsigned line);
/* The first line if a kernel would look there for an interpreter; NULL: it does not begin with
 * "#!". */
char *source_interpreter(const char *path);
/* Is it a program that is no script? */
bool source_is_elf(const char *path);
/* The path below the source of a file of that base name; NULL: there is none. Caller frees. */
char *source_find_name(const char *dir, const char *base);
/* A header of the kernel, below include/, that declares the function; NULL: none. Caller frees. */
char *source_find_declaration(const struct diagnose_input *in, const char *name);

/*
 * The structure that is initialized at that line ("static struct platform_driver x = {" above it);
 * NULL: it does not look like that. Caller frees.
 */
char *source_initializer(const char *path, unsigned line);
/* Does the module's Makefile or Kbuild file have that word in it? */
bool source_makefile_has(const struct diagnose_input *in, const char *word);

/* ---- diagnose_explain.c ---- */

struct explaining {
	const struct diagnose_input *in;
	const struct log_lines *lines;
	const struct log_error *error;
	struct diagnosis *d;
	const char *host; /* path of the file it is in, NULL: not to be found */
	uint32_t version; /* of the kernel, 0: not known */
	enum cause cause; /* which is to be made more precise */
};
/* From what the signs say to what it means for this kernel: cause, detail and remedy. */
void diagnose_explain(struct explaining *x);
/* Say it; the text is taken over. */
void explain_set(struct explaining *x, enum cause cause, char *detail);
/* A CONFIG_ name in `text` that the kernel does not have set: that is the cause. */
bool explain_config_in_text(struct explaining *x, const char *text);
/* diagnose_use.c: errors about something of the kernel's. */
void explain_use(struct explaining *x);
void explain_header(struct explaining *x);
void explain_symbol(struct explaining *x);
/* The other changes the log shows. */
void explain_also(struct explaining *x);

#endif
