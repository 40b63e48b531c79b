// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A module's aport: its archives with its patches, and the files that lie beside its APKBUILD
 * (AKMBUILD, dkms.conf, a Makefile). The folder's hash pins all of it, since the sums of what is
 * downloaded are in the APKBUILD.
 */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/build/source.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (16u << 20)
#define NOTES_MAX 6

int source_aport_describe(struct plan *p, struct err *e)
{
	const char *dir = p->module.location;
	char hex[HASH_HEX_MAX];
	struct aport a;
	struct hash h;
	int r = aport_load_module(&a, dir, p->device.arch, e);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < a.n_files; i++)
		if (a.files[i].url && a.files[i].sum.alg == HASH_NONE)
			r = err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
				"%s/APKBUILD has no sha512sum for %s: it is not downloaded", dir,
				a.files[i].name);
	if (r == 0)
		r = module_folder_hash(dir, &h, e);
	if (r == 0) {
		hash_hex(&h, hex);
		p->source = xasprintf("aport %s-%s sha256:%s", a.pkgname, a.version, hex);
		p->version = xstrdup(a.pkgver);
	}
	aport_free(&a);
	return r;
}

/* package() of such aports puts name and version in with sed. */
static void fill_in(const char *text, size_t len, const struct aport *a, struct strbuf *out)
{
	const struct {
		const char *word, *value;
	} places[] = {{"@VERSION@", a->pkgver}, {"@PKGVER@", a->pkgver}, {"@pkgver@", a->pkgver},
		{"@PACKAGE_VERSION@", a->pkgver}, {"@MODULE_VERSION@", a->pkgver},
		{"#MODULE_VERSION#", a->pkgver}, {"@PKGNAME@", a->pkgname},
		{"@pkgname@", a->pkgname}};
	const char *end = text + len;

	while (text < end) {
		size_t n = 0;

		for (size_t i = 0; i < ARRAY_SIZE(places) && n == 0; i++)
			if (starts_with(text, places[i].word)) {
				strbuf_adds(out, places[i].value);
				n = strlen(places[i].word);
			}
		if (n == 0)
			strbuf_addc(out, *text);
		text += n ? n : 1;
	}
}

static int add_file(
	const struct aport *a, const char *from, const char *name, const char *to, struct err *e)
{
	_cleanup_free_ char *path = path_join(to, name), *text = NULL;
	_cleanup_strbuf_ struct strbuf b = {0};
	size_t len = 0;
	int r = fs_remove_tree(path, e);

	if (r == 0 && !streq(name, "AKMBUILD") && !streq(name, "dkms.conf"))
		return fs_copy_file(from, path, e);
	if (r == 0)
		r = fs_read_regular(from, FILE_MAX, &text, &len, e);
	if (r < 0)
		return r;
	fill_in(text, len, a, &b);
	return fs_write_atomic(path, b.s ? b.s : "", b.len, 0644, e);
}

static int add_files(
	const struct aport *a, const struct aport_fetch *f, const char *to, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_files; i++) {
		const struct aport_file *file = &a->files[i];
		_cleanup_free_ char *path = NULL;

		if (file->kind == APORT_ARCHIVE || file->kind == APORT_PATCH)
			continue;
		r = aport_get_file(a, f, file, &path, e);
		if (r == 0)
			r = add_file(a, path, file->name, to, e);
	}
	return r;
}

static void tell(struct plan *p, const struct aport *a)
{
	for (size_t i = 0; i < a->notes.n && i < NOTES_MAX; i++)
		progress_note(&p->x->progress, "%s/APKBUILD: %s", a->dir, a->notes.v[i]);
	if (a->notes.n > NOTES_MAX)
		progress_note(&p->x->progress, "%s/APKBUILD: %zu more such lines", a->dir,
			a->notes.n - NOTES_MAX);
}

int source_aport_get(struct plan *p, const char *to, struct err *e)
{
	struct aport_fetch f = {.cache = p->x->cache, .progress = &p->x->progress};
	_cleanup_free_ char *tree = NULL, *config = NULL;
	struct aport a;
	int r = aport_load_module(&a, p->module.location, p->device.arch, e);

	if (r < 0)
		return r;
	tell(p, &a);
	r = repos_download_limits(p->x, &f.limits, e);
	if (r == 0)
		r = aport_source(&a, &f, &tree, &config, e);
	if (r == 0)
		r = fs_copy_tree(tree, to, NULL, e);
	if (r == 0)
		r = add_files(&a, &f, to, e);
	aport_free(&a);
	return r;
}
