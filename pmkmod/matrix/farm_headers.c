// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Headers that a worker has made. They are a result as a cell's is, with two packages and the
 * record, so that other workers need not make them, and whoever merges has the same ones: the
 * hashes of all that is built upon them depend on it.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

#define LOG_MAX (256U << 20)

char *farm_headers_name(const struct matrix_device *d)
{
	if (!d->channel || !d->arch || !d->kernel)
		return NULL;
	return xasprintf("%s-%s-%s", d->channel, d->arch, d->kernel);
}

void farm_headers_id(const char *name, char id[HASH_HEX_MAX])
{
	_cleanup_free_ char *text = xasprintf("headers\n%s\n", name);
	struct hash h;

	hash_buf(HASH_SHA256, text, strlen(text), &h);
	hash_hex(&h, id);
}

static void id_of(const struct plan *p, char id[HASH_HEX_MAX])
{
	_cleanup_free_ char *dir = made_headers_dir(p->x, &p->device);

	farm_headers_id(path_base(dir), id);
}

bool farm_is_headers_id(const struct farm_cell *c, const char *hash)
{
	char id[HASH_HEX_MAX];

	farm_headers_id(c->headers, id);
	return streq(hash, id);
}

bool farm_headers_were_sent(const struct farm_plan *f, const struct farm_cell *c)
{
	char id[HASH_HEX_MAX];

	farm_headers_id(c->headers, id);
	return farm_has_result(f, id);
}

int farm_headers_moved_note(const struct farm_plan *f, const struct farm_cell *c, struct err *e)
{
	char id[HASH_HEX_MAX];

	farm_headers_id(c->headers, id);
	return farm_moved_note(f, c->hash, id, e);
}

/* ---- from here to the others ---- */

static int pack_one(struct parcel *k, const struct plan *p, const struct pinned *one, char **name)
{
	_cleanup_free_ char *packages = plan_packages_dir(p->x), *path = NULL;

	*name = xasprintf("%s-%s.apk", one->name, one->version);
	path = xasprintf(
		"%s/%s/%s/%s", packages, p->device.channel.name, p->device.arch->alpine, *name);
	return parcel_add(k, path, *name);
}

/* Of what they were made; in the record of an older pmkmod that is missing. */
static int complete_record(struct plan *p, struct err *e)
{
	if (p->made.content || made_headers_are_repaired(&p->made))
		return 0;
	p->made.content = headers_origin_content(&p->device.origin);
	return made_headers_store(&p->made, p->x, &p->device, e);
}

static int pack_made(struct parcel *k, struct plan *p)
{
	_cleanup_free_ char *dir = made_headers_dir(p->x, &p->device);
	_cleanup_free_ char *record = path_join(dir, "record"), *log = path_join(dir, "log");
	struct cell_result *c = &k->r.cell;
	int r = complete_record(p, k->e);

	if (r == 0)
		r = pack_one(k, p, &p->made.dev, &c->apk);
	if (r == 0)
		r = pack_one(k, p, &p->made.scripts, &c->parts);
	if (r == 0)
		r = parcel_add(k, record, "record");
	return r < 0 ? r : parcel_add_if_there(k, log, "log");
}

static bool same_packages(const struct made_headers *a, const struct made_headers *b)
{
	return hash_eq(&a->dev.identity, &b->dev.identity) &&
	       hash_eq(&a->scripts.identity, &b->scripts.identity);
}

/* Whether they are whole is a matter of those who take them. */
static bool are_sent(const struct plan *p, const struct farm_plan *f)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct made_headers theirs;
	char id[HASH_HEX_MAX];
	bool same;

	id_of(p, id);
	path = xasprintf("%s/results/%s/record", f->dir, id);
	if (fs_read_regular(path, MADE_HEADERS_MAX, &text, NULL, NULL) < 0 ||
		made_headers_parse(&theirs, text) < 0)
		return false;
	same = same_packages(&p->made, &theirs);
	made_headers_free(&theirs);
	return same;
}

static int take_result(
	struct plan *p, const struct farm_plan *f, bool replace, bool *same, struct err *e);

int farm_headers_send(struct plan *p, const struct farm_plan *f, struct err *e)
{
	const struct made_headers *h = &p->made;
	struct parcel k = {.r.cell = {.built = true,
				   .package = xstrdup(h->dev.name),
				   .version = xstrdup(h->dev.version),
				   .release = xstrdup(h->release ? h->release : ""),
				   .verdict = xstrdup("headers"),
				   .stage = xstrdup("headers")}};
	char id[HASH_HEX_MAX];
	bool same = are_sent(p, f);
	int r = same ? 0 : take_result(p, f, true, &same, NULL);

	/* those that were there, if they are what they should be, are what all others build upon */
	if (r != 1 && !same) {
		id_of(p, id);
		r = parcel_open(&k, f, id, e);
		if (r == 0)
			r = pack_made(&k, p);
		if (r == 0)
			r = parcel_send(&k, p->x, f, p->x->rebuild);
		/* of two that came at the same time one has the place */
		if (r == 0)
			r = take_result(p, f, true, &same, e);
	}
	parcel_close(&k, r);
	return same ? 0 : r;
}

bool farm_headers_fail_again(int exit_code)
{
	return exit_code == EXIT_BUILD_FAILED || exit_code == EXIT_NO_HEADERS ||
	       exit_code == EXIT_PATCH_FAILED;
}

/* apk_sha256 is of what they could not be made. */
int farm_headers_send_failure(
	struct context *x, const struct farm_plan *f, const struct farm_cell *c, struct err *why)
{
	struct device d = {0};
	_cleanup_free_ char *log = xasprintf("%s/headers/%s/log", x->state, c->headers);
	struct err e = ERR_INIT;
	struct parcel k = {.r.cell = {.exit_code = why->exit_code,
				   .error = xstrdup(why->text),
				   .stage = xstrdup("headers")}};
	char id[HASH_HEX_MAX];
	int r;

	farm_headers_id(c->headers, id);
	farm_result_move_log(&k.r.cell, log, false);
	r = device_load(&d, x->config, c->device, &e);
	if (r == 0) {
		k.r.cell.apk_sha256 = headers_origin_content(&d.origin);
		r = parcel_open(&k, f, id, &e);
	}
	if (r == 0)
		r = parcel_add_if_there(&k, log, "log");
	/* what was there was of another source, or this would not have been tried */
	if (r == 0)
		r = parcel_send(&k, x, f, true);
	parcel_close(&k, r);
	device_free(&d);
	return r;
}

/* ---- from the others ---- */

struct taking {
	struct plan *p;
	const struct farm_plan *f;
	bool replace, same; /* same: they are what we have */
	struct work work;
	struct farm_result r;
	char *from, *to; /* our own copy of the result; and what we have signed */
	struct apk_keys *keys; /* of whoever sent it */
	struct made_headers theirs;
	const struct apk_pkg *kernel;
	struct err *e;
};

static int find_kernel(struct taking *t)
{
	struct plan *p = t->p;
	int r = p->target_repos.arch ? 0
				     : repos_open(&p->target_repos, p->x, &p->device.channel,
					       p->device.arch, NULL, t->e);

	if (r == 0)
		r = repos_parse(&p->target_repos, t->e);
	if (r < 0)
		return r;
	t->kernel = repos_newest(&p->target_repos, p->device.kernel);
	return t->kernel ? 0
			 : err_exit(t->e, EXIT_NO_HEADERS, -ENOENT, "there is no package %s",
				   p->device.kernel);
}

static int read_record(struct taking *t)
{
	_cleanup_free_ char *path = path_join(t->from, "record"), *text = NULL;

	if (fs_read_regular(path, MADE_HEADERS_MAX, &text, NULL, NULL) == 0 &&
		made_headers_parse(&t->theirs, text) == 0)
		return 0;
	return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG,
		"the headers of %s that %s made have no record that can be read",
		t->p->device.kernel, t->r.host);
}

static bool are_wanted(struct taking *t)
{
	const struct made_headers *own = &t->p->made;

	t->same = own->dev.name && same_packages(own, &t->theirs);
	if (t->replace)
		return !t->same;
	return t->p->headers_todo || (!own->dev.name && made_headers_are_repaired(&t->theirs));
}

static int check_and_sign(struct taking *t, const struct pinned *one, bool programs,
	struct strvec *paths, const struct apk_signkey *key)
{
	const struct headers_check c = {
		.plan = t->p, .kernel = t->kernel, .theirs = &t->theirs, .keys = t->keys};
	_cleanup_free_ char *name = xasprintf("%s-%s.apk", one->name, one->version);
	_cleanup_free_ char *from = path_join(t->from, name), *to = path_join(t->to, name);
	_cleanup_close_ int fd = -1;
	int r = farm_headers_check_package(&c, from, programs, t->e);

	if (r < 0)
		return r;
	fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_errno(t->e, -errno, "cannot open '%s'", from);
	strvec_add(paths, to);
	return apk_resign(fd, from, t->keys, key, to, NULL, t->e);
}

static int publish_both(struct taking *t)
{
	const struct device *d = &t->p->device;
	_cleanup_free_ char *packages = plan_packages_dir(t->p->x), *keys = plan_keys_dir(t->p->x);
	_cleanup_strvec_ struct strvec paths = {0}, key_dirs = {0};
	struct apk_signkey *key = NULL;
	int r = export_key(keys, &key, t->e);

	strvec_add(&key_dirs, keys);
	if (r == 0)
		r = check_and_sign(t, &t->theirs.scripts, true, &paths, key);
	if (r == 0)
		r = check_and_sign(t, &t->theirs.dev, false, &paths, key);
	if (r == 0)
		r = publish(
			packages, d->channel.name, d->arch->alpine, &paths, key, &key_dirs, t->e);
	apk_signkey_free(key);
	return r;
}

static int load_keys(struct taking *t)
{
	_cleanup_strvec_ struct strvec dirs = {0};

	strvec_take(&dirs, path_join(t->from, "key"));
	return apk_keys_load(&t->keys, &dirs, t->e);
}

/* Its words speak of the log, which is ours from now on. */
static int keep_log(struct taking *t)
{
	_cleanup_free_ char *dir = made_headers_dir(t->p->x, &t->p->device);
	_cleanup_free_ char *to = path_join(dir, "log"), *from = path_join(t->from, "log");
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = fs_mkdirs(dir, 0700, t->e);

	farm_result_move_log(&t->r.cell, to, true);
	if (r < 0 || fs_read_regular(from, LOG_MAX, &text, &len, NULL) < 0)
		return r;
	return fs_write_atomic(to, text, len, 0644, t->e);
}

static int take_over(struct taking *t)
{
	const struct headers_check c = {
		.plan = t->p, .kernel = t->kernel, .theirs = &t->theirs, .keys = t->keys};
	_cleanup_close_ int lock = -1;
	int r = farm_headers_check_record(&c, t->r.host, t->e);

	if (r == 0)
		r = load_keys(t);
	if (r < 0)
		return r;
	lock = made_headers_lock(t->p->x, &t->p->device, t->e);
	r = lock < 0 ? lock : publish_both(t);
	/* of the same content, and unchanged as long as this machine sees no change */
	if (r == 0 && !made_headers_are_repaired(&t->theirs)) {
		free(t->theirs.origin);
		t->theirs.origin = headers_origin_hash(&t->p->device.origin);
	}
	if (r == 0)
		r = made_headers_store(&t->theirs, t->p->x, &t->p->device, t->e);
	return r < 0 ? r : keep_log(t);
}

static int failed(struct taking *t)
{
	_cleanup_free_ char *ours = NULL;
	int r;

	if (t->p->x->rebuild || t->replace)
		return 0;
	ours = headers_origin_content(&t->p->device.origin);
	if (!t->r.cell.apk_sha256 || !streq(t->r.cell.apk_sha256, ours))
		return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG,
			"%s could not make the headers of %s, of another source than is seen here",
			t->r.host, t->p->device.kernel);
	r = keep_log(t);
	return r < 0 ? r : err_exit(t->e, t->r.cell.exit_code, -ECANCELED, "%s", t->r.cell.error);
}

static int take(struct taking *t)
{
	char id[HASH_HEX_MAX];
	int r = work_open(&t->work, t->p->x, "headers", t->e);

	if (r < 0)
		return r;
	id_of(t->p, id);
	t->from = path_join(t->work.dir, "from");
	t->to = path_join(t->work.dir, "to");
	r = fs_mkdirs(t->from, 0700, t->e);
	if (r == 0)
		r = fs_mkdirs(t->to, 0700, t->e);
	if (r == 0)
		r = farm_result_take(&t->r, t->f, id, t->from, t->e);
	if (r == 0 && !(farm_result_is_of_headers(&t->r) &&
			      (t->r.cell.built || farm_headers_fail_again(t->r.cell.exit_code))))
		return err_exit(t->e, EXIT_UNTRUSTED, -EBADMSG,
			"%s/results/%s is no result about headers", t->f->dir, id);
	if (r == 0 && !t->r.cell.built)
		return failed(t);
	if (r == 0)
		r = find_kernel(t);
	if (r == 0)
		r = read_record(t);
	if (r < 0 || !are_wanted(t))
		return r;
	r = take_over(t);
	return r < 0 ? r : 1;
}

static int take_result(
	struct plan *p, const struct farm_plan *f, bool replace, bool *same, struct err *e)
{
	struct err own = ERR_INIT;
	struct taking t = {
		.p = p, .f = f, .replace = replace, .work = WORK_INIT, .e = e ? e : &own};
	char id[HASH_HEX_MAX];
	int r = 0;

	id_of(p, id);
	if (farm_has_result(f, id))
		r = take(&t);
	*same = t.same;
	made_headers_free(&t.theirs);
	apk_keys_free(t.keys);
	farm_result_free(&t.r);
	work_close(&t.work);
	free(t.from);
	free(t.to);
	return r;
}

int farm_headers_take(struct plan *p, const struct farm_plan *f, struct err *e)
{
	bool same;

	return take_result(p, f, false, &same, e);
}
