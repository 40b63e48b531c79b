// SPDX-License-Identifier: GPL-3.0-or-later
/* Packages, in a cache addressed by their identity; and what any download may take. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/mirrors.h"

#define PARALLEL_MAX 64

static int number(struct context *x, const char *key, unsigned long long fallback,
	unsigned long long min, unsigned long long max, unsigned *out, struct err *e)
{
	unsigned long long n = 0;
	int r = config_number(x->config, "fetch", key, fallback, &n, e);

	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	if (r == 0 && (n < min || n > max))
		r = err_exit(e, EXIT_USAGE, -EINVAL,
			"fetch.%s is %llu, but must be from %llu to %llu", key, n, min, max);
	*out = (unsigned)n;
	return r;
}

int repos_download_limits(struct context *x, struct download_limits *l, struct err *e)
{
	unsigned long long max = 0;
	int r;

	*l = (struct download_limits){.progress = &x->progress};
	r = number(x, "timeout", 60, 0, 86400, &l->timeout_s, e);
	if (r == 0)
		r = config_number(x->config, "fetch", "max_package", 2ULL << 30, &max, e);
	if (r == 0)
		r = number(x, "retries", 3, 0, 100, &l->retries, e);
	if (r == 0)
		r = number(x, "backoff", 500, 0, 60000, &l->backoff_ms, e);
	if (r == 0)
		r = number(x, "parallel", 4, 1, PARALLEL_MAX, &l->parallel, e);
	if (r == 0 && !x->mirrors)
		r = mirrors_load(&x->mirrors, x->config, e);
	l->max_bytes = max;
	l->mirrors = x->mirrors;
	return r;
}

/* Where a package's file is or would be in the cache. */
static char *cache_path(const struct context *x, const struct apk_pkg *p)
{
	_cleanup_free_ char *url = p->repo ? apk_pkg_url(p) : NULL;
	char *local = url ? file_url_path(url) : NULL;
	char hex[HASH_HEX_MAX];

	if (local)
		return local;
	hash_hex(&p->identity, hex);
	return xasprintf("%s/packages/%s.apk", x->cache, hex);
}

char *repos_cached(const struct context *x, const struct apk_pkg *p)
{
	char *path = cache_path(x, p);

	if (fs_exists(path))
		return path;
	free(path);
	return NULL;
}

/* ---- several at once ---- */

void fetch_list_add(struct fetch_list *l, const struct apk_pkg *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (hash_eq(&l->v[i]->identity, &p->identity))
			return;
	l->v = xrealloc(l->v, l->n + 1, sizeof(const struct apk_pkg *));
	l->v[l->n++] = p;
}

void fetch_list_free(struct fetch_list *l)
{
	free(l->v);
	*l = (struct fetch_list){0};
}

/* What belongs to one download. */
struct wanted {
	const struct apk_pkg *p;
	char *url, *path, *name;
};

static int verify(void *ctx, const char *path, struct err *e)
{
	const struct wanted *w = ctx;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	r = apk_read(fd, w->url, &w->p->identity, NULL, NULL, NULL, NULL, e);
	if (r < 0 && r != -EINTR && e)
		e->exit_code = EXIT_UNTRUSTED;
	return r;
}

void repos_drop_damaged(struct context *x, const struct apk_solution *s)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct apk_pkg *p = s->changes[i].new_pkg;
		_cleanup_free_ char *url = p && p->repo ? apk_pkg_url(p) : NULL;
		_cleanup_free_ char *local = url ? file_url_path(url) : NULL;
		_cleanup_free_ char *path = p && !local ? repos_cached(x, p) : NULL;
		struct wanted w = {.p = p, .url = url};
		struct err why = ERR_INIT;

		if (!path || !url || verify(&w, path, &why) != -EBADMSG || unlink(path) < 0)
			continue;
		progress_note(&x->progress,
			"'%s' in the cache was damaged and is removed; the next run fetches "
			"%s-%s again",
			path, p->name, p->version);
	}
}

/* *fetch: it is not at hand, `d` and `w` say how it is had. */
static int want(struct context *x, const struct apk_pkg *p, const struct download_limits *l,
	struct download *d, struct wanted *w, bool *fetch, struct err *e)
{
	_cleanup_free_ char *local = NULL;

	*w = (struct wanted){.p = p, .url = apk_pkg_url(p), .path = cache_path(x, p)};
	*fetch = !fs_exists(w->path);
	local = file_url_path(w->url);
	if (!local && !*fetch)
		fs_note_use(w->path);
	if (local && *fetch)
		return err_exit(e, EXIT_NETWORK, -ENOENT,
			"the index names %s, but '%s' is not there", p->name, local);
	if (*fetch && l->max_bytes && p->size > l->max_bytes)
		return err_exit(e, EXIT_UNTRUSTED, -EFBIG,
			"package %s-%s has %llu bytes by its index, but fetch.max_package allows %llu",
			p->name, p->version, (unsigned long long)p->size,
			(unsigned long long)l->max_bytes);
	w->name = xasprintf("package %s-%s", p->name, p->version);
	*d = (struct download){.url = w->url,
		.path = w->path,
		.name = w->name,
		/* the index says how long the file is: nothing longer is taken */
		.size = p->size,
		.max_bytes = p->size,
		.verify = verify,
		.ctx = w};
	return 0;
}

int repos_fetch_all(struct context *x, const struct fetch_list *list, struct download_stats *stats,
	struct err *e)
{
	_cleanup_free_ char *dir = path_join(x->cache, "packages");
	struct download *v = xcalloc(list->n + 1, sizeof(*v));
	struct wanted *w = xcalloc(list->n + 1, sizeof(*w));
	struct download_limits l;
	size_t n = 0;
	int r = repos_download_limits(x, &l, e);

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		bool fetch = false;

		r = want(x, list->v[i], &l, &v[n], &w[i], &fetch, e);
		n += r == 0 && fetch;
	}
	if (r == 0 && n)
		r = fs_mkdirs(dir, 0700, e);
	if (r == 0)
		r = download_all(v, n, "packages", &l, stats, e);
	for (size_t i = 0; i < list->n; i++) {
		free(w[i].url);
		free(w[i].path);
		free(w[i].name);
	}
	free(w);
	free(v);
	return r;
}

int repos_fetch(struct context *x, const struct apk_pkg *p, char **path, struct err *e)
{
	const struct fetch_list one = {.v = &p, .n = 1};
	int r = repos_fetch_all(x, &one, NULL, e);

	if (r == 0)
		*path = cache_path(x, p);
	return r;
}
