/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors: every function that can fail returns 0 (or a count) or a negative errno, and leaves a
 * sentence a porter can act on in a struct err the caller owns. Library code never prints or exits.
 */
#ifndef PMKMOD_ERR_H
#define PMKMOD_ERR_H

#include <errno.h>

/* Space enough for a sentence with two paths and two hashes in it; longer text is cut. */
#define ERR_TEXT_MAX 4096

struct err {
	int code; /* negative errno of the first failure, 0 if none */
	int exit_code; /* what main() exits with; 0: derived from the failing stage */
	char text[ERR_TEXT_MAX]; /* one or more lines, no final newline */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		0, 0, ""                                                                           \
	}

/*
 * Store a sentence and return `code` (negative errno), so that callers can write
 * `return err_set(e, -ENOENT, "...")`. `e` may be NULL: then only the code is passed on.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), and appends ": <strerror(-code)>". */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), and says what main() exits with. */
int err_exit(struct err *e, int exit_code, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put `fmt...: ` before the sentence that is already there; returns the stored code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append a new line with a hint ("what to do next"); returns the stored code. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forget what is stored. */
void err_clear(struct err *e);

#if defined(__clang_analyzer__) && !defined(ERR_IMPLEMENTATION)
/* clang's static analyzer does not see into err.c: tell it that these never return 0. */
void analyzer_use(struct err *e, ...);
#define analyzer_error(code, ...)                                                                  \
	({                                                                                         \
		int analyzer_code_ = (code);                                                       \
		analyzer_use(__VA_ARGS__);                                                         \
		analyzer_code_ < 0 ? analyzer_code_ : -1;                                          \
	})
#define err_set(e, code, ...) analyzer_error((code), (e), __VA_ARGS__)
#define err_exit(e, exit_code, code, ...) analyzer_error((code), (e), (exit_code), __VA_ARGS__)
#define err_errno(e, code, ...) analyzer_error((code), (e), __VA_ARGS__)
#define err_prefix(e, ...) analyzer_error(-1, (e), __VA_ARGS__)
#define err_hint(e, ...) analyzer_error(-1, (e), __VA_ARGS__)
#endif

#endif
