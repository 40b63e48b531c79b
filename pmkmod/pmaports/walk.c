// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where devices and kernels are, by pmbootstrap's rules (pmb/core/pkgrepo.py): a folder with an
 * APKBUILD is a package called like the folder, at any depth, and not looked into further; hidden
 * folders are passed over, symbolic links are followed. Devices are at device/<category>/device-*
 * alone.
 */
#include "pmkmod/pmaports/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

#define DEPTH_MAX 16
#define DIRS_MAX 100000

/* One folder of aports that is being walked. */
struct repo {
	struct walk *w;
	const char *top;
	bool extra; /* it is one of extra-repos/ */
	size_t first_kernel, first_device; /* of this repo */
};

static struct aport_dir *add_dir(struct aport_dir **v, size_t *n, const char *path)
{
	struct aport_dir *d;

	if ((*n & (*n - 1)) == 0)
		*v = xrealloc(*v, *n ? 2 * *n : 1, sizeof(**v));
	d = &(*v)[(*n)++];
	*d = (struct aport_dir){.name = xstrdup(path_base(path)), .path = xstrdup(path)};
	return d;
}

/* Enter a package; the first of a name wins, two in one repo are an error of pmbootstrap's. */
static void add_package(struct repo *r, const char *path, struct aport_dir **v, size_t *n,
	struct name_index *index, size_t first)
{
	const uint32_t *there = name_index_get(index, path_base(path));
	struct aport_dir *d;

	if (there && *there >= first)
		strvec_addf(&r->w->notes,
			"%s is in two folders, %s and %s; the first is used, but pmbootstrap refuses "
			"such a tree",
			path_base(path), (*v)[*there].path, path);
	if (there)
		return;
	d = add_dir(v, n, path);
	name_index_add(index, d->name, (uint32_t)(*n - 1));
}

static void found_package(struct repo *r, const char *path)
{
	struct walk *w = r->w;

	if (starts_with(path_base(path), "linux-"))
		add_package(r, path, &w->kernels, &w->n_kernels, &w->kernel_index, r->first_kernel);
}

static void found_device(struct repo *r, const char *path, const char *category)
{
	struct walk *w = r->w;
	size_t before = w->n_devices;

	add_package(r, path, &w->devices, &w->n_devices, &w->device_index, r->first_device);
	if (w->n_devices > before)
		w->devices[before].category = xstrdup(category);
}

static bool is_dir_at(int fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN && de->d_type != DT_LNK)
		return de->d_type == DT_DIR;
	return fstatat(fd, de->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Names of the folders in a folder, sorted; false with a note if it cannot be read. */
static bool list_dirs(struct walk *w, const char *path, struct strvec *names)
{
	DIR *dir = opendir(path);
	struct dirent *de;

	if (!dir) {
		strvec_addf(&w->notes, "%s cannot be read: %s", path, strerror(errno));
		return false;
	}
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && is_dir_at(dirfd(dir), de))
			strvec_add(names, de->d_name);
	closedir(dir);
	strvec_sort(names);
	return true;
}

/* A link to a folder above would never end. */
static bool is_above(const char *path)
{
	_cleanup_free_ char *up = xstrdup(path);
	struct stat here, above;
	char *slash;

	if (lstat(path, &here) < 0 || !S_ISLNK(here.st_mode) || stat(path, &here) < 0)
		return false;
	while ((slash = strrchr(up, '/')) && slash != up) {
		*slash = '\0';
		if (stat(up, &above) == 0 && above.st_dev == here.st_dev &&
			above.st_ino == here.st_ino)
			return true;
	}
	return false;
}

static void walk_dir(struct repo *r, const char *path, unsigned depth)
{
	struct walk *w = r->w;
	_cleanup_strvec_ struct strvec names = {0};
	const char *below = path + strlen(r->top);
	/* "/device/community" */
	const char *category = starts_with(below, "/device/") ? below + strlen("/device/") : NULL;
	bool of_devices = category && *category && !strchr(category, '/');

	if (++w->n_dirs > DIRS_MAX || depth > DEPTH_MAX) {
		if (w->n_dirs == DIRS_MAX + 1)
			strvec_addf(&w->notes, "%s has more than %d folders: the rest is not read",
				r->top, DIRS_MAX);
		return;
	}
	stamps_add(&w->stamps, path);
	if (!list_dirs(w, path, &names))
		return;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *child = path_join(path, names.v[i]);
		_cleanup_free_ char *recipe = path_join(child, "APKBUILD");
		bool is_device = of_devices && starts_with(names.v[i], "device-");

		if (depth == 0 && !r->extra && streq(names.v[i], "extra-repos"))
			continue;
		if (is_device)
			found_device(r, child, category);
		if (access(recipe, F_OK) == 0) {
			stamps_add(&w->stamps, child);
			found_package(r, child);
		} else if (is_device) {
			stamps_add(&w->stamps, child);
		} else if (!is_above(child)) {
			walk_dir(r, child, depth + 1);
		}
	}
}

static void walk_repo(struct walk *w, const char *top, bool extra)
{
	struct repo r = {.w = w,
		.top = top,
		.extra = extra,
		.first_kernel = w->n_kernels,
		.first_device = w->n_devices};

	walk_dir(&r, top, 0);
}

/* The repos in <folder>/extra-repos: systemd's, or the others. */
static void walk_extra(struct walk *w, const char *folder, bool systemd)
{
	_cleanup_free_ char *extra = path_join(folder, "extra-repos");
	_cleanup_strvec_ struct strvec names = {0};

	if (!fs_is_dir(extra) || !list_dirs(w, extra, &names))
		return;
	stamps_add(&w->stamps, extra);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *top = path_join(extra, names.v[i]);

		if (streq(names.v[i], "systemd") == systemd)
			walk_repo(w, top, true);
	}
}

static void walk_folder(struct walk *w, const char *given, bool systemd)
{
	_cleanup_free_ char *folder = xstrdup(given);
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		folder[--n] = '\0';
	if (!fs_is_dir(folder)) {
		stamps_add(&w->stamps, folder);
		strvec_addf(&w->notes, "%s is no folder", folder);
		return;
	}
	if (systemd)
		walk_extra(w, folder, true);
	walk_repo(w, folder, false);
	if (!systemd)
		walk_extra(w, folder, true);
	walk_extra(w, folder, false);
}

void walk_folders(struct walk *w, const struct strvec *folders, bool systemd, bool stamps)
{
	*w = (struct walk){.stamps = {.off = !stamps}};
	for (size_t i = 0; i < folders->n; i++)
		walk_folder(w, folders->v[i], systemd);
}

const struct aport_dir *walk_kernel(const struct walk *w, const char *name)
{
	const uint32_t *at = name_index_get(&w->kernel_index, name);

	return at ? &w->kernels[*at] : NULL;
}

static void free_dirs(struct aport_dir *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].path);
		free(v[i].category);
	}
	free(v);
}

void walk_free(struct walk *w)
{
	name_index_free(&w->kernel_index);
	name_index_free(&w->device_index);
	free_dirs(w->kernels, w->n_kernels);
	free_dirs(w->devices, w->n_devices);
	strvec_free(&w->notes);
	stamps_free(&w->stamps);
	*w = (struct walk){0};
}

/* ---- names alone ---- */

static void device_names(const char *top, struct strvec *out)
{
	_cleanup_free_ char *devices = path_join(top, "device");
	_cleanup_strvec_ struct strvec categories = {0};
	struct walk w = {0};

	if (fs_is_dir(devices))
		list_dirs(&w, devices, &categories);
	for (size_t i = 0; i < categories.n; i++) {
		_cleanup_free_ char *path = path_join(devices, categories.v[i]);
		_cleanup_strvec_ struct strvec names = {0};

		list_dirs(&w, path, &names);
		for (size_t k = 0; k < names.n; k++)
			if (starts_with(names.v[k], DEVICE_PREFIX))
				strvec_add(out, names.v[k] + strlen(DEVICE_PREFIX));
	}
	walk_free(&w);
}

void pmaports_names(const struct strvec *folders, struct strvec *out)
{
	_cleanup_strvec_ struct strvec all = {0};

	for (size_t i = 0; i < folders->n; i++) {
		_cleanup_free_ char *extra = path_join(folders->v[i], "extra-repos");
		_cleanup_strvec_ struct strvec repos = {0};
		struct walk w = {0};

		device_names(folders->v[i], &all);
		if (fs_is_dir(extra))
			list_dirs(&w, extra, &repos);
		for (size_t k = 0; k < repos.n; k++) {
			_cleanup_free_ char *top = path_join(extra, repos.v[k]);

			device_names(top, &all);
		}
		walk_free(&w);
	}
	strvec_sort(&all);
	for (size_t i = 0; i < all.n; i++)
		if (!i || !streq(all.v[i - 1], all.v[i]))
			strvec_add(out, all.v[i]);
}
