// SPDX-License-Identifier: GPL-3.0-or-later
/* A worker: one cell, built as anywhere, and what came of it put into the plan's folder. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/run.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

/* ---- what is seen here ---- */

static size_t line_length(const char *s)
{
	return strcspn(s, "\n");
}

/* The first input that is another one here than for whoever made the plan. */
static int differs(const struct farm_cell *c, const struct plan *p, struct err *e)
{
	const char *theirs = c->text, *ours = p->text;

	while (*theirs && line_length(theirs) == line_length(ours) &&
		strncmp(theirs, ours, line_length(theirs)) == 0) {
		theirs += line_length(theirs) + (theirs[line_length(theirs)] == '\n');
		ours += line_length(ours) + (ours[line_length(ours)] == '\n');
	}
	err_exit(e, EXIT_UNTRUSTED, -ESTALE,
		"cell %.12s cannot be built here: the inputs that this machine sees are other ones\n"
		"  in the plan  %.*s\n  here         %.*s",
		c->hash, (int)line_length(theirs), theirs, (int)line_length(ours), ours);
	return err_hint(e,
		"sources, profiles and repositories must be the same on all machines; if they have "
		"changed since the plan was made, make it anew");
}

/* The plan as it comes out here must be the one that was asked for. */
static int check_plan(struct context *x, const struct farm_cell *c, struct err *e)
{
	bool makes = x->make_headers;
	struct plan p;
	int r;

	x->make_headers = false;
	r = plan_make(&p, x, c->device, c->module, e);
	x->make_headers = makes;
	if (r < 0)
		return r;
	if (p.headers_todo)
		r = err_exit(e, EXIT_UNTRUSTED, -ESTALE,
			"cell %.12s cannot be built here: the headers that came with the plan do not fit "
			"the kernel that this machine sees",
			c->hash);
	else if (!streq(p.cell, c->hash))
		r = differs(c, &p, e);
	plan_free(&p);
	return r;
}

/* ---- the result ---- */

struct parcel {
	struct farm_result r;
	char *dir; /* where it is made */
	struct err *e;
};

static int pack(struct parcel *k, const char *from, const char *name)
{
	_cleanup_free_ char *to = path_join(k->dir, name);
	struct farm_file f = {.name = xstrdup(name)};
	struct stat st = {0};
	int r = fs_copy_file(from, to, k->e);

	if (r == 0)
		r = hash_file(AT_FDCWD, to, HASH_SHA256, &f.sum, k->e);
	if (r == 0 && stat(to, &st) < 0)
		r = err_errno(k->e, -errno, "cannot look at '%s'", to);
	if (r < 0) {
		free(f.name);
		return r;
	}
	f.size = (uint64_t)st.st_size;
	k->r.files = xrealloc(k->r.files, k->r.n_files + 1, sizeof(*k->r.files));
	k->r.files[k->r.n_files++] = f;
	return 0;
}

static int pack_if_there(struct parcel *k, const char *from, const char *name)
{
	return fs_exists(from) ? pack(k, from, name) : 0;
}

/* A package and the report beside it; *slot becomes its name in the folder. */
static int pack_package(struct parcel *k, char **slot)
{
	_cleanup_free_ char *from = steal_ptr(*slot), *report = NULL;
	int r;

	if (!from)
		return 0;
	*slot = xstrdup(path_base(from));
	report = publish_report_path(from);
	r = pack(k, from, *slot);
	return r < 0 ? r : pack_if_there(k, report, path_base(report));
}

static int pack_parts(struct parcel *k)
{
	_cleanup_strvec_ struct strvec paths = {0}, names = {0};
	int r = 0;

	cell_parts(&k->r.cell, &paths);
	for (size_t i = 0; r == 0 && i < paths.n; i++) {
		char *one = xstrdup(paths.v[i]);

		r = pack_package(k, &one);
		strvec_take(&names, one);
	}
	free(k->r.cell.parts);
	k->r.cell.parts = names.n ? strvec_join(&names, "\n") : NULL;
	return r;
}

static int pack_all(struct parcel *k, const struct plan *p)
{
	_cleanup_free_ char *log = cell_log_path(p), *symvers = cell_symvers_path(p);
	_cleanup_free_ char *keys = plan_keys_dir(p->x), *to = path_join(k->dir, "key");
	_cleanup_free_ char *path = path_join(k->dir, "result");
	_cleanup_strbuf_ struct strbuf text = {0};
	int r = fs_mkdirs(to, 0755, k->e);

	if (r == 0)
		r = pack_package(k, &k->r.cell.apk);
	if (r == 0)
		r = pack_package(k, &k->r.cell.meta);
	if (r == 0)
		r = pack_parts(k);
	if (r == 0)
		r = pack_if_there(k, log, "log");
	if (r == 0 && k->r.cell.built)
		r = pack_if_there(k, symvers, "symvers");
	if (r == 0)
		r = farm_copy_public_keys(keys, to, k->e);
	/* the worker's key is nobody's business but for checking what it signed */
	free(k->r.cell.key);
	k->r.cell.key = NULL;
	farm_result_print(&k->r, &text);
	return r < 0 ? r : fs_write_atomic(path, text.s, text.len, 0644, k->e);
}

/*
 * Its name may be taken: by another worker that was given the same cell, which is as good, or by
 * what is no result, which is put aside for whoever wants to look at it.
 */
static int put_in_place(const struct parcel *k, const struct farm_plan *f, const char *to,
	bool replace, struct err *e)
{
	_cleanup_free_ char *trouble = xasprintf("%s/trouble/%s", f->dir, k->r.hash);
	struct farm_result have;
	int c = rename(k->dir, to) == 0 ? 0 : -errno;

	if ((c == -EEXIST || c == -ENOTEMPTY) && !replace &&
		farm_result_take(&have, f, k->r.hash, NULL, NULL) == 0) {
		farm_result_free(&have);
		return fs_remove_tree(k->dir, e);
	}
	if (c == -EEXIST || c == -ENOTEMPTY || c == -ENOTDIR) {
		_cleanup_free_ char *aside = xasprintf("%s.rejected", k->dir);

		c = rename(to, aside) == 0 && rename(k->dir, to) == 0 ? 0 : -errno;
	}
	if (c < 0)
		return err_errno(e, c, "cannot put the result into '%s'", to);
	fs_sync_parent(to);
	unlink(trouble);
	return 0;
}

static int deliver(const struct farm_plan *f, const struct plan *p, struct cell_result *take,
	const char *hash, struct err *e)
{
	_cleanup_free_ char *host = farm_host(), *log = cell_log_path(p);
	_cleanup_free_ char *to = xasprintf("%s/results/%s", f->dir, hash);
	struct parcel k = {.r = {.cell = *take,
				   .hash = xstrdup(hash),
				   .pmkmod = xstrdup(PMKMOD_VERSION),
				   .host = xstrdup(host)},
		.dir = xasprintf("%s/results/.%.12s.%s.XXXXXX", f->dir, hash, host),
		.e = e};
	int r;

	*take = (struct cell_result){0};
	farm_result_move_log(&k.r.cell, log, false);
	r = mkdtemp(k.dir) && chmod(k.dir, 0755) == 0
		    ? pack_all(&k, p)
		    : err_errno(e, -errno, "cannot make the folder '%s'", k.dir);
	if (r == 0)
		r = put_in_place(&k, f, to, p->x->rebuild, e);
	if (r < 0)
		fs_remove_tree(k.dir, NULL);
	if (r == -ENOSPC && e)
		e->exit_code = EXIT_NO_SPACE;
	free(k.dir);
	farm_result_free(&k.r);
	return r;
}

/* ---- the whole ---- */

static void note_trouble(const struct farm_plan *p, const char *hash, int r, const struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/trouble/%s", p->dir, hash);
	_cleanup_free_ char *host = farm_host();
	_cleanup_free_ char *text = xasprintf("%s: %s\n", host, e->text);

	/* a worker that is told to end is started again */
	if (r != -EINTR)
		fs_write_atomic(path, text, strlen(text), 0644, NULL);
}

static int build(struct context *x, const struct farm_plan *f, const struct farm_cell *c,
	bool *done, struct err *e)
{
	struct cell_result result = {0};
	struct plan p = {0};
	struct err failure = ERR_INIT;
	bool unchanged;
	int built, r = 0;

	built = build_run(&p, x, c->device, c->module, &result, &unchanged, &failure);
	if (built < 0 && farm_comes_again(failure.exit_code)) {
		free(result.error);
		result.error = xstrdup(failure.text);
		result.built = false;
		result.exit_code = failure.exit_code;
	}
	if (built == 0 || farm_comes_again(failure.exit_code)) {
		r = p.cell[0] && !streq(p.cell, c->hash) ? differs(c, &p, e)
							 : deliver(f, &p, &result, c->hash, e);
		*done = r == 0;
	}
	if (r == 0 && built < 0) {
		if (e)
			*e = failure;
		r = built;
	}
	cell_result_free(&result);
	plan_free(&p);
	return r;
}

int farm_run_cell(
	struct context *x, const struct farm_plan *p, const char *hash, bool *done, struct err *e)
{
	const struct farm_cell *c = farm_plan_find(p, hash);
	struct err own = ERR_INIT, *told = e ? e : &own;
	struct farm_result have;
	struct device d = {0};
	bool rebuild = x->rebuild;
	int r;

	*done = false;
	if (!c)
		return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
			"the plan in '%s' has no cell %s; its file `cells` has them all", p->dir,
			hash);
	if (!rebuild && farm_result_take(&have, p, hash, NULL, NULL) == 0) {
		progress_note(&x->progress, "cell %.12s: its result is there already, made on %s",
			hash, have.host);
		farm_result_free(&have);
		*done = true;
		return 1;
	}
	x->force = x->force || p->force;
	x->rebuild = rebuild || c->again;
	config_set(x->config, "kernel", "name", c->choice ? c->choice : "");
	r = device_load(&d, x->config, c->device, told);
	if (r == 0)
		r = farm_seed_use(x, p, &d, told);
	device_free(&d);
	if (r == 0)
		r = check_plan(x, c, told);
	if (r == 0)
		r = build(x, p, c, done, told);
	x->rebuild = rebuild;
	if (r < 0 && !*done)
		note_trouble(p, hash, r, told);
	return r;
}
