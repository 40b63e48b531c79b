/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One live line a stage on a terminal, plain lines in a pipe. Everything goes to stderr. */
#ifndef PMKMOD_PROGRESS_H
#define PMKMOD_PROGRESS_H

#include <stdbool.h>

enum progress_kind {
	PROGRESS_STAGE, /* a stage begins: what it is about */
	PROGRESS_DONE, /* it ended: what came out of it */
	PROGRESS_FAILED,
	PROGRESS_NOTE,
	PROGRESS_CELL, /* the cell is known: its hash */
};

struct progress_event {
	enum progress_kind kind;
	const char *stage; /* NULL: between stages */
	const char *text; /* NULL: there is nothing to say */
	double seconds; /* that the stage took, when it ends */
};
#include "pmkmod/util/timing.h"

struct progress {
	bool quiet; /* nothing but errors */
	bool terminal; /* stderr is one: rewrite the line */
	const char *stage; /* the one under way, NULL: none */
	const char *failed; /* the one that failed, NULL: none did */
	double started; /* CLOCK_MONOTONIC seconds */
	double shown; /* of the last rewrite: at most ten a second */
	/* told of all of it, with `quiet` too; may be NULL */
	void (*tell)(void *ctx, const struct progress_event *ev);
	void *tell_ctx;
	struct timing timing; /* of all stages that ended, since progress_init() */
};

void progress_init(struct progress *p, bool quiet);
/* Begin a stage; `text` says on what. */
void progress_stage(struct progress *p, const char *stage, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What the stage is doing now; only terminals show it. */
void progress_detail(struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* End the stage with what came out of it. */
void progress_done(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* End the stage because it failed; the error itself is printed by main(). */
void progress_failed(struct progress *p);
/* The cell that is built is known by now. */
void progress_cell(struct progress *p, const char *hash);
/* A notice between stages ("note: ..."). */
void progress_note(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

double monotonic_seconds(void);

#endif
