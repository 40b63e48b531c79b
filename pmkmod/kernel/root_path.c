// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/kernel/root_path.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

/*
 * Open `inside` in one layer, part by part and following no link, so that nothing leads out of the
 * layer. A link on the way makes it absent: the overlay has a folder of that name from a layer
 * above, and does not merge it with a link. With O_PATH a link at the end is opened itself.
 */
static int open_in_layer(const char *layer, const char *inside, int flags)
{
	_cleanup_close_ int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *path = xstrdup(*inside ? inside : ".");
	char *rest = path, *part;

	while (fd >= 0 && (part = strsep(&rest, "/"))) {
		int how = (rest ? O_PATH : flags) | O_NOFOLLOW | O_CLOEXEC;
		int next = openat(fd, part, how), code = errno;

		close(fd);
		fd = next;
		errno = code;
	}
	return fd < 0 ? -errno : steal_fd(&fd);
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* The topmost layer that has `inside`; its index, -ENOENT if none has. Fills *st and *link. */
static int look_up(const struct strvec *layers, const char *inside, struct stat *st, char **link)
{
	for (size_t i = 0; i < layers->n; i++) {
		_cleanup_close_ int fd = open_in_layer(layers->v[i], inside, O_PATH);
		char target[PATH_MAX];
		ssize_t n;

		if (fd < 0 || fstat(fd, st) < 0)
			continue;
		if (is_whiteout(st))
			return -ENOENT;
		*link = NULL;
		if (!S_ISLNK(st->st_mode))
			return (int)i;
		n = readlinkat(fd, "", target, sizeof(target));
		if (n <= 0 || (size_t)n >= sizeof(target))
			return -EINVAL;
		*link = xstrndup(target, (size_t)n);
		return (int)i;
	}
	return -ENOENT;
}

/* Cut the last part off. */
static void go_up(struct strbuf *at)
{
	while (at->len && at->s[--at->len] != '/')
		;
	if (at->s)
		at->s[at->len] = '\0';
}

/*
 * One step: take the first part off *rest and go there from `at` ("" is the root, else "a/b" with a
 * slash before each part). A link's text is put before what is left.
 */
static int step(const struct strvec *layers, struct strbuf *at, char **rest, int *links,
	struct stat *st, int *layer)
{
	_cleanup_free_ char *left = *rest, *link = NULL;
	const char *p = left + strspn(left, "/");
	size_t n = strcspn(p, "/");

	*rest = xstrdup(p + n);
	if (n == 0 || (n == 1 && p[0] == '.'))
		return 0;
	if (n == 2 && p[0] == '.' && p[1] == '.') {
		go_up(at);
		*layer = -1;
		return 0;
	}
	strbuf_addc(at, '/');
	strbuf_add(at, p, n);
	*layer = look_up(layers, at->s + 1, st, &link);
	if (*layer < 0)
		return *layer;
	if (link && ++*links > LINKS_MAX)
		return -ELOOP;
	if (link) {
		_cleanup_free_ char *old = *rest;

		*rest = xasprintf("%s/%s", link, old);
		go_up(at);
		if (link[0] == '/')
			strbuf_reset(at);
		*layer = -1;
		return 0;
	}
	if (strspn(*rest, "/") != strlen(*rest) && !S_ISDIR(st->st_mode))
		return -ENOTDIR;
	return 0;
}

int root_path_resolve(struct root_path *out, const struct strvec *layers, const char *path)
{
	_cleanup_free_ char *rest = xstrdup(path), *ignored = NULL;
	_cleanup_strbuf_ struct strbuf at = {0};
	int links = 0, layer = -1, r = 0;

	*out = (struct root_path){0};
	strbuf_adds(&at, "");
	while (r == 0 && rest[strspn(rest, "/")])
		r = step(layers, &at, &rest, &links, &out->st, &layer);
	if (r == 0 && layer < 0) /* ended on the root, on ".." or on a link to one of them */
		layer = look_up(layers, at.len ? at.s + 1 : "", &out->st, &ignored);
	if (r < 0 || layer < 0)
		return r < 0 ? r : layer;
	out->inside = xstrdup(at.len ? at.s : "/");
	out->host = path_join(layers->v[layer], out->inside);
	return 0;
}

void root_path_free(struct root_path *p)
{
	free(p->inside);
	free(p->host);
	*p = (struct root_path){0};
}

static void list_one(struct strvec *names, struct strvec *gone, int dirfd, DIR *d)
{
	struct dirent *de;

	while ((de = readdir(d))) {
		struct stat st;

		if (streq(de->d_name, ".") || streq(de->d_name, "..") ||
			strvec_has(names, de->d_name) || strvec_has(gone, de->d_name) ||
			fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		strvec_add(is_whiteout(&st) ? gone : names, de->d_name);
	}
}

int root_path_list(struct strvec *names, const struct strvec *layers, const char *path)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_strvec_ struct strvec gone = {0};
	int r = root_path_resolve(&p, layers, path);

	if (r < 0)
		return r;
	if (!S_ISDIR(p.st.st_mode))
		return -ENOTDIR;
	for (size_t i = 0; i < layers->n; i++) {
		_cleanup_close_ int fd =
			open_in_layer(layers->v[i], p.inside + 1, O_RDONLY | O_DIRECTORY);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);

		if (!d)
			continue;
		/* closedir() will close it */
		list_one(names, &gone, steal_fd(&fd), d);
		closedir(d);
	}
	strvec_sort(names);
	return 0;
}
