// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two packages, or more if it is split. The module package, one for each kernel, depends on exactly
 * that kernel package; its install_if brings it in as soon as its partner and that kernel are
 * installed, and a newer one with a newer kernel. The partner is the userspace package, or a small
 * meta package with nothing in it that is the same for every kernel: what the user asks for.
 */
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/export/scripts.h"
#include "pmkmod/kernel/name_index.h"

#define KO_MAX (256U << 20)
/* apk's index has 2000 bytes for all texts of a package */
#define TEXT_MAX_BYTES 300
/*
 * The time in a meta package: any fixed one, since its bytes must not depend on the kernel, whose
 * build time is in source_date; not 0, which some readers of indexes take for "missing".
 */
#define META_DATE 315532800 /* 1980-01-01 */

struct maker {
	const struct export_spec *s;
	struct ko *ko; /* one for each of s->ko_paths */
	size_t n_ko;
	char *clean; /* the module's version, valid */
	char *desc; /* without the part about the kernel */
	char *license, *name, *meta_name;
	struct apk_pkg *made; /* packages of modules, so far */
	size_t n_made;
	struct export_result *out;
};

static void maker_free(struct maker *m)
{
	for (size_t i = 0; i < m->n_ko; i++)
		ko_free(&m->ko[i]);
	free(m->ko);
	free(m->clean);
	free(m->desc);
	free(m->license);
	free(m->name);
	free(m->meta_name);
	for (size_t i = 0; i < m->n_made; i++)
		apk_pkg_free(&m->made[i]);
	free(m->made);
}

/* One line of at most TEXT_MAX_BYTES, not cut within a character; caller frees. */
static char *one_line(const char *text)
{
	char *s = xstrdup(text), *end;

	for (char *p = s; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	if (strlen(s) > TEXT_MAX_BYTES) {
		for (end = s + TEXT_MAX_BYTES; (*end & 0xc0) == 0x80; end--)
			;
		*end = '\0';
	}
	return s;
}

static const char *first_of(const char *given, const struct maker *m,
	const char *(*field)(const struct ko *), const char *otherwise)
{
	if (given && *given)
		return given;
	for (size_t i = 0; i < m->n_ko; i++) {
		const char *v = field(&m->ko[i]);

		if (v && *v)
			return v;
	}
	return otherwise;
}

static const char *ko_version(const struct ko *k)
{
	return k->version;
}

static const char *ko_description(const struct ko *k)
{
	return k->description;
}

static char *license_of(const struct maker *m)
{
	const char **words;
	char *spdx;

	if (m->s->license && *m->s->license)
		return one_line(m->s->license);
	words = xcalloc(m->n_ko, sizeof(*words));
	for (size_t i = 0; i < m->n_ko; i++)
		words[i] = m->ko[i].license;
	spdx = export_license(words, m->n_ko);
	free(words);
	return spdx;
}

static int read_modules(struct maker *m, struct err *e)
{
	const struct strvec *paths = m->s->ko_paths;

	if (!paths || paths->n == 0)
		return err_set(e, -EINVAL, "there is no module to package for '%s'", m->s->module);
	m->ko = xcalloc(paths->n, sizeof(*m->ko));
	for (size_t i = 0; i < paths->n; i++) {
		int r = ko_read(&m->ko[i], paths->v[i], e);

		if (r < 0)
			return r;
		m->n_ko = i + 1;
	}
	return 0;
}

/* modprobe knows a module by its file's name, in which '-' and '_' are the same. */
static int check_names(const struct maker *m, struct err *e)
{
	for (size_t i = 0; i < m->n_ko; i++) {
		_cleanup_free_ char *a = module_name_of(m->ko[i].path);

		if (!ends_with(m->ko[i].path, ".ko"))
			return err_set(e, -EINVAL,
				"'%s' cannot be packaged: a module's name ends in .ko",
				m->ko[i].path);
		for (size_t k = 0; k < i; k++) {
			_cleanup_free_ char *b = module_name_of(m->ko[k].path);

			if (streq(a, b))
				return err_set(e, -EEXIST,
					"two modules of '%s' have the same name: '%s' and '%s'. "
					"Only one of them could be loaded; leave one out of the "
					"build.",
					m->s->module, m->ko[k].path, m->ko[i].path);
		}
	}
	if (!*m->s->release || strchr(m->s->release, '/') || *m->s->release == '.')
		return err_set(e, -EINVAL, "'%s' is not the release of a kernel", m->s->release);
	return 0;
}

static int add_module(
	const struct maker *m, struct apk_writer *w, const struct ko *ko, struct err *e)
{
	const struct export_spec *s = m->s;
	_cleanup_free_ char *to = export_module_path(s, ko);
	_cleanup_strbuf_ struct strbuf packed = {0};
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = fs_read(ko->path, KO_MAX, &data, &len, e);

	if (r == 0)
		r = export_compress(s->compression, data, len, &packed, e);
	if (r < 0)
		return err_prefix(e, "cannot package '%s'", ko->path);
	return apk_writer_file(w, to, packed.s, packed.len, 0644, e);
}

static int add_summary(
	const struct maker *m, struct apk_writer *w, const struct apk_pkg *p, struct err *e)
{
	struct package_summary *s = m->s->summary;
	_cleanup_free_ char *to = summary_path(p->name), *text = NULL;

	if (!s)
		return 0;
	free(s->package);
	free(s->version);
	s->package = xstrdup(p->name);
	s->version = xstrdup(p->version);
	if (!s->module_version)
		s->module_version = xstrdup(first_of(NULL, m, ko_version, NULL));
	text = summary_text(s);
	return apk_writer_file(w, to, text, strlen(text), 0644, e);
}

/* What both packages have in common. Frees nothing: the caller does with apk_pkg_free(). */
static void fill(const struct maker *m, struct apk_pkg *p, int64_t date)
{
	p->arch = xstrdup(m->s->arch);
	p->url = one_line(m->s->url && *m->s->url ? m->s->url : "");
	p->license = xstrdup(m->license);
	/* one origin lets the packages of two kernels own the same modules-load.d file */
	p->origin = xstrdup(m->meta_name);
	p->packager = xstrdup("pmkmod");
	p->build_time = date;
}

/*
 * A part comes with the main package of the same build, and a newer one of it with a newer kernel;
 * the main package comes with its partner.
 */
static int relations(
	const struct maker *m, const struct export_part *part, struct apk_pkg *p, struct err *e)
{
	const struct export_spec *s = m->s;
	const char *partner =
		s->userspace_package && *s->userspace_package ? s->userspace_package : m->meta_name;
	_cleanup_free_ char *kernel = xasprintf("%s=%s", s->kernel_package, s->kernel_version);
	_cleanup_free_ char *when = part->main ? xasprintf("%s %s", partner, kernel)
					       : xasprintf("%s=%s %s", m->name, p->version, kernel);
	int r = apk_deps_parse(&p->depends, kernel, e);

	for (size_t i = 0; r == 0 && i < part->needs.n; i++) {
		_cleanup_free_ char *other = xasprintf("%s=%s", part->needs.v[i], p->version);

		r = apk_deps_parse(&p->depends, other, e);
	}
	/* whom they are for is not known of each module: of several packages each has them */
	for (size_t i = 0; r == 0 && i < s->depends.n; i++)
		r = apk_deps_parse(&p->depends, s->depends.v[i], e);
	if (r == 0)
		r = export_extra_relations(p, s, part, e);
	return r < 0 ? r : apk_deps_parse(&p->install_if, when, e);
}

static char *describe(const struct maker *m, const struct export_part *part)
{
	const struct export_spec *s = m->s;
	const char *own = part->main ? NULL : part->ko[0]->description;
	_cleanup_free_ char *desc = own && *own ? one_line(own) : NULL;

	return xasprintf("%s (kernel module for %s %s)", desc ? desc : m->desc, s->kernel_package,
		s->kernel_version);
}

static int fill_package(struct maker *m, const struct export_part *part, struct apk_writer *w,
	const struct apk_pkg *p, struct err *e)
{
	const struct export_spec *s = m->s;
	int r = 0;

	for (size_t i = 0; i < part->n && r == 0; i++)
		r = add_module(m, w, part->ko[i], e);
	if (part->main && !part->n)
		apk_writer_not_virtual(w);
	if (r == 0)
		r = export_add_extras(w, s, part, e);
	if (r == 0 && part->n && s->facts && !s->facts->modules_order)
		r = export_order_scripts(w, s->usr_merge ? "usr/lib" : "lib", s->release, e);
	if (r == 0 && s->judge)
		r = s->judge(s->judge_ctx, p, m->made, m->n_made, s->summary, e);
	return r < 0 ? r : add_summary(m, w, p, e);
}

/* `p`, which the caller frees, is what it is afterwards. */
static int write_part(
	struct maker *m, const struct export_part *part, struct apk_pkg *p, struct err *e)
{
	const struct export_spec *s = m->s;
	struct apk_writer *w = apk_writer_new(s->source_date);
	_cleanup_free_ char *path = NULL;
	int r = export_version(m->clean, s->kernel_version, &p->version, e);

	p->name = xstrdup(part->name);
	fill(m, p, s->source_date);
	p->desc = describe(m, part);
	if (r == 0)
		r = relations(m, part, p, e);
	if (r == 0)
		r = fill_package(m, part, w, p, e);
	if (r == 0) {
		path = xasprintf("%s/%s-%s.apk", s->out_dir, p->name, p->version);
		r = apk_writer_finish(w, p, s->key, path, e);
	}
	if (r == 0 && part->main) {
		m->out->identity = p->identity;
		m->out->name = xstrdup(p->name);
		m->out->version = xstrdup(p->version);
		m->out->path = steal_ptr(path);
	} else if (r == 0) {
		strvec_take(&m->out->parts, steal_ptr(path));
	}
	apk_writer_free(w);
	return r;
}

static int write_module_packages(struct maker *m, struct err *e)
{
	size_t n;
	struct export_part *parts =
		export_split(m->ko, m->n_ko, m->s->split, m->name, m->meta_name, &n);
	int r = 0;

	m->made = xcalloc(n, sizeof(*m->made));
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = write_part(m, &parts[i], &m->made[i], e);
		m->n_made = i + 1;
	}
	for (size_t i = 0; i < n; i++)
		export_part_free(&parts[i]);
	free(parts);
	return r;
}

/*
 * Not virtual, though empty: apk records a package of size 0 without ever fetching or verifying
 * it, and `apk add ./file` of such a one leaves nothing to find it by.
 */
static int write_meta_package(struct maker *m, struct err *e)
{
	struct apk_writer *w = apk_writer_new(META_DATE);
	struct apk_pkg p = {.name = xstrdup(m->meta_name), .version = xasprintf("%s-r0", m->clean)};
	int r;

	fill(m, &p, META_DATE);
	p.desc = xasprintf("%s (kernel module for whichever kernel is installed)", m->desc);
	apk_writer_not_virtual(w);
	m->out->meta_path = xasprintf("%s/%s-%s.apk", m->s->out_dir, p.name, p.version);
	r = apk_writer_finish(w, &p, m->s->key, m->out->meta_path, e);
	apk_pkg_free(&p);
	apk_writer_free(w);
	return r;
}

int export_package(const struct export_spec *s, struct export_result *out, struct err *e)
{
	_cleanup_(maker_free) struct maker m = {.s = s, .out = out};
	int r;

	*out = (struct export_result){0};
	r = read_modules(&m, e);
	if (r == 0)
		r = check_names(&m, e);
	if (r == 0)
		r = export_check_load(s, m.ko, m.n_ko, e);
	if (r < 0)
		return r;
	m.clean = export_clean_version(first_of(s->module_version, &m, ko_version, "0"));
	m.desc = one_line(first_of(s->description, &m, ko_description, s->module));
	m.license = license_of(&m);
	/* "<module>-kmod-" without its last character, by the same rules */
	m.meta_name = export_package_name(s->module, "");
	m.meta_name[strlen(m.meta_name) - 1] = '\0';
	m.name = export_package_name(s->module, s->kernel_flavor);
	r = write_module_packages(&m, e);
	if (r == 0 && !(s->userspace_package && *s->userspace_package))
		r = write_meta_package(&m, e);
	if (r < 0) {
		export_result_free(out);
		err_prefix(e, "cannot make the package of '%s'", s->module);
	}
	return r;
}

void export_result_free(struct export_result *r)
{
	free(r->path);
	free(r->name);
	free(r->version);
	free(r->meta_path);
	strvec_free(&r->parts);
	*r = (struct export_result){0};
}
