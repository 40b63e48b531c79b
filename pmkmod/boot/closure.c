// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/boot/boot_parts.h"

#include <fnmatch.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/name_index.h"

/* One line of modules.dep, cut up in place. */
struct dep_line {
	char *path; /* "kernel/drivers/net/dummy.ko.zst" */
	char *deps; /* the paths after the colon */
	char *name; /* owned: "dummy", with '_' for '-' */
	bool taken;
};

struct dep_table {
	struct dep_line *v;
	size_t n;
	char *text;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct dep_line *)a)->name, ((const struct dep_line *)b)->name);
}

static void table_free(struct dep_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].name);
	free(t->v);
	free(t->text);
}

static void table_parse(struct dep_table *t, const char *text)
{
	char *save = NULL;

	t->text = xstrdup(text);
	for (char *l = strtok_r(t->text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(l, ':');

		if (!colon)
			continue;
		*colon = '\0';
		t->v = xrealloc(t->v, t->n + 1, sizeof(*t->v));
		t->v[t->n++] = (struct dep_line){l, colon + 1, module_name_of(l), false};
	}
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_name);
}

static struct dep_line *table_find(struct dep_table *t, const char *name)
{
	_cleanup_free_ char *key = module_name_of(name);
	struct dep_line want = {.name = key};

	return t->n ? bsearch(&want, t->v, t->n, sizeof(*t->v), by_name) : NULL;
}

/*
 * Call `use` with the words of each line of a modules.* text whose first word is `keyword` and
 * whose second is (or, as a pattern, matches) `name`.
 */
static void each_match(const char *text, const char *keyword, bool pattern, const char *name,
	void (*use)(const struct strvec *words, struct strvec *out), struct strvec *out)
{
	for (const char *l = text; l && *l; l += strcspn(l, "\n"), l += *l == '\n') {
		_cleanup_strvec_ struct strvec w = {0};
		_cleanup_free_ char *line = NULL;

		if (!starts_with(l, keyword))
			continue;
		line = xstrndup(l, strcspn(l, "\n"));
		strvec_split(&w, line, " \t");
		if (w.n < 3 || !streq(w.v[0], keyword))
			continue;
		if (pattern ? fnmatch(w.v[1], name, 0) == 0 : module_name_eq(w.v[1], name))
			use(&w, out);
	}
}

/* "softdep NAME pre: a b post: c" -> a b c */
static void use_softdep(const struct strvec *w, struct strvec *out)
{
	for (size_t i = 2; i < w->n; i++)
		if (!ends_with(w->v[i], ":"))
			strvec_add(out, w->v[i]);
}

/* "alias PATTERN NAME" -> NAME */
static void use_alias(const struct strvec *w, struct strvec *out)
{
	strvec_add(out, w->v[2]);
}

void module_closure(
	const struct module_index *ix, const struct strvec *wanted, struct strvec *paths)
{
	_cleanup_(table_free) struct dep_table t = {0};
	_cleanup_strvec_ struct strvec todo = {0}, aliases = {0};

	if (ix->dep)
		table_parse(&t, ix->dep);
	strvec_add_all(&todo, wanted);
	/* the list grows while it is worked on; `taken` and `aliases` make it end */
	for (size_t i = 0; i < todo.n; i++) {
		_cleanup_free_ char *name = xstrdup(todo.v[i]);
		struct dep_line *d = table_find(&t, name);

		if (!d && !strvec_has(&aliases, name)) {
			strvec_add(&aliases, name);
			each_match(ix->alias, "alias", true, name, use_alias, &todo);
		}
		if (!d || d->taken)
			continue;
		d->taken = true;
		strvec_add(paths, d->path);
		strvec_split(&todo, d->deps, " \t");
		each_match(ix->softdep, "softdep", false, d->name, use_softdep, &todo);
	}
}

bool module_is_builtin(const struct module_index *ix, const char *name)
{
	for (const char *l = ix->builtin; l && *l; l += strcspn(l, "\n"), l += *l == '\n') {
		_cleanup_free_ char *line = xstrndup(l, strcspn(l, "\n"));
		_cleanup_free_ char *has = module_name_of(line);

		if (module_name_eq(has, name))
			return true;
	}
	return false;
}

void module_index_free(struct module_index *ix)
{
	free(ix->dep);
	free(ix->softdep);
	free(ix->alias);
	free(ix->builtin);
	*ix = (struct module_index){0};
}
