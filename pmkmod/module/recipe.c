// SPDX-License-Identifier: GPL-3.0-or-later
/* Recipes: profiles/modules/<name>.ini. */
#include "chroot/base/fs.h"
#include "pmkmod/module/module_parts.h"
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

static int read_archive(struct module *m, struct config *p, struct err *e)
{
	const char *sum = config_get(p, "module", "sha256");

	m->kind = SOURCE_ARCHIVE;
	if (!sum || hash_from_hex(&m->sha256, HASH_SHA256, sum, strlen(sum)) < 0)
		return module_bad(m,
			"an archive needs `sha256 = <64 hex digits>`, so that nobody can swap it",
			e);
	return 0;
}

/* source = package:NAME | http(s)://... | file://archive | a folder (relative to the recipe) */
static int read_source(struct module *m, struct config *p, struct err *e)
{
	const char *source = config_get(p, "module", "source");

	if (!source)
		return module_bad(m, "[module] needs source = package:NAME, a URL or a folder", e);
	if (starts_with(source, "package:")) {
		m->kind = SOURCE_PACKAGE;
		m->location = xstrdup(source + strlen("package:"));
		return *m->location ? 0 : module_bad(m, "source = package: names no package", e);
	}
	if (strstr(source, "://")) {
		m->location = xstrdup(source);
		return read_archive(m, p, e);
	}
	m->kind = SOURCE_FOLDER;
	if (source[0] == '/') {
		m->location = xstrdup(source);
	} else {
		_cleanup_free_ char *dir =
			xstrndup(m->recipe, strlen(m->recipe) - strlen(path_base(m->recipe)));

		m->location = path_join(dir, source);
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

int recipe_read(struct module *m, struct config *p, struct err *e)
{
	int r = read_source(m, p, e);

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
	if (m->subdir && (m->subdir[0] == '/' || strstr(m->subdir, "..")))
		return module_bad(m, "subdir must stay inside the source", e);
	r = read_use(m, p, e);
	if (r == 0)
		r = recipe_read_package(m, p, e);
	if (r < 0)
		return r;
	r = config_bool(p, "module", "autoload", false, &m->autoload, e);
	return r < 0 ? err_prefix(e, "%s", m->recipe) : 0;
}
