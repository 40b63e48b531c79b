// SPDX-License-Identifier: GPL-3.0-or-later
/* The key pmkmod signs with, made on first use: <keys_dir>/pmkmod-<8 hex digits>.rsa */
#include <dirent.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export_parts.h"

/* what abuild-keygen makes */
#define KEY_BITS 4096
/* dot: neither apk nor we take it for a key */
#define LOCK_NAME ".pmkmod.lock"

/* The first key by name; NULL: none. */
static int find_key(const char *dir, char **path, struct err *e)
{
	_cleanup_strvec_ struct strvec found = {0};
	DIR *d = opendir(dir);
	struct dirent *de;

	if (!d)
		return err_errno(e, -errno, "cannot open the folder of keys '%s'", dir);
	while ((de = readdir(d)))
		if (starts_with(de->d_name, "pmkmod-") && ends_with(de->d_name, ".rsa"))
			strvec_add(&found, de->d_name);
	closedir(d);
	strvec_sort(&found);
	*path = found.n ? path_join(dir, found.v[0]) : NULL;
	return 0;
}

/* Others may not read the key, whatever the umask or a copied home made of it. */
static int keep_private(const char *dir, const char *path, struct err *e)
{
	struct stat st;

	if (stat(dir, &st) == 0 && (st.st_mode & 077) && chmod(dir, 0700) < 0)
		return err_errno(e, -errno, "cannot make the folder of keys '%s' private", dir);
	if (path && stat(path, &st) == 0 && (st.st_mode & 077) && chmod(path, 0600) < 0)
		return err_errno(e, -errno, "cannot make the signing key '%s' private", path);
	return 0;
}

int export_key(const char *keys_dir, struct apk_signkey **key, struct err *e)
{
	_cleanup_free_ char *path = NULL, *pub = NULL, *lock_path = path_join(keys_dir, LOCK_NAME);
	_cleanup_close_ int lock = -1;
	uint32_t id;
	int r;

	*key = NULL;
	r = fs_mkdirs(keys_dir, 0700, e);
	if (r == 0)
		r = keep_private(keys_dir, NULL, e);
	if (r < 0)
		return r;
	/* two first uses at once: the second finds the key of the first */
	lock = fs_lock(lock_path, true, true, e);
	if (lock < 0)
		return lock;
	r = find_key(keys_dir, &path, e);
	if (r < 0)
		return r;
	if (!path) {
		if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
			return err_errno(e, -errno, "cannot get random bytes");
		path = xasprintf("%s/pmkmod-%08x.rsa", keys_dir, id);
	}
	pub = xasprintf("%s.pub", path);
	/* also when only the public half is missing: then it is made again from the private one */
	if (!fs_exists(path) || !fs_exists(pub))
		r = apk_signkey_generate(path, KEY_BITS, e);
	if (r == 0)
		r = keep_private(keys_dir, path, e);
	return r < 0 ? r : apk_signkey_load(key, path, e);
}
