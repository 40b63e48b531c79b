// SPDX-License-Identifier: GPL-3.0-or-later
/* A result's folder, made beside its place and put there when it is whole. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

int parcel_open(struct parcel *k, const struct farm_plan *f, const char *hash, struct err *e)
{
	_cleanup_free_ char *host = farm_host();

	k->r.hash = xstrdup(hash);
	k->r.pmkmod = xstrdup(PMKMOD_VERSION);
	k->r.host = xstrdup(host);
	k->dir = xasprintf("%s/results/.%.12s.%s.XXXXXX", f->dir, hash, host);
	k->e = e;
	if (mkdtemp(k->dir) && chmod(k->dir, 0755) == 0)
		return 0;
	return err_errno(e, -errno, "cannot make the folder '%s'", k->dir);
}

int parcel_add(struct parcel *k, const char *from, const char *name)
{
	_cleanup_free_ char *to = path_join(k->dir, name);
	struct farm_file f = {.name = xstrdup(name)};
	struct stat st = {0};
	int r = fs_copy_file(from, to, k->e);

	if (r == 0)
		r = hash_file(AT_FDCWD, to, HASH_SHA256, &f.sum, k->e);
	if (r == 0 && stat(to, &st) < 0)
		r = err_errno(k->e, -errno, "cannot look at '%s'", to);
	if (r < 0) {
		free(f.name);
		return r;
	}
	f.size = (uint64_t)st.st_size;
	k->r.files = xrealloc(k->r.files, k->r.n_files + 1, sizeof(*k->r.files));
	k->r.files[k->r.n_files++] = f;
	return 0;
}

int parcel_add_if_there(struct parcel *k, const char *from, const char *name)
{
	return fs_exists(from) ? parcel_add(k, from, name) : 0;
}

/* By another worker that was given the same: as good, unless it could not do what we could. */
static bool is_taken(const struct parcel *k, const struct farm_plan *f)
{
	struct farm_result have;
	bool as_good;

	if (farm_result_take(&have, f, k->r.hash, NULL, NULL) < 0)
		return false;
	as_good = have.cell.built || !k->r.cell.built;
	farm_result_free(&have);
	return as_good;
}

/* What is there and no result is put aside for whoever wants to look at it. */
static int put_in_place(
	const struct parcel *k, const struct farm_plan *f, const char *to, bool replace)
{
	int c = rename(k->dir, to) == 0 ? 0 : -errno;

	if ((c == -EEXIST || c == -ENOTEMPTY) && !replace && is_taken(k, f))
		return fs_remove_tree(k->dir, k->e);
	if (c == -EEXIST || c == -ENOTEMPTY || c == -ENOTDIR) {
		_cleanup_free_ char *aside = xasprintf("%s.rejected", k->dir);

		c = rename(to, aside) == 0 && rename(k->dir, to) == 0 ? 0 : -errno;
	}
	if (c < 0)
		return err_errno(k->e, c, "cannot put the result into '%s'", to);
	fs_sync_parent(to);
	return 0;
}

int parcel_send(struct parcel *k, const struct context *x, const struct farm_plan *f, bool replace)
{
	_cleanup_free_ char *keys = plan_keys_dir(x), *key_dir = path_join(k->dir, "key");
	_cleanup_free_ char *path = path_join(k->dir, "result");
	_cleanup_free_ char *to = xasprintf("%s/results/%s", f->dir, k->r.hash);
	_cleanup_strbuf_ struct strbuf text = {0};
	int r = fs_mkdirs(key_dir, 0755, k->e);

	if (r == 0)
		r = farm_copy_public_keys(keys, key_dir, k->e);
	/* the worker's key is nobody's business but for checking what it signed */
	free(k->r.cell.key);
	k->r.cell.key = NULL;
	farm_result_print(&k->r, &text);
	if (r == 0)
		r = fs_write_atomic(path, text.s, text.len, 0644, k->e);
	return r < 0 ? r : put_in_place(k, f, to, replace);
}

void parcel_close(struct parcel *k, int r)
{
	if (r < 0 && k->dir)
		fs_remove_tree(k->dir, NULL);
	if (r == -ENOSPC && k->e)
		k->e->exit_code = EXIT_NO_SPACE;
	free(k->dir);
	farm_result_free(&k->r);
}
