// SPDX-License-Identifier: GPL-3.0-or-later
/* cache stats, prune, verify: what was found, for people and for programs. */
#include <time.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/cache/cache.h"
#include "pmkmod/cache/meter.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/json.h"

static const char *size_text(char out[32], uint64_t bytes)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	download_show_bytes(&b, bytes, 0);
	snprintf(out, 32, "%s", b.s);
	return out;
}

static const char *day_text(char out[32], time_t t)
{
	struct tm tm;

	if (!t || !localtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d", &tm))
		snprintf(out, 32, "-");
	return out;
}

/* ---- stats ---- */

struct kind_sum {
	size_t entries;
	uint64_t bytes;
	time_t oldest, newest;
};

static void sum_up(const struct cache_list *l, struct kind_sum sums[N_CACHE_KINDS + 1])
{
	memset(sums, 0, (N_CACHE_KINDS + 1) * sizeof(*sums));
	for (size_t i = 0; i < l->n; i++) {
		const struct cache_entry *c = &l->v[i];
		struct kind_sum *both[] = {&sums[c->kind], &sums[N_CACHE_KINDS]};

		for (size_t k = 0; k < ARRAY_SIZE(both); k++) {
			both[k]->entries++;
			both[k]->bytes += c->bytes;
			if (!both[k]->oldest || c->used < both[k]->oldest)
				both[k]->oldest = c->used;
			if (c->used > both[k]->newest)
				both[k]->newest = c->used;
		}
	}
}

static void print_sum(const char *name, const struct kind_sum *s, uint64_t disk)
{
	char bytes[32], blocks[32], oldest[32], newest[32];

	printf("%-14s %7zu %10s %10s  %-10s %s\n", name, s->entries, size_text(bytes, s->bytes),
		size_text(blocks, disk), day_text(oldest, s->oldest), day_text(newest, s->newest));
}

/* The packages that a layer on top of another adds: a kernel's headers, and what goes with them. */
static char *contents_of(const struct cache_entry *c)
{
	_cleanup_free_ char *path = path_join(c->path, "description"), *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0}, names = {0};

	if (fs_read_regular(path, 1 << 20, &text, NULL, NULL) < 0)
		return xstrdup("");
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n && i < 3; i++) {
		lines.v[i][strcspn(lines.v[i], " ")] = '\0';
		strvec_add(&names, lines.v[i]);
	}
	return strvec_join(&names, " ");
}

struct delta_sum {
	size_t n;
	uint64_t alone, shared; /* bytes on disk of all, without and with sharing */
};

static struct delta_sum delta_sums(const struct cache_list *l)
{
	struct delta_sum s = {0};

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == CACHE_LAYERS && l->v[i].delta) {
			s.n++;
			s.alone += l->v[i].disk;
		}
	s.shared = l->deltas;
	return s;
}

static void print_deltas(const struct cache_list *l)
{
	struct delta_sum s = delta_sums(l);
	char alone[32], own[32];

	if (!s.n)
		return;
	printf("\n%-14s %10s %10s  %s\n", "kernel layer", "alone", "not shared", "packages");
	for (size_t i = 0; i < l->n; i++) {
		const struct cache_entry *c = &l->v[i];
		_cleanup_free_ char *what = NULL;

		if (c->kind != CACHE_LAYERS || !c->delta)
			continue;
		what = contents_of(c);
		printf("%-14.12s %10s %10s  %s\n", path_base(c->path), size_text(alone, c->disk),
			size_text(own, c->own), what);
	}
	printf("a kernel takes %s on average, %s if nothing were shared\n",
		size_text(own, s.shared / s.n), size_text(alone, s.alone / s.n));
}

/* What is published, headers that were made with it: told, but no part of the limit. */
static uint64_t published_size(const struct context *x)
{
	_cleanup_free_ char *dir = plan_packages_dir(x);
	struct meter_size s = {0};
	struct meter *m = meter_new();

	meter_add(m, dir, &s);
	meter_free(m);
	return s.disk;
}

static void print_stats(
	const struct context *x, const struct cache_list *l, unsigned long long limit)
{
	struct kind_sum sums[N_CACHE_KINDS + 1];
	char text[32];

	sum_up(l, sums);
	printf("%-14s %7s %10s %10s  %-10s %s\n", "kind", "entries", "bytes", "on disk",
		"oldest use", "newest use");
	for (enum cache_kind k = 0; k < N_CACHE_KINDS; k++)
		if (sums[k].entries)
			print_sum(cache_kind_names[k], &sums[k], l->disk[k]);
	print_sum("all", &sums[N_CACHE_KINDS], l->total);
	if (limit)
		printf("limit %s (cache.max_size)%s\n", size_text(text, limit),
			l->total > limit ? ": `pmkmod cache prune` removes what is above it" : "");
	else
		printf("no limit (cache.max_size)\n");
	printf("published packages, which are no part of that: %s\n",
		size_text(text, published_size(x)));
	print_deltas(l);
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *sum_json(const struct kind_sum *s, uint64_t disk)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "entries", s->entries);
	add_number(o, "bytes", s->bytes);
	add_number(o, "disk", disk);
	if (s->entries) {
		add_number(o, "oldest_use", (uint64_t)s->oldest);
		add_number(o, "newest_use", (uint64_t)s->newest);
	}
	return o;
}

static void stats_json(
	const struct context *x, const struct cache_list *l, unsigned long long limit)
{
	struct json_object *all = json_object_new_object(), *kinds = json_object_new_object(),
			   *layers = json_object_new_array();
	struct kind_sum sums[N_CACHE_KINDS + 1];
	struct delta_sum deltas = delta_sums(l);

	sum_up(l, sums);
	for (enum cache_kind k = 0; k < N_CACHE_KINDS; k++)
		json_object_object_add(kinds, cache_kind_names[k], sum_json(&sums[k], l->disk[k]));
	json_object_object_add(all, "kinds", kinds);
	json_object_object_add(all, "all", sum_json(&sums[N_CACHE_KINDS], l->total));
	add_number(all, "limit", limit);
	add_number(all, "published", published_size(x));
	for (size_t i = 0; i < l->n; i++) {
		const struct cache_entry *c = &l->v[i];
		_cleanup_free_ char *what = NULL;
		struct json_object *o;

		if (c->kind != CACHE_LAYERS || !c->delta)
			continue;
		what = contents_of(c);
		o = json_object_new_object();
		json_add_text(o, "layer", path_base(c->path));
		json_add_text(o, "packages", what);
		add_number(o, "alone", c->disk);
		add_number(o, "own", c->own);
		json_object_array_add(layers, o);
	}
	json_object_object_add(all, "kernel_layers", layers);
	add_number(all, "kernel_layers_alone", deltas.alone);
	add_number(all, "kernel_layers_shared", deltas.shared);
	json_write(all);
	putchar('\n');
}

static int stats(struct context *x, const struct options *o, struct err *e)
{
	unsigned long long limit;
	struct cache_list l = {0};
	int r = cache_limit(x, &limit, e);

	if (r == 0)
		r = cache_read(&l, x, true, e);
	if (r < 0)
		return r;
	(o->json ? stats_json : print_stats)(x, &l, limit);
	cache_free(&l);
	return 0;
}

/* ---- prune ---- */

static void pruned_json(const struct cache_pruned *p, unsigned long long limit)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "removed", p->entries);
	add_number(o, "bytes", p->bytes);
	add_number(o, "left", p->left);
	add_number(o, "limit", limit);
	add_number(o, "in_use", p->in_use);
	json_object_object_add(o, "paths", json_texts(&p->paths));
	json_write(o);
	putchar('\n');
}

static void print_pruned(const struct cache_pruned *p, unsigned long long limit, bool dry_run)
{
	char bytes[32], left[32], most[32];

	for (size_t i = 0; dry_run && i < p->paths.n; i++)
		printf("%s\n", p->paths.v[i]);
	printf("%zu entr%s %s, %s; %s %s of at most %s\n", p->entries,
		p->entries == 1 ? "y" : "ies", dry_run ? "would be removed" : "removed",
		size_text(bytes, p->bytes), dry_run ? "that would leave" : "that leaves",
		size_text(left, p->left), size_text(most, limit));
	if (p->left > limit)
		printf("the rest is in use (%zu entries), was used today while another pmkmod runs, or "
		       "describes what is published\n",
			p->in_use);
}

static int prune(struct context *x, const struct options *o, struct err *e)
{
	struct cache_pruned p = {0};
	unsigned long long limit;
	int r = cache_limit(x, &limit, e);

	if (r < 0)
		return r;
	if (!limit && !o->json) {
		printf("nothing to do: there is no limit (cache.max_size in pmkmod.ini, or -o "
		       "cache.max_size=10G)\n");
		return 0;
	}
	if (limit)
		r = cache_prune(x, limit, o->dry_run, true, &p, e);
	if (r == 0 && o->json)
		pruned_json(&p, limit);
	else if (r == 0)
		print_pruned(&p, limit, o->dry_run);
	cache_pruned_free(&p);
	return r;
}

/* ---- verify ---- */

static void verified_json(const struct cache_verified *v)
{
	struct json_object *o = json_object_new_object(), *checked = json_object_new_object(),
			   *list = json_object_new_array();

	for (enum cache_kind k = 0; k < N_CACHE_KINDS; k++)
		add_number(checked, cache_kind_names[k], v->checked[k]);
	json_object_object_add(o, "checked", checked);
	add_number(o, "unknown", v->unknown);
	for (size_t i = 0; i < v->n; i++) {
		struct json_object *p = json_object_new_object();

		json_add_text(p, "path", v->v[i].path);
		json_object_object_add(p, "what", json_lines(v->v[i].what));
		json_add_text(p, "done", v->v[i].done);
		json_object_array_add(list, p);
	}
	json_object_object_add(o, "damaged", list);
	json_write(o);
	putchar('\n');
}

static void print_verified(const struct cache_verified *v)
{
	size_t all = 0;

	for (size_t i = 0; i < v->n; i++) {
		printf("damaged: %s\n", v->v[i].path);
		print_indented("", v->v[i].what);
		print_indented("", v->v[i].done);
	}
	for (enum cache_kind k = 0; k < N_CACHE_KINDS; k++)
		all += v->checked[k];
	printf("%zu entries checked, %zu damaged\n", all, v->n);
	if (v->unknown)
		printf("of %zu nobody wrote down what is in them, or what would tell is not there\n",
			v->unknown);
}

static int verify(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct cache_verified v = {0};
	struct apk_keys *keys = NULL;
	int r = known_keys(x, &keys, e);

	if (r == 0)
		r = cache_verify(x, keys, &v, e);
	/* what was found and removed before something went wrong is told all the same */
	if (r == 0 || v.n)
		(o->json ? verified_json : print_verified)(&v);
	if (r == 0 && v.n)
		*status = EXIT_UNTRUSTED;
	cache_verified_free(&v);
	apk_keys_free(keys);
	return r;
}

int cmd_cache(struct context *x, const struct options *o, int *status, struct err *e)
{
	const char *what = o->args.v[1];

	if (streq(what, "stats"))
		return stats(x, o, e);
	if (streq(what, "prune"))
		return prune(x, o, e);
	if (streq(what, "verify"))
		return verify(x, o, status, e);
	return usage_error(e, "pmkmod cache knows stats, prune and verify, not '%s'", what);
}
