// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/module/module.h"

#include <ctype.h>
#include <limits.h>

#include "chroot/base/fs.h"
#include "pmkmod/device/device.h"
#include "pmkmod/util/exit_codes.h"

static int bad_recipe(const struct module *m, const char *what, struct err *e)
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
		return bad_recipe(m,
			"an archive needs `sha256 = <64 hex digits>`, so that nobody can swap it",
			e);
	return 0;
}

/* source = package:NAME | http(s)://... | file://archive | a folder (relative to the recipe) */
static int read_source(struct module *m, struct config *p, struct err *e)
{
	const char *source = config_get(p, "module", "source");

	if (!source)
		return bad_recipe(m, "[module] needs source = package:NAME, a URL or a folder", e);
	if (starts_with(source, "package:")) {
		m->kind = SOURCE_PACKAGE;
		m->location = xstrdup(source + strlen("package:"));
		return *m->location ? 0 : bad_recipe(m, "source = package: names no package", e);
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

static bool valid_name(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.+", *s))
			return false;
	return true;
}

/* [test] run: one or more lines for a shell. */
static void read_test(struct module *m, struct config *p)
{
	const char *run = config_get(p, "test", "run");

	if (run)
		m->test = xasprintf("%s\n", run);
}

static int read_recipe(struct module *m, struct config *p, struct err *e)
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
	read_test(m, p);
	config_list(p, "module", "make", &m->make_args);
	config_list(p, "module", "modules", &m->modules);
	config_list(p, "module", "depends", &m->depends);
	if (m->subdir && (m->subdir[0] == '/' || strstr(m->subdir, "..")))
		return bad_recipe(m, "subdir must stay inside the source", e);
	r = config_bool(p, "module", "autoload", false, &m->autoload, e);
	return r < 0 ? err_prefix(e, "%s", m->recipe) : 0;
}

static int load_folder(struct module *m, const char *path, struct err *e)
{
	char full[PATH_MAX];

	if (!realpath(path, full) || !fs_is_dir(full)) {
		return err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
			"there is no folder '%s' with a module's source", path);
	}
	m->kind = SOURCE_FOLDER;
	m->location = xstrdup(full);
	free(m->name);
	m->name = xstrdup(path_base(full));
	for (char *s = m->name; *s; s++)
		*s = (char)(isalnum((unsigned char)*s) || strchr("-_.+", *s)
				    ? tolower((unsigned char)*s)
				    : '-');
	return 0;
}

/* A package that depends on one nobody can build would not install on the phone. */
static int check_depends(const struct module *m, struct config *c, struct err *e)
{
	for (size_t i = 0; i < m->depends.n; i++) {
		_cleanup_free_ char *path = profile_path(c, "modules", m->depends.v[i]);

		if (path)
			continue;
		return err_exit(e, EXIT_MISSING_DEPEND, -ENOENT,
			"%s: depends names '%s', but there is no such recipe", m->recipe,
			m->depends.v[i]);
	}
	return 0;
}

int module_load(struct module *m, struct config *c, const char *name, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	struct config *p = NULL;
	int r;

	*m = (struct module){.name = xstrdup(name)};
	if (strchr(name, '/') || streq(name, ".")) {
		r = load_folder(m, name, e);
	} else if (!(m->recipe = profile_path(c, "modules", name))) {
		profile_names(c, "modules", &names);
		r = profile_unknown("module", name, &names, "pmkmod list modules", e);
		if (fs_is_dir(name))
			err_hint(e, "for the folder of that name say ./%s", name);
	} else {
		r = profile_read(&p, m->recipe, e);
		if (r == 0)
			r = read_recipe(m, p, e);
		if (r == 0)
			r = check_depends(m, c, e);
	}
	if (r == 0 && !valid_name(m->name))
		r = bad_recipe(m,
			"the module's name must begin with a letter or digit and hold only "
			"letters, digits, '-', '_', '.' and '+'",
			e);
	if (r == 0 && !m->autoload)
		r = config_bool(c, "build", "autoload", false, &m->autoload, e);
	if (r == 0 && !m->title)
		m->title = xstrdup(m->name);
	config_free(p);
	if (r < 0)
		module_free(m);
	return r;
}

void module_free(struct module *m)
{
	char *texts[] = {m->name, m->title, m->recipe, m->location, m->subdir, m->version,
		m->license, m->description, m->url, m->userspace, m->test};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	strvec_free(&m->make_args);
	strvec_free(&m->modules);
	strvec_free(&m->depends);
	*m = (struct module){0};
}
