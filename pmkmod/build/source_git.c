// SPDX-License-Identifier: GPL-3.0-or-later
/* source = git+https://...: a commit's files, with its submodules if the recipe wants them. */
#include "chroot/base/fs.h"
#include "pmkmod/build/git.h"
#include "pmkmod/build/source.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

#define DEPTH_MAX 4 /* of submodules in submodules */
#define SUBMODULES_MAX 64

struct checkout {
	struct plan *p;
	size_t submodules; /* so far */
	struct strvec left_out;
	struct err *e;
};

static int write_commit(struct checkout *c, const char *url, const char *commit, const char *ref,
	const char *to, unsigned depth);

static int write_submodule(struct checkout *c, struct git_cache *g, const char *parent,
	const char *path, const char *commit, const char *to, unsigned depth)
{
	_cleanup_free_ char *url = NULL, *below = path_join(to, path);
	int r = fs_mkdirs(below, 0755, c->e);

	if (r < 0)
		return r;
	if (!c->p->module.submodules) {
		strvec_add(&c->left_out, path);
		return 0;
	}
	if (depth >= DEPTH_MAX || ++c->submodules > SUBMODULES_MAX)
		return err_exit(c->e, EXIT_UNTRUSTED, -ELOOP,
			"%s has submodules more than %d deep, or more than %d of them", g->shown,
			DEPTH_MAX, SUBMODULES_MAX);
	r = git_submodule_url(g, parent, path, &url, c->e);
	return r < 0 ? r : write_commit(c, url, commit, NULL, below, depth + 1);
}

static int write_commit(struct checkout *c, const char *url, const char *commit, const char *ref,
	const char *to, unsigned depth)
{
	_cleanup_strvec_ struct strvec submodules = {0};
	struct git_cache g;
	int r = git_cache_open(&g, c->p->x, url, c->e);

	if (r == 0)
		r = git_fetch(&g, commit, ref, c->e);
	if (r == 0)
		r = git_write(&g, commit, to, c->p->source_date, &submodules, c->e);
	for (size_t i = 0; r == 0 && i + 1 < submodules.n; i += 2)
		r = write_submodule(c, &g, commit, submodules.v[i], submodules.v[i + 1], to, depth);
	git_cache_close(&g);
	return r;
}

int source_git_get(struct plan *p, const char *to, struct err *e)
{
	const struct module *m = &p->module;
	struct checkout c = {.p = p, .e = e};
	int r = write_commit(&c, m->fetch_url, m->commit, m->ref, to, 0);

	if (r == 0 && c.left_out.n) {
		_cleanup_free_ char *names = strvec_join(&c.left_out, ", ");

		progress_note(&p->x->progress,
			"the repository has submodules, which are left out: %s; `submodules = yes` of a "
			"recipe fetches the commits it names",
			names);
	}
	strvec_free(&c.left_out);
	return r;
}
