// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * depmod goes by symbols: those of the given modules are looked up, and what modpost wrote into
 * depends= of the kernel's own was found in the same way. Two that need each other make depmod
 * fail as a whole (depmod_calculate_dependencies() in kmod's tools/depmod.c), and then it writes
 * nothing. Soft dependencies are loaded if they are there, by name or alias
 * (__kmod_module_fill_softdep() in libkmod-module.c).
 */
#include "pmkmod/fit/closure.h"

enum state { STATE_OPEN, STATE_DONE };

struct node {
	char *name;
	size_t parent; /* number of the node that asked for it */
	struct strvec deps;
	size_t next; /* the first of `deps` that was not looked at */
	enum state state;
};
struct walk {
	struct fit_context *c;
	struct closure *out;
	struct node *nodes;
	size_t n, cap;
	struct name_index seen; /* name -> number of its node */
	bool lenient; /* soft dependencies: trouble is nobody's */
};

enum module_from module_from(const struct fit_context *c, const char *name)
{
	const uint32_t *at;

	if (name_index_get(&c->given, name))
		return FROM_GIVEN;
	if (name_index_get(&c->others, name))
		return FROM_OTHER;
	at = name_index_get(&c->modules, name);
	if (!at)
		return FROM_NOWHERE;
	return *at == SHIPPED_BUILTIN ? FROM_BUILTIN : FROM_KERNEL;
}

/* "a -> b -> c", c last. */
static char *chain_to(const struct walk *w, size_t from, const char *last)
{
	_cleanup_strvec_ struct strvec names = {0};
	struct strbuf out = {0};

	for (size_t i = from; i != SIZE_MAX; i = w->nodes[i].parent)
		strvec_add(&names, w->nodes[i].name);
	for (size_t i = names.n; i > 0; i--)
		strbuf_addf(&out, "%s -> ", names.v[i - 1]);
	strbuf_adds(&out, last);
	return strbuf_steal(&out);
}

/* The worst that was found counts, of the same the first. */
static void trouble(struct walk *w, enum closure_end end, size_t from, const char *last)
{
	if (w->lenient || w->out->end >= end)
		return;
	w->out->end = end;
	free(w->out->chain);
	w->out->chain = from == SIZE_MAX ? xstrdup(last) : chain_to(w, from, last);
}

static void own_deps(const struct fit_context *c, const char *name, struct strvec *deps)
{
	const struct fit_needs *needs = &c->needs[*name_index_get(&c->given, name)];

	strvec_add_all(deps, &needs->owners);
	for (size_t i = 0; i < needs->weak.n; i++)
		if (module_from(c, needs->weak.v[i]) != FROM_NOWHERE)
			strvec_add(deps, needs->weak.v[i]);
}

/* False: it is not known. */
static bool kernel_deps(struct fit_context *c, const char *name, struct strvec *deps)
{
	const struct kernel_modules *table = fit_modules(c);
	const struct kernel_module *m = table ? kernel_modules_find(table, name) : NULL;
	const char *depends = m ? kernel_modules_depends(&c->table, m) : NULL;

	if (depends)
		strvec_split(deps, depends, ",");
	return depends != NULL;
}

/* A new node, unless nothing has to be loaded for it. */
static void enter(struct walk *w, const char *name, size_t parent)
{
	enum module_from from = module_from(w->c, name);
	struct node n = {.name = xstrdup(name), .parent = parent};

	if (from == FROM_NOWHERE)
		trouble(w, CLOSURE_MISSING, parent, name);
	else if (from == FROM_GIVEN)
		own_deps(w->c, name, &n.deps);
	else if (from == FROM_KERNEL && !kernel_deps(w->c, name, &n.deps))
		trouble(w, CLOSURE_UNKNOWN, parent, name);
	if (from == FROM_NOWHERE || from == FROM_BUILTIN)
		n.state = STATE_DONE;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->nodes = xrealloc(w->nodes, w->cap, sizeof(*w->nodes));
	}
	w->nodes[w->n] = n;
	name_index_add(&w->seen, n.name, (uint32_t)w->n++);
}

static void go_to(struct walk *w, size_t *at, const char *dep)
{
	const uint32_t *known = name_index_get(&w->seen, dep);

	if (known && w->nodes[*known].state == STATE_OPEN) {
		trouble(w, CLOSURE_CYCLE, *at, dep);
	} else if (!known) {
		enter(w, dep, *at);
		if (w->nodes[w->n - 1].state == STATE_OPEN)
			*at = w->n - 1;
	}
}

/* Depth first, so that each comes behind what it needs. */
static void walk_from(struct walk *w, const char *name)
{
	size_t at = w->n;

	if (name_index_get(&w->seen, name))
		return;
	enter(w, name, SIZE_MAX);
	if (w->nodes[at].state == STATE_DONE)
		return;
	while (at != SIZE_MAX) {
		struct node *n = &w->nodes[at];

		if (--w->c->depends_budget < 0) {
			trouble(w, CLOSURE_UNKNOWN, at, "...");
			return;
		}
		if (n->next < n->deps.n) {
			go_to(w, &at, n->deps.v[n->next++]);
			continue;
		}
		n->state = STATE_DONE;
		strvec_add(&w->out->loads, n->name);
		at = n->parent;
	}
}

/* ---- soft dependencies ---- */

struct softs {
	const struct walk *w;
	const struct kernel_modules *table; /* that is being asked */
	struct strvec names; /* the modules an alias leads to */
};

/* A module of the kernel's that a given one takes the place of answers to nothing. */
static bool add_claimer(void *ctx, const struct kernel_alias *a)
{
	struct softs *s = ctx;
	const struct kernel_module *m = &s->table->v[a->module];
	bool is_own = s->table == &s->w->c->own_table;

	if (is_own || !*m->path || !name_index_get(&s->w->c->given, m->name))
		strvec_add(&s->names, m->name);
	return true;
}

/*
 * Who answers to it: the module of that name, else those with an alias that matches; what is built
 * in comes last (kmod_module_new_from_lookup()).
 */
static bool load_soft(struct walk *w, const char *soft)
{
	_cleanup_free_ char *name = module_name_of(soft);
	struct kernel_modules *const tables[] = {fit_own_modules(w->c), fit_modules(w->c)};
	enum module_from from = module_from(w->c, name);
	struct softs s = {.w = w};
	bool found;

	if (from != FROM_NOWHERE && from != FROM_BUILTIN) {
		walk_from(w, name);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		s.table = tables[i];
		if (s.table)
			kernel_modules_claims(
				tables[i], name, &w->c->alias_budget, add_claimer, &s);
	}
	for (size_t i = 0; i < s.names.n; i++)
		walk_from(w, s.names.v[i]);
	found = s.names.n || from == FROM_BUILTIN;
	strvec_free(&s.names);
	return found;
}

/* Softdeps of one that is to be loaded. */
static void soft_of(struct walk *w, const char *name, bool note)
{
	const uint32_t *given = name_index_get(&w->c->given, name);
	const struct kernel_modules *table = given ? NULL : fit_modules(w->c);
	const struct kernel_module *m = table ? kernel_modules_find(table, name) : NULL;
	_cleanup_strvec_ struct strvec names = {0};

	if (given)
		strvec_add_all(&names, &w->c->kos[*given].softdeps);
	else if (m)
		strvec_split(&names, m->softdeps, ",");
	for (size_t i = 0; i < names.n; i++)
		if (!load_soft(w, names.v[i]) && note)
			strvec_add(&w->out->no_soft, names.v[i]);
}

static void drop_itself(struct strvec *loads, const char *name)
{
	struct strvec others = {0};

	for (size_t i = 0; i < loads->n; i++)
		if (!streq(loads->v[i], name))
			strvec_add(&others, loads->v[i]);
	strvec_free(loads);
	*loads = others;
}

void closure_walk(struct fit_context *c, const struct ko *ko, struct closure *out)
{
	struct walk w = {.c = c, .out = out};

	*out = (struct closure){0};
	walk_from(&w, ko->name);
	w.lenient = true;
	/* the list grows while it is worked on; each name comes once */
	for (size_t i = 0; out->end == CLOSURE_WHOLE && i < out->loads.n; i++)
		soft_of(&w, out->loads.v[i], streq(out->loads.v[i], ko->name));
	drop_itself(&out->loads, ko->name);
	for (size_t i = 0; i < w.n; i++) {
		free(w.nodes[i].name);
		strvec_free(&w.nodes[i].deps);
	}
	free(w.nodes);
	name_index_free(&w.seen);
}

void closure_free(struct closure *cl)
{
	free(cl->chain);
	strvec_free(&cl->loads);
	strvec_free(&cl->no_soft);
}
