// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Kernels whose name is no folder: another aport makes or provides them, which pmbootstrap finds by
 * looking through all (pmb/helpers/pmaports.py: find); or they went away, and what they are called
 * now can be guessed.
 */
#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/pmaports/tree.h"

#define RECIPE_MAX (1u << 20)
#define LIKELY_MAX 3

/* linux-x became linux-x-downstream (or the reverse) when a mainline kernel came. */
static char *by_suffix(const struct walk *w, const char *package)
{
	static const char suffix[] = "-downstream";
	_cleanup_free_ char *name = ends_with(package, suffix)
					    ? xstrndup(package, strlen(package) - strlen(suffix))
					    : xasprintf("%s%s", package, suffix);

	return walk_kernel(w, name) ? steal_ptr(name) : NULL;
}

/* linux-x became linux-x-4k and linux-x-16k. */
static char *by_beginning(const struct walk *w, const char *package)
{
	_cleanup_free_ char *prefix = xasprintf("%s-", package);
	_cleanup_strvec_ struct strvec found = {0};

	for (size_t i = 0; i < w->n_kernels && found.n <= LIKELY_MAX; i++)
		if (starts_with(w->kernels[i].name, prefix))
			strvec_add(&found, w->kernels[i].name);
	return found.n && found.n <= LIKELY_MAX ? strvec_join(&found, " or ") : NULL;
}

/* The entry of a list that is this package, without what is behind its name; false: none. */
static bool lists(const char *list, const char *package, bool versioned)
{
	_cleanup_strvec_ struct strvec words = {0};

	strvec_split(&words, list ? list : "", " \t\r\n");
	for (size_t i = 0; i < words.n; i++) {
		size_t n = strcspn(words.v[i], "<>=~:");

		if (versioned && words.v[i][n] != '=')
			continue;
		words.v[i][n] = '\0';
		if (streq(words.v[i], package))
			return true;
	}
	return false;
}

enum relation { UNRELATED, REPLACES, MAKES };

/* What a recipe has to do with a package. Provided without a version, apk never chooses it. */
static enum relation relation_of(
	const char *path, const char *text, size_t len, const char *package)
{
	const struct apkbuild_env env[] = {{"CARCH", "aarch64"}};
	enum relation is = UNRELATED;
	struct apkbuild *b;

	if (apkbuild_parse(&b, path, text, len, env, ARRAY_SIZE(env), NULL) < 0)
		return UNRELATED;
	if (lists(apkbuild_get(b, "subpackages"), package, false) ||
		lists(apkbuild_get(b, "provides"), package, true))
		is = MAKES;
	else if (lists(apkbuild_get(b, "replaces"), package, false) ||
		 lists(apkbuild_get(b, "provides"), package, false))
		is = REPLACES;
	apkbuild_free(b);
	return is;
}

/* A quick no for most; names may be made up of $pkgname. */
static bool mentions(const char *text, size_t len, const struct aport_dir *dir, const char *package)
{
	return memmem(text, len, package, strlen(package)) != NULL ||
	       starts_with(package, dir->name);
}

struct missing {
	struct read_kernel *k;
	const struct aport_dir *maker, *replacer;
};

static void look_at(struct missing *m, size_t n, const struct aport_dir *dir, struct stamps *stamps)
{
	_cleanup_free_ char *path = path_join(dir->path, "APKBUILD"), *text = NULL;
	size_t len;

	stamps_add(stamps, path);
	if (fs_read_regular(path, RECIPE_MAX, &text, &len, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		enum relation is;

		if (m[i].maker || !mentions(text, len, dir, m[i].k->package))
			continue;
		is = relation_of(path, text, len, m[i].k->package);
		if (is == MAKES)
			m[i].maker = dir;
		else if (is == REPLACES && !m[i].replacer)
			m[i].replacer = dir;
	}
}

static void settle(struct missing *m, const struct walk *w)
{
	struct read_kernel *k = m->k;

	if (m->maker) {
		read_kernel_made_by(k, m->maker);
		return;
	}
	if (m->replacer)
		k->renamed = xstrdup(m->replacer->name);
	else if (!(k->renamed = by_suffix(w, k->package)))
		k->renamed = by_beginning(w, k->package);
}

void settle_missing(
	struct read_kernel *const *kernels, size_t n, const struct walk *w, struct stamps *stamps)
{
	struct missing *m = n ? xcalloc(n, sizeof(*m)) : NULL;

	for (size_t i = 0; i < n; i++)
		m[i].k = kernels[i];
	for (size_t d = 0; n && d < w->n_kernels; d++)
		look_at(m, n, &w->kernels[d], stamps);
	for (size_t i = 0; i < n; i++)
		settle(&m[i], w);
	free(m);
}
