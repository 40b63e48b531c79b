/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `matrix` and `merge-cells` have in common: building here, showing, reporting. */
#ifndef PMKMOD_CMD_MATRIX_RUN_H
#define PMKMOD_CMD_MATRIX_RUN_H

#include "pmkmod/cmd/cmd.h"
#include "pmkmod/matrix/matrix.h"

/*
 * Build here what is waiting, show it, write the reports (--report, else `report_dir`), and print
 * the summary. *status: the exit code of a run that was no error.
 */
int matrix_build_here(struct matrix *m, struct context *x, const struct options *o,
	const char *report_dir, int *status, struct err *e);

#endif
