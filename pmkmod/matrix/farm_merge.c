// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What workers have made, taken over. A worker is believed that its build made these bytes, and
 * nothing else: which kernel and module a package is for is held against a plan of our own, and
 * only then is it signed with our key.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/cells.h"
#include "pmkmod/matrix/farm_merging.h"
#include "pmkmod/matrix/report.h"
#include "pmkmod/util/exit_codes.h"

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
	if (r == 0 && !g->r.cell.built && !farm_comes_again(g->r.cell.exit_code))
		r = err_exit(g->e, EXIT_UNTRUSTED, -EBADMSG,
			"the result of cell %.12s is about headers", c->hash);
	if (r == 0)
		r = own_plan(g, c);
	if (r == 0 && g->r.cell.built)
		r = take_built(g);
	return r < 0 ? r : remember(g);
}

/* Of an open cell: the worker's result is that of other inputs than are seen here. */
static bool saw_others(
	const struct farm_plan *p, const struct farm_cell *c, const char *hash, struct strbuf *b)
{
	_cleanup_free_ char *moved = farm_moved(p, c->hash);

	if (!hash || !moved || streq(moved, hash) || farm_is_headers_id(c, moved) ||
		!farm_has_result(p, moved))
		return false;
	strbuf_addf(b,
		"the inputs that its worker saw (cell %.12s) are other ones than are seen here (cell "
		"%.12s); sources, profiles and repositories must be the same on all machines",
		moved, hash);
	return true;
}

char *trouble_of(const struct farm_plan *p, const struct farm_cell *c, const char *hash)
{
	_cleanup_free_ char *path = xasprintf("%s/trouble/%s", p->dir, c->hash), *text = NULL;
	struct strbuf b = {0};

	if (saw_others(p, c, hash, &b))
		return strbuf_steal(&b);
	strbuf_adds(&b, "no worker has brought a result");
	if (fs_read_regular(path, 65536, &text, NULL, NULL) == 0) {
		strbuf_adds(&b, "; the last one said:\n");
		text_add(&b, str_strip(text), strlen(str_strip(text)), TEXT_PLAIN, true);
	}
	return strbuf_steal(&b);
}

void has_to_run_again(struct matrix_cell *c, int exit_code, char *take_why)
{
	c->state = CELL_NOT_RUN;
	c->exit_code = exit_code;
	free(c->error);
	c->error = take_why;
}

/* `planned` is what the plan has in its place. */
int merge_cell(struct merging *g, struct matrix_cell *c, const struct farm_cell *planned)
{
	struct err e = ERR_INIT;
	bool ours;
	int r;

	if (!farm_has_result(g->plan, c->hash)) {
		has_to_run_again(c, EXIT_GENERAL, trouble_of(g->plan, planned, c->hash));
		return 0;
	}
	g->e = &e;
	r = take_over(g, c);
	ours = r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EINTR;
	if (r < 0 && !ours && r != -ESTALE)
		farm_put_aside(g->plan, c->hash, &e);
	if (r < 0) {
		has_to_run_again(c, failure_exit_code(r, &e), xstrdup(e.text));
	} else {
		matrix_cell_take(c, &g->r.cell, false);
		/* modules that depend on it are built with this one */
		matrix_remember_latest(g->m, g->x, c);
	}
	forget_cell(g);
	/* these are ours, and the next one would fare no better */
	return ours ? r : 0;
}
