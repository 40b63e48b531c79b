// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Who else answers to a module's names. modprobe takes a module of the very name first, and else
 * loads all whose aliases match (kmod_module_new_from_lookup() in libkmod). None of this keeps a
 * module from being loaded; it decides who gets the device.
 */
#include "pmkmod/fit/check.h"

#define NAMES_MAX 16 /* others of one kind; a sentence has room for fewer */

/* ---- the given modules' own aliases, as a table like the kernel's ---- */

static int by_pattern(const void *a, const void *b)
{
	return strcmp(((const struct kernel_alias *)a)->pattern,
		((const struct kernel_alias *)b)->pattern);
}

struct kernel_modules *fit_own_modules(struct fit_context *c)
{
	struct kernel_modules *t = &c->own_table;
	size_t total = 0;

	if (c->own_indexed)
		return t;
	c->own_indexed = true;
	for (size_t i = 0; i < c->n_kos; i++)
		total += c->kos[i].aliases.n;
	t->v = xcalloc(c->n_kos, sizeof(*t->v));
	t->aliases = xcalloc(total, sizeof(*t->aliases));
	for (size_t i = 0; i < c->n_kos; i++) {
		const struct ko *ko = &c->kos[i];

		t->v[t->n] = (struct kernel_module){ko->name, ko->path, "", ""};
		name_index_add(&t->names, ko->name, (uint32_t)t->n);
		for (size_t k = 0; k < ko->aliases.n; k++) {
			char *normal = alias_normal(ko->aliases.v[k]);

			strvec_take(&c->own_patterns, normal);
			t->aliases[t->n_aliases++] =
				(struct kernel_alias){.pattern = normal, .module = (uint32_t)t->n};
		}
		t->n++;
	}
	if (t->n_aliases)
		qsort(t->aliases, t->n_aliases, sizeof(*t->aliases), by_pattern);
	return t;
}

void fit_free_aliases(struct fit_context *c)
{
	kernel_modules_free(&c->own_table);
	strvec_free(&c->own_patterns);
}

/* ---- who claims what ---- */

struct claims {
	struct fit_context *c;
	const struct ko *ko;
	/* what is being asked for */
	const struct kernel_modules *table;
	const char *asked;
	/* others that claim the same, and the first alias of which that was found */
	struct strvec builtin, shipped, given;
	char *builtin_alias, *alias;
	bool builtin_more, more; /* there are others than that one */
	/* a name and an alias that are the same: which, and of which module */
	char *own_alias, *its_name, *whose;
};

static void claims_free(struct claims *s)
{
	char *const texts[] = {s->builtin_alias, s->alias, s->own_alias, s->its_name, s->whose};

	strvec_free(&s->builtin);
	strvec_free(&s->shipped);
	strvec_free(&s->given);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

static bool is_own(const struct claims *s)
{
	return s->table == &s->c->own_table;
}

static void note(struct strvec *names, const char *name, char **alias, bool *more, const char *what)
{
	if (names->n < NAMES_MAX && !strvec_has(names, name))
		strvec_add(names, name);
	if (!*alias)
		*alias = xstrdup(what);
	*more |= !streq(*alias, what);
}

/* A module of the kernel's that a given one takes the place of claims nothing any more. */
static bool counts(const struct claims *s, const struct kernel_module *m)
{
	if (is_own(s))
		return !streq(m->name, s->ko->name);
	return !*m->path || !name_index_get(&s->c->given, m->name);
}

static bool on_claim(void *ctx, const struct kernel_alias *a)
{
	struct claims *s = ctx;
	const struct kernel_module *m = &s->table->v[a->module];

	if (!counts(s, m))
		return true;
	if (!*m->path)
		note(&s->builtin, m->name, &s->builtin_alias, &s->builtin_more, s->asked);
	else
		note(is_own(s) ? &s->given : &s->shipped, m->name, &s->alias, &s->more, s->asked);
	return s->builtin.n + s->shipped.n + s->given.n < NAMES_MAX;
}

/* Somebody else's alias that is this module's name; a pattern for everything names nobody. */
static void ask_name(struct claims *s)
{
	const struct kernel_modules *t = s->table;
	const struct kernel_alias *a = kernel_modules_alias(t, s->ko->name);

	for (; a && a < t->aliases + t->n_aliases && streq(a->pattern, s->ko->name) && !s->whose;
		a++) {
		const struct kernel_module *m = &t->v[a->module];

		if (counts(s, m) && !streq(m->name, s->ko->name))
			s->whose = xstrdup(m->name);
	}
}

/* An alias of its own that is another module's name. */
static void ask_names(struct claims *s, const char *alias, const char *shown)
{
	const struct kernel_module *m = kernel_modules_find(s->table, alias);

	if (s->own_alias || !m || !counts(s, m) || streq(m->name, s->ko->name))
		return;
	s->own_alias = xstrdup(shown);
	s->its_name = xstrdup(*m->path ? m->name : "");
}

/* False: there was too much to compare. */
static bool ask_table(struct claims *s, struct kernel_modules *table)
{
	int64_t *budget = &s->c->alias_budget;
	bool whole = true;

	s->table = table;
	for (size_t i = 0; i < s->ko->aliases.n && whole; i++) {
		_cleanup_free_ char *normal = alias_normal(s->ko->aliases.v[i]);

		s->asked = s->ko->aliases.v[i];
		ask_names(s, normal, s->asked);
		whole = kernel_modules_claims(table, normal, budget, on_claim, s);
	}
	ask_name(s);
	return whole;
}

/* ---- telling ---- */

static bool is_device_alias(const char *alias)
{
	return strchr(alias, ':') != NULL;
}

static void add_others(struct strbuf *text, const struct claims *s)
{
	_cleanup_free_ char *builtin = fit_some(&s->builtin), *shipped = fit_some(&s->shipped),
			    *given = fit_some(&s->given);
	const char *sep = "";

	if (s->builtin.n) {
		strbuf_addf(text,
			"'%s'%s also claimed by %s, which is built into the kernel and there "
			"before any module%s",
			s->builtin_alias, s->builtin_more ? " and others are" : " is", builtin,
			is_device_alias(s->builtin_alias)
				? ": it has bound the device, and this module gets it only when it "
				  "is unbound in /sys/bus/*/drivers/"
				: "");
		sep = "; ";
	}
	if (!s->shipped.n && !s->given.n)
		return;
	strbuf_addf(text, "%s'%s'%s also claimed by %s%s%s%s: modprobe loads all that match", sep,
		s->alias, s->more ? " and others are" : " is", shipped,
		s->shipped.n ? ", which the kernel package ships" : "",
		s->shipped.n && s->given.n ? ", and by " : "", s->given.n ? given : "");
	if (is_device_alias(s->alias))
		strbuf_addf(text,
			", and the first to register gets the device; \"blacklist %s\" in "
			"/etc/modprobe.d/ leaves it to this one",
			s->shipped.n ? s->shipped.v[0] : s->given.v[0]);
}

static void add_names(struct strbuf *text, const struct claims *s)
{
	if (s->own_alias && *s->its_name)
		strbuf_addf(text,
			"%sits alias '%s' is the name of another module, which is what modprobe "
			"loads for it",
			text->len ? "; " : "", s->own_alias);
	else if (s->own_alias)
		strbuf_addf(text, "%sits alias '%s' is the name of what is built into the kernel",
			text->len ? "; " : "", s->own_alias);
	if (s->whose)
		strbuf_addf(text,
			"%sits name is an alias of %s: modprobe now loads this one for it",
			text->len ? "; " : "", s->whose);
}

static void tell(struct fit_context *c, const struct ko *ko, const struct claims *s, bool builtin)
{
	_cleanup_strbuf_ struct strbuf text = {0};

	add_others(&text, s);
	add_names(&text, s);
	if (!text.len && !ko->aliases.n)
		strbuf_adds(&text, "it has none");
	else if (!text.len)
		strbuf_addf(&text, "%zu, which no other module claims", ko->aliases.n);
	if (ko->aliases.n && !builtin)
		strbuf_adds(&text,
			"; which of them drivers in the kernel itself claim is not known, it has "
			"no modules.builtin.modinfo (5.2 and later)");
	fit_add(c, ko, "alias", FIT_PASS, "%s", text.s);
}

void fit_check_alias(struct fit_context *c, const struct ko *ko)
{
	struct kernel_modules *table = fit_modules(c);
	struct claims s = {.c = c, .ko = ko};
	bool whole = ask_table(&s, fit_own_modules(c));

	if (whole && table)
		whole = ask_table(&s, table);
	if (!whole)
		fit_add(c, ko, "alias", FIT_UNKNOWN,
			"it has %zu aliases, more than can be compared with everybody's",
			ko->aliases.n);
	else if (!table && ko->aliases.n)
		fit_add(c, ko, "alias", FIT_UNKNOWN,
			"whether modules of the kernel claim its %zu aliases too is not known: %s",
			ko->aliases.n,
			c->table_why ? c->table_why : "the kernel's modules are not at hand");
	else
		tell(c, ko, &s, !table || table->knows_builtin);
	claims_free(&s);
}
