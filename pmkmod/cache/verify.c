// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Every entry against its hash: files against their names, sealed texts against their last line,
 * indexes against the keys, trees against what was written of them when they were made, git's
 * objects by git. Nothing is removed that somebody uses, and nothing for want of being read (that
 * may be the memory's or the disk's passing trouble): only what was read and is wrong.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "chroot/layer/manifest.h"
#include "pmkmod/build/git.h"
#include "pmkmod/cache/remove.h"
#include "pmkmod/cache/verify_state.h"
#include "pmkmod/pmaports/pmaports.h"

#define INDEX_MAX (256u << 20)
#define TEXT_MAX (256u << 20)
#define TOLD_MAX 5 /* differences of one tree */

/* What looking at an entry gives: 0 fine, 1 damaged (`what` says how), VERIFY_UNKNOWN, or an error.
 */

struct verify {
	struct context *x;
	const struct apk_keys *keys;
	struct manifest_seen *seen;
	struct strbuf what;
};

static int damaged(struct verify *v, const char *why)
{
	strbuf_reset(&v->what);
	strbuf_adds(&v->what, why);
	return 1;
}

static bool is_damage(int r)
{
	return r == -EBADMSG || r == -EKEYREJECTED || r == -EPROTONOSUPPORT || r == -EFBIG;
}

static int by_error(struct verify *v, int r, const struct err *why, struct err *e)
{
	if (r >= 0)
		return 0;
	if (is_damage(r))
		return damaged(v, why->text);
	if (r == -ENOENT)
		return 0; /* removed meanwhile */
	if (e)
		*e = *why;
	return r;
}

/* ---- files ---- */

/* The hash that a name begins with. */
static bool name_hash(const char *path, struct hash *h)
{
	const char *name = path_base(path);
	size_t n = strspn(name, "0123456789abcdef");
	enum hash_alg alg = n == 40    ? HASH_SHA1
			    : n == 64  ? HASH_SHA256
			    : n == 128 ? HASH_SHA512
				       : HASH_NONE;

	return alg != HASH_NONE && hash_from_hex(h, alg, name, n) == 0;
}

static int check_package(struct verify *v, const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct err why = ERR_INIT;
	struct hash identity;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, -errno, "cannot open '%s'", path);
	if (!name_hash(path, &identity))
		return VERIFY_UNKNOWN;
	return by_error(
		v, apk_read(fd, path_base(path), &identity, NULL, NULL, NULL, NULL, &why), &why, e);
}

static int check_source(struct verify *v, const char *path, struct err *e)
{
	char hex[HASH_HEX_MAX];
	struct hash want, have;
	int r;

	if (!name_hash(path, &want))
		return VERIFY_UNKNOWN;
	r = hash_file(AT_FDCWD, path, want.alg, &have, e);
	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (r < 0 || hash_eq(&want, &have))
		return r;
	hash_hex(&have, hex);
	damaged(v, "it has another hash than its name: ");
	strbuf_adds(&v->what, hex);
	return 1;
}

static int check_index(struct verify *v, const char *path, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	struct apk_repo repo = {0};
	struct err why = ERR_INIT;
	size_t len;
	int r = fs_read_regular(path, INDEX_MAX, &data, &len, &why);

	if (r == 0)
		r = apk_index_parse(&repo, data, len, path_base(path), v->keys, &why);
	apk_repo_free(&repo);
	return by_error(v, r, &why, e);
}

static int check_sealed(struct verify *v, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct err why = ERR_INIT;
	size_t len;
	int r = fs_read_regular(path, TEXT_MAX, &text, &len, &why);

	if (r < 0)
		return by_error(v, r, &why, e);
	/* that one has been seen whole is all that such a file says */
	if (!len && ends_with(path, ".whole"))
		return 0;
	return sealed_body(text, len, "") ? 0 : damaged(v, "its last line has another hash");
}

static int check_pmaports(struct verify *v, const char *path, struct err *e)
{
	(void)e;
	return pmaports_cache_whole(path) || !fs_exists(path)
		       ? 0
		       : damaged(v, "its hash is another one, or another pmkmod made it");
}

/* ---- trees ---- */

static int tell_differences(struct verify *v, int n, const struct strvec *differences)
{
	strbuf_reset(&v->what);
	for (size_t i = 0; i < differences->n; i++)
		strbuf_addf(&v->what, "%s%s", i ? "\n" : "", differences->v[i]);
	if ((size_t)n > differences->n)
		strbuf_addf(&v->what, "\nand %zu more", (size_t)n - differences->n);
	return n > 0;
}

static int check_layer(struct verify *v, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec differences = {0};
	struct layer_store *store;
	struct err why = ERR_INIT;
	int r = context_layers(v->x, &store, e);

	if (r < 0)
		return r;
	r = layer_verify(store, path_base(path), v->seen, TOLD_MAX, &differences, &why);
	/* nothing can be said of it, and it is made again: then there is a record */
	if (r == -ENODATA)
		return damaged(v, "the record of what is in it is missing or damaged");
	if (r == -ENOENT || r == -EBUSY)
		return 0;
	return r < 0 ? by_error(v, r, &why, e) : tell_differences(v, r, &differences);
}

static int check_kernel_source(struct verify *v, const char *path, struct err *e)
{
	_cleanup_strvec_ struct strvec differences = {0};
	_cleanup_free_ char *tree = path_join(path, "source"), *list = path_join(path, "manifest"),
			    *marker = path_join(path, "complete");
	struct err why = ERR_INIT;
	int r;

	/* on its way in or out */
	if (!fs_exists(marker) || ends_with(path, ".gone"))
		return 0;
	if (!fs_exists(list))
		return VERIFY_UNKNOWN;
	r = manifest_check(tree, list, NULL, TOLD_MAX, &differences, &why);
	if (r == -ENODATA)
		return damaged(v, "the record of what is in it is damaged");
	return r < 0 ? by_error(v, r, &why, e) : tell_differences(v, r, &differences);
}

static int check_git(struct verify *v, const char *path, struct err *e)
{
	_cleanup_free_ char *why = NULL, *head = path_join(path, "HEAD");
	int r;

	if (!fs_exists(head) || ends_with(path, ".gone"))
		return 0;
	r = git_verify(v->x, path, &why, e);
	if (r == -ENOENT) {
		err_clear(e);
		return VERIFY_UNKNOWN;
	}
	return r > 0 ? damaged(v, why) : r;
}

static int check_cell(struct verify *v, const char *path, struct err *e)
{
	return verify_cell(path, v->keys, &v->what, e);
}

static int check_headers(struct verify *v, const char *path, struct err *e)
{
	return verify_headers(v->x, path, &v->what, e);
}

/* ---- all of them ---- */

static int (*const checks[N_CACHE_KINDS])(struct verify *v, const char *path, struct err *e) = {
	[CACHE_INDEX] = check_index,
	[CACHE_PACKAGES] = check_package,
	[CACHE_SOURCES] = check_source,
	[CACHE_GIT] = check_git,
	[CACHE_PARTS] = NULL, /* their hash is known when they are whole */
	[CACHE_KERNEL_SOURCE] = check_kernel_source,
	[CACHE_RESOLVE] = check_sealed,
	[CACHE_KERNELS] = check_sealed,
	[CACHE_INDEX_KERNELS] = check_sealed,
	[CACHE_COMPILERS] = check_sealed,
	[CACHE_PMAPORTS] = check_pmaports,
	[CACHE_LAYERS] = check_layer,
	[CACHE_CELLS] = check_cell,
	[CACHE_HEADERS] = check_headers,
};

static void add_problem(
	struct cache_verified *out, const struct cache_entry *c, const char *what, const char *done)
{
	out->v = xrealloc(out->v, out->n + 1, sizeof(*out->v));
	out->v[out->n++] = (struct cache_problem){
		.path = xstrdup(c->path), .what = xstrdup(what), .done = done};
}

/* Layers and cells have locks of their own; the rest may go if nobody else is at work. */
static int remove_damaged(
	struct context *x, const struct cache_entry *c, const char **done, struct err *e)
{
	bool own_lock = c->kind == CACHE_LAYERS || c->kind == CACHE_CELLS;
	_cleanup_close_ int alone = own_lock ? -1 : cache_alone(x);
	struct cache_entry entry = *c;
	int r;

	*done = "in use by another pmkmod, so it is not removed: verify again when that has ended";
	if (!own_lock && alone < 0)
		return 0;
	/* a record alone makes the next build make the packages anew */
	if (c->kind == CACHE_HEADERS) {
		_cleanup_free_ char *record = path_join(c->path, "record");

		r = unlink(record) < 0 && errno != ENOENT
			    ? err_errno(e, -errno, "cannot remove '%s'", record)
			    : 0;
	} else {
		r = cache_remove(x, &entry, e);
	}
	if (r == -EBUSY) {
		err_clear(e);
		return 0;
	}
	if (r == 0)
		*done = "removed; the next build makes it again";
	return r;
}

static int check_one(
	struct verify *v, const struct cache_entry *c, struct cache_verified *out, struct err *e)
{
	const char *done;
	int r = checks[c->kind] ? checks[c->kind](v, c->path, e) : VERIFY_UNKNOWN;

	if (r < 0)
		return r;
	out->checked[c->kind]++;
	out->unknown += r == VERIFY_UNKNOWN && c->kind != CACHE_PARTS;
	if (r != 1)
		return 0;
	r = remove_damaged(v->x, c, &done, e);
	if (r == 0)
		add_problem(out, c, v->what.s, done);
	return r;
}

int cache_verify(
	struct context *x, const struct apk_keys *keys, struct cache_verified *out, struct err *e)
{
	struct verify v = {.x = x, .keys = keys, .seen = manifest_seen_new()};
	struct cache_list l;
	int r = cache_read(&l, x, false, e);

	*out = (struct cache_verified){0};
	for (size_t i = 0; r == 0 && i < l.n; i++) {
		if (interrupted())
			r = err_set(e, -EINTR, "interrupted");
		if (r == 0) {
			progress_detail(&x->progress, "%s", path_base(l.v[i].path));
			r = check_one(&v, &l.v[i], out, e);
		}
	}
	if (x->layers)
		layer_sweep(x->layers, NULL);
	cache_free(&l);
	strbuf_free(&v.what);
	manifest_seen_free(v.seen);
	return r;
}

void cache_verified_free(struct cache_verified *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->v[i].path);
		free(v->v[i].what);
	}
	free(v->v);
	*v = (struct cache_verified){0};
}
