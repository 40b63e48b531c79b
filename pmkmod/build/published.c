// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/published.h"

#include <dirent.h>

#include "chroot/apk/apk.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/util/exit_codes.h"

#define INDEX_MAX (64u << 20)

/* Names of the folders in `dir`, sorted; hidden ones are no channels. */
static void folders_in(const char *dir, struct strvec *out)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);

		if (de->d_name[0] != '.' && fs_is_dir(path))
			strvec_add(out, de->d_name);
	}
	if (d)
		closedir(d);
	strvec_sort(out);
}

static bool is_exact(const struct apk_dep *d)
{
	return !d->conflict && d->op == APK_VER_EQ && d->version;
}

/* What export_package() writes: the kernel it depends on is the one that brings it in, too. */
static const struct apk_dep *pinned_kernel(const struct apk_pkg *p)
{
	for (size_t i = 0; i < p->depends.n; i++) {
		const struct apk_dep *d = &p->depends.v[i];

		for (size_t k = 0; is_exact(d) && k < p->install_if.n; k++) {
			const struct apk_dep *w = &p->install_if.v[k];

			if (is_exact(w) && streq(w->name, d->name) && streq(w->version, d->version))
				return d;
		}
	}
	return NULL;
}

/* Brought in by the main package of the same build, too (export/package.c: relations()). */
static bool is_part(const struct apk_pkg *p)
{
	for (size_t i = 0; i < p->install_if.n; i++) {
		const struct apk_dep *w = &p->install_if.v[i];
		size_t n = strlen(w->name);

		if (is_exact(w) && streq(w->version, p->version) &&
			strncmp(p->name, w->name, n) == 0 && p->name[n] == '-')
			return true;
	}
	return false;
}

static void take(struct published_list *l, const char *dir, const char *channel, const char *arch,
	const struct apk_pkg *p)
{
	const struct apk_dep *kernel = pinned_kernel(p);

	if (!kernel)
		return;
	l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct published){.channel = xstrdup(channel),
		.arch = xstrdup(arch),
		.package = xstrdup(p->name),
		.version = xstrdup(p->version),
		.apk = xasprintf("%s/%s-%s.apk", dir, p->name, p->version),
		.kernel = xstrdup(kernel->name),
		.kernel_version = xstrdup(kernel->version),
		.part = is_part(p)};
}

static int read_index(struct published_list *l, const char *dir, const char *channel,
	const char *arch, const struct apk_keys *keys, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "APKINDEX.tar.gz"), *data = NULL;
	struct apk_repo repo = {0};
	size_t len;
	int r;

	if (!fs_exists(path)) /* a first publishing that was stopped */
		return 0;
	r = fs_read(path, INDEX_MAX, &data, &len, e);
	if (r == 0)
		r = apk_index_parse(&repo, data, len, path, keys, e);
	for (size_t i = 0; r == 0 && i < repo.n_pkgs; i++)
		take(l, dir, channel, arch, &repo.pkgs[i]);
	apk_repo_free(&repo);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_UNTRUSTED;
	return r;
}

static int compare(const void *one, const void *other)
{
	const struct published *a = one, *b = other;
	const char *const pairs[][2] = {
		{a->channel, b->channel}, {a->arch, b->arch}, {a->package, b->package}};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		int c = strcmp(pairs[i][0], pairs[i][1]);

		if (c)
			return c;
	}
	switch (apk_version_compare(a->kernel_version, b->kernel_version, false)) {
	case APK_VER_GT:
		return -1;
	case APK_VER_LT:
		return 1;
	}
	return apk_version_compare(a->version, b->version, false) == APK_VER_GT ? -1 : 1;
}

static int read_all(
	struct published_list *l, const char *packages, const struct apk_keys *keys, struct err *e)
{
	_cleanup_strvec_ struct strvec channels = {0};
	int r = 0;

	folders_in(packages, &channels);
	for (size_t i = 0; r == 0 && i < channels.n; i++) {
		_cleanup_free_ char *dir = path_join(packages, channels.v[i]);
		_cleanup_strvec_ struct strvec arches = {0};

		folders_in(dir, &arches);
		for (size_t k = 0; r == 0 && k < arches.n; k++) {
			_cleanup_free_ char *at = path_join(dir, arches.v[k]);

			r = read_index(l, at, channels.v[i], arches.v[k], keys, e);
		}
	}
	if (r == 0 && l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	return r;
}

int published_read(struct published_list *l, const struct context *x, struct err *e)
{
	_cleanup_free_ char *packages = plan_packages_dir(x), *dir = plan_keys_dir(x);
	_cleanup_strvec_ struct strvec dirs = {0};
	struct apk_keys *keys = NULL;
	int r;

	*l = (struct published_list){0};
	if (!fs_is_dir(packages))
		return 0;
	strvec_add(&dirs, dir);
	r = apk_keys_load(&keys, &dirs, e);
	if (r == 0)
		r = read_all(l, packages, keys, e);
	apk_keys_free(keys);
	if (r < 0)
		published_free(l);
	return r;
}

void published_free(struct published_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct published *p = &l->v[i];
		char *const texts[] = {p->channel, p->arch, p->package, p->version, p->apk,
			p->kernel, p->kernel_version};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
	}
	free(l->v);
	*l = (struct published_list){0};
}
