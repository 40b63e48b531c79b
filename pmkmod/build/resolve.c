// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/resolve.h"

#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/util/exit_codes.h"

/* Bumped whenever the rules below change what a resolution holds. */
#define RESOLUTION_FORMAT 2
#define FIRST_LINE "pmkmod resolution\n"

/* ---- the cache: <cache>/resolve/<hash of indexes, keys and question> ---- */

static char *cache_file(const struct context *x, const struct repo_set *s, const char *question)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_hex(&s->id, hex);
	strbuf_addf(&b, "%d\n%s\n%s\n%s", RESOLUTION_FORMAT, hex, s->arch->alpine, question);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, hex);
	return xasprintf("%s/resolve/%s", x->cache, hex);
}

static void print_set(struct strbuf *b, const char *word, const struct pinned_set *set)
{
	for (size_t i = 0; i < set->world.n; i++)
		strbuf_addf(b, "%s-world %s\n", word, set->world.v[i]);
	for (size_t i = 0; i < set->n; i++) {
		strbuf_addf(b, "%s ", word);
		pinned_print(&set->v[i], b);
		strbuf_addc(b, '\n');
	}
}

static void print_one(struct strbuf *b, const char *word, const struct pinned *p)
{
	if (!p->name)
		return;
	strbuf_addf(b, "%s ", word);
	pinned_print(p, b);
	strbuf_addc(b, '\n');
}

static void store(const char *path, const struct resolution *r)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	strbuf_adds(&b, FIRST_LINE);
	print_one(&b, "kernel", &r->kernel);
	print_one(&b, "source", &r->source);
	print_set(&b, "toolchain", &r->toolchain);
	print_set(&b, "headers", &r->headers);
	sealed_end(&b);
	/* only a shortcut: if it cannot be kept, the next run solves again */
	if (fs_mkdirs(dir, 0700, NULL) == 0)
		fs_write_atomic(path, b.s, b.len, 0644, NULL);
}

static int load_line(struct resolution *r, const char *word, const char *rest)
{
	struct pinned_set *sets[] = {&r->toolchain, &r->headers};
	static const char *const names[] = {"toolchain", "headers"};

	if (streq(word, "kernel"))
		return pinned_parse(&r->kernel, rest);
	if (streq(word, "source"))
		return pinned_parse(&r->source, rest);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		size_t n = strlen(names[i]);

		if (!starts_with(word, names[i]))
			continue;
		if (streq(word + n, "-world")) {
			strvec_add(&sets[i]->world, rest);
			return 0;
		}
		sets[i]->v = xrealloc(sets[i]->v, sets[i]->n + 1, sizeof(*sets[i]->v));
		return pinned_parse(&sets[i]->v[sets[i]->n++], rest);
	}
	return -EINVAL;
}

/* True if a whole, sane resolution was in the cache. A package that a disk has made another one of
 * would be missing in the layer. */
static bool load(const char *path, struct resolution *r)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	size_t len, body, i = 0;

	if (fs_read_regular(path, 1 << 24, &text, &len, NULL) < 0)
		return false;
	body = sealed_body(text, len, FIRST_LINE);
	if (!body)
		return false;
	text[body] = '\0';
	strvec_split(&lines, text + strlen(FIRST_LINE), "\n");
	for (; i < lines.n; i++) {
		char *space = strchr(lines.v[i], ' ');

		if (!space)
			break;
		*space = '\0';
		if (load_line(r, lines.v[i], space + 1) < 0)
			break;
	}
	if (i == lines.n) {
		fs_note_use(path);
		return true;
	}
	resolution_free(r);
	*r = (struct resolution){0};
	return false;
}

/* ---- solving ---- */

static void take_changes(struct pinned_set *set, const struct apk_solution *sol,
	const struct strvec *only, bool invert)
{
	for (size_t i = 0; i < sol->n_changes; i++) {
		const struct apk_pkg *p = sol->changes[i].new_pkg;

		if (p && (!only || strvec_has(only, p->name) != invert))
			pinned_set_add(set, p);
	}
}

int resolve_root(struct pinned_set *out, struct repo_set *s, struct context *x,
	const struct strvec *world, struct err *e)
{
	_cleanup_free_ char *joined = strvec_join(world, " ");
	_cleanup_free_ char *question = xasprintf("root %s", joined);
	_cleanup_free_ char *path = cache_file(x, s, question);
	struct resolution res = {0};
	struct apk_solution sol = {0};
	int r = 0;

	if (!load(path, &res)) {
		r = repos_parse(s, e);
		if (r == 0)
			r = repos_solve(s, world, &sol, e);
		if (r == 0) {
			strvec_add_all(&res.toolchain.world, world);
			take_changes(&res.toolchain, &sol, NULL, false);
			store(path, &res);
		}
		apk_solution_free(&sol);
	}
	*out = res.toolchain;
	res.toolchain = (struct pinned_set){0};
	resolution_free(&res);
	return r;
}

int resolve_by(struct pinned_set *out, struct repo_set *s, struct context *x, const char *question,
	int (*find)(void *ctx, struct pinned_set *out, struct err *e), void *ctx, struct err *e)
{
	_cleanup_free_ char *path = cache_file(x, s, question);
	struct resolution res = {0};
	int r = 0;

	if (!load(path, &res)) {
		r = find(ctx, &res.toolchain, e);
		if (r == 0)
			store(path, &res);
	}
	*out = res.toolchain;
	res.toolchain = (struct pinned_set){0};
	resolution_free(&res);
	return r;
}

static int no_headers(const struct repo_set *s, const struct device *d,
	const struct apk_pkg *kernel, const struct apk_pkg *headers, struct err *e)
{
	if (e)
		e->exit_code = EXIT_NO_HEADERS;
	if (!kernel)
		return err_set(e, -ENOENT,
			"%s: the kernel package %s is in none of the repositories of channel %s (%s)",
			d->name, d->kernel, d->channel.name, s->arch->alpine);
	if (!headers) {
		err_set(e, -ENOENT,
			"%s: kernel %s-%s has no headers package %s in channel %s, so no module can be "
			"built against it",
			d->name, d->kernel, kernel->version, d->headers, d->channel.name);
		return err_hint(e,
			"name what the kernel was built from, and pmkmod makes the package: --source "
			"DIR (with --kernel-config FILE if its package has no configuration) or --kdir "
			"DIR; or, if you built a headers package yourself, add its repository to "
			"channel.%s in pmkmod.ini",
			d->channel.name);
	}
	err_set(e, -ENOENT,
		"%s: the kernel is %s-%s, but the newest headers package is %s-%s: a module built "
		"against it would not load",
		d->name, d->kernel, kernel->version, headers->name, headers->version);
	return err_hint(e, "wait until the repositories have both in the same version");
}

/* The headers packages: the -dev package, and the helper programs beside it. */
static int name_headers(struct strvec *names, const struct repo_set *s,
	const struct target_question *q, const struct apk_pkg **kernel, struct err *e)
{
	const struct device *d = q->device;
	const struct apk_pkg *k = repos_newest(s, d->kernel), *h = repos_newest(s, d->headers);

	if (k && q->made_dev && streq(k->version, q->made_dev->version)) {
		*kernel = k;
		strvec_add(names, q->made_dev->name);
		strvec_add(names, q->made_scripts->name);
		return 0;
	}
	if (!k || !h || !streq(k->version, h->version))
		return no_headers(s, d, k, h, e);
	*kernel = k;
	strvec_add(names, d->headers);
	if (repos_newest(s, d->scripts))
		strvec_add(names, d->scripts);
	for (size_t i = 0; i < h->depends.n; i++) {
		const struct apk_dep *dep = &h->depends.v[i];

		if (starts_with(dep->name, "kernel-scripts-") && !strvec_has(names, dep->name))
			strvec_add(names, dep->name);
	}
	return 0;
}

static int solve_target(struct resolution *out, struct repo_set *s, const struct target_question *q,
	const struct strvec *headers, const struct apk_pkg *kernel, struct err *e)
{
	struct pinned_set *low = &out->toolchain, *high = &out->headers;
	_cleanup_strvec_ struct strvec want = {0};
	struct apk_solution whole = {0}, below = {0};
	int r;

	strvec_add_all(&low->world, &q->device->channel.base);
	if (q->build)
		strvec_add_all(&low->world, q->build);
	strvec_add_all(&want, &low->world);
	for (size_t i = 0; i < headers->n; i++)
		strvec_addf(&high->world, "%s=%s", headers->v[i], kernel->version);
	strvec_add_all(&want, &high->world);
	r = repos_solve(s, &want, &whole, e);
	/* what the headers depend on belongs below them, where other kernels can share it */
	for (size_t i = 0; r == 0 && i < whole.n_changes; i++) {
		const struct apk_pkg *p = whole.changes[i].new_pkg;

		if (!strvec_has(headers, p->name) && !strvec_has(&low->world, p->name))
			strvec_add(&low->world, p->name);
	}
	strvec_sort(&low->world);
	if (r == 0)
		r = repos_solve(s, &low->world, &below, e);
	if (r == 0) {
		take_changes(low, &below, NULL, false);
		take_changes(high, &whole, headers, false);
	}
	apk_solution_free(&whole);
	apk_solution_free(&below);
	return r;
}

static bool has_identity(const struct pinned_set *set, const struct pinned *p)
{
	for (size_t i = 0; i < set->n; i++)
		if (hash_eq(&set->v[i].identity, &p->identity))
			return true;
	return false;
}

/* Two repositories may offer the same name and version: what pmkmod made must be what is taken. */
static int check_made(const struct resolution *out, const struct target_question *q, struct err *e)
{
	if (!q->made_dev || !streq(out->kernel.version, q->made_dev->version) ||
		(has_identity(&out->headers, q->made_dev) &&
			has_identity(&out->headers, q->made_scripts)))
		return 0;
	err_exit(e, EXIT_NO_HEADERS, -ESTALE,
		"the headers package %s-%s that pmkmod made is not the one that is chosen",
		q->made_dev->name, q->made_dev->version);
	return err_hint(e, "`pmkmod headers %s --rebuild` makes it anew", q->device->name);
}

static int resolve_now(
	struct resolution *out, struct repo_set *s, const struct target_question *q, struct err *e)
{
	const struct device *d = q->device;
	const char *source_package = q->source_package;
	_cleanup_strvec_ struct strvec headers = {0};
	const struct apk_pkg *kernel = NULL, *source;
	int r = repos_parse(s, e);

	if (r == 0)
		r = name_headers(&headers, s, q, &kernel, e);
	if (r == 0)
		r = solve_target(out, s, q, &headers, kernel, e);
	if (r < 0)
		return r;
	pinned_from(&out->kernel, kernel);
	r = check_made(out, q, e);
	if (r < 0)
		return r;
	if (!source_package)
		return 0;
	source = repos_newest(s, source_package);
	if (!source) {
		return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
			"the source package %s is in none of the repositories of channel %s (%s)",
			source_package, d->channel.name, s->arch->alpine);
	}
	pinned_from(&out->source, source);
	return 0;
}

int resolve_target(struct resolution *out, struct repo_set *s, struct context *x,
	const struct target_question *q, struct err *e)
{
	const struct device *d = q->device;
	_cleanup_free_ char *base = strvec_join(&d->channel.base, " ");
	_cleanup_free_ char *build = q->build ? strvec_join(q->build, " ") : xstrdup("-");
	_cleanup_free_ char *made =
		q->made_dev ? apk_identity_text(&q->made_dev->identity) : xstrdup("-");
	_cleanup_free_ char *question =
		xasprintf("target %s %s %s | %s | %s | %s | %s", d->kernel, d->headers, d->scripts,
			base, build, q->source_package ? q->source_package : "-", made);
	_cleanup_free_ char *path = cache_file(x, s, question);
	int r;

	*out = (struct resolution){0};
	if (load(path, out))
		return 0;
	r = resolve_now(out, s, q, e);
	if (r < 0) {
		resolution_free(out);
		*out = (struct resolution){0};
	} else {
		store(path, out);
	}
	return r;
}
