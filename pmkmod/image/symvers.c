// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A whole Module.symvers, out of an image and the modules that were shipped with it, and how sure
 * that is.
 */
#include "chroot/base/fs.h"
#include "pmkmod/image/image.h"
#include "pmkmod/image/package.h"

static void note_exports(struct image_symvers_report *rep, struct image_exports *x)
{
	memcpy(rep->count, x->count, sizeof(rep->count));
	rep->n = x->n;
	rep->with_ns = x->with_ns;
	rep->has_crcs = x->has_crcs;
	rep->confirmed = x->confirmed;
	rep->layout = steal_ptr(x->layout);
	strvec_add_all(&rep->doubts, &x->doubts);
}

/* vermagic names modversions exactly when the kernel has CRCs: two places that must agree. */
static int compare_vermagic(struct image_symvers_report *rep, struct err *e)
{
	bool says = rep->id.vermagic && strstr(rep->id.vermagic, " modversions");

	if (!rep->id.vermagic) {
		strvec_add(&rep->doubts,
			"the kernel's vermagic was not found, so whether it has CONFIG_MODVERSIONS is "
			"only known from its tables");
		return 0;
	}
	if (says && !rep->has_crcs)
		return err_set(e, -EBADMSG,
			"the kernel has CONFIG_MODVERSIONS (its vermagic is '%s'), but no table of "
			"CRCs was found: nothing is taken from the image",
			rep->id.vermagic);
	if (!says && rep->has_crcs)
		strvec_addf(&rep->doubts,
			"CRCs were found, though the kernel's vermagic '%s' does not name modversions",
			rep->id.vermagic);
	return 0;
}

static int read_image_part(struct strbuf *out, struct image_symvers_report *rep,
	const struct kernel_image *im, const char *shown, struct err *e)
{
	_cleanup_free_ char *wrappings = kernel_image_wrappings(im);
	struct image_exports x;
	int r;

	rep->image = xasprintf("%s%s%s", shown, *wrappings ? ": " : "", wrappings);
	image_identify(&rep->id, im);
	r = image_exports_find(&x, im, e);
	if (r == 0) {
		note_exports(rep, &x);
		r = compare_vermagic(rep, e);
	}
	if (r == 0)
		image_exports_print(&x, out);
	image_exports_free(&x);
	return r;
}

static int wrong_package(const struct kernel_package *p, const char *release, struct err *e)
{
	_cleanup_strvec_ struct strvec found = {0};
	_cleanup_free_ char *list = NULL;

	for (size_t i = 0; i < p->n_folders; i++)
		strvec_add(&found, p->folders[i].release);
	list = strvec_join(&found, ", ");
	return err_set(e, -EINVAL,
		"the modules belong to another kernel: they are of %s, the image is of %s", list,
		release);
}

/* Lines and figures of the modules whose folder is the image's release. */
static int add_modules(struct strbuf *out, struct image_symvers_report *rep,
	const struct kernel_package *p, struct err *e)
{
	const struct package_modules *f = NULL;

	rep->modules_read = true;
	for (size_t i = 0; i < p->n_folders; i++)
		if (rep->id.release && streq(p->folders[i].release, rep->id.release))
			f = &p->folders[i];
	if (!f && p->n_folders)
		return wrong_package(p, rep->id.release ? rep->id.release : "unknown release", e);
	if (!f)
		return 0;
	rep->modules = f->modules;
	rep->exporting = f->exporting;
	rep->module_exports = f->exports;
	rep->module_gpl = f->gpl;
	rep->with_ns += f->with_ns;
	rep->module_without_crc = f->without_crc;
	strvec_add_all(&rep->doubts, &f->doubts);
	if (rep->has_crcs && f->without_crc)
		strvec_addf(&rep->doubts, "%zu exports of modules have no CRC", f->without_crc);
	strbuf_add(out, f->lines.s ? f->lines.s : "", f->lines.len);
	return 0;
}

/* A package: image and modules in one pass. */
static int from_package(
	struct strbuf *out, struct image_symvers_report *rep, const char *path, struct err *e)
{
	struct kernel_package p;
	struct kernel_image im = {0};
	_cleanup_free_ char *shown = NULL;
	int r = kernel_package_read(&p, path, true, e);

	if (r < 0)
		return r;
	if (!p.image) {
		r = err_set(e, -ENOTSUP, "the package '%s' holds no kernel image in /boot", path);
	} else {
		size_t len = p.image_len;

		shown = xasprintf("%s in %s", p.image_name, path_base(path));
		r = kernel_image_unwrap(&im, steal_ptr(p.image), len, e);
		if (r < 0)
			err_prefix(
				e, "cannot use the kernel image '%s' in '%s'", p.image_name, path);
	}
	if (r == 0)
		r = read_image_part(out, rep, &im, shown, e);
	if (r == 0)
		r = add_modules(out, rep, &p, e);
	kernel_image_free(&im);
	kernel_package_free(&p);
	return r;
}

static int from_image(struct strbuf *out, struct image_symvers_report *rep, const char *path,
	const char *package, struct err *e)
{
	struct kernel_package p;
	struct kernel_image im;
	int r = kernel_image_read(&im, path, e);

	if (r < 0)
		return r;
	r = read_image_part(out, rep, &im, path_base(path), e);
	kernel_image_free(&im);
	if (r < 0 || !package)
		return r;
	r = kernel_package_read(&p, package, true, e);
	if (r == 0) {
		r = add_modules(out, rep, &p, e);
		kernel_package_free(&p);
	}
	return r;
}

int image_symvers(struct strbuf *out, struct image_symvers_report *rep, const char *path,
	const char *package, struct err *e)
{
	int r;

	*rep = (struct image_symvers_report){0};
	strbuf_reset(out);
	if (!package && is_apk_package(path))
		r = from_package(out, rep, path, e);
	else
		r = from_image(out, rep, path, package, e);
	if (r < 0) {
		strbuf_reset(out);
		image_symvers_report_free(rep);
	}
	return r;
}

static void print_exports(const struct image_symvers_report *rep, struct strbuf *out)
{
	strbuf_addf(out, "%-10s%zu of the image:", "exports", rep->n);
	for (size_t i = 0; i < EXPORT_CLASSES; i++)
		if (rep->count[i])
			strbuf_addf(out, " %zu %s", rep->count[i], export_class_names[i]);
	if (rep->modules_read)
		strbuf_addf(out,
			"; %zu of %zu modules (%zu export something): %zu EXPORT_SYMBOL %zu "
			"EXPORT_SYMBOL_GPL",
			rep->module_exports, rep->modules, rep->exporting,
			rep->module_exports - rep->module_gpl, rep->module_gpl);
	strbuf_addf(out, "; %zu in a namespace\n", rep->with_ns);
}

void image_symvers_report_print(const struct image_symvers_report *rep, struct strbuf *out)
{
	const struct image_identity *id = &rep->id;

	strbuf_addf(out, "%-10s%s\n", "image", rep->image);
	strbuf_addf(out, "%-10s%s%s%s\n", "kernel", id->release ? id->release : "not known",
		id->arch ? ", " : "", id->arch ? id->arch : "");
	if (id->build)
		strbuf_addf(out, "%-10s%s\n", "build", id->build);
	if (id->compiler)
		strbuf_addf(out, "%-10s%s\n", "compiler", id->compiler);
	if (id->vermagic)
		strbuf_addf(out, "%-10s%s\n", "vermagic", id->vermagic);
	strbuf_addf(out, "%-10s%s\n", "layout", rep->layout);
	print_exports(rep, out);
	strbuf_addf(out, "%-10s%s\n", "versions",
		rep->has_crcs ? "the CRC of each symbol, from the kernel's own table"
			      : "none, the kernel has no CONFIG_MODVERSIONS: every CRC is 0");
	if (!rep->modules_read)
		strbuf_addf(out, "%-10s%s\n", "complete",
			"for the image. What modules export is never in an image: give the kernel's "
			"package (linux-*.apk) as well");
	else if (!rep->modules)
		strbuf_addf(out, "%-10s%s\n", "complete",
			"for the image; the package has no "
			"modules");
	else
		strbuf_addf(out, "%-10s%s\n", "complete",
			"for the image and the modules of the "
			"package");
	strbuf_addf(out, "%-10s%s\n", "sure",
		rep->doubts.n ? "not in everything:"
		: rep->confirmed
			? "yes: tables, CRCs and names fit each other without a gap, every name has "
			  "its entry, and the kernel's own list of its tables says the same"
			: "yes: tables, CRCs and names fit each other without a gap, and every name "
			  "has its entry");
	for (size_t i = 0; i < rep->doubts.n; i++)
		strbuf_addf(out, "%-10s%s\n", "doubt", rep->doubts.v[i]);
}

void image_symvers_report_free(struct image_symvers_report *rep)
{
	image_identity_free(&rep->id);
	free(rep->image);
	free(rep->layout);
	strvec_free(&rep->doubts);
	*rep = (struct image_symvers_report){0};
}
