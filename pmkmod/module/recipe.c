// SPDX-License-Identifier: GPL-3.0-or-later
/* Recipes: profiles/modules/<name>.ini. */
#include "chroot/base/fs.h"
#include "pmkmod/device/device.h"
#include "pmkmod/module/kernel_range.h"
#include "pmkmod/module/module_parts.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

int module_bad(const struct module *m, const char *what, struct err *e)
{
	return err_exit(
		e, EXIT_USAGE, -EINVAL, "%s: %s", m->recipe ? m->recipe : m->location, what);
}

static void text(struct config *p, const char *key, char **out)
{
	const char *v = config_get(p, "module", key);

	if (v) {
		free(*out);
		*out = xstrdup(v);
	}
}

static char *beside(const struct module *m)
{
	return xstrndup(m->recipe, strlen(m->recipe) - strlen(path_base(m->recipe)));
}

/* [module] sha256, commit, submodules: what pins the source. */
static int read_pins(struct module *m, struct config *p, struct err *e)
{
	const char *sum = config_get(p, "module", "sha256"),
		   *commit = config_get(p, "module", "commit");
	struct hash h;
	int r;

	if (sum &&
		(m->kind != SOURCE_ARCHIVE || hash_from_hex(&h, HASH_SHA256, sum, strlen(sum)) < 0))
		return module_bad(
			m, "sha256 = <64 hex digits> is for sources that are one file", e);
	if (sum && m->sha256.alg != HASH_NONE && !hash_eq(&h, &m->sha256))
		return module_bad(m, "sha256 = and the #sha256= of the source differ", e);
	if (sum)
		m->sha256 = h;
	if (m->kind == SOURCE_ARCHIVE && m->fetch_url && m->sha256.alg == HASH_NONE)
		return module_bad(m,
			"an archive needs `sha256 = <64 hex digits>`, so that nobody can swap it",
			e);
	if (commit && (m->kind != SOURCE_GIT || !source_is_commit(commit)))
		return module_bad(
			m, "commit = <40 hex digits> is for sources in git, git+https://...", e);
	if (commit) {
		free(m->commit);
		m->commit = xstrdup(commit);
	}
	r = config_bool(p, "module", "submodules", false, &m->submodules, e);
	if (r == 0 && m->submodules && m->kind != SOURCE_GIT)
		r = module_bad(m, "submodules = yes is for sources in git, git+https://...", e);
	return r;
}

/* See source.h for what a source can be; a path is relative to the recipe. */
static int read_source(struct module *m, struct config *p, struct err *e)
{
	const char *source = config_get(p, "module", "source");
	_cleanup_free_ char *dir = beside(m);
	int r;

	if (!source)
		return module_bad(m, "[module] needs source = package:NAME, a URL or a folder", e);
	r = source_parse(m, source, dir, e);
	return r < 0 ? r : read_pins(m, p, e);
}

/* [patches] FILE = range of kernels, in this order; the files lie beside the recipe. */
static int read_patches(struct module *m, struct config *p, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *dir = beside(m);

	config_keys(p, "patches", &names);
	for (size_t i = 0; i < names.n; i++) {
		const char *range = config_get(p, "patches", names.v[i]);
		int r = kernel_range_check(range, e);

		if (r < 0)
			return err_prefix(e, "%s: [patches] %s", m->recipe, names.v[i]);
		if (!source_subdir_ok(names.v[i]))
			return module_bad(m, "[patches] names files beside the recipe", e);
		m->patches = xrealloc(m->patches, m->n_patches + 1, sizeof(*m->patches));
		m->patches[m->n_patches++] = (struct module_patch){
			.path = path_join(dir, names.v[i]), .kernel_range = xstrdup(range)};
	}
	return 0;
}

/* [test] run: one or more lines for a shell. */
static void read_test(struct module *m, struct config *p)
{
	const char *run = config_get(p, "test", "run");

	if (run)
		m->test = xasprintf("%s\n", run);
}

static int read_use(struct module *m, struct config *p, struct err *e)
{
	static const char *const words[] = {[USE_ANY] = "any",
		[USE_KBUILD] = "kbuild",
		[USE_DKMS] = "dkms",
		[USE_AKMS] = "akms"};
	const char *use = config_get(p, "module", "use");

	for (size_t i = 0; use && i < ARRAY_SIZE(words); i++)
		if (streq(use, words[i])) {
			m->use = (enum module_use)i;
			return 0;
		}
	return use ? module_bad(m, "use = must be any, kbuild, dkms or akms", e) : 0;
}

/* A word that nobody reads would leave out what its author thinks is there. [package] has its own
 * list, and [patches] names of files. */
static int check_words(const struct module *m, struct config *p, struct err *e)
{
	static const struct profile_section known[] = {
		{"module", {"source", "sha256", "commit", "submodules", "title", "subdir",
				   "version", "license", "description", "url", "userspace",
				   "target", "kernel", "make", "modules", "depends", "packages",
				   "arch", "config", "use", "autoload"}},
		{"patches", {NULL}}, {"package", {NULL}}, {"test", {"run"}}};
	_cleanup_free_ char *unread = profile_unread(p, known, ARRAY_SIZE(known));

	return unread ? module_bad(m, unread, e) : 0;
}

int recipe_read(struct module *m, struct config *p, struct err *e)
{
	int r = check_words(m, p, e);

	if (r == 0)
		r = read_source(m, p, e);
	if (r < 0)
		return r;
	text(p, "title", &m->title);
	text(p, "subdir", &m->subdir);
	text(p, "version", &m->version);
	text(p, "license", &m->license);
	text(p, "description", &m->description);
	text(p, "url", &m->url);
	text(p, "userspace", &m->userspace);
	text(p, "target", &m->target);
	text(p, "kernel", &m->kernel_range);
	read_test(m, p);
	config_list(p, "module", "make", &m->make_args);
	config_list(p, "module", "modules", &m->modules);
	config_list(p, "module", "depends", &m->depends);
	config_list(p, "module", "packages", &m->packages);
	config_list(p, "module", "arch", &m->archs);
	config_list(p, "module", "config", &m->config);
	if (m->subdir && !source_subdir_ok(m->subdir))
		return module_bad(m, "subdir must stay inside the source", e);
	r = kernel_range_check(m->kernel_range, e);
	if (r < 0)
		return err_prefix(e, "%s: kernel", m->recipe);
	r = read_patches(m, p, e);
	if (r == 0)
		r = read_use(m, p, e);
	if (r == 0)
		r = recipe_read_package(m, p, e);
	if (r < 0)
		return r;
	r = config_bool(p, "module", "autoload", false, &m->autoload, e);
	return r < 0 ? err_prefix(e, "%s", m->recipe) : 0;
}
