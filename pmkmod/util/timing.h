/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the time of a run goes: seconds of each stage, and in each the programs that were run in a
 * sandbox apart from what their sandboxes took to start and to end. Names of stages are borrowed.
 */
#ifndef PMKMOD_TIMING_H
#define PMKMOD_TIMING_H

#include <stddef.h>

#include "chroot/base/str.h"

#define TIMING_STAGES 16
#define TIMING_PROGRAMS 8

struct timing_program {
	char name[24];
	unsigned runs;
	double seconds; /* of the program itself */
};

struct timing_stage {
	const char *name;
	double seconds;
	double sandbox; /* of these, until programs ran and after they had ended */
	unsigned sandboxes;
	struct timing_program programs[TIMING_PROGRAMS];
	size_t n_programs;
};

/* All zero at first. What does not fit into the tables is left out of them, not of the total. */
struct timing {
	double began; /* CLOCK_MONOTONIC seconds */
	struct timing_stage stages[TIMING_STAGES]; /* in the order in which they began first */
	size_t n_stages;
};

/* A stage took so long; of several with one name (modules that need each other) it is the sum. */
void timing_stage(struct timing *t, const char *stage, double seconds);
/* A program ran in a sandbox during that stage; `around`: seconds of the sandbox without it. */
void timing_program(
	struct timing *t, const char *stage, const char *program, double ran, double around);
/* Seconds of a stage in which pmkmod itself was at work. */
double timing_own(const struct timing_stage *s);
/* Lines "stage seconds per cent" for people, up to `total` seconds in all; caller frees. */
char *timing_table(const struct timing *t, double total);

#endif
