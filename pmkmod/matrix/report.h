/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the reports and the view of a matrix share; for this room alone.
 *
 * Names, errors and logs are outside bytes: each goes through one of the functions here before a
 * terminal or a file gets it.
 */
#ifndef PMKMOD_MATRIX_REPORT_H
#define PMKMOD_MATRIX_REPORT_H

#include "pmkmod/kernel/name_index.h"
#include "pmkmod/matrix/matrix.h"
#include "pmkmod/util/json.h"

/* Counted up when a member of the JSON report or of the events changes its meaning. */
#define MATRIX_FORMAT 1

/* ---- report_file.c: a file that is there whole or not at all ---- */
struct report_file {
	FILE *f; /* to be written to; errors are noticed at the end */
	char *path, *tmp;
};
int report_begin(struct report_file *r, const char *path, struct err *e);
/* Put it in its place; on an error (also one of the caller's, `code`) nothing is left of it. */
int report_end(struct report_file *r, int code, struct err *e);

/* ---- report_text.c ---- */
enum text_form {
	TEXT_PLAIN, /* for a terminal or a line of text */
	TEXT_XML, /* for HTML and XML, between tags or in "" */
};
/*
 * Append `len` bytes of text. What is no UTF-8, controls (also those that turn the direction of
 * text) and the sequences that colour a terminal's text are not passed on; XML 1.0 has no way to
 * write most of them. Newlines and tabs are kept if `lines`, else they are blanks.
 */
void text_add(struct strbuf *b, const char *s, size_t len, enum text_form form, bool lines);
/* The first line, as TEXT_PLAIN, with the next one if it ends in a colon; "" for NULL. Caller
 * frees. */
char *text_first_line(const char *s);
/* All of it on one line, nothing but printable ASCII: as many columns as bytes. Caller frees. */
char *text_columns(const char *s);
/* "3.1 s", "2 min 5 s", "1 h 3 min". Caller frees. */
char *text_duration(double seconds);
/* As text_add() of all of `s` (NULL: nothing) to a file. */
void text_write(FILE *f, const char *s, enum text_form form, bool lines);

/* ---- report_cell.c ---- */
/* The members of a cell, as reports and events have them. json_object_put() is the caller's. */
struct json_object *cell_json(
	const struct matrix *m, const struct context *x, const struct matrix_cell *c);
/* {"built": n, ...} of one of struct matrix_counts' arrays. */
struct json_object *counts_json(const size_t counts[N_CELL_STATES]);
/* The error, and what its diagnosis says beyond that; NULL: there is none. Caller frees. */
char *cell_explanation(const struct matrix_cell *c);
/* Why a cell has no result, when nothing says so itself: "the run stopped before"; NULL. */
const char *cell_no_result(const struct matrix *m, const struct matrix_cell *c);
/*
 * The last lines of a file, at most 200 and `max` bytes; NULL: it cannot be read. *whole: that is
 * all of it. Not cleaned. Caller frees.
 */
char *log_tail(const char *path, size_t max, bool *whole);
/* How much of each log a report may embed so that all of them together stay within `budget`. */
#define LOG_TAIL_MAX 16384
size_t log_share(const struct matrix *m, size_t budget);
/* "point: text" of each point of the fit report beside an apk that did not pass. */
void fit_remarks(const char *apk, struct strvec *out);

/* ---- texts.c: each text once ---- */
struct texts {
	char **v;
	size_t n, cap;
	struct name_index index;
};
/* The number of `s`, which is added if it is not there. */
uint32_t texts_add(struct texts *t, const char *s);
void texts_free(struct texts *t);

/* ---- members.c: which slots a cell is for ---- */
struct members {
	uint32_t *first; /* [cell]: where its slots begin in `slots`; n_cells + 1 of them */
	uint32_t *slots; /* of a cell in their order */
};
void members_find(struct members *out, const struct matrix *m);
/* Their devices, each once: "a, b, c and 7 more", no more than `max` names. Caller frees. */
char *members_devices(const struct members *s, const struct matrix *m, size_t cell, size_t max);
void members_free(struct members *s);

/* ---- reasons.c: the slots of a state, by why ---- */
struct reason {
	char *text; /* of a device, kernel, ... that differ it says <device>, <kernel>, ... */
	uint32_t *slots; /* in their order */
	size_t n, cap;
	uint32_t *devices, *modules; /* each once, in their order */
	size_t n_devices, n_modules;
};
struct reasons {
	struct reason *v; /* the most frequent first */
	size_t n;
	uint32_t *of_cell; /* number of the reason, of a cell in that state */
};
/* "a, b, c and 7 more" of `n` devices, as TEXT_PLAIN. Caller frees. */
char *devices_text(const struct matrix *m, const uint32_t *devices, size_t n, size_t max);
/* By the error's first line, or by all that explains it. */
void reasons_find(
	struct reasons *out, const struct matrix *m, enum cell_state state, bool whole_text);
void reasons_free(struct reasons *r);

#endif
