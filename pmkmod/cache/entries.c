// SPDX-License-Identifier: GPL-3.0-or-later
/* What there is: by the shapes of names, which are hashes. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/cache/cache.h"
#include "pmkmod/cache/meter.h"
#include "pmkmod/util/exit_codes.h"

const char *const cache_kind_names[N_CACHE_KINDS] = {
	[CACHE_INDEX] = "index",
	[CACHE_PACKAGES] = "packages",
	[CACHE_SOURCES] = "sources",
	[CACHE_GIT] = "git",
	[CACHE_PARTS] = "parts",
	[CACHE_KERNEL_SOURCE] = "kernel-source",
	[CACHE_RESOLVE] = "resolve",
	[CACHE_KERNELS] = "kernels",
	[CACHE_INDEX_KERNELS] = "index-kernels",
	[CACHE_COMPILERS] = "compilers",
	[CACHE_PMAPORTS] = "pmaports",
	[CACHE_LAYERS] = "layers",
	[CACHE_CELLS] = "cells",
	[CACHE_HEADERS] = "headers",
};

/* Names in a folder: a hash of one of two lengths, then one of the ends ("*": anything). */
static const struct shape {
	unsigned short digits, or_digits;
	bool tree;
	const char *ends[3];
	const char *stamp; /* in a tree: the file whose time is that of the last use */
} shapes[N_CACHE_KINDS] = {
	[CACHE_INDEX] = {64, 64, false, {".tar.gz"}, NULL},
	[CACHE_PACKAGES] = {40, 64, false, {".apk"}, NULL},
	[CACHE_SOURCES] = {64, 128, false, {""}, NULL},
	/* .gone: on its way out */
	[CACHE_GIT] = {64, 64, true, {"", ".gone"}, "HEAD"},
	/* .new: on its way in, or left by a run that was killed */
	[CACHE_KERNEL_SOURCE] = {64, 64, true, {"", ".gone", ".new"}, "complete"},
	[CACHE_RESOLVE] = {64, 64, false, {""}, NULL},
	[CACHE_KERNELS] = {40, 64, false, {"", ".*"}, NULL},
	[CACHE_INDEX_KERNELS] = {64, 64, false, {""}, NULL},
	[CACHE_COMPILERS] = {64, 64, false, {""}, NULL},
	[CACHE_PMAPORTS] = {32, 32, false, {""}, NULL},
	[CACHE_LAYERS] = {64, 64, true, {""}, NULL},
	[CACHE_CELLS] = {64, 64, true, {""}, "log"},
	[CACHE_HEADERS] = {0, 0, true, {"*"}, "record"},
};

static bool end_ok(const char *rest, const char *end)
{
	size_t n = strlen(end);

	if (n == 0 || end[n - 1] != '*')
		return streq(rest, end);
	return strncmp(rest, end, n - 1) == 0 && strlen(rest) >= n && !strstr(rest, ".tmp.");
}

static bool shape_ok(const struct shape *s, const char *name, size_t len)
{
	_cleanup_free_ char *rest = NULL;
	size_t digits = strspn(name, "0123456789abcdef");

	if (s->digits == 0)
		digits = 0;
	/* "...abc.d": a flavour may begin with a digit, never without the dot */
	if ((digits != s->digits && digits != s->or_digits) || digits > len)
		return false;
	rest = xstrndup(name + digits, len - digits);
	for (size_t i = 0; i < ARRAY_SIZE(s->ends) && s->ends[i]; i++)
		if (end_ok(rest, s->ends[i]))
			return true;
	return false;
}

/* Where a name with one of the ends of an incomplete download begins to be that; 0: it is none. */
static size_t part_of(const char *name)
{
	static const char *const ends[] = {".part", ".part.if-range"};
	const char *tmp = strstr(name, ".tmp.");

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(name, ends[i]))
			return strlen(name) - strlen(ends[i]);
	return tmp && strlen(tmp) == strlen(".tmp.XXXXXX") ? (size_t)(tmp - name) : 0;
}

bool cache_name_ok(enum cache_kind kind, const char *name)
{
	if (name[0] == '.' || strchr(name, '/'))
		return false;
	return kind != CACHE_PARTS && shape_ok(&shapes[kind], name, strlen(name));
}

/* ---- reading folders ---- */

struct reading {
	struct cache_list *l;
	struct context *x;
	struct meter *meter; /* NULL: sizes are not asked for */
};

static struct cache_entry *add(struct reading *r, enum cache_kind kind, char *take_path)
{
	struct cache_entry *c;

	r->l->v = xrealloc(r->l->v, r->l->n + 1, sizeof(*r->l->v));
	c = &r->l->v[r->l->n++];
	*c = (struct cache_entry){.kind = kind, .path = take_path};
	if (r->meter) {
		struct meter_size s = {0};

		meter_add(r->meter, c->path, &s);
		c->bytes = s.bytes;
		c->disk = c->own = s.disk;
		r->l->disk[kind] += s.fresh;
		r->l->total += s.fresh;
	}
	return c;
}

/* What a package that is still published came from tells about it. */
static bool is_published(const char *cell)
{
	struct cell_result result;
	bool yes = cell_read(cell, &result) && result.built && result.apk && fs_exists(result.apk);

	cell_result_free(&result);
	return yes;
}

static void take_entry(struct reading *r, enum cache_kind kind, const char *dir, const char *name)
{
	const struct shape *s = &shapes[kind];
	_cleanup_free_ char *path = path_join(dir, name), *stamp = NULL;
	size_t part = s->tree ? 0 : part_of(name);
	struct cache_entry *c;
	struct stat st, stamped;

	if (lstat(path, &st) < 0 || (s->tree ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)))
		return;
	if (part && shape_ok(s, name, part)) {
		c = add(r, CACHE_PARTS, steal_ptr(path));
		c->used = st.st_mtime;
		return;
	}
	if (!cache_name_ok(kind, name))
		return;
	if (s->stamp) {
		stamp = path_join(path, s->stamp);
		if (lstat(stamp, &stamped) == 0)
			st = stamped;
		else if (kind == CACHE_HEADERS)
			return;
	}
	c = add(r, kind, steal_ptr(path));
	c->used = st.st_mtime;
	c->keep = kind == CACHE_HEADERS || (kind == CACHE_CELLS && is_published(c->path));
}

/* A link in place of the folder leads to something that is not ours. */
static void read_folder(struct reading *r, enum cache_kind kind, const char *top)
{
	_cleanup_free_ char *dir = path_join(top, cache_kind_names[kind]);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.')
			take_entry(r, kind, dir, de->d_name);
	if (d)
		closedir(d);
}

static int read_layers(struct reading *r, struct err *e)
{
	struct layer_store *store;
	struct layer_info *v = NULL;
	size_t n = 0;
	int code = context_layers(r->x, &store, e);

	if (code == 0)
		code = layer_list(store, &v, &n, e);
	for (size_t i = 0; i < n; i++) {
		uint64_t before = r->l->total;
		struct cache_entry *c = add(r, CACHE_LAYERS, layer_file(store, v[i].id, NULL));

		c->used = v[i].used;
		c->delta = v[i].delta;
		if (c->delta)
			r->l->deltas += r->l->total - before;
		if (r->meter) {
			struct meter *alone = meter_new();

			c->own = meter_gone(alone, c->path);
			meter_free(alone);
		}
	}
	free(v);
	return code;
}

static int by_kind(const void *a, const void *b)
{
	const struct cache_entry *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->path, y->path);
}

int cache_read(struct cache_list *l, struct context *x, bool measure, struct err *e)
{
	struct reading r = {.l = l, .x = x, .meter = measure ? meter_new() : NULL};
	int code;

	*l = (struct cache_list){0};
	for (enum cache_kind k = 0; k < N_CACHE_KINDS; k++)
		if (k == CACHE_CELLS || k == CACHE_HEADERS)
			read_folder(&r, k, x->state);
		else if (k != CACHE_PARTS && k != CACHE_LAYERS)
			read_folder(&r, k, x->cache);
	code = read_layers(&r, e);
	meter_free(r.meter);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_kind);
	if (code < 0)
		cache_free(l);
	return code;
}

void cache_free(struct cache_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
	*l = (struct cache_list){0};
}

int cache_limit(struct context *x, unsigned long long *limit, struct err *e)
{
	int r = config_number(x->config, "cache", "max_size", 0, limit, e);

	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	return r;
}
