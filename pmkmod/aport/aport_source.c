// SPDX-License-Identifier: GPL-3.0-or-later
/* A kernel's source as abuild has it after default_prepare: fetched, verified, unpacked, patched.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "pmkmod/aport/aport_parts.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/patch_run.h"
#include "pmkmod/util/unpack.h"

/* Count up when the same aport would give another tree. */
#define SOURCE_FORMAT "pmkmod kernel source 1"

/* Where one preparation is: <cache>/kernel-source/<id>, made as <id>.new. */
struct place {
	const struct aport *a;
	const struct aport_fetch *f;
	char id[HASH_HEX_MAX];
	char *dir, *fresh, *srcdir; /* srcdir: abuild's, below fresh */
};

static int exit_with(struct err *e, int exit_code, int r)
{
	if (e && r < 0 && !e->exit_code)
		e->exit_code = exit_code;
	return r;
}

/* ---- files of source= ---- */

static int wrong_sum(const struct aport_file *f, const struct hash *have, const char *path,
	const struct aport *a, struct err *e)
{
	char want_hex[HASH_HEX_MAX], have_hex[HASH_HEX_MAX];

	hash_hex(&f->sum, want_hex);
	hash_hex(have, have_hex);
	err_set(e, -EBADMSG,
		"%s is not what %s/APKBUILD expects\n  expected sha512 %s\n  found    sha512 %s",
		f->url ? f->url : path, a->dir, want_hex, have_hex);
	if (f->url)
		err_hint(e,
			"the server may have packed it anew; `pmbootstrap checksum %s` takes what it "
			"has now",
			a->pkgname);
	else
		err_hint(e, "if you changed the file: pmbootstrap checksum %s", a->pkgname);
	return exit_with(e, EXIT_UNTRUSTED, -EBADMSG);
}

struct expected {
	const struct aport_file *f;
	const struct aport *a;
};

static int compare(void *ctx, const char *path, struct err *e)
{
	const struct expected *x = ctx;
	struct hash h;
	int r = hash_file(AT_FDCWD, path, HASH_SHA512, &h, e);

	if (r < 0 || hash_eq(&h, &x->f->sum))
		return r;
	return wrong_sum(x->f, &h, path, x->a, e);
}

static int fetch_remote(
	const struct place *p, const struct aport_file *f, char **path, struct err *e)
{
	_cleanup_free_ char *dir = path_join(p->f->cache, "sources");
	struct expected expected = {.f = f, .a = p->a};
	struct download d = {.url = f->url, .verify = compare, .ctx = &expected};
	char want[HASH_HEX_MAX];
	int r = fs_mkdirs(dir, 0700, e);

	if (r < 0)
		return r;
	if (f->sum.alg == HASH_NONE)
		return exit_with(e, EXIT_UNTRUSTED,
			err_set(e, -EBADMSG,
				"%s/APKBUILD has no sha512sum for %s: it is not downloaded",
				p->a->dir, f->name));
	hash_hex(&f->sum, want);
	*path = path_join(dir, want);
	d.path = *path;
	if (fs_exists(*path)) {
		struct err why = ERR_INIT;

		r = compare(&expected, *path, &why);
		if (r == 0)
			fs_note_use(*path);
		/* not the server's fault, and no reason to stop */
		else if (r == -EBADMSG && unlink(*path) == 0 && p->f->progress)
			progress_note(p->f->progress,
				"'%s' in the cache was damaged and is removed; %s is fetched again",
				*path, f->url);
		else if (r != -EBADMSG && e)
			*e = why;
		if (r != -EBADMSG)
			return r;
	}
	return download_all(&d, 1, "files", &p->f->limits, NULL, e);
}

/* The path of an entry's file, its sum compared; caller frees. */
static int get_file(const struct place *p, const struct aport_file *f, char **path, struct err *e)
{
	struct hash h;
	int r;

	*path = NULL;
	if (f->url)
		return fetch_remote(p, f, path, e);
	*path = aport_local_path(p->a, f);
	/* not the name alone: shared patches are links */
	if (access(*path, R_OK) < 0) {
		r = err_set(e, -ENOENT,
			"the file %s that %s/APKBUILD names in source= is not there", f->path,
			p->a->dir);
		return exit_with(e, f->kind == APORT_PATCH ? EXIT_PATCH_PATH : EXIT_GENERAL, r);
	}
	r = hash_file(AT_FDCWD, *path, HASH_SHA512, &h, e);
	if (r == 0 && f->sum.alg != HASH_NONE && !hash_eq(&h, &f->sum))
		r = wrong_sum(f, &h, *path, p->a, e);
	return r;
}

int aport_get_file(const struct aport *a, const struct aport_fetch *f,
	const struct aport_file *file, char **path, struct err *e)
{
	const struct place p = {.a = a, .f = f};

	return get_file(&p, file, path, e);
}

/* ---- the name of what comes out ---- */

static int hash_inputs(struct place *p, struct err *e)
{
	struct hash_ctx sum;
	struct hash out;
	int r = 0;

	hash_start(&sum, HASH_SHA256);
	hash_update(&sum, SOURCE_FORMAT, sizeof(SOURCE_FORMAT));
	hash_update(&sum, p->a->builddir, strlen(p->a->builddir) + 1);
	for (size_t i = 0; r == 0 && i < p->a->n_files; i++) {
		const struct aport_file *f = &p->a->files[i];
		struct hash h = f->sum;

		if (f->kind != APORT_ARCHIVE && f->kind != APORT_PATCH)
			continue;
		/* a local patch may have been edited: the file counts, not its sum */
		if (!f->url) {
			_cleanup_free_ char *path = NULL;

			r = get_file(p, f, &path, e);
			if (r == 0)
				r = hash_file(AT_FDCWD, path, HASH_SHA512, &h, e);
			if (r < 0)
				break;
		}
		hash_update(&sum, f->name, strlen(f->name) + 1);
		hash_update(&sum, f->url ? f->url : "", f->url ? strlen(f->url) + 1 : 1);
		hash_update(&sum, h.b, h.len);
	}
	hash_end(&sum, &out);
	hash_hex(&out, p->id);
	return r;
}

/* ---- unpack, patch ---- */

static int unpack_all(const struct place *p, struct err *e)
{
	for (size_t i = 0; i < p->a->n_files; i++) {
		const struct aport_file *f = &p->a->files[i];
		_cleanup_free_ char *path = NULL;
		int r;

		if (f->kind != APORT_ARCHIVE)
			continue;
		r = get_file(p, f, &path, e);
		if (r == 0 && p->f->progress)
			progress_detail(p->f->progress, "unpacking %s", f->name);
		if (r == 0)
			r = unpack_archive_file(path, p->srcdir, f->url ? f->url : path, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply(const struct place *p, const struct aport_file *f, const char *tree, struct err *e)
{
	static const char *const options[] = {"-N", NULL};
	_cleanup_free_ char *path = NULL, *plain = NULL;
	_cleanup_strbuf_ struct strbuf hunk = {0};
	struct patch_run run = {0};
	int r = get_file(p, f, &path, e);

	if (r == 0 && !ends_with(f->name, ".patch")) {
		plain = path_join(p->fresh, "patch");
		unlink(plain);
		r = unpack_compressed_file(path, plain, f->name, e);
	}
	if (r == 0 && p->f->progress)
		progress_detail(p->f->progress, "%s", f->name);
	if (r == 0)
		r = patch_run(&run, tree, true, plain ? plain : path, options, e);
	if (r == 0 && run.status != 0) {
		patch_failing_hunk(run.output.s, &hunk);
		if (!hunk.len && run.output.len)
			strbuf_addf(&hunk, "\n  %s", str_strip(run.output.s));
		r = err_set(e, -ECANCELED, "the patch %s of %s does not apply to %s%s", f->name,
			p->a->pkgname, p->a->builddir, hunk.s ? hunk.s : "");
		exit_with(e, EXIT_PATCH_FAILED, r);
	}
	strbuf_free(&run.output);
	return r;
}

/* The folder that abuild would build in. */
static int find_tree(const struct place *p, char **tree, struct err *e)
{
	_cleanup_free_ char *only = only_folder(p->srcdir);
	bool archives = false;

	for (size_t i = 0; i < p->a->n_files; i++)
		archives |= p->a->files[i].kind == APORT_ARCHIVE;
	/* a module may have all its files in the aport itself */
	if (streq(p->a->builddir, ".") || (p->a->of_module && !archives)) {
		*tree = xstrdup(p->srcdir);
		return 0;
	}
	*tree = path_join(p->srcdir, p->a->builddir);
	if (fs_is_dir(*tree))
		return 0;
	if (only)
		return err_set(e, -ENOENT,
			"the archives of %s have the folder '%s', but its %s is '%s'",
			p->a->pkgname, path_base(only), p->a->source_var, p->a->builddir);
	return err_set(e, -ENOENT, "the archives of %s have no folder '%s'", p->a->pkgname,
		p->a->builddir);
}

static int make_tree(const struct place *p, struct err *e)
{
	_cleanup_free_ char *tree = NULL, *to = path_join(p->fresh, "source");
	int r = fs_mkdirs(p->srcdir, 0700, e);

	if (r == 0)
		r = unpack_all(p, e);
	if (r == 0)
		r = find_tree(p, &tree, e);
	for (size_t i = 0; r == 0 && i < p->a->n_files; i++)
		if (p->a->files[i].kind == APORT_PATCH)
			r = apply(p, &p->a->files[i], tree, e);
	if (r == 0 && rename(tree, to) < 0)
		r = err_errno(e, -errno, "cannot move '%s' to '%s'", tree, to);
	if (r == 0)
		r = fs_remove_tree(p->srcdir, e);
	return r;
}

/* Tens of thousands of files: one sync for all, then the marker. */
static int complete(const struct place *p, struct err *e)
{
	_cleanup_free_ char *marker = path_join(p->fresh, "complete"),
			    *plain = path_join(p->fresh, "patch"),
			    *source = path_join(p->fresh, "source"),
			    *list = path_join(p->fresh, "manifest");
	_cleanup_close_ int fd = open(p->fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = xasprintf("%s %s\n", p->a->pkgname, p->a->version);
	int r;

	unlink(plain);
	r = manifest_write(source, list, e);
	if (r < 0)
		return r;
	if (fd < 0 || syncfs(fd) < 0)
		return err_errno(e, -errno, "cannot sync '%s'", p->fresh);
	r = fs_write_atomic(marker, text, strlen(text), 0644, e);
	if (r < 0)
		return r;
	/* what is there under the final name has no marker, or it would have been taken */
	r = fs_remove_tree(p->dir, e);
	if (r == 0 && rename(p->fresh, p->dir) < 0)
		r = err_errno(e, -errno, "cannot move '%s' to '%s'", p->fresh, p->dir);
	return r;
}

static bool is_complete(const struct place *p)
{
	_cleanup_free_ char *marker = path_join(p->dir, "complete");

	return fs_exists(marker);
}

/* What prune goes by. */
static void note_use(const struct place *p)
{
	_cleanup_free_ char *marker = path_join(p->dir, "complete");

	fs_note_use(marker);
}

static int make_once(struct place *p, const char *dir, struct err *e)
{
	_cleanup_free_ char *lock_path = xasprintf("%s/%s.lock", dir, p->id);
	_cleanup_close_ int lock = -1;
	int r;

	p->dir = path_join(dir, p->id);
	p->fresh = xasprintf("%s.new", p->dir);
	p->srcdir = path_join(p->fresh, "srcdir");
	if (is_complete(p)) {
		note_use(p);
		return 0;
	}
	/* two runs at once: the second finds the tree of the first */
	lock = fs_lock(lock_path, true, true, e);
	if (lock < 0)
		return lock;
	if (is_complete(p)) {
		note_use(p);
		return 0;
	}
	r = fs_remove_tree(p->fresh, e); /* of a run that was killed */
	if (r == 0)
		r = fs_mkdirs(p->fresh, 0700, e);
	if (r == 0)
		r = make_tree(p, e);
	if (r == 0)
		r = complete(p, e);
	if (r < 0)
		fs_remove_tree(p->fresh, NULL);
	return r;
}

static int check_config(const struct place *p, struct err *e)
{
	for (size_t i = 0; p->a->config && i < p->a->n_files; i++) {
		const struct aport_file *f = &p->a->files[i];
		_cleanup_free_ char *path = NULL;

		if (!f->url && streq(f->name, path_base(p->a->config)))
			return get_file(p, f, &path, e);
	}
	return 0;
}

int aport_source(const struct aport *a, const struct aport_fetch *f, char **source_dir,
	char **config_path, struct err *e)
{
	_cleanup_free_ char *dir = path_join(f->cache, "kernel-source");
	struct place p = {.a = a, .f = f};
	int r = fs_mkdirs(dir, 0700, e);

	if (r == 0)
		r = check_config(&p, e);
	if (r == 0)
		r = hash_inputs(&p, e);
	if (r == 0)
		r = make_once(&p, dir, e);
	if (r == 0) {
		*source_dir = path_join(p.dir, "source");
		*config_path = xstrdup(a->config);
	} else if (r == -ENOSPC) {
		exit_with(e, EXIT_NO_SPACE, r);
	}
	free(p.dir);
	free(p.fresh);
	free(p.srcdir);
	return r;
}
