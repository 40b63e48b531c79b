// SPDX-License-Identifier: GPL-3.0-or-later
/* The modules of one build in their order, and spread over packages. */
#include "pmkmod/export/export_parts.h"
#include "pmkmod/kernel/name_index.h"

static bool needs(const struct ko *a, const struct ko *b)
{
	for (size_t i = 0; i < a->depends.n; i++)
		if (module_name_eq(a->depends.v[i], b->name))
			return true;
	return false;
}

static bool all_placed(const struct ko *ko, size_t n, size_t which, const bool *placed)
{
	for (size_t i = 0; i < n; i++)
		if (i != which && !placed[i] && needs(&ko[which], &ko[i]))
			return false;
	return true;
}

size_t *export_load_order(const struct ko *ko, size_t n)
{
	size_t *order = xcalloc(n + 1, sizeof(*order)), done = 0;
	bool *placed = xcalloc(n + 1, sizeof(*placed));

	while (done < n) {
		size_t before = done;

		for (size_t i = 0; i < n; i++)
			if (!placed[i] && all_placed(ko, n, i, placed)) {
				placed[i] = true;
				order[done++] = i;
			}
		/* what claims to need each other in a circle cannot be loaded in any order */
		for (size_t i = 0; done == before && i < n; i++)
			if (!placed[i]) {
				placed[i] = true;
				order[done++] = i;
			}
	}
	free(placed);
	return order;
}

void export_part_free(struct export_part *p)
{
	free(p->name);
	free(p->base);
	free(p->ko);
	strvec_free(&p->needs);
}

static void take(struct export_part *p, const struct ko *ko)
{
	p->ko = xrealloc(p->ko, p->n + 1, sizeof(*p->ko));
	p->ko[p->n++] = ko;
}

struct export_part *export_split(const struct ko *ko, size_t n, bool split, const char *name,
	const char *base, size_t *n_parts)
{
	size_t parts = split && n > 1 ? n : 0;
	struct export_part *v = xcalloc(parts + 1, sizeof(*v)), *last = &v[parts];
	size_t *order = export_load_order(ko, n);

	*last = (struct export_part){.name = xstrdup(name), .base = xstrdup(base), .main = true};
	for (size_t i = 0; i < n; i++) {
		const struct ko *own = &ko[order[i]];

		if (!parts) {
			take(last, own);
			continue;
		}
		/* Alpine calls a subpackage by the package and its own name (APKBUILD(5)) */
		v[i].name = xasprintf("%s-%s", name, own->name);
		v[i].base = xasprintf("%s-%s", base, own->name);
		take(&v[i], own);
		for (size_t k = 0; k < i; k++)
			if (needs(own, v[k].ko[0]))
				strvec_add(&v[i].needs, v[k].name);
		strvec_add(&last->needs, v[i].name);
	}
	free(order);
	*n_parts = parts + 1;
	return v;
}
