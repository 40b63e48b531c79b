// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Two packages. The module package, one for each kernel, depends on exactly that kernel package;
 * its install_if brings it in as soon as its partner and that kernel are installed, and a newer one
 * with a newer kernel. The partner is the userspace package, or a small meta package with nothing
 * in it that is the same for every kernel: what the user asks for.
 */
#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/export/scripts.h"
#include "pmkmod/fit/fit.h"
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
	char *license, *meta_name;
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
	free(m->meta_name);
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
	bool shipped = s->facts && kernel_facts_has_module(s->facts, ko->name, false);
	/* depmod's search order puts updates/ before the kernel's own, extra/ behind */
	_cleanup_free_ char *to = xasprintf("%s/modules/%s/%s/%s%s",
		s->usr_merge ? "usr/lib" : "lib", s->release, shipped ? "updates" : "extra",
		path_base(ko->path), ko_compression_suffix[s->compression]);
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

static int add_modules_load(const struct maker *m, struct apk_writer *w, struct err *e)
{
	_cleanup_free_ char *to = xasprintf("usr/lib/modules-load.d/%s.conf", m->meta_name);
	_cleanup_strbuf_ struct strbuf b = {0};

	for (size_t i = 0; i < m->n_ko; i++)
		strbuf_addf(&b, "%s\n", m->ko[i].name);
	return apk_writer_file(w, to, b.s, b.len, 0644, e);
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

static int relations(const struct maker *m, struct apk_pkg *p, struct err *e)
{
	const struct export_spec *s = m->s;
	const char *partner =
		s->userspace_package && *s->userspace_package ? s->userspace_package : m->meta_name;
	_cleanup_free_ char *kernel = xasprintf("%s=%s", s->kernel_package, s->kernel_version);
	_cleanup_free_ char *when = xasprintf("%s %s", partner, kernel);
	int r = apk_deps_parse(&p->depends, kernel, e);

	for (size_t i = 0; r == 0 && i < s->depends.n; i++)
		r = apk_deps_parse(&p->depends, s->depends.v[i], e);
	return r < 0 ? r : apk_deps_parse(&p->install_if, when, e);
}

static int write_module_package(struct maker *m, struct err *e)
{
	const struct export_spec *s = m->s;
	struct apk_writer *w = apk_writer_new(s->source_date);
	struct apk_pkg p = {.name = export_package_name(s->module, s->kernel_flavor)};
	int r = export_version(m->clean, s->kernel_version, &p.version, e);

	fill(m, &p, s->source_date);
	p.desc = xasprintf(
		"%s (kernel module for %s %s)", m->desc, s->kernel_package, s->kernel_version);
	if (r == 0)
		r = relations(m, &p, e);
	for (size_t i = 0; i < m->n_ko && r == 0; i++)
		r = add_module(m, w, &m->ko[i], e);
	if (r == 0 && s->modules_load)
		r = add_modules_load(m, w, e);
	if (r == 0 && s->facts && !s->facts->modules_order)
		r = export_order_scripts(w, s->usr_merge ? "usr/lib" : "lib", s->release, e);
	if (r == 0 && s->judge)
		r = s->judge(s->judge_ctx, &p, s->summary, e);
	if (r == 0)
		r = add_summary(m, w, &p, e);
	if (r == 0) {
		m->out->path = xasprintf("%s/%s-%s.apk", s->out_dir, p.name, p.version);
		r = apk_writer_finish(w, &p, s->key, m->out->path, e);
	}
	m->out->identity = p.identity;
	m->out->name = steal_ptr(p.name);
	m->out->version = steal_ptr(p.version);
	apk_pkg_free(&p);
	apk_writer_free(w);
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
	if (r < 0)
		return r;
	m.clean = export_clean_version(first_of(s->module_version, &m, ko_version, "0"));
	m.desc = one_line(first_of(s->description, &m, ko_description, s->module));
	m.license = license_of(&m);
	/* "<module>-kmod-" without its last character, by the same rules */
	m.meta_name = export_package_name(s->module, "");
	m.meta_name[strlen(m.meta_name) - 1] = '\0';
	r = write_module_package(&m, e);
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
	*r = (struct export_result){0};
}
