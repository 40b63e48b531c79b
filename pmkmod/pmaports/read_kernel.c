// SPDX-License-Identifier: GPL-3.0-or-later
/* One kernel for one architecture: its aport, configuration and verdict. */
#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/pmaports/tree.h"

#define CONFIG_MAX (16u << 20)

/* Kernels that Alpine itself makes, each with a -dev package (linux-*-dev). */
static const char *const alpine_kernels[] = {"linux-lts", "linux-virt", "linux-stable", "linux-rpi",
	"linux-edge", "linux-asahi", "linux-elm", "linux-gru", "linux-jh7110", "linux-openpax",
	"linux-starfive"};

bool pmaports_is_alpine(const char *package)
{
	for (size_t i = 0; i < ARRAY_SIZE(alpine_kernels); i++)
		if (streq(alpine_kernels[i], package))
			return true;
	return false;
}

static void judge(struct read_kernel *k, enum verdict verdict, const char *remedy, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

static void judge(
	struct read_kernel *k, enum verdict verdict, const char *remedy, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	judgement_free(&k->judged);
	k->judged = (struct judgement){
		.verdict = verdict, .why = strbuf_steal(&b), .remedy = xstrdup(remedy)};
}

/* ---- which aport makes a package ---- */

static bool has_subpackage(const struct aport *a, const char *package)
{
	size_t n = strlen(package);

	for (size_t i = 0; i < a->subpackages.n; i++)
		if (strncmp(a->subpackages.v[i], package, n) == 0 &&
			(!a->subpackages.v[i][n] || a->subpackages.v[i][n] == ':'))
			return true;
	return false;
}

/*
 * pmbootstrap's rule for names that are no folder: the longest of the name's beginnings, cut at
 * dashes, that is one. Whether it has such a subpackage is looked at when it is read.
 */
static const struct aport_dir *guess_aport(const struct walk *w, const char *package)
{
	_cleanup_free_ char *name = xstrdup(package);
	const struct aport_dir *d = walk_kernel(w, name);
	char *dash;

	while (!d && (dash = strrchr(name, '-')) && dash > name) {
		*dash = '\0';
		d = walk_kernel(w, name);
	}
	return d;
}

/* ---- an aport ---- */

static char *lines_of(const struct aport *a, bool patches)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < a->n_files; i++) {
		const struct aport_file *f = &a->files[i];
		const char *text = f->url ? f->url : f->path;

		if (patches ? f->kind != APORT_PATCH : !f->url || f->kind == APORT_PATCH)
			continue;
		strbuf_addf(&b, "%s%s", b.len ? "\n" : "", text);
	}
	return b.len ? strbuf_steal(&b) : NULL;
}

static void take_aport(struct read_kernel *k, const struct aport *a)
{
	k->version = xstrdup(a->version);
	k->flavor = xstrdup(a->flavor);
	k->karch = xstrdup(a->karch);
	k->config = xstrdup(a->config);
	k->compiler = xstrdup(a->compiler);
	k->outdir = xstrdup(a->outdir);
	k->sources = lines_of(a, false);
	k->patches = lines_of(a, true);
	for (size_t i = 0; i < a->notes.n; i++)
		strvec_add(&k->notes, a->notes.v[i]);
}

static void no_config(struct read_kernel *k, const char *problem)
{
	judge(k, VERDICT_SOURCE,
		"give the phone's own (/proc/config.gz) by --kernel-config; then it is told before "
		"anything is built whether this kernel takes the module",
		"its configuration is not known (%s): headers can be made, but not promised to be "
		"of use",
		problem);
}

static void judge_aport(struct read_kernel *k, const struct aport *a)
{
	_cleanup_free_ char *text = NULL;
	struct kconfig *c = NULL;
	struct err e = ERR_INIT;
	size_t len;
	int r;

	if (!a->config) {
		no_config(k, "the aport has no configuration file for this architecture");
		return;
	}
	stamps_add(&k->stamps, a->config);
	r = fs_read_regular(a->config, CONFIG_MAX, &text, &len, &e);
	if (r == 0)
		r = kconfig_parse_only(&c, text, len, judged_symbols, &e);
	if (r < 0) {
		_cleanup_free_ char *problem = xasprintf("%s: %s", a->config, e.text);

		no_config(k, problem);
		return;
	}
	k->release = derive_release(a, text, c, &k->release_from);
	judge_config(&k->judged, c, k->release);
	kconfig_free(c);
}

/* `sure`: the aport is known to make the package. */
static void read_aport(struct read_kernel *k, const struct aport_dir *dir, bool sure)
{
	const struct arch_info *arch = arch_by_name(k->arch_name);
	_cleanup_free_ char *recipe = path_join(dir->path, "APKBUILD");
	struct err e = ERR_INIT;
	struct aport a;
	int r;

	stamps_add(&k->stamps, recipe);
	r = k->ask ? aport_load(&a, dir->path, arch, &e)
		   : aport_load_unasked(&a, dir->path, arch, &k->gave_up, &e);
	if (r == -ENOTSUP) {
		k->aport = xstrdup(dir->path);
		judge(k, VERDICT_ARCH,
			"ask the device's maintainers: pmbootstrap cannot build this kernel either",
			"%s", e.text);
	} else if (r < 0) {
		k->aport = xstrdup(dir->path);
		judge(k, VERDICT_NO_KERNEL,
			"write a device profile that names the kernel, with --source or --kdir",
			"its kernel's aport cannot be read: %s", e.text);
	} else if (!sure && !streq(dir->name, k->package) && !has_subpackage(&a, k->package)) {
		aport_free(&a);
	} else {
		k->aport = xstrdup(dir->path);
		if (!streq(dir->name, a.pkgname))
			strvec_addf(&k->notes,
				"its APKBUILD says pkgname=%s, which must be the folder's name (%s) for "
				"pmbootstrap",
				a.pkgname, dir->name);
		if (!streq(dir->name, k->package)) {
			k->made_by = xstrdup(a.pkgname);
			strvec_addf(&k->notes, "the package %s is made or provided by the aport %s",
				k->package, dir->name);
		}
		take_aport(k, &a);
		judge_aport(k, &a);
		aport_free(&a);
	}
}

static void read_into(
	struct read_kernel *k, const struct walk *w, const char *package, const char *arch_name)
{
	const struct aport_dir *dir;

	k->package = package;
	k->arch_name = arch_name;
	if (!arch_by_name(arch_name)) {
		judge(k, VERDICT_ARCH,
			"deviceinfo_arch must be one that Alpine has: aarch64, armv7, armhf, x86_64, "
			"x86, riscv64, ...",
			*arch_name ? "the architecture %s is not one that pmkmod knows"
				   : "%sits architecture is not known",
			arch_name);
		return;
	}
	if (!package)
		return;
	dir = guess_aport(w, package);
	if (dir)
		read_aport(k, dir, false);
	if (k->judged.why)
		return;
	if (pmaports_is_alpine(package))
		judge(k, VERDICT_READY,
			"nothing to do: pmkmod takes the headers package of exactly that version",
			"Alpine's own kernel: its headers are in the package %s-dev", package);
	else
		k->missing = true;
}

void read_kernel(
	struct read_kernel *k, const struct walk *w, const char *package, const char *arch_name)
{
	*k = (struct read_kernel){0};
	read_into(k, w, package, arch_name);
}

void read_kernel_made_by(struct read_kernel *k, const struct aport_dir *dir)
{
	k->missing = false;
	read_aport(k, dir, true);
}

void read_kernel_asking(struct read_kernel *k, const struct walk *w)
{
	const char *package = k->package, *arch_name = k->arch_name;

	read_kernel_free(k);
	*k = (struct read_kernel){.ask = true};
	read_into(k, w, package, arch_name);
}

void read_kernel_free(struct read_kernel *k)
{
	char **texts[] = {&k->made_by, &k->aport, &k->version, &k->flavor, &k->karch, &k->config,
		&k->compiler, &k->outdir, &k->sources, &k->patches, &k->release, &k->release_from,
		&k->renamed};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*texts[i]);
	judgement_free(&k->judged);
	strvec_free(&k->notes);
	stamps_free(&k->stamps);
	*k = (struct read_kernel){0};
}
