// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a package has beside its modules. In one of several packages of a build it is what concerns
 * that package's own modules, so that each is of use without the others.
 */
#include <ctype.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"
#include "pmkmod/kernel/name_index.h"
#include "pmkmod/util/exit_codes.h"

#define DTBO_MAX (16u << 20)

char *export_module_path(const struct export_spec *s, const struct ko *ko)
{
	bool shipped = s->facts && kernel_facts_has_module(s->facts, ko->name, false);

	/* depmod's search order puts updates/ before the kernel's own, extra/ behind */
	return xasprintf("%s/modules/%s/%s/%s%s", s->usr_merge ? "usr/lib" : "lib", s->release,
		shipped ? "updates" : "extra", path_base(ko->path),
		ko_compression_suffix[s->compression]);
}

static bool has(const struct export_part *part, const char *name)
{
	for (size_t i = 0; i < part->n; i++)
		if (module_name_eq(part->ko[i]->name, name))
			return true;
	return false;
}

static int add_text(struct apk_writer *w, const char *folder, const char *base, const char *suffix,
	const struct strbuf *text, struct err *e)
{
	_cleanup_free_ char *to = xasprintf("%s/%s%s", folder, base, suffix);

	return text->len ? apk_writer_file(w, to, text->s, text->len, 0644, e) : 0;
}

/* ---- modules-load.d ---- */

int export_check_load(const struct export_spec *s, const struct ko *ko, size_t n, struct err *e)
{
	for (size_t i = 0; s->load && i < s->load->n; i++) {
		_cleanup_strvec_ struct strvec names = {0};
		_cleanup_free_ char *all = NULL;
		bool found = false;

		for (size_t k = 0; k < n; k++) {
			found = found || module_name_eq(ko[k].name, s->load->v[i]);
			strvec_add(&names, ko[k].name);
		}
		all = strvec_join(&names, ", ");
		if (!found)
			return err_exit(e, EXIT_NO_MODULE, -ENOENT,
				"`load` names %s, but what was built is %s", s->load->v[i], all);
	}
	return 0;
}

/* Those of the part that shall be loaded without anybody asking for them, in their order. */
static void to_load(const struct export_spec *s, const struct export_part *part, struct strbuf *b,
	const char *separator)
{
	if (s->load && s->load->n) {
		for (size_t i = 0; i < s->load->n; i++)
			if (has(part, s->load->v[i]))
				strbuf_addf(b, "%s%s", b->len ? separator : "", s->load->v[i]);
		return;
	}
	for (size_t i = 0; i < part->n; i++)
		strbuf_addf(b, "%s%s", b->len ? separator : "", part->ko[i]->name);
}

static int add_modules_load(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	if (!s->modules_load && !(s->load && s->load->n))
		return 0;
	to_load(s, part, &b, "\n");
	if (b.len)
		strbuf_addc(&b, '\n');
	return add_text(w, "usr/lib/modules-load.d", part->base, ".conf", &b, e);
}

/* ---- modprobe.d ---- */

/* A line belongs to the module it is about; the main package has those about modules of others. */
static bool is_for(
	const struct export_spec *s, const struct export_part *part, const struct strvec *words)
{
	const char *name = words->n < 2					 ? ""
			   : streq(words->v[0], "alias") && words->n > 2 ? words->v[2]
									 : words->v[1];

	if (has(part, name))
		return true;
	if (!part->main)
		return false;
	for (size_t i = 0; i < s->ko_paths->n; i++) {
		_cleanup_free_ char *own = module_name_of(s->ko_paths->v[i]);

		if (module_name_eq(own, name))
			return false;
	}
	return true;
}

static void modprobe_lines(
	const struct export_spec *s, const struct export_part *part, struct strbuf *b)
{
	for (size_t i = 0; s->options && i < s->options->n; i++) {
		_cleanup_strvec_ struct strvec words = {0};

		strvec_split(&words, s->options->v[i], " \t");
		if (is_for(s, part, &words))
			strbuf_addf(b, "%s\n", s->options->v[i]);
	}
}

/*
 * kmod has looked into /lib/modprobe.d always, into /usr/lib/modprobe.d since version 31; where
 * /usr is merged they are one.
 */
static const char *modprobe_folder(const struct export_spec *s)
{
	return s->usr_merge ? "usr/lib/modprobe.d" : "lib/modprobe.d";
}

static int add_modprobe(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	modprobe_lines(s, part, &b);
	return add_text(w, modprobe_folder(s), part->base, ".conf", &b, e);
}

/* ---- the initial ram disk ---- */

/*
 * Lists of postmarketos-mkinitfs (mkinitfs(1)): modules/ has names, each of which comes with those
 * that modules.dep says it needs, but not with those of its softdep; files/ has
 * SOURCE[:DESTINATION], and a source that is not there ends mkinitfs, unless "!optional" is behind
 * it (since 2.10.0).
 */
#define MKINITFS "usr/share/mkinitfs/"

static void add_words_of_softdeps(
	const struct export_spec *s, const struct export_part *part, struct strvec *names)
{
	for (size_t i = 0; i < part->n; i++)
		strvec_add_all(names, &part->ko[i]->softdeps);
	for (size_t i = 0; s->options && i < s->options->n; i++) {
		_cleanup_strvec_ struct strvec words = {0};

		strvec_split(&words, s->options->v[i], " \t");
		if (words.n < 3 || !ends_with(words.v[0], "dep") || !has(part, words.v[1]))
			continue;
		for (size_t k = 2; k < words.n; k++)
			if (!ends_with(words.v[k], ":"))
				strvec_add(names, words.v[k]);
	}
}

static int add_initramfs_modules(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0}, done = {0};
	_cleanup_strbuf_ struct strbuf b = {0};

	add_words_of_softdeps(s, part, &names);
	for (size_t i = 0; i < part->n; i++)
		strvec_add(&names, part->ko[i]->name);
	for (size_t i = 0; i < names.n; i++) {
		if (strvec_has(&done, names.v[i]))
			continue;
		strvec_add(&done, names.v[i]);
		strbuf_addf(&b, "%s\n", names.v[i]);
	}
	return add_text(w, MKINITFS "modules", part->base, ".modules", &b, e);
}

/* Its bytes come from the module: a name that means something else in such a list is left out. */
static bool is_plain_path(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isgraph((unsigned char)*p) || strchr(":!\\?[]", *p))
			return false;
	return *s && *s != '/' && !strstr(s, "..");
}

static size_t add_firmware_lines(const struct export_part *part, struct strbuf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < part->n; i++)
		for (size_t k = 0; k < part->ko[i]->firmware.n; k++)
			if (is_plain_path(part->ko[i]->firmware.v[k])) {
				strbuf_addf(b, "/lib/firmware/%s!optional\n",
					part->ko[i]->firmware.v[k]);
				n++;
			}
	return n;
}

static int add_initramfs_files(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strbuf_ struct strbuf b = {0}, lines = {0};

	for (size_t i = 0; i < part->n; i++) {
		_cleanup_free_ char *path = export_module_path(s, part->ko[i]);

		strbuf_addf(&b, "/%s\n", path);
	}
	modprobe_lines(s, part, &lines);
	/* busybox' modprobe, which the ram disk begins with, looks into /etc alone */
	if (lines.len)
		strbuf_addf(&b, "/%s/%s.conf:/etc/modprobe.d/%s.conf\n", modprobe_folder(s),
			part->base, part->base);
	if (s->initramfs_firmware)
		add_firmware_lines(part, &b);
	/* these paths have the kernel's release in them */
	return add_text(w, MKINITFS "files", part->name, ".files", &b, e);
}

/*
 * Being in the ram disk does not load a module: udev does, by the aliases of hardware. What has
 * none is loaded by a hook, which runs before the root file system is looked for. (The one list of
 * modules that postmarketos-initramfs loads, initramfs.load, is the device package's.)
 */
static int add_initramfs_hook(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strbuf_ struct strbuf names = {0}, b = {0};

	to_load(s, part, &names, " ");
	if (names.len)
		strbuf_addf(&b, "#!/bin/sh\nmodprobe -a %s || :\n", names.s);
	return add_text(w, MKINITFS "hooks", part->base, ".sh", &b, e);
}

static int add_initramfs(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	int r = add_initramfs_modules(w, s, part, e);

	if (r == 0)
		r = add_initramfs_files(w, s, part, e);
	return r < 0 ? r : add_initramfs_hook(w, s, part, e);
}

/* ---- overlays ---- */

static int add_overlays(struct apk_writer *w, const struct export_spec *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && s->overlays && i < s->overlays->n; i++) {
		const char *from = s->overlays->v[i];
		_cleanup_free_ char *to = path_join(s->overlays_dir, path_base(from)), *data = NULL;
		size_t len;

		r = fs_read(from, DTBO_MAX, &data, &len, e);
		if (r == 0)
			r = apk_writer_file(w, to, data, len, 0644, e);
	}
	return r;
}

/* ---- the whole ---- */

int export_add_extras(struct apk_writer *w, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	int r = add_modules_load(w, s, part, e);

	if (r == 0)
		r = add_modprobe(w, s, part, e);
	if (r == 0 && s->initramfs && part->n)
		r = add_initramfs(w, s, part, e);
	if (r == 0 && part->main)
		r = add_overlays(w, s, e);
	return r;
}

static const char *package_of(const struct export_spec *s, const char *file)
{
	for (size_t i = 0; i < s->n_firmware; i++)
		if (streq(s->firmware[i].file, file))
			return s->firmware[i].package;
	return NULL;
}

static bool depends_on(const struct apk_pkg *p, const char *name)
{
	for (size_t i = 0; i < p->depends.n; i++)
		if (streq(p->depends.v[i].name, name))
			return true;
	return false;
}

static int depend_on_firmware(struct apk_pkg *p, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	_cleanup_strbuf_ struct strbuf unused = {0};
	int r = 0;

	for (size_t i = 0; i < part->n; i++)
		for (size_t k = 0; r == 0 && k < part->ko[i]->firmware.n; k++) {
			const char *package = package_of(s, part->ko[i]->firmware.v[k]);

			if (package && !depends_on(p, package))
				r = apk_deps_parse(&p->depends, package, e);
		}
	/* an older one would make no ram disk at all */
	if (r == 0 && s->initramfs && s->initramfs_firmware && add_firmware_lines(part, &unused))
		r = apk_deps_parse(&p->depends, "!postmarketos-mkinitfs<2.10.0", e);
	return r;
}

int export_extra_relations(struct apk_pkg *p, const struct export_spec *s,
	const struct export_part *part, struct err *e)
{
	int r = depend_on_firmware(p, s, part, e);

	for (size_t i = 0; r == 0 && s->conflicts && part->main && i < s->conflicts->n; i++) {
		_cleanup_free_ char *not = xasprintf("!%s", s->conflicts->v[i]);

		r = apk_deps_parse(&p->depends, not, e);
	}
	return r;
}
