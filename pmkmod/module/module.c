// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/module/module.h"

#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/device/device.h"
#include "pmkmod/module/module_parts.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

static bool valid_name(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.+", *s))
			return false;
	return true;
}

/* Is it a source itself, and not the name of a recipe? */
static bool is_source(const char *name)
{
	return strpbrk(name, "/:") || streq(name, ".") || streq(name, "..");
}

static int load_source(struct module *m, const char *spec, struct err *e)
{
	int r;

	free(m->name);
	m->name = NULL;
	r = source_parse(m, spec, NULL, e);
	if (r < 0 || !m->fetch_url || m->kind != SOURCE_ARCHIVE || m->sha256.alg != HASH_NONE)
		return r;
	err_exit(e, EXIT_USAGE, -EINVAL,
		"%s has no checksum, so that nobody could tell whether it was swapped on its way",
		spec);
	return err_hint(e,
		"append #sha256=<64 hex digits>, as whoever published it says or, if you trust what "
		"you get now, curl -sL '%s' | sha256sum",
		m->fetch_url);
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
	if (is_source(name)) {
		r = load_source(m, name, e);
	} else if (!(m->recipe = profile_path(c, "modules", name))) {
		profile_names(c, "modules", &names);
		r = profile_unknown("module", name, &names, "pmkmod list modules", e);
		if (fs_exists(name))
			err_hint(e, "for the %s of that name say ./%s",
				fs_is_dir(name) ? "folder" : "file", name);
	} else {
		r = profile_read(&p, m->recipe, e);
		if (r == 0)
			r = recipe_read(m, p, e);
		if (r == 0)
			r = check_depends(m, c, e);
	}
	if (r == 0 && !valid_name(m->name))
		r = module_bad(m,
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
	char *texts[] = {m->name, m->title, m->recipe, m->location, m->fetch_url, m->ref, m->commit,
		m->subdir, m->version, m->license, m->description, m->url, m->userspace, m->test,
		m->target, m->kernel_range, m->firmware_note, m->overlays_dir};
	struct strvec *lists[] = {&m->make_args, &m->modules, &m->depends, &m->packages, &m->archs,
		&m->config, &m->load, &m->options, &m->firmware, &m->overlays, &m->conflicts};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_free(lists[i]);
	for (size_t i = 0; i < m->n_patches; i++) {
		free(m->patches[i].path);
		free(m->patches[i].kernel_range);
	}
	free(m->patches);
	*m = (struct module){0};
}
