// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/context.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/mirrors.h"

/* as many as a jobserver has */
#define JOBS_MAX 4096

const char *const emulate_names[] = {"none", "full", "tools"};

static int usage(struct err *e, const char *key, const char *what)
{
	return err_exit(e, EXIT_USAGE, -EINVAL, "%s %s", key, what);
}

static int read_options(struct context *x, struct err *e)
{
	const char *emulate = config_get(x->config, "toolchain", "emulate");
	const char *native = config_get(x->config, "toolchain", "native");
	const char *helpers = config_get(x->config, "toolchain", "helpers");
	unsigned long long jobs;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!emulate || streq(emulate, "tools"))
		x->emulate = EMULATE_TOOLS;
	else if (streq(emulate, "full"))
		x->emulate = EMULATE_FULL;
	else
		return usage(e, "toolchain.emulate", "must be tools or full");
	x->native_host = native && streq(native, "host");
	if (native && !x->native_host && !streq(native, "layer"))
		return usage(e, "toolchain.native", "must be layer or host");
	if (helpers && !streq(helpers, "native") && !streq(helpers, "emulated"))
		return usage(e, "toolchain.helpers", "must be native or emulated");
	if (config_number(x->config, "toolchain", "jobs", 0, &jobs, e) < 0)
		return usage(e, "toolchain.jobs", "must be a number");
	if (jobs > JOBS_MAX)
		return usage(e, "toolchain.jobs", "must be 4096 or less");
	x->jobs = jobs ? (unsigned)jobs : cpus > 0 ? (unsigned)cpus : 1;
	return 0;
}

static int read_limits(const struct context *x, struct err *e)
{
	struct apk_limits l = {0};
	const struct {
		const char *key;
		uint64_t *out;
	} keys[] = {
		{"max_files", &l.max_files},
		{"max_name", &l.max_name},
		{"max_unpacked", &l.max_unpacked},
		{"max_ratio", &l.max_ratio},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *name = xasprintf("packages.%s", keys[i].key);
		unsigned long long n = 0;

		if (config_number(x->config, "packages", keys[i].key, 0, &n, e) < 0)
			return usage(e, name, "must be a number");
		*keys[i].out = n ? n : UINT64_MAX;
	}
	apk_limits_set(&l);
	return 0;
}

static int find_folder(struct context *x, const char *key, char **out, struct err *e)
{
	const char *dir = config_get(x->config, "paths", key);

	_cleanup_free_ char *name = xasprintf("paths.%s", key);

	if (!dir || *dir != '/')
		return usage(e, name, "is not an absolute path (is HOME set?)");
	*out = xstrdup(dir);
	return 0;
}

/* Addresses of repositories are made of it. */
static int check_standin(struct context *x, struct err *e)
{
	const char *dir = config_get(x->config, "paths", "standin");

	if (dir && *dir && *dir != '/')
		return usage(e, "paths.standin", "is not an absolute path");
	return 0;
}

static int make_folder(const char *dir, const char *key, struct err *e)
{
	if (fs_mkdirs(dir, 0700, e) == 0)
		return 0;
	return err_hint(
		e, "paths.%s of pmkmod.ini, or -o paths.%s=DIR, names another folder", key, key);
}

int context_open(struct context *x, struct config *config, struct err *e)
{
	int r;

	x->config = config;
	r = read_options(x, e);
	if (r == 0)
		r = read_limits(x, e);
	if (r == 0)
		r = find_folder(x, "cache", &x->cache, e);
	if (r == 0)
		r = find_folder(x, "state", &x->state, e);
	if (r == 0)
		r = check_standin(x, e);
	return r;
}

/* A file system without locks is no reason to build nothing. */
static int share_cache(struct context *x, struct err *e)
{
	bool told = false;

	x->cache_fd = open(x->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	x->cache_shared = x->cache_fd >= 0;
	while (x->cache_shared && flock(x->cache_fd, LOCK_SH | LOCK_NB) < 0 &&
		errno == EWOULDBLOCK) {
		if (interrupted())
			return err_set(
				e, -EINTR, "interrupted while another pmkmod prunes the cache");
		if (!told)
			progress_note(
				&x->progress, "another pmkmod prunes the cache; waiting for it");
		told = true;
		poll(NULL, 0, 20);
	}
	return 0;
}

void context_leave_cache(struct context *x)
{
	if (x->cache_shared)
		close(x->cache_fd);
	x->cache_shared = false;
}

int context_make_folders(struct context *x, struct err *e)
{
	int r = make_folder(x->cache, "cache", e);

	if (r == 0)
		r = make_folder(x->state, "state", e);
	return r < 0 ? r : share_cache(x, e);
}

int context_layers(struct context *x, struct layer_store **out, struct err *e)
{
	if (!x->layers) {
		_cleanup_free_ char *dir = path_join(x->state, "layers");
		int r = layer_store_open(&x->layers, dir, e);

		if (r < 0)
			return r;
	}
	*out = x->layers;
	return 0;
}

void context_close(struct context *x)
{
	strvec_free(&x->more_packages);
	context_leave_cache(x);
	if (x->layers)
		layer_store_close(x->layers);
	mirrors_free(x->mirrors);
	config_free(x->config);
	free(x->cache);
	free(x->state);
	*x = (struct context){0};
}

/* Remove the folders of runs that were killed: their locks can be taken. */
static void sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *lock_path = path_join(dir, de->d_name);
		_cleanup_free_ char *tree = NULL;
		_cleanup_close_ int lock = -1;

		if (!ends_with(de->d_name, ".lock"))
			continue;
		lock = fs_lock(lock_path, true, false, NULL);
		if (lock < 0)
			continue;
		tree = xstrndup(lock_path, strlen(lock_path) - strlen(".lock"));
		if (fs_remove_tree(tree, NULL) == 0)
			unlink(lock_path);
	}
	if (d)
		closedir(d);
}

/* Lock a file that a sweeping neighbour may remove between our open and our lock: try again then.
 */
static int lock_new(const char *path, struct err *e)
{
	for (;;) {
		_cleanup_close_ int fd = fs_lock(path, true, true, e);
		struct stat ours, there;

		if (fd < 0)
			return fd;
		if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino)
			return steal_fd(&fd);
	}
}

int work_open(struct work *w, const struct context *x, const char *name, struct err *e)
{
	_cleanup_free_ char *dir = path_join(x->state, "work");
	int r = fs_mkdirs(dir, 0700, e);

	*w = (struct work)WORK_INIT;
	if (r < 0)
		return r;
	sweep(dir);
	w->dir = xasprintf("%s/%s-%d", dir, name, (int)getpid());
	w->lock_path = xasprintf("%s.lock", w->dir);
	w->lock = lock_new(w->lock_path, e);
	if (w->lock >= 0 && mkdir(w->dir, 0700) < 0)
		r = err_errno(e, -errno, "cannot create the work folder '%s'", w->dir);
	else if (w->lock < 0)
		r = w->lock;
	if (r < 0)
		work_close(w);
	return r;
}

void work_close(struct work *w)
{
	if (w->lock >= 0) {
		fs_remove_tree(w->dir, NULL);
		unlink(w->lock_path);
		close(w->lock);
	}
	free(w->dir);
	free(w->lock_path);
	*w = (struct work)WORK_INIT;
}
