// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/cache/verify_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/pinned.h"

#define RECORD_MAX 65536

static int check_package(const char *path, const struct apk_keys *keys, struct strbuf *what)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err why = ERR_INIT;

	if (fd < 0 || apk_read(fd, path_base(path), NULL, keys, NULL, NULL, NULL, &why) == 0)
		return 0;
	strbuf_reset(what);
	strbuf_addf(what,
		"the package that it published is damaged: %s\n%s stays; `pmkmod build` publishes it "
		"again",
		why.text, path);
	return 1;
}

/* Another cell may have published a package of the same name since: that is as good. */
static int check_published(const struct cell_result *c, const struct apk_keys *keys,
	struct strbuf *what, struct err *e)
{
	_cleanup_strvec_ struct strvec beside = {0};
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r = hash_file(AT_FDCWD, c->apk, HASH_SHA256, &h, e);

	if (r < 0)
		return r;
	hash_hex(&h, hex);
	if (!streq(hex, c->apk_sha256))
		r = check_package(c->apk, keys, what);
	/* of those only whether they are whole is known */
	cell_parts(c, &beside);
	if (c->meta)
		strvec_add(&beside, c->meta);
	for (size_t i = 0; r == 0 && i < beside.n; i++)
		r = check_package(beside.v[i], keys, what);
	return r;
}

int verify_cell(const char *dir, const struct apk_keys *keys, struct strbuf *what, struct err *e)
{
	struct cell_result c;
	int r = 0;

	if (!cell_read(dir, &c))
		return 0; /* it was never finished, or is not known any more */
	if (c.built ? !c.apk || !c.apk_sha256 : !c.error) {
		strbuf_reset(what);
		strbuf_adds(what, "its result does not say what came of it");
		r = 1;
	} else if (c.built && fs_exists(c.apk)) {
		r = check_published(&c, keys, what, e);
	}
	cell_result_free(&c);
	return r;
}

/* The file of a package in any repository of ours; NULL: there is none. Caller frees. */
static char *find_package(const char *packages, const char *record, const struct pinned *p)
{
	_cleanup_free_ char *file = xasprintf("%s-%s.apk", p->name, p->version);
	DIR *channels = opendir(packages);
	struct dirent *de;
	char *found = NULL;

	/* the folder is <channel>-<arch>-<kernel>, and each of them may have a '-' in it */
	while (channels && !found && (de = readdir(channels))) {
		size_t n = strlen(de->d_name);
		_cleanup_free_ char *dir = path_join(packages, de->d_name);
		struct dirent *arch;
		DIR *d;

		if (de->d_name[0] == '.' || strncmp(record, de->d_name, n) != 0 || record[n] != '-')
			continue;
		d = opendir(dir);
		while (d && !found && (arch = readdir(d))) {
			size_t len = strlen(arch->d_name);

			if (arch->d_name[0] == '.' ||
				strncmp(record + n + 1, arch->d_name, len) != 0 ||
				record[n + 1 + len] != '-')
				continue;
			found = xasprintf("%s/%s/%s", dir, arch->d_name, file);
			if (!fs_exists(found)) {
				free(found);
				found = NULL;
			}
		}
		if (d)
			closedir(d);
	}
	if (channels)
		closedir(channels);
	return found;
}

static int verify_package(
	const char *packages, const char *record, const struct pinned *p, struct strbuf *what)
{
	_cleanup_free_ char *path = find_package(packages, record, p);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct err why = ERR_INIT;
	int r;

	if (fd < 0)
		return 0;
	r = apk_read(fd, path_base(path), &p->identity, NULL, NULL, NULL, NULL, &why);
	if (r != -EBADMSG)
		return 0;
	strbuf_reset(what);
	strbuf_addf(what, "%s in pmkmod's repository is damaged: %s", path, why.text);
	return 1;
}

int verify_headers(const struct context *x, const char *dir, struct strbuf *what, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "record"), *text = NULL;
	_cleanup_free_ char *packages = plan_packages_dir(x);
	_cleanup_strvec_ struct strvec lines = {0};
	size_t found = 0;
	int r = fs_read_regular(path, RECORD_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		static const char *const words[] = {"dev ", "scripts "};
		const char *rest = behind_prefix(lines.v[i], words, ARRAY_SIZE(words));
		struct pinned p = {0};

		if (rest && pinned_parse(&p, rest) == 0) {
			found++;
			r = verify_package(packages, path_base(dir), &p, what);
		}
		pinned_free(&p);
	}
	if (r == 0 && found != 2) {
		strbuf_reset(what);
		strbuf_adds(what, "the record does not name both packages");
		r = 1;
	}
	return r;
}
