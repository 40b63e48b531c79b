// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The solver: the first line is world, 'u' at its start means upgrade; then records of an index,
 * those with an 'R:' line are installed. Whatever comes, it must end; and what it calls a solution
 * must be one.
 */
#include <stdlib.h>

#include "chroot/apk/apk_solve.h"
#include "chroot/apk/pkg_field.h"

#define PKGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	struct apk_repo repo;
	struct apk_pkg inst[PKGS_MAX];
	const struct apk_pkg *installed[PKGS_MAX];
	size_t n_installed;
};

static void take_record(struct input *in, struct strvec *lines)
{
	struct apk_pkg p = {0};
	bool installed = false, bad = false;

	for (size_t i = 0; i < lines->n; i++) {
		char *l = lines->v[i];

		installed |= l[0] == 'R';
		if (strlen(l) < 2 || l[1] != ':' || apk_pkg_set_field(&p, l[0], l + 2, NULL) < 0)
			bad = true;
	}
	strvec_reset(lines);
	if (bad || !p.name || !p.version || in->repo.n_pkgs == PKGS_MAX ||
		in->n_installed == PKGS_MAX) {
		apk_pkg_free(&p);
	} else if (installed) {
		in->inst[in->n_installed] = p;
		in->installed[in->n_installed] = &in->inst[in->n_installed];
		in->n_installed++;
	} else {
		in->repo.pkgs[in->repo.n_pkgs++] = p;
	}
}

static void take_records(struct input *in, char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	for (char *s = text, *next; s; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		if (*s)
			strvec_add(&lines, s);
		if (lines.n && (!*s || !next))
			take_record(in, &lines);
	}
}

/* Is `p`, as the name `d` asks for, what `d` wants? */
static bool is_it(const struct apk_pkg *p, const struct apk_dep *d)
{
	struct hash h;

	if (d->op & APK_VER_CHECKSUM)
		return (streq(p->name, d->name) || p->provides.n) &&
		       apk_identity_parse(&h, d->version) == 0 && hash_eq(&h, &p->identity);
	if (streq(p->name, d->name) && apk_version_match(p->version, d->op, d->version))
		return true;
	for (size_t i = 0; i < p->provides.n; i++) {
		const struct apk_dep *v = &p->provides.v[i];

		if (streq(v->name, d->name) &&
			apk_version_match(v->version ? v->version : "", d->op, d->version))
			return true;
	}
	return false;
}

static void check_deps(
	const struct apk_solution *s, const struct apk_pkg *owner, const struct apk_deps *l)
{
	for (size_t i = 0; i < l->n; i++) {
		bool found = false;

		for (size_t k = 0; k < s->n_all; k++)
			found |= (s->all[k] != owner || !l->v[i].conflict) &&
				 is_it(s->all[k], &l->v[i]);
		/* Of several that provide a name without a version one alone is asked. */
		if (!found && !l->v[i].conflict)
			abort();
	}
}

static void check_changes(const struct input *in, const struct apk_solution *s)
{
	size_t n = in->n_installed;

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct apk_change *c = &s->changes[i];

		if (c->old == c->new_pkg ||
			(c->old && c->new_pkg && !streq(c->old->name, c->new_pkg->name)))
			abort();
		n = n + !c->old - !c->new_pkg;
	}
	if (n != s->n_all)
		abort();
}

/* A root never has the same name installed twice. */
static bool doubled(const struct input *in)
{
	for (size_t i = 0; i < in->n_installed; i++)
		for (size_t k = 0; k < i; k++)
			if (streq(in->inst[i].name, in->inst[k].name) ||
				(in->inst[i].identity.len &&
					hash_eq(&in->inst[i].identity, &in->inst[k].identity)))
				return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	char *rest = strchr(text, '\n');
	struct input *in = xcalloc(1, sizeof(*in));
	const struct apk_repo *repos[] = {&in->repo};
	struct apk_deps world = {0};
	struct apk_solution s;
	bool upgrade = *text == 'u';

	if (rest)
		*rest++ = '\0';
	in->repo.url = xstrdup("http://fuzz.test");
	in->repo.pkgs = xcalloc(PKGS_MAX, sizeof(*in->repo.pkgs));
	take_records(in, rest);
	if (apk_deps_parse(&world, *text ? text + 1 : text, NULL) == 0 && !doubled(in)) {
		struct apk_universe u = {repos, 1, in->installed, in->n_installed};

		if (apk_solve(&u, &world, upgrade ? APK_SOLVE_UPGRADE : 0, &s, NULL) == 0) {
			check_deps(&s, NULL, &world);
			for (size_t i = 0; i < s.n_all; i++)
				check_deps(&s, s.all[i], &s.all[i]->depends);
			check_changes(in, &s);
			apk_solution_free(&s);
		}
	}
	for (size_t i = 0; i < in->n_installed; i++)
		apk_pkg_free(&in->inst[i]);
	apk_repo_free(&in->repo);
	apk_deps_free(&world);
	free(in);
	return 0;
}
