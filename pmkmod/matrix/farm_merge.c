// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What workers have made, taken over. A worker is believed that its build made these bytes, and
 * nothing else: which kernel and module a package is for is held against a plan of our own, and
 * only then is it signed with our key.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

struct merging {
	struct matrix *m;
	struct context *x;
	const struct farm_plan *plan;
	struct apk_signkey *key;
	struct work work;
	/* of the cell at hand */
	struct plan p;
	struct farm_result r;
	char *dir; /* results/<hash> */
	struct apk_keys *worker_keys;
	struct strvec signed_paths; /* in the work folder */
	struct err *e;
};

/* ---- is it what it says? ---- */

static int lies(
	struct merging *g, const char *file, const char *what, const char *theirs, const char *ours)
{
	return err_exit(g->e, EXIT_UNTRUSTED, -EBADMSG,
		"%s/%s (made on %s) is not what cell %.12s builds: its %s is '%s', and must be '%s'",
		g->dir, file, g->r.host, g->r.hash, what, theirs ? theirs : "", ours ? ours : "");
}

static int check_summary(struct merging *g, const char *file, const struct inspection *i)
{
	const struct plan *p = &g->p;
	const struct package_summary *s = &i->summary;
	_cleanup_free_ char *identity = apk_identity_text(&p->target.kernel.identity);
	_cleanup_free_ char *source = plan_source_words(p);
	const struct {
		const char *what, *theirs, *ours;
	} all[] = {{"package", s->package, i->c.pkg.name},
		{"version", s->version, i->c.pkg.version},
		{"architecture", s->arch, p->device.arch->alpine},
		{"module", s->module, p->module.name}, {"source", s->source, source},
		{"kernel", s->kernel, p->target.kernel.name},
		{"kernel's version", s->kernel_version, p->target.kernel.version},
		{"kernel's identity", s->kernel_identity, identity},
		{"flavor", s->flavor, p->device.flavor}, {"pmkmod", s->pmkmod, PMKMOD_VERSION},
		{"release", s->release, g->r.cell.release},
		{"verdict", s->verdict, g->r.cell.verdict}};

	for (size_t k = 0; k < ARRAY_SIZE(all); k++)
		if (!all[k].theirs || !streq(all[k].theirs, all[k].ours ? all[k].ours : ""))
			return lies(g, file, all[k].what, all[k].theirs, all[k].ours);
	return 0;
}

/* The meta package has nothing in it and no summary. */
static int check_meta(struct merging *g, const char *file, const struct inspection *i)
{
	_cleanup_free_ char *name = xasprintf("%s-kmod", g->p.module.name);

	if (!streq(i->c.pkg.name, name))
		return lies(g, file, "name", i->c.pkg.name, name);
	if (i->n_modules || i->n_more || i->others.n)
		return lies(g, file, "content", "files", "nothing");
	return 0;
}

static int check_package(struct merging *g, const char *file, bool meta)
{
	_cleanup_free_ char *path = path_join(g->dir, file);
	_cleanup_free_ char *name = NULL;
	struct inspection i = {0};
	int r = inspect_package(&i, path, g->worker_keys, g->e);

	if (r < 0)
		return r;
	name = xasprintf("%s-%s.apk", i.c.pkg.name, i.c.pkg.version);
	if (i.untrusted)
		r = lies(g, file, "signature", i.untrusted, "the worker's");
	else if (!streq(name, file))
		r = lies(g, file, "name", file, name);
	else if (meta)
		r = check_meta(g, file, &i);
	else if (!i.has_summary)
		r = lies(g, file, "summary", i.summary_problem, "that of a module package");
	else
		r = check_summary(g, file, &i);
	inspection_free(&i);
	return r;
}

/* ---- signing ---- */

static int sign_package(struct merging *g, const char *file)
{
	_cleanup_free_ char *from = path_join(g->dir, file), *to = path_join(g->work.dir, file);
	_cleanup_free_ char *report = publish_report_path(from),
			    *report_to = publish_report_path(to);
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return err_errno(g->e, -errno, "cannot open '%s'", from);
	r = apk_resign(fd, from, g->worker_keys, g->key, to, NULL, g->e);
	if (r == 0 && fs_exists(report))
		r = fs_copy_file(report, report_to, g->e);
	strvec_add(&g->signed_paths, to);
	return r;
}

static int check_and_sign(struct merging *g, const char *file, bool meta)
{
	int r = file ? check_package(g, file, meta) : 0;

	return r == 0 && file ? sign_package(g, file) : r;
}

static int take_packages(struct merging *g)
{
	_cleanup_strvec_ struct strvec parts = {0};
	int r = check_and_sign(g, g->r.cell.apk, false);

	cell_parts(&g->r.cell, &parts);
	for (size_t i = 0; r == 0 && i < parts.n; i++)
		r = check_and_sign(g, parts.v[i], false);
	return r < 0 ? r : check_and_sign(g, g->r.cell.meta, true);
}

static int publish_packages(struct merging *g)
{
	const struct plan *p = &g->p;
	_cleanup_free_ char *packages = plan_packages_dir(g->x), *keys = plan_keys_dir(g->x);
	_cleanup_strvec_ struct strvec key_dirs = {0};

	strvec_add(&key_dirs, keys);
	return publish(packages, p->device.channel.name, p->device.arch->alpine, &g->signed_paths,
		g->key, &key_dirs, g->e);
}

/* ---- remembering ---- */

static void to_published(const char *dir, char **slot)
{
	char *name = *slot;

	if (name)
		*slot = path_join(dir, path_base(name));
	free(name);
}

static int keep_file(struct merging *g, const char *name, char *take_to)
{
	_cleanup_free_ char *to = take_to, *from = path_join(g->dir, name), *text = NULL;
	size_t len;

	if (fs_read_regular(from, 256U << 20, &text, &len, NULL) < 0)
		return 0;
	return fs_write_atomic(to, text, len, 0644, g->e);
}

static int remember(struct merging *g)
{
	struct plan *p = &g->p;
	struct cell_result *c = &g->r.cell;
	_cleanup_free_ char *packages = plan_packages_dir(g->x), *cell_dir = NULL;
	_cleanup_free_ char *dir =
		xasprintf("%s/%s/%s", packages, p->device.channel.name, p->device.arch->alpine);
	_cleanup_strvec_ struct strvec parts = {0}, paths = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = cell_folder(p, &cell_dir, g->e);

	cell_parts(c, &parts);
	for (size_t i = 0; i < parts.n; i++)
		strvec_take(&paths, path_join(dir, path_base(parts.v[i])));
	free(c->parts);
	c->parts = paths.n ? strvec_join(&paths, "\n") : NULL;
	to_published(dir, &c->apk);
	to_published(dir, &c->meta);
	free(c->key);
	c->key = c->built ? plan_describe_key(g->x) : NULL;
	if (r == 0 && c->built)
		r = hash_file(AT_FDCWD, c->apk, HASH_SHA256, &h, g->e);
	if (r < 0)
		return r;
	if (c->built) {
		hash_hex(&h, hex);
		free(c->apk_sha256);
		c->apk_sha256 = xstrdup(hex);
		r = keep_file(g, "symvers", cell_symvers_path(p));
	}
	if (r == 0)
		r = keep_file(g, "log", cell_log_path(p));
	return r < 0 ? r : cell_store(p, c, g->e);
}

/* ---- one cell ---- */

static int load_worker_keys(struct merging *g)
{
	_cleanup_strvec_ struct strvec dirs = {0};

	strvec_take(&dirs, path_join(g->dir, "key"));
	return apk_keys_load(&g->worker_keys, &dirs, g->e);
}

static int own_plan(struct merging *g, const struct matrix_cell *c)
{
	const struct matrix_device *d = &g->m->devices[c->device];
	int r;

	matrix_choose_kernel(g->x, d);
	g->x->make_headers = false;
	r = plan_make(&g->p, g->x, d->device, g->m->modules[c->module].asked, g->e);
	if (r == 0 && !streq(g->p.cell, c->hash))
		r = err_set(g->e, -ESTALE, "its inputs have changed just now");
	return r;
}

static void forget_cell(struct merging *g)
{
	for (size_t i = 0; i < g->signed_paths.n; i++) {
		_cleanup_free_ char *report = publish_report_path(g->signed_paths.v[i]);

		unlink(g->signed_paths.v[i]);
		unlink(report);
	}
	strvec_reset(&g->signed_paths);
	farm_result_free(&g->r);
	apk_keys_free(g->worker_keys);
	g->worker_keys = NULL;
	plan_free(&g->p);
	free(g->dir);
	g->dir = NULL;
}

static int take_over(struct merging *g, const struct matrix_cell *c)
{
	int r = farm_result_read(&g->r, g->plan, c->hash, g->e);

	g->dir = xasprintf("%s/results/%s", g->plan->dir, c->hash);
	if (r == 0 && g->r.cell.built && streq(g->r.cell.verdict, "does not fit") && !g->x->force)
		r = err_exit(g->e, EXIT_NO_FIT, -EBADE,
			"cell %.12s does not fit its kernel, and --force was not given", c->hash);
	if (r == 0)
		r = own_plan(g, c);
	if (r == 0 && g->r.cell.built)
		r = load_worker_keys(g);
	if (r == 0 && g->r.cell.built)
		r = take_packages(g);
	if (r == 0 && g->r.cell.built)
		r = publish_packages(g);
	return r < 0 ? r : remember(g);
}

/* Why there is nothing: what the last worker that tried it said. */
static char *trouble_of(const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *path = xasprintf("%s/trouble/%s", p->dir, hash), *text = NULL;

	if (fs_read_regular(path, 65536, &text, NULL, NULL) < 0)
		return xstrdup("no worker has brought a result");
	return xasprintf("no worker has brought a result; the last one said:\n%s", str_strip(text));
}

static void has_to_run_again(struct merging *g, struct matrix_cell *c, int r, const struct err *e)
{
	c->state = CELL_NOT_RUN;
	c->exit_code = failure_exit_code(r, e);
	free(c->error);
	c->error = r == -ENOENT && !g->dir ? trouble_of(g->plan, c->hash) : xstrdup(e->text);
}

static int merge_cell(struct merging *g, struct matrix_cell *c)
{
	_cleanup_free_ char *path = xasprintf("%s/results/%s/result", g->plan->dir, c->hash);
	struct err e = ERR_INIT;
	int r;

	if (!fs_exists(path)) {
		err_set(&e, -ENOENT, "no result");
		has_to_run_again(g, c, -ENOENT, &e);
		return 0;
	}
	g->e = &e;
	r = take_over(g, c);
	if (r < 0 && (r == -ENOSPC || r == -EDQUOT || r == -EINTR)) {
		/* that is ours, and the next one would fare no better */
		forget_cell(g);
		err_prefix(&e, "merging stopped at cell %.12s", c->hash);
		has_to_run_again(g, c, r, &e);
		return r;
	}
	if (r < 0)
		has_to_run_again(g, c, r, &e);
	else
		matrix_cell_take(c, &g->r.cell, false);
	forget_cell(g);
	return 0;
}

int farm_merge(struct matrix *m, struct context *x, const struct farm_plan *p, struct err *e)
{
	struct merging g = {.m = m, .x = x, .plan = p, .work = WORK_INIT};
	_cleanup_free_ char *keys = plan_keys_dir(x);
	size_t done = 0;
	bool makes = x->make_headers;
	int r = export_key(keys, &g.key, e);

	if (r == 0)
		r = work_open(&g.work, x, "merge", e);
	progress_stage(&x->progress, "merge", "%s", p->dir);
	for (size_t i = 0; r == 0 && i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];

		if (c->state != CELL_WAITING || !c->hash || !farm_plan_find(p, c->hash))
			continue;
		if (interrupted())
			r = err_set(e, -EINTR, "interrupted");
		if (r == 0)
			r = merge_cell(&g, c);
		if (r < 0 && e && !e->code)
			r = err_set(e, r, "%s", c->error);
		done += c->state == CELL_BUILT;
		progress_detail(&x->progress, "%zu cells", i + 1);
	}
	if (r < 0)
		progress_failed(&x->progress);
	else
		progress_done(
			&x->progress, "%zu cell%s built by workers", done, done == 1 ? "" : "s");
	x->make_headers = makes;
	work_close(&g.work);
	apk_signkey_free(g.key);
	strvec_free(&g.signed_paths);
	return r;
}
