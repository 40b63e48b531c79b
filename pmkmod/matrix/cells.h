/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cells of a matrix: found by what they are built of, and what came of them. */
#ifndef PMKMOD_MATRIX_CELLS_H
#define PMKMOD_MATRIX_CELLS_H

#include "pmkmod/build/cell.h"
#include "pmkmod/matrix/matrix.h"

/* Number of a cell by a text that stands for it; of the text only a hash is kept. */
struct cell_index {
	struct cell_place {
		uint64_t hash[2];
		uint32_t number_1; /* and one; 0: free */
	} * places;
	size_t n, size; /* size: a power of two, or 0 */
};
/* The number that `key` has; *new: it gets `number`. */
uint32_t cell_index_put(struct cell_index *t, const char *key, uint32_t number, bool *new);
void cell_index_free(struct cell_index *t);

/* What became of a cell; takes what is in `r` and empties it. `before`: not in this run. */
void matrix_cell_take(struct matrix_cell *c, struct cell_result *r, bool before);

/*
 * Which of the failures are the kernel's or the profile's nature (CELL_EXCLUDED, CELL_REFUSED), and
 * nothing that went wrong.
 */
enum cell_state matrix_state_of_failure(int exit_code);

/* `pmkmod log`, `boot` and the others mean this cell now, for each device that shares it. */
void matrix_remember_latest(
	const struct matrix *m, const struct context *x, const struct matrix_cell *c);

#endif
