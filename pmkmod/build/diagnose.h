/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why a build failed: the first real error of its log, where it is, a named cause and what to do.
 *
 * A log is what tools printed, so nothing in it is to be believed: it is bounded, cleaned before it
 * is shown, and paths in it are only ever looked up inside of the source and the layers.
 */
#ifndef PMKMOD_DIAGNOSE_H
#define PMKMOD_DIAGNOSE_H

#include "chroot/base/str.h"
#include "pmkmod/kernel/kernel.h"

/* In a log, behind a step that only looked for another way: the one before it is what failed. */
#define LOG_NO_STEP "# not counted: "

/* A kind of failure. Ids are for programs: they stay what they are once they were published. */
struct diagnosis_cause {
	const char *id, *title;
	const char *remedy;
};

struct diagnosis {
	const struct diagnosis_cause *cause; /* NULL: nothing was found */
	char *stage; /* "build"; NULL: the caller did not say */
	char *step; /* the command that failed; NULL: the log has no steps */
	char *error; /* the first error in its tool's words */
	char *file; /* relative to the module's source, or a header's path; NULL: nowhere */
	unsigned line, column; /* 0: not known */
	char *source; /* the line itself, NULL: not known */
	char *own_file; /* where the module's own code leads to an error in a header; NULL: it is
			   there */
	unsigned own_line;
	char *detail; /* what the cause is here, a sentence without a full stop; NULL: the title
			 says it */
	struct strvec also; /* further changes of the kernel's interfaces that the log shows */
	size_t more; /* further errors of the same step */
	bool gave_up; /* make said that it did */
	char *remedy;
	char *log; /* path; NULL: none */
};

/* What is known of the build; all borrowed, and anything may be NULL or zero. */
struct diagnose_input {
	const char *stage;
	const char *log_path;
	const char *source_dir; /* host path of the source that was built; JOB_SOURCE inside */
	const char *kbuild_dir; /* host path of the folder make was run for */
	const struct strvec *kbuild_aliases; /* what else that folder is called inside */
	const struct strvec *layers; /* content folders with the kernel's headers, topmost first */
	const char *build_dir; /* path of the headers inside */
	const char *release; /* of the kernel */
	const char *arch; /* as kbuild calls it: "arm64" */
	const struct kconfig *config;
	const struct symvers *symvers; /* NULL: not known, which is not the same as empty */
	bool of_kernel; /* it is the kernel itself that was built: there is no module to change */
	bool emulated; /* the compiler ran under qemu-user */
	/* nothing failed but the check of what came out: what modpost only warned of is the error
	 */
	bool warnings_of_modpost;
};

/*
 * Read the log of a build. True if an error was found; *out is to be freed in any case. Takes the
 * last step ("# command: ...") of the log, or all of it if there are none.
 */
bool diagnose_log(
	const char *text, size_t len, const struct diagnose_input *in, struct diagnosis *out);
/* For failures that have no log, or none that says why: by the exit code; `text` is the error. */
void diagnose_exit_code(
	int exit_code, const char *text, const struct diagnose_input *in, struct diagnosis *out);
void diagnosis_free(struct diagnosis *d);

/* Did a program crash under qemu-user? Then the same again, or natively, may well succeed. */
bool diagnosis_is_emulator_crash(const struct diagnosis *d);

/* As hints of `e`, one a line, the log's path last; returns the error's code. */
int diagnosis_hint(const struct diagnosis *d, struct err *e);
/* Of the log of building a kernel's parts; one that cannot be read is only named. */
int diagnose_hint(struct err *e, const char *log_path);
/* The same with everything known; *out is the caller's to free. */
int diagnose_file(const struct diagnose_input *in, struct diagnosis *out, struct err *e);

/*
 * diagnose_json.c: {"cause", "title", "detail", "also", "where": {"file", "line", "column",
 * "source"}, "own": {"file", "line"}, "first_error", "more_errors", "step", "remedy", "log"}; null
 * for what is not known. json_object_put() is the caller's.
 */
struct json_object;
struct json_object *diagnosis_json(const struct diagnosis *d);
/* On one line; caller frees. */
char *diagnosis_text(const struct diagnosis *d);

#endif
