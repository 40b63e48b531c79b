/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Merging: one cell (farm_merge.c), and all of them (farm_merge_all.c). */
#ifndef PMKMOD_MATRIX_FARM_MERGING_H
#define PMKMOD_MATRIX_FARM_MERGING_H

#include "pmkmod/build/job.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm_parts.h"

struct merging {
	struct matrix *m;
	struct context *x;
	const struct farm_plan *plan;
	struct apk_signkey *key;
	struct work work;
	/* of the cell at hand */
	struct plan p;
	struct farm_result r;
	char *from; /* our own copy of the result, in the work folder */
	struct apk_keys *worker_keys;
	char *to; /* ... and what we have signed */
	struct strvec signed_paths;
	const struct farm_problems *problems; /* with headers */
	struct err *e;
	struct err *told; /* of the whole; may be NULL */
};

/*
 * Take over the result of a cell, whose hash is known; `planned` is what the plan has in its place.
 * What is wrong with it is in the cell; only what would be the next one's fate as well is an error.
 */
int merge_cell(struct merging *g, struct matrix_cell *c, const struct farm_cell *planned);
/* There is no result, or none that can be taken; `why` becomes the cell's. */
void has_to_run_again(struct matrix_cell *c, int exit_code, char *take_why);
/* Why there is no result under `hash` (NULL: not known even now): what the last worker that tried
 * the cell said, or that it saw something else. Caller frees. */
char *trouble_of(const struct farm_plan *p, const struct farm_cell *c, const char *hash);

#endif
