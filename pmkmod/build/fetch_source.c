// SPDX-License-Identifier: GPL-3.0-or-later
/* Source archives, of modules and of kernels, in a cache addressed by their content. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/util/exit_codes.h"

struct expected {
	const char *url, *by;
	const struct hash *sha256;
};

static int compare(void *ctx, const char *path, struct err *e)
{
	const struct expected *x = ctx;
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];
	struct hash h;
	int r = hash_file(AT_FDCWD, path, HASH_SHA256, &h, e);

	if (r < 0 || hash_eq(&h, x->sha256))
		return r;
	hash_hex(x->sha256, want);
	hash_hex(&h, have);
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"%s is not what %s expects\n  expected sha256 %s\n  found    sha256 %s", x->url,
		x->by, want, have);
}

int fetch_source(struct context *x, const char *url, const struct hash *sha256,
	const char *expected_by, char **path, struct err *e)
{
	_cleanup_free_ char *dir = path_join(x->cache, "sources");
	struct expected expected = {.url = url, .by = expected_by, .sha256 = sha256};
	struct download d = {.url = url, .verify = compare, .ctx = &expected};
	struct download_limits l = {0};
	char want[HASH_HEX_MAX];
	int r = fs_mkdirs(dir, 0700, e);

	hash_hex(sha256, want);
	*path = path_join(dir, want);
	d.path = *path;
	if (r == 0)
		r = repos_download_limits(x, &l, e);
	if (r < 0)
		return r;
	if (fs_exists(*path)) {
		struct err why = ERR_INIT;

		r = compare(&expected, *path, &why);
		if (r == 0)
			fs_note_use(*path);
		/* not the server's fault, and no reason to stop */
		else if (r == -EBADMSG && unlink(*path) == 0)
			progress_note(&x->progress,
				"'%s' in the cache was damaged and is removed; %s is fetched again",
				*path, url);
		else if (e)
			*e = why;
		if (r != -EBADMSG)
			return r;
	}
	return download_all(&d, 1, "files", &l, NULL, e);
}
