/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What failed in the last run, for --only-failed: cells remember what comes from their inputs, but
 * a download that failed or a full disk is remembered here alone. <state>/matrix/failed/<hash of
 * channel, architecture, kernel and module>, with the sentence in it.
 */
#ifndef PMKMOD_MATRIX_ATTEMPTS_H
#define PMKMOD_MATRIX_ATTEMPTS_H

#include "pmkmod/matrix/matrix.h"

/* Set `tried` of the cells. */
void attempts_load(struct matrix *m, const struct context *x);
/* With --only-failed, after that: what failed is to be built again, and nothing else. */
void attempts_choose_failed(struct matrix *m);
/* A cell has ended: keep that it failed, or forget it. A state folder that is full is no matter. */
void attempts_note(const struct matrix *m, const struct context *x, const struct matrix_cell *c);

#endif
