/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * GNU make's jobserver (make's manual, "POSIX Jobserver Interaction"): a pipe with a byte for each
 * processor. All makes of all builds, and whoever starts one, take from the same pipe.
 */
#ifndef PMKMOD_JOBSERVER_H
#define PMKMOD_JOBSERVER_H

#include <stdbool.h>

#include "chroot/base/err.h"

struct jobserver {
	int fds[2]; /* for makes: read, write; the same numbers in every process */
	int own; /* read end of one's own, which does not block; -1: not opened yet */
	unsigned tokens; /* how many there are in all */
	unsigned held; /* by this process, and what it runs */
	double quiet_since; /* when the parent last saw that something may be lost; 0: nothing */
};

/* A new one; closed on exec. */
int jobserver_open(struct jobserver *j, unsigned tokens, struct err *e);
void jobserver_close(struct jobserver *j);
/* In a child: open `own`. */
int jobserver_join(struct jobserver *j, struct err *e);
/*
 * Take one token, waiting for it (-EINTR: interrupted()); whoever starts a make must hold it
 * meanwhile. Up to `more` beyond that are taken if they are there: how many is in j->held.
 */
int jobserver_take(struct jobserver *j, unsigned more, struct err *e);
/* Give back all that is held. */
void jobserver_give(struct jobserver *j);
/* "-jN --jobserver-auth=R,W" for MAKEFLAGS; caller frees. */
char *jobserver_flags(const struct jobserver *j);
/*
 * For the parent, now and then: `holders` children hold a token. What makes that were killed had is
 * put back once nobody can have it any more; what was put in beyond all is taken out.
 */
void jobserver_mend(struct jobserver *j, unsigned holders);

#endif
