// SPDX-License-Identifier: GPL-3.0-or-later
/* What a module's source folder says of itself, and its hash. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/module/module.h"

/* Value of a literal `key=value` line, quotes removed; NULL if it holds shell syntax. */
static char *literal_assignment(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		_cleanup_free_ char *value = NULL;
		char *s;

		line += *line == '\n';
		line += strspn(line, " \t");
		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		value = xstrndup(line + n + 1, strcspn(line + n + 1, "\r\n"));
		s = str_strip(value);
		if ((*s == '"' || *s == '\'') && strlen(s) > 1 && s[strlen(s) - 1] == *s) {
			s[strlen(s) - 1] = '\0';
			s++;
		}
		/* templates have #MODULE_VERSION# or @VERSION@; anything of the shell's is not
		 * literal */
		return *s && !strpbrk(s, "$`#@\\ \t") ? xstrdup(s) : NULL;
	}
	return NULL;
}

struct place {
	const char *file, *key;
};

static char *first_literal(const char *folder, const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = path_join(folder, places[i].file);
		_cleanup_free_ char *text = NULL;
		char *v;

		if (fs_read_regular(path, 1 << 20, &text, NULL, NULL) < 0)
			continue;
		v = literal_assignment(text, places[i].key);
		if (v)
			return v;
	}
	return NULL;
}

char *module_folder_version(const char *folder)
{
	static const struct place places[] = {
		{"dkms.conf", "PACKAGE_VERSION"}, {"AKMBUILD", "modver"}};

	return first_literal(folder, places, ARRAY_SIZE(places));
}

char *module_folder_name(const char *folder)
{
	static const struct place places[] = {
		{"dkms.conf", "PACKAGE_NAME"}, {"AKMBUILD", "modname"}};

	return first_literal(folder, places, ARRAY_SIZE(places));
}

static int hash_dir(struct hash_ctx *sum, int fd, const char *where, bool top, struct err *e);

static void hash_header(struct hash_ctx *sum, char kind, const char *name, unsigned mode)
{
	char head[16];
	int n = snprintf(head, sizeof(head), "%c %o ", kind, mode & 0111);

	hash_update(sum, head, (size_t)n);
	hash_update(sum, name, strlen(name) + 1);
}

static int hash_entry(
	struct hash_ctx *sum, int dirfd, const char *where, const char *name, struct err *e)
{
	_cleanup_free_ char *full = path_join(where, name);
	struct hash h;
	struct stat st;
	char target[4096];
	ssize_t n;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", full);
	if (S_ISREG(st.st_mode)) {
		if (hash_file(dirfd, name, HASH_SHA256, &h, e) < 0)
			return err_prefix(e, "%s", full);
		hash_header(sum, 'f', name, st.st_mode);
		hash_update(sum, h.b, h.len);
		return 0;
	}
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dirfd, name, target, sizeof(target));
		if (n < 0)
			return err_errno(e, -errno, "cannot read the link '%s'", full);
		hash_header(sum, 'l', name, 0);
		hash_update(sum, target, (size_t)n);
		hash_update(sum, "", 1);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -EINVAL,
			"'%s' is neither a file, a folder nor a symbolic link: it cannot be part of a "
			"module's source",
			full);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", full);
	hash_header(sum, 'd', name, 0);
	return hash_dir(sum, fd, full, false, e);
}

/* Takes over `fd`. */
static int hash_dir(struct hash_ctx *sum, int fd, const char *where, bool top, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	DIR *d = fdopendir(fd);
	struct dirent *de;
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return err_errno(e, r, "cannot list '%s'", where);
	}
	while ((de = readdir(d)))
		if (!streq(de->d_name, ".") && !streq(de->d_name, "..") &&
			!(top && streq(de->d_name, ".git")))
			strvec_add(&names, de->d_name);
	strvec_sort(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = hash_entry(sum, dirfd(d), where, names.v[i], e);
	hash_update(sum, "e", 2);
	closedir(d);
	return r;
}

int module_folder_hash(const char *folder, struct hash *out, struct err *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct hash_ctx sum;
	int r;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open the source folder '%s'", folder);
	hash_start(&sum, HASH_SHA256);
	r = hash_dir(&sum, fd, folder, true, e);
	if (r < 0) {
		hash_abort(&sum);
		return r;
	}
	hash_end(&sum, out);
	return 0;
}
