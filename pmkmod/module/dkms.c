// SPDX-License-Identifier: GPL-3.0-or-later
/* What the variables of a dkms.conf mean for one kernel: read_conf() of DKMS 3, line by line. */
#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/dkms_parts.h"
#include "pmkmod/util/exit_codes.h"

struct applying {
	struct dkms_conf *c;
	const struct dkms_vars *vars;
	const struct dkms_kernel *k;
	struct strvec problems; /* all that is wrong, as DKMS tells all of it */
};

static const char *get(const struct applying *a, const char *name, unsigned index)
{
	const char *v = dkms_get(a->vars, name, index);

	return v ? v : "";
}

/* Name and version become parts of paths and of package names. */
static void take_name(struct applying *a, const char *variable, char **out)
{
	const char *v = get(a, variable, 0);

	*out = xstrdup(v);
	if (!*v) {
		strvec_addf(&a->problems, "%s is missing", variable);
		return;
	}
	for (const char *p = v; *p; p++) {
		if (*p != '/' && isgraph((unsigned char)*p))
			continue;
		strvec_addf(&a->problems, "%s has a blank, a slash or the like in it: '%s'",
			variable, v);
		return;
	}
	if (*v == '.')
		strvec_addf(&a->problems, "%s begins with a dot: '%s'", variable, v);
}

/* ---- paths ---- */

/*
 * "./src//drv" -> "src/drv/", "" and "." -> ""; NULL: it leads outside. `..` is taken back by its
 * name, as the folders are not known here.
 */
static char *inside(const char *path)
{
	_cleanup_strvec_ struct strvec parts = {0};
	struct strbuf b = {0};
	size_t depth = 0;

	if (*path == '/')
		return NULL;
	strvec_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++) {
		char *part = parts.v[i];

		if (streq(part, "."))
			continue;
		if (!streq(part, "..")) {
			char *kept = parts.v[depth];

			parts.v[depth++] = part;
			parts.v[i] = kept;
		} else if (depth-- == 0) {
			return NULL;
		}
	}
	for (size_t i = 0; i < depth; i++)
		strbuf_addf(&b, "%s/", parts.v[i]);
	return strbuf_steal(&b);
}

/* ---- modules ---- */

static void check_module_name(
	struct applying *a, const char *variable, const char *name, unsigned index)
{
	if (ends_with(name, ".o") || ends_with(name, ".ko")) {
		strvec_addf(&a->problems, "%s ends in .o or .ko in record #%u: '%s'", variable,
			index, name);
		return;
	}
	for (const char *p = name; *p; p++) {
		if (*p != '/' && isgraph((unsigned char)*p))
			continue;
		strvec_addf(&a->problems,
			"%s has a blank, a slash or the like in it in record #%u: '%s'", variable,
			index, name);
		return;
	}
	if (*name == '.')
		strvec_addf(&a->problems, "%s begins with a dot in record #%u: '%s'", variable,
			index, name);
}

static bool wants_strip(const struct applying *a, unsigned index)
{
	char c = *get(a, "STRIP", index);

	if (c)
		return c != 'n' && c != 'N';
	return index == 0 || wants_strip(a, 0);
}

/* BUILT_MODULE_NAME="src/foo" is DKMS's BUILT_MODULE_LOCATION="src" with the name foo. */
static void take_built(struct applying *a, struct dkms_module *m, unsigned index)
{
	const char *location = get(a, "BUILT_MODULE_LOCATION", index);
	const char *name = get(a, "BUILT_MODULE_NAME", index), *slash;
	_cleanup_free_ char *joined = NULL;

	if (!*name && a->c->n_modules == 1)
		name = a->c->name;
	if (!*name)
		strvec_addf(&a->problems, "BUILT_MODULE_NAME is missing in record #%u", index);
	slash = strrchr(name, '/');
	if (slash && slash[1]) {
		joined = xasprintf(
			"%s%s%.*s", location, *location ? "/" : "", (int)(slash - name), name);
		strvec_addf(&a->c->warnings,
			"BUILT_MODULE_NAME[%u] has a folder in it, which belongs into "
			"BUILT_MODULE_LOCATION[%u]: DKMS cannot install such a module",
			index, index);
		location = joined;
		name = slash + 1;
	}
	m->name = xstrdup(name);
	check_module_name(a, "BUILT_MODULE_NAME", name, index);
	m->location = inside(location);
	if (!m->location) {
		m->location = xstrdup("");
		strvec_addf(&a->problems,
			"BUILT_MODULE_LOCATION leads outside of the source in record #%u: '%s'",
			index, location);
	}
}

static void take_destination(struct applying *a, struct dkms_module *m, unsigned index)
{
	const char *location = get(a, "DEST_MODULE_LOCATION", index);
	const char *name = get(a, "DEST_MODULE_NAME", index);
	_cleanup_free_ char *normal = NULL;

	m->dest_name = xstrdup(*name ? name : m->name);
	if (*name)
		check_module_name(a, "DEST_MODULE_NAME", name, index);
	m->dest_location = xstrdup("");
	if (!*location) {
		strvec_addf(&a->problems, "DEST_MODULE_LOCATION is missing in record #%u", index);
		return;
	}
	if (!starts_with(location, "/kernel") && !starts_with(location, "/updates") &&
		!starts_with(location, "/extra")) {
		strvec_addf(&a->problems,
			"DEST_MODULE_LOCATION does not begin with /kernel, /updates or /extra in "
			"record #%u: '%s'",
			index, location);
		return;
	}
	normal = inside(location + 1);
	if (!normal || !*normal || strpbrk(location, " \t\n")) {
		strvec_addf(&a->problems,
			"DEST_MODULE_LOCATION is no folder for modules in record #%u: '%s'", index,
			location);
		return;
	}
	normal[strlen(normal) - 1] = 0;
	free(m->dest_location);
	m->dest_location = xasprintf("/%s", normal);
}

/* Two that are built or installed as one file: the later would quietly take the earlier's place. */
static void check_duplicates(struct applying *a)
{
	const struct dkms_conf *c = a->c;

	for (size_t i = 1; i < c->n_modules; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct dkms_module *m = &c->modules[i], *n = &c->modules[j];

			if (*m->name && streq(m->name, n->name) && streq(m->location, n->location))
				strvec_addf(&a->problems,
					"BUILT_MODULE_NAME '%s' is that of record #%zu in record "
					"#%zu",
					m->name, j, i);
			else if (*m->dest_name && streq(m->dest_name, n->dest_name))
				strvec_addf(&a->problems,
					"DEST_MODULE_NAME '%s' is that of record #%zu in record "
					"#%zu",
					m->dest_name, j, i);
		}
	}
}

static void take_modules(struct applying *a)
{
	static const char *const arrays[] = {"BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION",
		"DEST_MODULE_NAME", "DEST_MODULE_LOCATION"};
	struct dkms_conf *c = a->c;

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		unsigned end = dkms_end(a->vars, arrays[i]);

		if (end > c->n_modules)
			c->n_modules = end;
	}
	if (c->n_modules == 0)
		strvec_add(&a->problems,
			"it names no module: BUILT_MODULE_NAME and DEST_MODULE_LOCATION are "
			"missing");
	c->modules = xcalloc(c->n_modules + 1, sizeof(*c->modules));
	for (unsigned i = 0; i < c->n_modules; i++) {
		take_built(a, &c->modules[i], i);
		take_destination(a, &c->modules[i], i);
		c->modules[i].strip = wants_strip(a, i);
	}
	check_duplicates(a);
}

/* ---- commands and patches ---- */

static bool matches(struct applying *a, const char *variable, unsigned index)
{
	_cleanup_free_ char *what = xasprintf("%s[%u]", variable, index);

	return dkms_match(a->k->kernelver, get(a, variable, index), what, &a->c->warnings) == 1;
}

/* MAKE[0] is for every kernel unless MAKE_MATCH[0] says otherwise; the last that matches wins. */
static void take_make(struct applying *a)
{
	const char *make = *get(a, "MAKE_MATCH", 0) ? "" : get(a, "MAKE", 0);
	unsigned end = dkms_end(a->vars, "MAKE");
	_cleanup_free_ char *usual = NULL;

	for (unsigned i = 0; i < end; i++)
		if (*get(a, "MAKE", i) && *get(a, "MAKE_MATCH", i) && matches(a, "MAKE_MATCH", i))
			make = get(a, "MAKE", i);
	if (!*make) {
		usual = xasprintf("make -C %s M=%s/%s/%s/build",
			a->k->source_dir ? a->k->source_dir : "",
			a->k->dkms_tree ? a->k->dkms_tree : "", a->c->name, a->c->version);
		make = usual;
	}
	a->c->make = xasprintf("%s%s", make, a->k->clang ? " LLVM=1" : "");
}

/* -ENOENT: not there; -EXDEV: outside of the source, by its words or by a link. */
static int check_patch(const char *folder, const char *path)
{
	_cleanup_free_ char *normal = inside(path), *full = NULL, *root = NULL, *real = NULL;
	size_t n;

	/* DKMS refuses any way up, also one that would come back */
	if (!normal || !starts_with(normal, "patches/") || strstr(path, "/../"))
		return -EXDEV;
	if (!folder)
		return 0;
	full = path_join(folder, path);
	root = realpath(folder, NULL);
	real = realpath(full, NULL);
	if (!root || !real || fs_is_dir(real))
		return -ENOENT;
	n = strlen(root);
	if (strncmp(real, root, n) != 0 || (real[n] != '/' && n > 1))
		return -EXDEV;
	return 0;
}

static int take_patches(struct applying *a, const char *folder, const char *shown, struct err *e)
{
	unsigned end = dkms_end(a->vars, "PATCH");

	for (unsigned i = 0; i < end; i++) {
		const char *patch = get(a, "PATCH", i);
		_cleanup_free_ char *path = xasprintf("patches/%s", patch);
		int rc;

		if (!*patch || (*get(a, "PATCH_MATCH", i) && !matches(a, "PATCH_MATCH", i)))
			continue;
		rc = check_patch(folder, path);
		if (rc == -ENOENT)
			return err_exit(e, EXIT_PATCH_PATH, rc,
				"%s: PATCH[%u] is '%s', and there is no file '%s' in the source",
				shown, i, patch, path);
		if (rc)
			return err_exit(e, EXIT_PATCH_PATH, rc,
				"%s: PATCH[%u] is '%s', which leads out of the source's folder "
				"patches",
				shown, i, patch);
		strvec_add(&a->c->patches, path);
	}
	return 0;
}

/* ---- the rest ---- */

static void take_words(struct applying *a)
{
	const struct {
		const char *name;
		char **to;
	} hooks[] = {
		{"PRE_BUILD", &a->c->pre_build},
		{"POST_BUILD", &a->c->post_build},
		{"PRE_INSTALL", &a->c->pre_install},
		{"POST_INSTALL", &a->c->post_install},
		{"POST_ADD", &a->c->post_add},
		{"POST_REMOVE", &a->c->post_remove},
	};
	unsigned end = dkms_end(a->vars, "BUILD_DEPENDS");

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		const char *v = get(a, hooks[i].name, 0);

		*hooks[i].to = *v ? xstrdup(v) : NULL;
	}
	for (unsigned i = 0; i < end; i++)
		strvec_split(&a->c->build_depends, get(a, "BUILD_DEPENDS", i), " \t\n");
}

/*
 * DKMS 3.0 takes every word for yes, 3.2 refuses what is neither yes nor no. Much software says
 * "true" or "1", and refusing it would help nobody.
 */
static void take_autoinstall(struct applying *a)
{
	static const char *const negative[] = {"", "no", "n", "false", "0"};
	const char *v = get(a, "AUTOINSTALL", 0);

	a->c->autoinstall = true;
	for (size_t i = 0; i < ARRAY_SIZE(negative); i++)
		if (strcasecmp(v, negative[i]) == 0)
			a->c->autoinstall = false;
	if (*v && strcasecmp(v, "yes") != 0 && strcasecmp(v, "no") != 0)
		strvec_addf(&a->c->warnings,
			"AUTOINSTALL is '%s', for which DKMS 3.2 wants yes or no", v);
}

int dkms_apply(struct dkms_conf *out, const struct dkms_vars *vars, const struct dkms_kernel *k,
	const char *folder, const char *shown, struct err *e)
{
	struct applying a = {.c = out, .vars = vars, .k = k};
	int rc = 0;

	*out = (struct dkms_conf){0};
	take_name(&a, "PACKAGE_NAME", &out->name);
	take_name(&a, "PACKAGE_VERSION", &out->version);
	take_modules(&a);
	take_make(&a);
	take_words(&a);
	take_autoinstall(&a);
	dkms_warn(&out->warnings, vars);
	out->excluded = dkms_excluded(vars, k, &out->warnings);
	if (a.problems.n > 0) {
		_cleanup_free_ char *all = strvec_join(&a.problems, "\n  ");

		rc = err_exit(e, EXIT_BAD_DKMS_CONF, -EINVAL, "%s is no valid dkms.conf:\n  %s",
			shown, all);
	}
	/* DKMS looks for patches when it builds, which it does not for a kernel that is excluded */
	if (rc == 0 && !out->excluded)
		rc = take_patches(&a, folder, shown, e);
	strvec_free(&a.problems);
	if (rc < 0)
		dkms_conf_free(out);
	return rc;
}

void dkms_conf_free(struct dkms_conf *c)
{
	for (size_t i = 0; i < c->n_modules; i++) {
		free(c->modules[i].name);
		free(c->modules[i].location);
		free(c->modules[i].dest_name);
		free(c->modules[i].dest_location);
	}
	free(c->modules);
	free(c->name);
	free(c->version);
	free(c->make);
	strvec_free(&c->patches);
	free(c->pre_build);
	free(c->post_build);
	free(c->pre_install);
	free(c->post_install);
	free(c->post_add);
	free(c->post_remove);
	strvec_free(&c->build_depends);
	free(c->excluded);
	strvec_free(&c->warnings);
	*c = (struct dkms_conf){0};
}
