// SPDX-License-Identifier: GPL-3.0-or-later
/* Source archives, of modules and of kernels, in a cache addressed by their content. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/repos.h"
#include "pmkmod/util/exit_codes.h"

int fetch_source(struct context *x, const char *url, const struct hash *sha256,
	const char *expected_by, char **path, struct err *e)
{
	_cleanup_free_ char *dir = path_join(x->cache, "sources");
	struct download_limits l = {0};
	char want[HASH_HEX_MAX], have[HASH_HEX_MAX];
	struct hash h;
	int r = fs_mkdirs(dir, 0700, e);

	hash_hex(sha256, want);
	*path = path_join(dir, want);
	if (r == 0)
		r = repos_download_limits(x, &l, e);
	if (r == 0 && !fs_exists(*path))
		r = download(url, *path, &l, e);
	if (r == 0)
		r = hash_file(AT_FDCWD, *path, HASH_SHA256, &h, e);
	if (r < 0 || hash_eq(&h, sha256))
		return r;
	unlink(*path);
	hash_hex(&h, have);
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
		"%s is not what %s expects\n  expected sha256 %s\n  found    sha256 %s", url,
		expected_by, want, have);
}
