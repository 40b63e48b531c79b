// SPDX-License-Identifier: GPL-3.0-or-later
/* What depmod and modprobe would make of a module, offline. */
#include "pmkmod/fit/closure.h"

/* Names of `a` that are not in `b`, '-' and '_' alike. */
static char *missing_from(const struct strvec *a, const struct strvec *b)
{
	_cleanup_strvec_ struct strvec names = {0}, have = {0};

	for (size_t i = 0; i < b->n; i++)
		strvec_take(&have, module_name_of(b->v[i]));
	for (size_t i = 0; i < a->n; i++) {
		_cleanup_free_ char *name = module_name_of(a->v[i]);

		if (!strvec_has(&have, name))
			strvec_add(&names, name);
	}
	return names.n ? fit_some(&names) : NULL;
}

static bool installs_nothing(const struct kernel_facts *f)
{
	return !f->modules.n && !f->builtin.n;
}

/* Owners that are nowhere, and those of which nothing is known without facts. */
static void sort_owners(const struct fit_context *c, const struct strvec *owners,
	struct strvec *nowhere, struct strvec *unknown)
{
	for (size_t i = 0; i < owners->n; i++)
		if (module_from(c, owners->v[i]) == FROM_NOWHERE)
			strvec_add(c->k->facts ? nowhere : unknown, owners->v[i]);
}

static bool direct_trouble(struct fit_context *c, const struct ko *ko, const struct fit_needs *n)
{
	_cleanup_strvec_ struct strvec nowhere = {0}, unknown = {0};
	_cleanup_free_ char *lost = fit_some(&n->lost), *gone = NULL, *what = NULL;

	sort_owners(c, &n->owners, &nowhere, &unknown);
	gone = fit_some(&nowhere);
	what = fit_some(&unknown);
	if (n->lost.n)
		fit_add(c, ko, "depends", FIT_FAIL,
			"it uses %s, but the module of that name that is given does not export it and "
			"takes the place of the kernel's own",
			lost);
	else if (nowhere.n && installs_nothing(c->k->facts))
		fit_add(c, ko, "depends", FIT_FAIL,
			"it uses symbols of %s, which Module.symvers names as a module (=m), and the "
			"kernel package installs no modules at all; without that module on the phone "
			"it cannot be loaded",
			gone);
	else if (nowhere.n)
		fit_add(c, ko, "depends", FIT_FAIL,
			"it uses symbols of %s, which the kernel package does not ship; without that "
			"module on the phone it cannot be loaded",
			gone);
	else if (n->n_unknown)
		fit_add(c, ko, "depends", FIT_UNKNOWN,
			"which modules supply its symbols is not known without Module.symvers");
	else if (unknown.n)
		fit_add(c, ko, "depends", FIT_UNKNOWN,
			"it uses symbols of %s; whether the kernel package ships that is not known",
			what);
	else
		return false;
	return true;
}

static void tell_unknown(struct fit_context *c, const struct ko *ko, const struct closure *cl)
{
	fit_add(c, ko, "depends", FIT_UNKNOWN,
		"what the last of %s needs for itself is not known: %s", cl->chain,
		c->table_why		? c->table_why
		: !c->k->modules	? "the kernel's modules are not at hand"
		: c->depends_budget < 0 ? "so long a chain is not followed to its end"
					: "that module cannot be read");
}

/* Without modules.order, kmod's trigger of Alpine removes what depmod wrote instead. */
static void add_no_order(struct strbuf *text, const struct fit_context *c)
{
	if (c->k->facts && !c->k->facts->modules_order && !c->k->facts->modules.n)
		strbuf_addf(text,
			"; the kernel package installs no modules.order, without which the phone does "
			"not run depmod and modprobe finds nothing: a package that pmkmod builds for "
			"it makes one");
}

static void tell_whole(struct fit_context *c, const struct ko *ko, const struct strvec *owners,
	const struct closure *cl)
{
	_cleanup_free_ char *undeclared = missing_from(owners, &ko->depends);
	_cleanup_free_ char *unused = missing_from(&ko->depends, owners);
	_cleanup_free_ char *supplied = fit_some(owners), *loads = fit_some(&cl->loads);
	_cleanup_free_ char *soft = fit_some(&cl->no_soft);
	_cleanup_strbuf_ struct strbuf text = {0};

	if (undeclared)
		strbuf_addf(&text,
			"it uses symbols of %s without declaring that; depmod finds out by itself "
			"(busybox' does not)",
			undeclared);
	else if (unused)
		strbuf_addf(&text,
			"it declares %s, whose symbols it does not use; depmod goes by the symbols",
			unused);
	else if (owners->n)
		strbuf_addf(&text, "%s supplied", supplied);
	else
		strbuf_adds(&text, "it needs no other module");
	if (cl->loads.n > owners->n)
		strbuf_addf(&text, "; modprobe loads %s with it", loads);
	if (cl->no_soft.n)
		strbuf_addf(&text,
			"; %s, which it would like to have loaded, is nowhere, and modprobe does "
			"without",
			soft);
	if (ko->n_softdeps > 1)
		strbuf_addf(&text, "; of its %zu MODULE_SOFTDEP() modprobe reads the first alone",
			ko->n_softdeps);
	add_no_order(&text, c);
	fit_add(c, ko, "depends", FIT_PASS, "%s", text.s);
	for (size_t i = 0; i < cl->loads.n; i++)
		strvec_addf(&c->out->loads, "%s: %s", ko->name, cl->loads.v[i]);
}

void fit_check_depends(struct fit_context *c, const struct ko *ko)
{
	const struct fit_needs *n = &c->needs[ko - c->kos];
	_cleanup_strvec_ struct strvec owners = {0};
	struct closure cl;

	if (direct_trouble(c, ko, n))
		return;
	strvec_add_all(&owners, &n->owners);
	for (size_t i = 0; i < n->weak.n; i++)
		if (!strvec_has(&owners, n->weak.v[i]) &&
			module_from(c, n->weak.v[i]) != FROM_NOWHERE)
			strvec_add(&owners, n->weak.v[i]);
	closure_walk(c, ko, &cl);
	if (cl.end == CLOSURE_CYCLE)
		fit_add(c, ko, "depends", FIT_FAIL,
			"%s: each needs the other's symbols first, so neither can be loaded, and "
			"depmod gives up on all modules of the kernel",
			cl.chain);
	else if (cl.end == CLOSURE_MISSING)
		fit_add(c, ko, "depends", FIT_FAIL,
			"%s: the last of these is needed by the one before, and the kernel package "
			"does not ship it; without it on the phone none of them can be loaded",
			cl.chain);
	else if (cl.end == CLOSURE_UNKNOWN)
		tell_unknown(c, ko, &cl);
	else
		tell_whole(c, ko, &owners, &cl);
	closure_free(&cl);
}
