// SPDX-License-Identifier: GPL-3.0-or-later
/* The engine of this machine: a process for each cell, one jobserver for all of them. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/jobserver.h"

#define TICK_MS 100
#define LINE_MAX_BYTES (1 << 20)
/* What a cell needs is not to be seen before it compiles. */
#define SETTLE_S 3.0
/* What a process that is told to end may need for that; then the sandbox ends with it all the same.
 */
#define END_S 20.0

struct running {
	pid_t pid; /* 0: free */
	int events;
	uint32_t cell;
	struct strbuf in;
	bool ended; /* it has said what came of it */
	bool told_to_end;
};

struct engine {
	struct matrix *m;
	struct context *x;
	const struct engine_options *o;
	struct jobserver jobs;
	struct cell_order order;
	size_t next; /* the first of the order that may still be waiting */
	struct running *v;
	size_t n, busy;
	uint64_t memory; /* bytes a cell is given */
	bool stopped; /* nothing more is begun */
	double ending; /* since when those under way are asked to end; 0: they are not */
	struct err *e;
};

static const struct engine_watch none;

static const struct engine_watch *watch(const struct engine *g)
{
	return g->o->watch ? g->o->watch : &none;
}

/* ---- one cell ---- */

static _Noreturn void child(struct engine *g, const struct matrix_cell *c, int events, pid_t parent)
{
	const struct matrix_device *d = &g->m->devices[c->device];
	struct context *x = g->x;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_GENERAL);
	interrupt_forked();
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].pid > 0)
			close(g->v[i].events);
	x->progress.quiet = true;
	x->verbose = false;
	x->jobserver = &g->jobs;
	g->jobs.own = -1;
	g->jobs.held = 0;
	matrix_choose_kernel(x, d);
	x->rebuild = x->rebuild || c->again;
	/* what it prints besides would stand in the middle of the table */
	_exit(cell_child(x, d->device, g->m->modules[c->module].asked, events));
}

static int begin(struct engine *g, struct running *r, uint32_t number)
{
	struct matrix_cell *c = &g->m->cells[number];
	pid_t parent = getpid(), pid;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(g->e, -errno, "cannot make a pipe for one more cell");
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(g, c, fds[1], parent);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_errno(g->e, -errno, "cannot start a process for one more cell");
	}
	*r = (struct running){.pid = pid, .events = fds[0], .cell = number};
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	g->busy++;
	c->state = CELL_RUNNING;
	c->started = monotonic_seconds();
	if (watch(g)->started)
		watch(g)->started(watch(g)->ctx, c);
	return 0;
}

/* ---- what it says ---- */

/* Once the headers of a kernel are made, its other cells need not wait for them. */
static void headers_are_there(struct engine *g, const struct matrix_cell *c)
{
	for (size_t i = 0; i < g->m->n_cells; i++)
		if (g->m->cells[i].kernel == c->kernel)
			g->m->cells[i].headers_first = false;
}

static void take_line(struct engine *g, struct running *r, const char *line)
{
	struct matrix_cell *c = &g->m->cells[r->cell];

	if (r->ended)
		return;
	cell_take_event(c, line, g->o->watch, &r->ended);
	if (c->headers_first && c->hash)
		headers_are_there(g, c);
}

/* False at the end. */
static bool listen_to(struct engine *g, struct running *r)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(r->events, buf, sizeof(buf))) > 0) {
		char *line, *end;

		strbuf_add(&r->in, buf, (size_t)n);
		line = r->in.s;
		while ((end = memchr(line, '\n', r->in.len - (size_t)(line - r->in.s)))) {
			*end = '\0';
			take_line(g, r, line);
			line = end + 1;
		}
		r->in.len -= (size_t)(line - r->in.s);
		memmove(r->in.s, line, r->in.len + 1);
		if (r->in.len > LINE_MAX_BYTES)
			strbuf_reset(&r->in);
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* ---- its end ---- */

static void lost(struct matrix_cell *c, int status)
{
	free(c->error);
	if (WIFSIGNALED(status))
		c->error = xasprintf("the process that built it was ended by a signal (%s)%s",
			strsignal(WTERMSIG(status)),
			WTERMSIG(status) == SIGKILL
				? "\nis memory short? `dmesg` says whether the kernel killed it"
				: "");
	else
		c->error = xasprintf("the process that built it ended without a word (status %d)",
			WEXITSTATUS(status));
	c->exit_code = EXIT_GENERAL;
	c->state = CELL_FAILED;
}

/* Whoever needs the same headers would only fail for the same reason. */
static void spread(struct engine *g, const struct matrix_cell *c)
{
	for (size_t i = 0; i < g->m->n_cells; i++) {
		struct matrix_cell *other = &g->m->cells[i];

		if (other == c || other->kernel != c->kernel || !other->headers_first ||
			other->state != CELL_WAITING)
			continue;
		other->state = c->state;
		other->exit_code = c->exit_code;
		other->error = xstrdup(c->error);
		other->stage = xstrdup(c->stage);
		if (watch(g)->ended)
			watch(g)->ended(watch(g)->ctx, other);
	}
}

/* Interrupted: that is not how it would have ended. */
static void take_back(struct matrix_cell *c)
{
	c->state = CELL_WAITING;
	c->exit_code = 0;
	free(c->error);
	c->error = NULL;
}

static void finish(struct engine *g, struct running *r)
{
	struct matrix_cell *c = &g->m->cells[r->cell];
	int status = 0;

	close(r->events);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	strbuf_free(&r->in);
	g->busy--;
	c->seconds = monotonic_seconds() - c->started;
	if (!r->ended)
		lost(c, status);
	if (c->state == CELL_FAILED && (r->told_to_end || interrupted()))
		take_back(c);
	*r = (struct running){0};
	if (c->state == CELL_WAITING)
		return;
	if (watch(g)->ended)
		watch(g)->ended(watch(g)->ctx, c);
	if (c->headers_first && c->state != CELL_BUILT && c->state != CELL_REUSED)
		spread(g, c);
	if (c->state == CELL_FAILED && !g->o->keep_going)
		g->stopped = true;
}

/* ---- which one next ---- */

/* Is something under way, or still to come, that it has to wait for? */
static bool has_to_wait(const struct engine *g, const struct matrix_cell *c)
{
	const struct strvec *depends = &g->m->modules[c->module].depends;

	for (size_t i = 0; i < g->n; i++) {
		const struct matrix_cell *other =
			g->v[i].pid > 0 ? &g->m->cells[g->v[i].cell] : NULL;

		if (other && c->headers_first && other->kernel == c->kernel)
			return true;
	}
	for (size_t i = 0; i < depends->n; i++)
		for (size_t k = 0; k < g->m->n_modules; k++) {
			const struct matrix_cell *other = matrix_slot(g->m, c->device, k);

			if (streq(g->m->modules[k].name, depends->v[i]) && other != c &&
				(other->state == CELL_WAITING || other->state == CELL_RUNNING))
				return true;
		}
	return false;
}

/* The number of a cell to begin, n_cells: none now. */
static size_t choose(struct engine *g)
{
	while (g->next < g->order.n && g->m->cells[g->order.v[g->next]].state != CELL_WAITING)
		g->next++;
	for (size_t i = g->next; i < g->order.n; i++) {
		const struct matrix_cell *c = &g->m->cells[g->order.v[i]];

		/* those that depend on each other in a circle say so themselves */
		if (c->state == CELL_WAITING && (g->busy == 0 || !has_to_wait(g, c)))
			return g->order.v[i];
	}
	return g->m->n_cells;
}

/* Those that have just begun will need what they do not have yet. */
static bool has_room(const struct engine *g)
{
	uint64_t available = memory_available(), wanted = g->memory;
	double now = monotonic_seconds();

	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].pid > 0 && now - g->m->cells[g->v[i].cell].started < SETTLE_S)
			wanted += g->memory;
	return g->busy == 0 || available >= wanted;
}

static int begin_more(struct engine *g)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->n && !g->stopped && !interrupted(); i++) {
		size_t number;

		if (g->v[i].pid > 0)
			continue;
		number = choose(g);
		if (number == g->m->n_cells || !has_room(g))
			break;
		r = begin(g, &g->v[i], (uint32_t)number);
	}
	return r;
}

/* ---- the whole ---- */

/* A make is under way in those stages, and its starter's token with it. */
static unsigned holders(const struct engine *g)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const char *stage = g->v[i].pid > 0 ? g->m->cells[g->v[i].cell].stage : NULL;

		n += stage &&
		     (streq(stage, "build") || streq(stage, "headers") || streq(stage, "resolve"));
	}
	return n;
}

static void end_all(struct engine *g)
{
	bool late = g->ending > 0 && monotonic_seconds() - g->ending > END_S;

	g->stopped = true;
	if (g->ending <= 0)
		g->ending = monotonic_seconds();
	for (size_t i = 0; i < g->n; i++) {
		struct running *r = &g->v[i];

		if (r->pid > 0 && (late || !r->told_to_end))
			kill(r->pid, late ? SIGKILL : SIGTERM);
		r->told_to_end = true;
	}
}

static void wait_and_listen(struct engine *g)
{
	struct pollfd *p = xcalloc(g->n, sizeof(*p));

	for (size_t i = 0; i < g->n; i++)
		p[i] = (struct pollfd){
			.fd = g->v[i].pid > 0 ? g->v[i].events : -1, .events = POLLIN};
	poll(p, g->n, TICK_MS);
	for (size_t i = 0; i < g->n; i++)
		if (p[i].revents && !listen_to(g, &g->v[i]))
			finish(g, &g->v[i]);
	free(p);
}

static int run_all(struct engine *g)
{
	int r = 0;

	for (;;) {
		int begun = begin_more(g);

		/* a fork that failed ends the run */
		r = r < 0 ? r : begun;
		if (!g->busy)
			break;
		if (interrupted() || r < 0)
			end_all(g);
		wait_and_listen(g);
		jobserver_mend(&g->jobs, holders(g));
		if (watch(g)->tick)
			watch(g)->tick(watch(g)->ctx);
	}
	return interrupted() ? err_set(g->e, -EINTR, "interrupted") : r;
}

static int read_options(
	struct context *x, unsigned long long *cells, unsigned long long *memory, struct err *e)
{
	int r = config_number(x->config, "matrix", "cells", 0, cells, e);

	if (r == 0)
		r = config_number(x->config, "matrix", "memory", 512ULL << 20, memory, e);
	if (r == 0 && *cells > 4096)
		r = err_set(e, -EINVAL, "matrix.cells is more than 4096");
	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	return r;
}

int engine_check(struct context *x, struct err *e)
{
	unsigned long long cells = 0, memory = 0;

	return read_options(x, &cells, &memory, e);
}

int engine_local(struct matrix *m, struct context *x, const struct engine_options *o, struct err *e)
{
	struct err own = ERR_INIT;
	struct engine g = {.m = m, .x = x, .o = o, .e = e ? e : &own};
	unsigned long long cells = 0, memory = 0;
	int r = read_options(x, &cells, &memory, g.e);

	if (r == 0)
		r = jobserver_open(&g.jobs, x->jobs, g.e);
	if (r < 0)
		return r;
	g.memory = memory;
	g.n = cells ? (size_t)cells : (size_t)x->jobs * 2;
	/* more than there are can never be under way */
	if (g.n > m->n_cells)
		g.n = m->n_cells ? m->n_cells : 1;
	g.v = xcalloc(g.n, sizeof(*g.v));
	cell_order_make(&g.order, m, g.n);
	r = run_all(&g);
	m->interrupted = r == -EINTR;
	jobserver_close(&g.jobs);
	cell_order_free(&g.order);
	free(g.v);
	return r;
}
