// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/kernel_source.h"

#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/unpack.h"

/* ---- archives ---- */

/* [kernel] sha256 = of the archive; HASH_NONE: nothing is said. */
static int expected_sum(const struct kernel_origin *o, struct hash *sum, struct err *e)
{
	*sum = (struct hash){0};
	if (o->sha256 && hash_from_hex(sum, HASH_SHA256, o->sha256, strlen(o->sha256)) < 0)
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"the checksum of the kernel source %s, '%.100s', is no SHA-256 (64 hex digits)",
			o->source, o->sha256);
	return 0;
}

static int local_archive(
	const char *path, const struct hash *want, char hex[HASH_HEX_MAX], struct err *e)
{
	char expected[HASH_HEX_MAX];
	struct hash h;
	int r = hash_file(AT_FDCWD, path, HASH_SHA256, &h, e);

	if (r < 0)
		return r;
	hash_hex(&h, hex);
	if (want->alg == HASH_NONE || hash_eq(&h, want))
		return 0;
	hash_hex(want, expected);
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"'%s' is not the kernel source that is expected\n  expected sha256 %s\n  found    "
		"sha256 %s",
		path, expected, hex);
}

/* Host path of the archive, and the hex hash of its content. */
static int find_archive(struct context *x, const struct kernel_origin *o, char **path,
	char hex[HASH_HEX_MAX], struct err *e)
{
	struct hash want;
	int r = expected_sum(o, &want, e);

	if (r < 0)
		return r;
	if (!strstr(o->source, "://")) {
		*path = xstrdup(o->source);
		return local_archive(*path, &want, hex, e);
	}
	if (want.alg == HASH_NONE) {
		err_exit(e, EXIT_USAGE, -EINVAL, "the kernel source %s has no checksum", o->source);
		return err_hint(e, "say its SHA-256: `sha256 =` beside `source =` in [kernel]");
	}
	hash_hex(&want, hex);
	return fetch_source(x, o->source, &want, "[kernel] sha256", path, e);
}

/* Tens of thousands of files: one sync for all, then the marker, then the final name. */
static int unpack_to(const char *archive, const char *shown, const char *dir, struct err *e)
{
	_cleanup_free_ char *fresh = xasprintf("%s.new", dir), *to = path_join(fresh, "unpacked");
	_cleanup_free_ char *source = path_join(fresh, "source"), *only = NULL;
	_cleanup_free_ char *marker = path_join(fresh, "complete"),
			    *list = path_join(fresh, "manifest");
	_cleanup_close_ int fd = -1;
	int r = fs_remove_tree(fresh, e);

	if (r == 0)
		r = fs_mkdirs(to, 0700, e);
	if (r == 0)
		r = unpack_archive_file(archive, to, shown, e);
	if (r == 0) {
		only = only_folder(to);
		if (rename(only ? only : to, source) < 0)
			r = err_errno(e, -errno, "cannot move '%s'", to);
	}
	if (r == 0)
		r = manifest_write(source, list, e);
	if (r == 0 &&
		((fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || syncfs(fd) < 0))
		r = err_errno(e, -errno, "cannot sync '%s'", fresh);
	if (r == 0)
		r = fs_write_atomic(marker, "", 0, 0644, e);
	if (r == 0)
		r = fs_remove_tree(dir, e);
	if (r == 0 && rename(fresh, dir) < 0)
		r = err_errno(e, -errno, "cannot move '%s' to '%s'", fresh, dir);
	if (r < 0)
		fs_remove_tree(fresh, NULL);
	return r;
}

static int unpack_once(
	struct kernel_source *s, struct context *x, const struct kernel_origin *o, struct err *e)
{
	_cleanup_free_ char *all = path_join(x->cache, "kernel-source"), *path = NULL;
	_cleanup_free_ char *dir = NULL, *marker = NULL, *lock_path = NULL;
	_cleanup_close_ int lock = -1;
	char hex[HASH_HEX_MAX];
	int r = fs_mkdirs(all, 0700, e);

	if (r == 0)
		r = find_archive(x, o, &path, hex, e);
	if (r < 0)
		return r;
	dir = path_join(all, hex);
	marker = path_join(dir, "complete");
	lock_path = xasprintf("%s.lock", dir);
	lock = fs_lock(lock_path, true, true, e);
	if (lock < 0)
		return lock;
	progress_detail(&x->progress, "unpacking %s", path_base(o->source));
	if (!fs_exists(marker))
		r = unpack_to(path, o->source, dir, e);
	fs_note_use(marker);
	if (r == 0)
		s->dir = path_join(dir, "source");
	if (r == -ENOSPC && e)
		e->exit_code = EXIT_NO_SPACE;
	return r;
}

/* ---- aports ---- */

static int from_aport(
	struct kernel_source *s, struct context *x, const struct device *d, struct err *e)
{
	const struct kernel_origin *o = &d->origin;
	struct aport_fetch f = {.cache = x->cache, .progress = &x->progress};
	struct aport a;
	int r = aport_load(&a, o->aport, d->arch, e);

	if (r < 0)
		return r;
	if (!streq(a.pkgname, d->kernel)) {
		r = err_exit(e, EXIT_USAGE, -EINVAL,
			"the kernel of %s is %s, but '%s' is the aport of %s", d->name, d->kernel,
			o->aport, a.pkgname);
	}
	if (r == 0 && s->dir)
		r = aport_check_source(&a, s->dir, &s->notes, e);
	if (r == 0 && !s->dir && !o->kdir)
		r = repos_download_limits(x, &f.limits, e);
	if (r == 0 && !s->dir && !o->kdir)
		r = aport_source(&a, &f, &s->dir, &s->config, e);
	if (r == 0) {
		if (!s->config)
			s->config = xstrdup(a.config);
		s->compiler = xstrdup(a.compiler);
		strvec_add_all(&s->notes, &a.notes);
	}
	aport_free(&a);
	return r;
}

int kernel_source_get(
	struct kernel_source *s, struct context *x, const struct device *d, struct err *e)
{
	const struct kernel_origin *o = &d->origin;
	int r = 0;

	*s = (struct kernel_source){0};
	if (o->source &&
		(fs_is_dir(o->source) || !(strstr(o->source, "://") || fs_exists(o->source))))
		s->dir =
			xstrdup(o->source); /* what is wrong with it is told by who looks into it */
	else if (o->source)
		r = unpack_once(s, x, o, e);
	if (r == 0 && o->aport)
		r = from_aport(s, x, d, e);
	if (r < 0)
		kernel_source_free(s);
	return r;
}

void kernel_source_free(struct kernel_source *s)
{
	free(s->dir);
	free(s->config);
	free(s->compiler);
	strvec_free(&s->notes);
	*s = (struct kernel_source){0};
}
