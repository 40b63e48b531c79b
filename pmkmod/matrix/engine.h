/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What builds the cells of a matrix that are waiting. */
#ifndef PMKMOD_MATRIX_ENGINE_H
#define PMKMOD_MATRIX_ENGINE_H

#include "pmkmod/build/cell.h"
#include "pmkmod/matrix/matrix.h"

/* Whoever shows it; each function may be NULL. `c` is one of the matrix' cells. */
struct engine_watch {
	void (*started)(void *ctx, const struct matrix_cell *c);
	void (*stage)(void *ctx, const struct matrix_cell *c); /* c->stage is new */
	void (*note)(void *ctx, const struct matrix_cell *c, const char *text);
	void (*ended)(void *ctx, const struct matrix_cell *c);
	void (*tick)(void *ctx); /* several times a second */
	void *ctx;
};

struct engine_options {
	bool keep_going; /* after a failure, too */
	const struct engine_watch *watch;
};

/*
 * local.c: build all cells that are CELL_WAITING on this machine, several at a time: as many makes
 * as processors (x->jobs) share one jobserver, and what does not compile goes on beside them, as
 * far as there is memory. Each cell is a process; the cells get their state and what came of them.
 * -EINTR: it was interrupted; cells that were under way are waiting again. A cell that fails is no
 * error.
 */
/* Are matrix.cells and matrix.memory what they must be? Exit code 2. */
int engine_check(struct context *x, struct err *e);
int engine_local(
	struct matrix *m, struct context *x, const struct engine_options *o, struct err *e);

/* order.c: numbers of the waiting cells in the order they are to be begun. */
struct cell_order {
	uint32_t *v;
	size_t n;
};
void cell_order_make(struct cell_order *o, const struct matrix *m, size_t at_once);
void cell_order_free(struct cell_order *o);

/*
 * child.c: build one cell in this process. All that happens goes to the descriptor `events`, a JSON
 * object a line (progress_json.h); the last one is {"event": "end", "exit_code", "error", "stage",
 * "unchanged", "cell", "result"}, the result as cell_result_print() writes it. Returns the exit
 * code. x->jobserver may be set.
 */
int cell_child(struct context *x, const char *device, const char *module, int events);
/*
 * What such a line says, into the cell. *ended: it was the last one. Anything else is passed over
 * (false).
 */
bool cell_take_event(
	struct matrix_cell *c, const char *line, const struct engine_watch *w, bool *ended);

/* room.c: bytes of memory that can still be used, by the machine and by our control groups. */
uint64_t memory_available(void);

#endif
