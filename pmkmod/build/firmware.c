// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Firmware: which packages have the files that modules ask for by MODULE_FIRMWARE. No index lists
 * files, so that the packages themselves are looked into: those the recipe names, and the one that
 * Alpine's habit points to. main/linux-firmware of its aports has a package for each folder below
 * /lib/firmware, and one for what is in none; setup-disk of alpine-conf chooses packages by the
 * same rule.
 */
#include <ctype.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/hardware.h"
#include "pmkmod/util/exit_codes.h"

#define FILES_MAX 4096 /* that one module may ask for; no driver comes near it */
#define SHOWN_MAX 6 /* names in one note */
#define PREFIX "linux-firmware-"
#define REST PREFIX "other"
#define MKINITFS "postmarketos-mkinitfs"

/* A package that may have some of the files. */
struct candidate {
	char *name;
	struct strvec files; /* below /lib/firmware, without what compression adds */
	bool there; /* in the repositories */
};

struct search {
	struct job *j;
	struct candidate *v;
	size_t n;
};

static void search_free(struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		strvec_free(&s->v[i].files);
	}
	free(s->v);
}

/* ---- what is in a package ---- */

static int take_file(void *ctx, const struct apk_entry *en, struct err *e)
{
	static const char *const folders[] = {"lib/firmware/", "usr/lib/firmware/"};
	/* what the kernel looks through, and postmarketOS has it look through, first */
	static const char *const inner[] = {"updates/", "postmarketos/"};
	static const char *const packed[] = {".zst", ".xz"};
	struct strvec *files = ctx;
	const char *name = behind_prefix(en->name, folders, ARRAY_SIZE(folders)), *rest;
	size_t n;

	(void)e;
	if (!name || (en->type != APK_FILE && en->type != APK_SYMLINK && en->type != APK_HARDLINK))
		return 0;
	rest = behind_prefix(name, inner, ARRAY_SIZE(inner));
	name = rest ? rest : name;
	n = strlen(name);
	for (size_t i = 0; i < ARRAY_SIZE(packed); i++)
		if (ends_with(name, packed[i])) {
			n -= strlen(packed[i]);
			break;
		}
	strvec_take(files, xstrndup(name, n));
	return 0;
}

static int list_files(struct search *s, struct candidate *c, const struct apk_pkg *p, struct err *e)
{
	const struct apk_reader_ops ops = {.entry = take_file};
	struct plan *plan = s->j->plan;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	progress_detail(&plan->x->progress, "%s-%s", p->name, p->version);
	r = repos_fetch(plan->x, p, &path, e);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	return apk_read(fd, path, &p->identity, NULL, NULL, &ops, &c->files, e);
}

static void keep_package(struct job_extras *x, const struct apk_pkg *p)
{
	x->packages = xrealloc(x->packages, x->n_packages + 1, sizeof(*x->packages));
	x->packages[x->n_packages++] = (struct apk_pkg){.name = xstrdup(p->name),
		.version = xstrdup(p->version),
		.arch = xstrdup(p->arch),
		.identity = p->identity,
		.installed_size = 1};
}

/* The candidate of that name, looked into if it is new; NULL with e->code 0: there is none. */
static int look_into(struct search *s, const char *name, struct candidate **out, struct err *e)
{
	const struct apk_pkg *p;
	struct candidate *c;

	for (size_t i = 0; i < s->n; i++)
		if (streq(s->v[i].name, name)) {
			*out = &s->v[i];
			return 0;
		}
	s->v = xrealloc(s->v, s->n + 1, sizeof(*s->v));
	c = &s->v[s->n++];
	*c = (struct candidate){.name = xstrdup(name)};
	*out = c;
	p = repos_newest(&s->j->plan->target_repos, name);
	c->there = p != NULL;
	if (!p)
		return 0;
	keep_package(&s->j->extras, p);
	return list_files(s, c, p, e);
}

static bool has_file(const struct candidate *c, const char *file)
{
	for (size_t i = 0; i < c->files.n; i++)
		/* a module may ask for "vendor/chip-*.bin" */
		if (streq(c->files.v[i], file) || fnmatch(file, c->files.v[i], FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* ---- which packages may have a file ---- */

/* "rtlwifi/rtl8192cufw.bin": linux-firmware-rtlwifi, whose name Alpine writes in small letters. */
static void names_for(const struct module *m, const char *file, struct strvec *out)
{
	const char *slash = strchr(file, '/');

	for (size_t i = 0; i < m->firmware.n; i++)
		strvec_take(out, xstrndup(m->firmware.v[i], strcspn(m->firmware.v[i], "<>=~")));
	if (!slash) {
		strvec_add(out, REST);
		return;
	}
	for (const char *s = file; s < slash; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.+", *s))
			return;
	strvec_addf(out, PREFIX "%.*s", (int)(slash - file), file);
	for (char *s = out->v[out->n - 1]; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

static int find_file(struct search *s, const char *file, const char **package, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	int r = 0;

	*package = NULL;
	names_for(&s->j->plan->module, file, &names);
	for (size_t i = 0; r == 0 && !*package && i < names.n; i++) {
		struct candidate *c = NULL;

		r = look_into(s, names.v[i], &c, e);
		if (r == 0 && c->there && has_file(c, file))
			*package = c->name;
	}
	return r;
}

/* ---- what comes of it ---- */

/* Looked for already. */
static bool is_known(const struct job_extras *x, const char *file)
{
	for (size_t i = 0; i < x->n_firmware; i++)
		if (streq(x->firmware[i].file, file))
			return true;
	return strvec_has(&x->missing, file);
}

static int find_files(struct search *s, const struct ko *ko, struct err *e)
{
	struct job_extras *x = &s->j->extras;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ko->firmware.n && i < FILES_MAX; i++) {
		const char *file = ko->firmware.v[i], *package = NULL;

		if (!*file || *file == '/' || is_known(x, file))
			continue;
		r = find_file(s, file, &package, e);
		if (r == 0 && package) {
			x->firmware =
				xrealloc(x->firmware, x->n_firmware + 1, sizeof(*x->firmware));
			x->firmware[x->n_firmware++] =
				(struct export_firmware){xstrdup(file), xstrdup(package)};
		} else if (r == 0) {
			strvec_add(&x->missing, file);
		}
	}
	return r;
}

static void note(struct job_extras *x, const char *word, const char *text)
{
	strvec_addf(&x->notes, "%-9s %s", word, text);
}

static void note_found(struct job_extras *x, const struct search *s)
{
	for (size_t i = 0; i < s->n; i++) {
		_cleanup_free_ char *text = NULL;
		size_t n = 0;

		for (size_t k = 0; k < x->n_firmware; k++)
			n += streq(x->firmware[k].package, s->v[i].name);
		text = xasprintf(
			"%s has %zu of the files it asks for, and comes with it", s->v[i].name, n);
		if (n)
			note(x, "firmware", text);
	}
}

/* Their bytes are the module's: what no terminal should see is not shown. */
static void add_clean(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		strbuf_addc(b, isprint((unsigned char)*s) ? *s : '?');
}

static void note_missing(struct job_extras *x, const struct plan *p)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	for (size_t i = 0; i < x->missing.n && i < SHOWN_MAX; i++) {
		strbuf_adds(&b, i ? ", " : "");
		add_clean(&b, x->missing.v[i]);
	}
	if (x->missing.n > SHOWN_MAX)
		strbuf_addf(&b, " and %zu more", x->missing.n - SHOWN_MAX);
	if (b.len) {
		_cleanup_free_ char *text = xasprintf(
			"no package of channel %s is known to have what it may ask for: %s",
			p->device.channel.name, b.s);

		note(x, "firmware", text);
	}
}

static void note_recipe(struct job_extras *x, const struct module *m)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (m->firmware_note)
		strvec_split(&lines, m->firmware_note, "\n");
	for (size_t i = 0; i < lines.n; i++)
		note(x, i ? "" : "firmware", lines.v[i]);
}

static void note_hardware(struct job_extras *x, const struct strvec *aliases)
{
	_cleanup_free_ char *buses = hardware_text(aliases);
	_cleanup_free_ char *text =
		buses ? xasprintf("loads it by itself: aliases of %s", buses) : NULL;

	if (text)
		note(x, "hardware", text);
}

/* ---- the recipe's own ---- */

static int check_named(struct search *s, struct err *e)
{
	const struct plan *p = s->j->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->module.firmware.n; i++) {
		const char *dep = p->module.firmware.v[i];
		_cleanup_free_ char *name = xstrndup(dep, strcspn(dep, "<>=~"));
		struct candidate *c = NULL;

		r = look_into(s, name, &c, e);
		if (r == 0 && !c->there) {
			r = err_exit(e, EXIT_MISSING_DEPEND, -ENOENT,
				"%s: firmware names %s, which none of the repositories of channel %s has",
				p->module.recipe, name, p->device.channel.name);
			err_hint(e, "where it comes from otherwise can be said in firmware_note =");
		}
	}
	return r;
}

/* What mkinitfs of that channel makes of a file that is not there. */
static void look_at_mkinitfs(struct job *j)
{
	const struct apk_pkg *p = repos_newest(&j->plan->target_repos, MKINITFS);

	j->extras.initramfs_firmware =
		!p || apk_version_compare(p->version, "2.10.0", false) != APK_VER_LT;
	if (!j->extras.initramfs_firmware)
		note(&j->extras, "firmware",
			"is not in the initial ram disk: " MKINITFS
			" of this channel is older than 2.10.0");
}

static int look_at_modules(struct search *s, struct err *e)
{
	_cleanup_strvec_ struct strvec aliases = {0};
	struct job *j = s->j;
	bool asks = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->ko.n; i++) {
		struct ko ko = {0};

		r = ko_read(&ko, j->ko.v[i], e);
		if (r < 0)
			break;
		strvec_add_all(&aliases, &ko.aliases);
		asks = asks || ko.firmware.n;
		r = find_files(s, &ko, e);
		ko_free(&ko);
	}
	if (r < 0)
		return r;
	note_hardware(&j->extras, &aliases);
	if (asks && j->plan->module.initramfs)
		look_at_mkinitfs(j);
	return 0;
}

int job_firmware(struct job *j, struct err *e)
{
	_cleanup_(search_free) struct search s = {.j = j};
	int r = repos_parse(&j->plan->target_repos, e);

	if (r == 0)
		r = check_named(&s, e);
	if (r == 0)
		r = look_at_modules(&s, e);
	if (r < 0)
		return r;
	note_found(&j->extras, &s);
	note_missing(&j->extras, j->plan);
	note_recipe(&j->extras, &j->plan->module);
	return 0;
}

void job_extras_free(struct job_extras *x)
{
	for (size_t i = 0; i < x->n_firmware; i++) {
		free(x->firmware[i].file);
		free(x->firmware[i].package);
	}
	free(x->firmware);
	for (size_t i = 0; i < x->n_packages; i++)
		apk_pkg_free(&x->packages[i]);
	free(x->packages);
	strvec_free(&x->overlays);
	strvec_free(&x->missing);
	strvec_free(&x->notes);
}
