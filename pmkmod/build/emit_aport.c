// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * An APKBUILD for the package that was built. What the package says of itself is taken from it, so
 * that both say the same; how it is built, from the plan. Conventions: APKBUILD(5) of abuild and
 * Alpine's CODINGSTYLE.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/build/emit_module.h"
#include "pmkmod/build/pack_source.h"
#include "pmkmod/build/run.h"
#include "pmkmod/build/source.h"
#include "pmkmod/export/summary.h"
#include "pmkmod/headers/headers.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/module/source.h"
#include "pmkmod/util/exit_codes.h"

static void emit_free(struct emit *m)
{
	emit_part_free(&m->main);
	for (size_t i = 0; i < m->n_parts; i++)
		emit_part_free(&m->parts[i]);
	free(m->parts);
	strvec_free(&m->files);
	free(m->dir);
	free(m->subdir);
	free(m->module_version);
	free(m->tarball);
	free(m->url);
	strvec_free(&m->patches);
	strvec_free(&m->patch_sums);
}

/* ---- what is in the package ---- */

static int look_into(struct emit *m, struct err *e)
{
	_cleanup_strvec_ struct strvec paths = {0};
	int r = emit_part_read(&m->main, m->result->apk, e);

	cell_parts(m->result, &paths);
	m->parts = xcalloc(paths.n + 1, sizeof(*m->parts));
	for (size_t i = 0; r == 0 && i < paths.n; i++) {
		r = emit_part_read(&m->parts[m->n_parts++], paths.v[i], e);
		strvec_add_all(&m->files, &m->parts[i].files);
	}
	strvec_add_all(&m->files, &m->main.files);
	return r;
}

/* ---- the source ---- */

/* In the cache, where the build has put it under its checksum. */
static int sum_archive(struct emit *m, struct err *e)
{
	char hex[HASH_HEX_MAX];
	_cleanup_free_ char *path = NULL;

	hash_hex(&m->p->module.sha256, hex);
	path = xasprintf("%s/sources/%s", m->p->x->cache, hex);
	if (hash_file(AT_FDCWD, path, HASH_SHA512, &m->sum, NULL) == 0)
		return 0;
	return err_set(e, -ENOENT,
		"the source archive %s is not in the cache any more: `--rebuild` fetches it",
		m->p->module.location);
}

/* abuild cannot fetch or unpack all that we can: what it gets is what we have. */
static bool can_download(const struct module *m)
{
	_cleanup_free_ char *path = NULL;

	if (m->kind != SOURCE_ARCHIVE || !m->fetch_url)
		return false;
	path = xstrndup(m->fetch_url, strcspn(m->fetch_url, "?#"));
	return !ends_with(path, ".deb") && !ends_with(path, ".apk");
}

/* As the build has found it. */
static int find_subdir(struct emit *m, const char *folder, struct err *e)
{
	_cleanup_free_ char *note = NULL;

	return m->subdir ? 0 : source_find_subdir(folder, m->p->module.use, &m->subdir, &note, e);
}

static int pack_folder(struct emit *m, const char *top, const char *path, struct err *e)
{
	const char *folder = m->p->module.location;
	int r = find_subdir(m, folder, e);

	return r < 0 ? r : pack_source(folder, top, path, e);
}

static int pack_fetched(struct emit *m, const char *top, const char *path, struct err *e)
{
	struct plan p = *m->p;
	struct work w = WORK_INIT;
	_cleanup_free_ char *to = NULL;
	int r = work_open(&w, p.x, "aport", e);

	if (r < 0)
		return r;
	/* what the source says of its version is in the package already */
	p.version = xstrdup(m->module_version);
	to = path_join(w.dir, "source");
	r = source_get(&p, w.dir, to, e);
	if (r == 0)
		r = find_subdir(m, to, e);
	if (r == 0)
		r = pack_source(to, top, path, e);
	free(p.version);
	work_close(&w);
	return r;
}

static int make_source(struct emit *m, struct err *e)
{
	const struct module *mod = &m->p->module;
	_cleanup_free_ char *top = xasprintf("%s-%s", mod->name, m->module_version);
	_cleanup_free_ char *path = NULL;
	const char *suffix;
	int r;

	if (mod->kind == SOURCE_PACKAGE)
		return 0;
	if (m->download) {
		suffix = strstr(path_base(mod->fetch_url), ".tar");
		suffix = suffix ? suffix : strrchr(path_base(mod->fetch_url), '.');
		m->tarball = xasprintf("%s%s", top, suffix ? suffix : ".tar.gz");
		m->url = xstrdup(mod->fetch_url);
		return sum_archive(m, e);
	}
	m->tarball = xasprintf("%s.tar.gz", top);
	path = path_join(m->dir, m->tarball);
	r = mod->kind == SOURCE_FOLDER ? pack_folder(m, top, path, e)
				       : pack_fetched(m, top, path, e);
	return r < 0 ? r : hash_file(AT_FDCWD, path, HASH_SHA512, &m->sum, e);
}

/* ---- the text ---- */

/* Inside double quotes; line ends become blanks. */

/* "0_p6_p1_p192-r2" */
static void assign_version(struct strbuf *b, const char *version)
{
	const char *rel = version ? strstr(version, "-r") : NULL;
	size_t n = rel ? (size_t)(rel - version) : version ? strlen(version) : 0;

	strbuf_addf(
		b, "pkgver=%.*s\npkgrel=%s\n", (int)n, version ? version : "", rel ? rel + 2 : "0");
}

static const char *compressor(const struct emit *m, const char **package)
{
	static const struct {
		const char *suffix, *package, *command;
	} how[] = {{".ko.zst", "zstd", "zstd -q --rm -T1 -19"},
		{".ko.xz", "xz", "xz --check=crc32 -9"}, {".ko.gz", "gzip", "gzip -n -9"}};

	for (size_t i = 0; i < m->files.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(how); k++)
			if (ends_with(m->files.v[i], how[k].suffix)) {
				*package = how[k].package;
				return how[k].command;
			}
	*package = NULL;
	return NULL;
}

const char *emit_compiler(const struct emit *m)
{
	return headers_compiler(&m->p->device.origin, &m->p->made);
}

static void makedepends(const struct emit *m, struct strbuf *b)
{
	const struct plan *p = m->p;
	const char *package = NULL, *cc = emit_compiler(m);
	_cleanup_strvec_ struct strvec tools = {0};

	compressor(m, &package);
	strbuf_adds(b, "makedepends=\"\n\tbash\n");
	if (starts_with(cc, "clang"))
		strbuf_adds(b, "\tclang\n\tlld\n\tllvm\n");
	else if (starts_with(cc, "gcc") && cc[3])
		strbuf_addf(b, "\t%s\n", cc);
	for (size_t i = 0; i < p->target.headers.n; i++)
		strbuf_addf(b, "\t%s=%s\n", p->target.headers.v[i].name,
			p->target.headers.v[i].version);
	if (p->module.kind == SOURCE_PACKAGE)
		strbuf_addf(b, "\t%s\n", p->target.source.name);
	for (size_t i = 0; i < p->device.packages.n; i++)
		/* tools for another architecture are no use where the phone's own are run */
		if (!strstr(p->device.packages.v[i], "%a"))
			strbuf_addf(b, "\t%s\n", p->device.packages.v[i]);
	if (package)
		strbuf_addf(b, "\t%s\n", package);
	if (p->module.overlays.n)
		channel_more_packages(&p->device.channel, "overlays", p->device.arch, &tools);
	for (size_t i = 0; i < tools.n; i++)
		strbuf_addf(b, "\t%s\n", tools.v[i]);
	strbuf_adds(b, "\t\"\n");
}

static void name_scripts(const struct emit *m, struct strbuf *b)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *all = NULL;

	emit_script_names(&m->main, &names);
	for (size_t i = 0; i < m->n_parts; i++)
		emit_script_names(&m->parts[i], &names);
	all = strvec_join(&names, " ");
	if (names.n)
		emit_assign(b, "install", all);
}

/* They lie beside the APKBUILD. */
static int write_scripts(const struct emit *m, struct err *e)
{
	int r = emit_write_scripts(&m->main, m->dir, e);

	for (size_t i = 0; r == 0 && i < m->n_parts; i++)
		r = emit_write_scripts(&m->parts[i], m->dir, e);
	return r;
}

static void name_parts(const struct emit *m, struct strbuf *b)
{
	if (!m->n_parts)
		return;
	strbuf_adds(b, "subpackages=\"\n");
	for (size_t i = 0; i < m->n_parts; i++)
		strbuf_addf(b, "\t%s:_part%zu\n", m->parts[i].c.pkg.name, i);
	strbuf_adds(b, "\t\"\n");
}

static void head(const struct emit *m, struct strbuf *b)
{
	const struct apk_pkg *k = &m->main.c.pkg;

	strbuf_addf(b,
		"# Written by pmkmod %s: what `pmkmod build %s %s` has built. It is for exactly this\n"
		"# kernel package; for the next one write it anew.\n",
		PMKMOD_VERSION, m->p->device.name, m->p->module.name);
	strbuf_addf(b, "pkgname=%s\n", k->name);
	assign_version(b, k->version);
	strbuf_addf(b, "_kernel=%s\n_kernelver=%s\n", m->p->target.kernel.name,
		m->p->target.kernel.version);
	emit_assign(b, "_release", m->result->release);
	emit_assign(b, "pkgdesc", k->desc);
	emit_assign(b, "url", k->url);
	emit_assign(b, "arch", k->arch);
	emit_assign(b, "license", k->license);
	emit_assign_deps(b, "depends", &k->depends);
	makedepends(m, b);
	emit_assign_deps(b, "install_if", &k->install_if);
	emit_assign_deps(b, "provides", &k->provides);
	name_scripts(m, b);
	name_parts(m, b);
	/* modules are no programs: abuild can neither trace nor strip them */
	emit_assign(b, "options", "!check !strip !tracedeps");
	if (m->tarball || m->patches.n) {
		_cleanup_free_ char *patches = strvec_join(&m->patches, " ");
		_cleanup_free_ char *all =
			xasprintf("%s%s%s%s%s", m->tarball ? m->tarball : "", m->url ? "::" : "",
				m->url ? m->url : "", m->tarball && *patches ? " " : "", patches);

		emit_assign(b, "source", all);
	}
	if (m->tarball) {
		if (m->download)
			strbuf_adds(b, "builddir=\"$srcdir/source\"\n");
		else
			strbuf_addf(b, "builddir=\"$srcdir/%s-%s\"\n", m->p->module.name,
				m->module_version);
	} else {
		strbuf_adds(b, "builddir=\"$srcdir/source\"\n");
	}
}

static void install_overlays(const struct emit *m, struct strbuf *b)
{
	for (size_t i = 0; i < m->main.files.n; i++)
		if (emit_is_overlay(m->main.files.v[i]))
			strbuf_addf(b, "\tinstall -Dm644 \"$builddir\"/%s \"$pkgdir\"/%s\n",
				path_base(m->main.files.v[i]), m->main.files.v[i]);
}

static int package(const struct emit *m, struct strbuf *b, struct err *e)
{
	int r;
	const char *unused, *command = compressor(m, &unused);

	strbuf_adds(b, "\npackage() {\n\tlocal file\n");
	for (size_t i = 0; i < m->files.n; i++) {
		const char *name = m->files.v[i], *ko = strstr(path_base(name), ".ko");

		if (!ko)
			continue;
		/* wherever the build has put it: the name is the module's alone */
		strbuf_addf(b,
			"\tfile=$(find \"$builddir\" -name '%.*s.ko' -type f)\n"
			"\tinstall -Dm644 \"$file\" \"$pkgdir\"/%.*s.ko\n"
			"\t${CROSS_COMPILE}%s --strip-debug \"$pkgdir\"/%.*s.ko\n",
			(int)(ko - path_base(name)), path_base(name), (int)(ko - name), name,
			starts_with(emit_compiler(m), "clang") ? "llvm-strip" : "strip",
			(int)(ko - name), name);
		if (command)
			strbuf_addf(
				b, "\t%s \"$pkgdir\"/%.*s.ko\n", command, (int)(ko - name), name);
	}
	install_overlays(m, b);
	r = emit_texts(&m->main, b, e);
	for (size_t i = 0; r == 0 && i < m->n_parts; i++)
		r = emit_texts(&m->parts[i], b, e);
	strbuf_adds(b, "}\n");
	for (size_t i = 0; i < m->n_parts; i++) {
		_cleanup_free_ char *function = xasprintf("_part%zu", i);

		emit_subpackage(&m->parts[i], function, b);
	}
	return r;
}

static void sums(const struct emit *m, struct strbuf *b)
{
	char hex[HASH_HEX_MAX];

	if (!m->tarball && !m->patches.n)
		return;
	hash_hex(&m->sum, hex);
	strbuf_adds(b, "\nsha512sums=\"\n");
	if (m->tarball)
		strbuf_addf(b, "%s  %s\n", hex, m->tarball);
	for (size_t i = 0; i < m->patch_sums.n; i++)
		strbuf_addf(b, "%s\n", m->patch_sums.v[i]);
	strbuf_adds(b, "\"\n");
}

/* ---- the meta package ---- */

static int write_meta(
	const char *to, const struct cell_result *result, struct strvec *done, struct err *e)
{
	struct apk_control c = {0};
	struct strbuf b = {0};
	_cleanup_free_ char *path = NULL, *dir = NULL;
	int r = apk_read_control(result->meta, NULL, &c, e);

	if (r < 0)
		return r;
	dir = path_join(to, c.pkg.name);
	path = path_join(dir, "APKBUILD");
	strbuf_addf(&b, "# Written by pmkmod %s: what users ask for, whichever kernel they have.\n",
		PMKMOD_VERSION);
	strbuf_addf(&b, "pkgname=%s\n", c.pkg.name);
	assign_version(&b, c.pkg.version);
	emit_assign(&b, "pkgdesc", c.pkg.desc);
	emit_assign(&b, "url", c.pkg.url);
	emit_assign(&b, "arch", c.pkg.arch);
	emit_assign(&b, "license", c.pkg.license);
	emit_assign(&b, "options", "!check");
	strbuf_adds(&b, "\npackage() {\n\tmkdir -p \"$pkgdir\"\n}\n");
	r = fs_mkdirs(dir, 0755, e);
	if (r == 0)
		r = fs_write_atomic(path, b.s, b.len, 0644, e);
	if (r == 0)
		strvec_take(done, xstrdup(dir));
	strbuf_free(&b);
	apk_control_free(&c);
	return r;
}

/* ---- the whole ---- */

/* What was written is read again: it must say what the package says. */
static int check(const struct emit *m, const struct strbuf *b, struct err *e)
{
	const struct apk_pkg *k = &m->main.c.pkg;
	const struct apkbuild_env env[] = {{"CARCH", m->main.c.pkg.arch}, {"srcdir", "/src"},
		{"pkgdir", "/pkg"}, {"SRCDEST", "/dest"}};
	const char *name = k->name ? k->name : "", *made = k->version ? k->version : "";
	struct apkbuild *a = NULL;
	int r = apkbuild_parse(&a, "the new APKBUILD", b->s, b->len, env, ARRAY_SIZE(env), e);
	_cleanup_free_ char *version = NULL;

	if (r < 0)
		return r;
	version = xasprintf("%s-r%s", apkbuild_get(a, "pkgver") ? apkbuild_get(a, "pkgver") : "",
		apkbuild_get(a, "pkgrel") ? apkbuild_get(a, "pkgrel") : "");
	if (!apkbuild_get(a, "pkgname") || !streq(apkbuild_get(a, "pkgname"), name) ||
		!streq(version, made))
		r = err_set(
			e, -EINVAL, "the APKBUILD written for %s-%s does not say so", name, made);
	apkbuild_free(a);
	return r;
}

static int write_aport(struct emit *m, struct strvec *done, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->dir, "APKBUILD");
	struct strbuf b = {0};
	int r = fs_mkdirs(m->dir, 0755, e);

	if (r == 0)
		r = make_source(m, e);
	if (r == 0)
		r = emit_patches(&m->p->module, m->result->release ? m->result->release : "",
			m->dir, &m->patches, &m->patch_sums, e);
	if (r == 0) {
		head(m, &b);
		emit_prepare(m, &b);
		emit_build(m, &b);
		r = package(m, &b, e);
		sums(m, &b);
		if (r == 0)
			r = check(m, &b, e);
	}
	if (r == 0)
		r = write_scripts(m, e);
	if (r == 0)
		r = fs_write_atomic(path, b.s, b.len, 0644, e);
	if (r == 0)
		strvec_take(done, xstrdup(m->dir));
	strbuf_free(&b);
	return r;
}

int emit_module_aport(const struct plan *p, const struct cell_result *result, const char *to,
	struct strvec *done, struct err *e)
{
	_cleanup_(emit_free) struct emit m = {.p = p, .result = result};
	const char *end, *version;
	int r = fs_check_new_folder(to, e);

	if (r == 0)
		r = fs_mkdirs(to, 0755, e);
	if (r == 0)
		r = look_into(&m, e);
	if (r < 0)
		return r;
	m.download = can_download(&p->module);
	m.subdir = xstrdup(p->module.subdir);
	m.dir = path_join(to, m.main.c.pkg.name);
	/* the kernel's part begins at its first _p: what is before is the module's */
	version = m.main.c.pkg.version ? m.main.c.pkg.version : "";
	end = strstr(version, "_p");
	m.module_version =
		p->version ? xstrdup(p->version)
			   : xstrndup(version, end ? (size_t)(end - version) : strlen(version));
	for (char *s = m.module_version; *s; s++)
		if (*s == '/' || (unsigned char)*s <= ' ')
			*s = '_';
	r = write_aport(&m, done, e);
	if (r == 0 && result->meta)
		r = write_meta(to, result, done, e);
	if (r == 0 && p->made.dev.name)
		strvec_addf(done,
			"needs %s, which pmkmod has made and pmbootstrap does not have: it is in "
			"%s/packages/%s/%s",
			p->made.dev.name, p->x->state, p->device.channel.name,
			p->device.arch->alpine);
	if (r == 0 && p->sign_key)
		strvec_addf(done, "does not sign the modules: abuild has not your key");
	return r < 0 ? err_prefix(e, "the package is built, but its aport is not written") : 0;
}
