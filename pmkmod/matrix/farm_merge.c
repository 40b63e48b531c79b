// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What workers have made, taken over. A worker is believed that its build made these bytes, and
 * nothing else: which kernel and module a package is for is held against a plan of our own, and
 * only then is it signed with our key.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/matrix/report.h"
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
	char *from; /* our own copy of the result, in the work folder */
	struct apk_keys *worker_keys;
	char *to; /* ... and what we have signed */
	struct strvec signed_paths;
	struct err *e;
};

/* ---- signing ---- */

static int sign_package(struct merging *g, const char *file)
{
	_cleanup_free_ char *from = path_join(g->from, file), *to = path_join(g->to, file);
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

static int check_and_sign(struct merging *g, const char *file, enum farm_package kind)
{
	const struct farm_check c = {
		.r = &g->r, .plan = &g->p, .dir = g->from, .keys = g->worker_keys};
	int r = file ? farm_check_package(&c, file, kind, g->e) : 0;

	return r == 0 && file ? sign_package(g, file) : r;
}

static int take_packages(struct merging *g)
{
	_cleanup_strvec_ struct strvec parts = {0};
	int r = check_and_sign(g, g->r.cell.apk, FARM_MODULE);

	cell_parts(&g->r.cell, &parts);
	for (size_t i = 0; r == 0 && i < parts.n; i++)
		r = check_and_sign(g, parts.v[i], FARM_PART);
	return r < 0 ? r : check_and_sign(g, g->r.cell.meta, FARM_META);
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
	_cleanup_free_ char *to = take_to, *from = path_join(g->from, name), *text = NULL;
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
	_cleanup_free_ char *log = cell_log_path(p);
	_cleanup_free_ char *dir =
		xasprintf("%s/%s/%s", packages, p->device.channel.name, p->device.arch->alpine);
	_cleanup_strvec_ struct strvec parts = {0}, paths = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = cell_folder(p, &cell_dir, g->e);

	farm_result_move_log(c, log, true);
	cell_parts(c, &parts);
	for (size_t i = 0; i < parts.n; i++)
		strvec_take(&paths, path_join(dir, path_base(parts.v[i])));
	free(c->parts);
	c->parts = paths.n ? strvec_join(&paths, "\n") : NULL;
	to_published(dir, &c->apk);
	to_published(dir, &c->meta);
	free(c->key);
	c->key = c->built ? plan_describe_key(g->x) : NULL;
	/* how it can be asked for again is our own business */
	free(c->device);
	free(c->asked);
	c->device = xstrdup(p->device.name);
	c->asked = xstrdup(p->module.recipe ? p->module.name : p->module.location);
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

	strvec_take(&dirs, path_join(g->from, "key"));
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
	fs_remove_tree(g->from, NULL);
	fs_remove_tree(g->to, NULL);
	strvec_reset(&g->signed_paths);
	farm_result_free(&g->r);
	apk_keys_free(g->worker_keys);
	g->worker_keys = NULL;
	plan_free(&g->p);
}

static int make_folders(struct merging *g)
{
	int r = fs_mkdirs(g->from, 0700, g->e);

	return r < 0 ? r : fs_mkdirs(g->to, 0700, g->e);
}

static int take_built(struct merging *g)
{
	int r = load_worker_keys(g);

	if (r == 0)
		r = take_packages(g);
	return r < 0 ? r : publish_packages(g);
}

static int take_over(struct merging *g, const struct matrix_cell *c)
{
	int r = make_folders(g);

	if (r == 0)
		r = farm_result_take(&g->r, g->plan, c->hash, g->from, g->e);
	if (r == 0 && g->r.cell.built && streq(g->r.cell.verdict, "does not fit") && !g->x->force)
		r = err_exit(g->e, EXIT_NO_FIT, -EBADE,
			"cell %.12s does not fit its kernel, and --force was not given", c->hash);
	if (r == 0)
		r = own_plan(g, c);
	if (r == 0 && g->r.cell.built)
		r = take_built(g);
	return r < 0 ? r : remember(g);
}

/* Why there is nothing: what the last worker that tried it said. */
static char *trouble_of(const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *path = xasprintf("%s/trouble/%s", p->dir, hash), *text = NULL;
	struct strbuf b = {0};

	strbuf_adds(&b, "no worker has brought a result");
	if (fs_read_regular(path, 65536, &text, NULL, NULL) == 0) {
		strbuf_adds(&b, "; the last one said:\n");
		text_add(&b, str_strip(text), strlen(str_strip(text)), TEXT_PLAIN, true);
	}
	return strbuf_steal(&b);
}

static void has_to_run_again(struct matrix_cell *c, int exit_code, char *take_why)
{
	c->state = CELL_NOT_RUN;
	c->exit_code = exit_code;
	free(c->error);
	c->error = take_why;
}

static bool is_there(const struct farm_plan *p, const char *hash)
{
	_cleanup_free_ char *path = xasprintf("%s/results/%s", p->dir, hash);
	struct stat st;

	return lstat(path, &st) == 0;
}

/* So that the next worker does not take it for a result. */
static void put_aside(const struct farm_plan *p, const char *hash, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/results/%s", p->dir, hash);
	_cleanup_free_ char *to =
		xasprintf("%s/results/.%.12s.rejected.%lld", p->dir, hash, (long long)time(NULL));

	if (rename(from, to) == 0)
		err_hint(e, "it is now '%s'", to);
	else
		err_hint(e, "remove '%s' before the cell is run again (%s)", from, strerror(errno));
}

static int merge_cell(struct merging *g, struct matrix_cell *c)
{
	struct err e = ERR_INIT;
	bool ours;
	int r;

	if (!is_there(g->plan, c->hash)) {
		has_to_run_again(c, EXIT_GENERAL, trouble_of(g->plan, c->hash));
		return 0;
	}
	g->e = &e;
	r = take_over(g, c);
	ours = r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EINTR;
	if (r < 0 && !ours && r != -ESTALE)
		put_aside(g->plan, c->hash, &e);
	if (r < 0)
		has_to_run_again(c, failure_exit_code(r, &e), xstrdup(e.text));
	else
		matrix_cell_take(c, &g->r.cell, false);
	forget_cell(g);
	/* these are ours, and the next one would fare no better */
	return ours ? r : 0;
}

/* ---- the whole ---- */

/* The one that the plan has in the place of a cell whose hash is another one now. */
static const struct farm_cell *was_planned(
	const struct matrix *m, const struct farm_plan *p, const struct matrix_cell *c)
{
	const struct matrix_device *d = &m->devices[c->device];

	for (size_t i = 0; i < p->n; i++)
		if (streq(p->cells[i].device, d->device) &&
			streq(p->cells[i].module, m->modules[c->module].asked) &&
			streq(p->cells[i].choice ? p->cells[i].choice : "",
				d->choice ? d->choice : ""))
			return &p->cells[i];
	return NULL;
}

/* What the plan asked for is not what would be built now; whether that was meant, nobody knows. */
static void inputs_changed(struct matrix *m, const struct farm_plan *p, struct matrix_cell *c)
{
	const struct farm_cell *was = c->hash && !c->here ? was_planned(m, p, c) : NULL;

	if (was)
		has_to_run_again(c, EXIT_UNTRUSTED,
			xasprintf(
				"its inputs have changed since the plan was made (cell %.12s then): it "
				"needs a new plan",
				was->hash));
}

/* Waiting for a worker's result; also one that is known and was to be built again. */
static bool is_wanted(struct matrix *m, const struct farm_plan *p, struct matrix_cell *c)
{
	const struct farm_cell *planned = c->hash ? farm_plan_find(p, c->hash) : NULL;
	bool known = c->state == CELL_REUSED || c->state == CELL_FAILED;

	if (c->state == CELL_WAITING && !planned)
		inputs_changed(m, p, c);
	return planned && (c->state == CELL_WAITING || (known && planned->again));
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
	if (r == 0) {
		g.from = path_join(g.work.dir, "from");
		g.to = path_join(g.work.dir, "to");
	}
	progress_stage(&x->progress, "merge", "%s", p->dir);
	for (size_t i = 0; r == 0 && i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];

		if (!is_wanted(m, p, c))
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
	free(g.from);
	free(g.to);
	return r;
}
