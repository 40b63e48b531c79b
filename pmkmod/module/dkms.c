// SPDX-License-Identifier: GPL-3.0-or-later
/* What the variables of a dkms.conf mean for one kernel: read_conf() of DKMS 3. */
#include <ctype.h>
#include <regex.h>
#include <strings.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/dkms_parts.h"

struct apply {
	const struct dkms_vars *vars;
	const struct dkms_kernel *k;
	struct dkms_conf *out;
	const char *shown;
	struct err *e;
	int code; /* the first error */
};

/* The value without one CR at its end, as DKMS has it; "" if there is none. The caller frees. */
static char *value(const struct apply *a, const char *name, unsigned index)
{
	const struct dkms_var *v = dkms_var_find(a->vars, name, index);
	char *s = xstrdup(v ? v->value : "");
	size_t n = strlen(s);

	if (n && s[n - 1] == '\r')
		s[n - 1] = '\0';
	return s;
}

/* NULL instead of "". */
static char *text(const struct apply *a, const char *name)
{
	char *s = value(a, name, 0);

	if (*s)
		return s;
	free(s);
	return NULL;
}

/* One past the greatest index; DKMS counts the elements, and misses those behind a gap. */
static unsigned count(const struct apply *a, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < a->vars->n; i++)
		if (streq(a->vars->v[i].name, name) && a->vars->v[i].index >= n)
			n = a->vars->v[i].index + 1;
	return n;
}

static void bad(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void bad(struct apply *a, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (a->code < 0) {
		err_hint(a->e, "%s: %s", a->shown, b.s);
		return;
	}
	a->code = err_exit(a->e, EXIT_BAD_DKMS_CONF, -EINVAL, "%s: %s", a->shown, b.s);
}

static void warn(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct apply *a, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	strvec_add(&a->out->warnings, b.s);
}

/* bash's `text =~ pattern`; a pattern that is none matches nothing, as there. */
static bool matches(struct apply *a, const char *name, const char *pattern, const char *subject)
{
	regex_t re;
	bool found;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		warn(a, "%s: '%s' is not a regular expression, and matches nothing", name, pattern);
		return false;
	}
	found = regexec(&re, subject, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

/* ---- records ---- */

static bool names_object(const char *name)
{
	return ends_with(name, ".o") || ends_with(name, ".ko");
}

static bool leads_outside(const char *path)
{
	return path[0] == '/' || streq(path, "..") || starts_with(path, "../") ||
	       strstr(path, "/../") || ends_with(path, "/..");
}

static bool strip_of(const struct apply *a, unsigned i)
{
	_cleanup_free_ char *own = value(a, "STRIP", i), *first = value(a, "STRIP", 0);
	const char *s = *own ? own : first;

	return tolower((unsigned char)*s) != 'n';
}

static void check_destination(struct apply *a, unsigned i, const char *dest)
{
	static const char *const tops[] = {"/kernel", "/updates", "/extra"};

	if (!*dest) {
		bad(a, "there is no DEST_MODULE_LOCATION in record #%u", i);
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(tops); k++)
		if (starts_with(dest, tops[k]))
			return;
	bad(a,
		"DEST_MODULE_LOCATION in record #%u is '%s'; it must begin with /kernel, /updates "
		"or /extra",
		i, dest);
}

static void check_record(struct apply *a, unsigned i, const struct dkms_module *m)
{
	if (!*m->name)
		bad(a, "there is no BUILT_MODULE_NAME in record #%u", i);
	else if (names_object(m->name))
		bad(a, "BUILT_MODULE_NAME in record #%u is '%s'; it stands without .o or .ko", i,
			m->name);
	else if (strchr(m->name, '/'))
		bad(a,
			"BUILT_MODULE_NAME in record #%u is '%s'; the folder belongs into "
			"BUILT_MODULE_LOCATION",
			i, m->name);
	if (names_object(m->dest_name))
		bad(a, "DEST_MODULE_NAME in record #%u is '%s'; it stands without .o or .ko", i,
			m->dest_name);
	else if (strchr(m->dest_name, '/'))
		bad(a, "DEST_MODULE_NAME in record #%u is '%s'; it is no path", i, m->dest_name);
	if (leads_outside(m->location))
		bad(a,
			"BUILT_MODULE_LOCATION in record #%u is '%s', which is outside of the "
			"source",
			i, m->location);
	check_destination(a, i, m->dest_location);
}

static void check_duplicates(struct apply *a)
{
	const struct dkms_conf *c = a->out;

	for (size_t i = 0; i < c->n_modules; i++)
		for (size_t k = 0; k < i; k++) {
			const struct dkms_module *m = &c->modules[i], *o = &c->modules[k];

			if (!*m->name || !*o->name)
				continue;
			if (streq(m->name, o->name) && streq(m->location, o->location))
				bad(a, "records #%zu and #%zu build the same module %s%s", k, i,
					m->location, m->name);
			else if (streq(m->dest_name, o->dest_name))
				bad(a, "records #%zu and #%zu install the same module %s", k, i,
					m->dest_name);
		}
}

static void take_record(struct apply *a, unsigned i, bool only)
{
	struct dkms_module *m = &a->out->modules[i];
	char *dest = value(a, "DEST_MODULE_NAME", i);

	m->name = value(a, "BUILT_MODULE_NAME", i);
	if (!*m->name && only && a->out->name) {
		free(m->name);
		m->name = xstrdup(a->out->name);
	}
	m->location = value(a, "BUILT_MODULE_LOCATION", i);
	if (*m->location && !ends_with(m->location, "/")) {
		char *with = xasprintf("%s/", m->location);

		free(m->location);
		m->location = with;
	}
	/* "./" is what some write for the top */
	while (starts_with(m->location, "./"))
		memmove(m->location, m->location + 2, strlen(m->location) - 1);
	m->dest_name = *dest ? steal_ptr(dest) : xstrdup(m->name);
	free(dest);
	m->dest_location = value(a, "DEST_MODULE_LOCATION", i);
	m->strip = strip_of(a, i);
	check_record(a, i, m);
}

static void take_records(struct apply *a)
{
	static const char *const arrays[] = {"BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION",
		"DEST_MODULE_NAME", "DEST_MODULE_LOCATION"};
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		unsigned c = count(a, arrays[i]);

		n = c > n ? c : n;
	}
	a->out->modules = xcalloc(n ? n : 1, sizeof(*a->out->modules));
	a->out->n_modules = n;
	for (unsigned i = 0; i < n; i++)
		take_record(a, i, n == 1);
	if (n == 0)
		bad(a, "it names no module: there is no DEST_MODULE_LOCATION");
	check_duplicates(a);
}

/* ---- commands ---- */

static void take_make(struct apply *a)
{
	_cleanup_free_ char *always = value(a, "MAKE_MATCH", 0);
	const struct dkms_kernel *k = a->k;
	char *make = *always ? xstrdup("") : value(a, "MAKE", 0);
	unsigned n = count(a, "MAKE");

	for (unsigned i = 0; i < n; i++) {
		_cleanup_free_ char *match = value(a, "MAKE_MATCH", i);
		_cleanup_free_ char *command = value(a, "MAKE", i);

		if (*match && *command && matches(a, "MAKE_MATCH", match, k->kernelver)) {
			free(make);
			make = steal_ptr(command);
		}
	}
	if (!*make) {
		free(make);
		make = xasprintf("make -C %s M=%s/%s/%s/build", k->source_dir, k->dkms_tree,
			a->out->name ? a->out->name : "", a->out->version ? a->out->version : "");
	}
	a->out->make = make;
}

static void take_patch(struct apply *a, const char *name, const char *folder)
{
	_cleanup_free_ char *inside = xasprintf("patches/%s", name);
	_cleanup_free_ char *path = folder ? path_join(folder, inside) : NULL;

	if (leads_outside(name)) {
		if (a->code == 0)
			a->code = err_exit(a->e, EXIT_PATCH_PATH, -EINVAL,
				"%s: the patch '%s' is outside of the source's folder patches/",
				a->shown, name);
	} else if (path && !fs_exists(path)) {
		if (a->code == 0)
			a->code = err_exit(a->e, EXIT_PATCH_PATH, -ENOENT,
				"%s names the patch '%s', but the source has no %s", a->shown, name,
				inside);
	}
	strvec_add(&a->out->patches, inside);
}

static void take_patches(struct apply *a, const char *folder)
{
	unsigned n = count(a, "PATCH");

	for (unsigned i = 0; i < n; i++) {
		_cleanup_free_ char *name = value(a, "PATCH", i);
		_cleanup_free_ char *match = value(a, "PATCH_MATCH", i);

		if (*name && (!*match || matches(a, "PATCH_MATCH", match, a->k->kernelver)))
			take_patch(a, name, folder);
	}
}

/* ---- yes and no ---- */

static bool yes(struct apply *a, const char *name)
{
	_cleanup_free_ char *s = value(a, name, 0);

	if (!*s || strcasecmp(s, "no") == 0 || strcasecmp(s, "n") == 0)
		return false;
	if (strcasecmp(s, "yes") == 0 || strcasecmp(s, "y") == 0)
		return true;
	bad(a, "%s is '%s'; it must be yes or no", name, s);
	return false;
}

static void take_depends(struct apply *a)
{
	unsigned n = count(a, "BUILD_DEPENDS");

	for (unsigned i = 0; i < n; i++) {
		_cleanup_free_ char *s = value(a, "BUILD_DEPENDS", i);

		strvec_split(&a->out->build_depends, s, " \t\n");
	}
}

/* ---- which kernels it is for ---- */

static void exclude(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void exclude(struct apply *a, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	if (a->out->excluded)
		return;
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	a->out->excluded = strbuf_steal(&b);
}

/* VER() of DKMS: every number at least three digits long, so that texts compare as versions. */
static char *padded(const char *s)
{
	struct strbuf b = {0};

	while (*s) {
		size_t n = strspn(s, "0123456789");

		if (n == 0) {
			strbuf_addc(&b, *s++);
			continue;
		}
		for (size_t i = n; i < 3; i++)
			strbuf_addc(&b, '0');
		strbuf_add(&b, s, n);
		s += n;
	}
	return strbuf_steal(&b);
}

static int compare(const char *x, const char *y)
{
	_cleanup_free_ char *a = padded(x), *b = padded(y);

	return strcmp(a, b);
}

static void exclude_by_version(struct apply *a)
{
	_cleanup_free_ char *min = value(a, "BUILD_EXCLUSIVE_KERNEL_MIN", 0);
	_cleanup_free_ char *max = value(a, "BUILD_EXCLUSIVE_KERNEL_MAX", 0);
	_cleanup_free_ char *obsolete = value(a, "OBSOLETE_BY", 0);
	const char *release = a->k->kernelver;

	if (*min && compare(release, min) < 0)
		exclude(a, "BUILD_EXCLUSIVE_KERNEL_MIN is %s, the kernel is %s", min, release);
	if (*max && compare(release, max) > 0)
		exclude(a, "BUILD_EXCLUSIVE_KERNEL_MAX is %s, the kernel is %s", max, release);
	if (!*max && *obsolete && compare(release, obsolete) > 0)
		exclude(a, "OBSOLETE_BY says that Linux %s has the module itself, the kernel is %s",
			obsolete, release);
}

static bool configured(const struct kconfig *c, const char *name)
{
	const char *v =
		kconfig_get(c, starts_with(name, "CONFIG_") ? name + strlen("CONFIG_") : name);

	return v && (streq(v, "y") || streq(v, "m"));
}

static void exclude_by_config(struct apply *a)
{
	_cleanup_free_ char *wanted = value(a, "BUILD_EXCLUSIVE_CONFIG", 0);
	_cleanup_strvec_ struct strvec names = {0};

	strvec_split(&names, wanted, " \t\r\n");
	if (names.n && !a->k->config) {
		warn(a, "BUILD_EXCLUSIVE_CONFIG is not looked at: the kernel's configuration is not "
			"known");
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.v[i];
		bool not = *name == '!';

		name += not ;
		if (configured(a->k->config, name) == not )
			exclude(a,
				"BUILD_EXCLUSIVE_CONFIG wants %s %s, which the kernel's "
				"configuration has %s",
				name, not ? "off" : "on", not ? "on" : "not");
	}
}

static void exclude_by_pattern(struct apply *a, const char *name, const char *subject)
{
	_cleanup_free_ char *pattern = value(a, name, 0);

	if (*pattern && !matches(a, name, pattern, subject))
		exclude(a, "%s is '%s', which %s does not match", name, pattern, subject);
}

/* ---- words that are no longer heard ---- */

static void warn_deprecated(struct apply *a)
{
	static const char *const names[] = {"CLEAN", "REMAKE_INITRD", "MODULES_CONF",
		"MODULES_CONF_OBSOLETES", "MODULES_CONF_ALIAS_TYPE", "MODULES_CONF_OBSOLETE_ONLY"};
	_cleanup_free_ char *clean = value(a, "CLEAN", 0);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		/* "true" is how DKMS itself says to leave it empty */
		if (i == 0 && (streq(clean, "true") || !*clean))
			continue;
		if (count(a, names[i]) && i > 0)
			warn(a, "%s is deprecated, and has no effect", names[i]);
	}
}

static bool has_gap(const struct apply *a, const char *name)
{
	unsigned n = count(a, name), there = 0;

	for (unsigned i = 0; i < n; i++)
		there += dkms_var_find(a->vars, name, i) != NULL;
	return there < n;
}

/* Where DKMS itself would do otherwise. */
static void warn_differences(struct apply *a)
{
	static const char *const arrays[] = {"MAKE", "PATCH"};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		if (has_gap(a, arrays[i]))
			warn(a, "%s[] has a gap; DKMS does not see what is behind it", arrays[i]);
}

/* ---- the whole ---- */

int dkms_apply(struct dkms_conf *out, const struct dkms_vars *vars, const struct dkms_kernel *k,
	const char *folder, const char *shown, struct err *e)
{
	struct apply a = {.vars = vars, .k = k, .out = out, .shown = shown, .e = e};

	*out = (struct dkms_conf){0};
	out->name = text(&a, "PACKAGE_NAME");
	out->version = text(&a, "PACKAGE_VERSION");
	if (!out->name)
		bad(&a, "there is no PACKAGE_NAME");
	else if (strchr(out->name, '/') || out->name[0] == '.')
		bad(&a, "PACKAGE_NAME is '%s', which cannot be the name of a folder", out->name);
	if (!out->version)
		bad(&a, "there is no PACKAGE_VERSION");
	else if (strchr(out->version, '/'))
		bad(&a, "PACKAGE_VERSION is '%s', which cannot be the name of a folder",
			out->version);
	take_records(&a);
	take_make(&a);
	out->autoinstall = yes(&a, "AUTOINSTALL");
	yes(&a, "NO_WEAK_MODULES");
	yes(&a, "BUILD_DEPENDS_REBUILD");
	take_depends(&a);
	take_patches(&a, folder);
	out->pre_build = text(&a, "PRE_BUILD");
	out->post_build = text(&a, "POST_BUILD");
	out->pre_install = text(&a, "PRE_INSTALL");
	out->post_install = text(&a, "POST_INSTALL");
	out->post_add = text(&a, "POST_ADD");
	out->post_remove = text(&a, "POST_REMOVE");
	exclude_by_pattern(&a, "BUILD_EXCLUSIVE_KERNEL", k->kernelver);
	exclude_by_pattern(&a, "BUILD_EXCLUSIVE_ARCH", k->arch);
	exclude_by_version(&a);
	exclude_by_config(&a);
	warn_deprecated(&a);
	warn_differences(&a);
	if (a.code < 0)
		dkms_conf_free(out);
	return a.code;
}

void dkms_conf_free(struct dkms_conf *c)
{
	char *texts[] = {c->name, c->version, c->make, c->pre_build, c->post_build, c->pre_install,
		c->post_install, c->post_add, c->post_remove, c->excluded};

	for (size_t i = 0; i < c->n_modules; i++) {
		free(c->modules[i].name);
		free(c->modules[i].location);
		free(c->modules[i].dest_name);
		free(c->modules[i].dest_location);
	}
	free(c->modules);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	strvec_free(&c->patches);
	strvec_free(&c->build_depends);
	strvec_free(&c->warnings);
	*c = (struct dkms_conf){0};
}
